// A process that declares, as a life that ends at any step: what it does to the database and to DGA passes through here, and
// one of these steps is its last. Half of the time that step still takes effect, and its answer reaches nobody.

import type { Fetch } from '../../cloud/compliance/dga/exchange.ts'
import type { Database, Sql } from '../../cloud/store/database.ts'

/** The process is gone. */
export class Killed extends Error {
  override readonly name = 'Killed'
}

/** What a process sees of the world until it ends. */
export interface Life {
  db: Database
  fetch: Fetch
  isOver(): boolean
}

/** Begins a life of so many steps. */
export function beginLife(world: { db: Database }, steps: number, random: () => number): Life {
  let left = steps
  const goOn = () => {
    if (left <= 0) throw new Killed('Killed')
  }
  const step = async <T>(act: () => Promise<T>): Promise<T> => {
    goOn()
    left -= 1
    if (left > 0) {
      const result = await act()
      goOn()
      return result
    }
    if (random() < 0.5) await act().catch(() => undefined)
    throw new Killed('Killed')
  }
  const through = (sql: Sql): Sql => ({ query: (text, params) => step(() => sql.query(text, params)) })
  const { db } = world
  return {
    db: {
      ...through(db),
      async transaction(work, options) {
        goOn()
        // Who dies within a transaction takes it along; after the COMMIT it stands.
        const result = await db.transaction(tx => work(through(tx)), options)
        await step(async () => undefined)
        return result
      },
      script: text => step(() => db.script(text)),
      close: async () => {},
    },
    fetch: (input, init) =>
      step(async () => {
        const answer = await fetch(input, init)
        if (left <= 0) await answer.body?.cancel()
        return answer
      }),
    isOver: () => left <= 0,
  }
}
