// Who acts, told to the database, so that every change that it keeps an audit of is kept with who made it.
//
// A1. Within actAs(), each transaction begins by telling the database who acts; a statement by itself that may write becomes
//     such a transaction. No route passes anything along, so none can forget it.
// A2. Outside of actAs() nothing is told: the audit then names the login that did it.
// A3. Within atOnce() everything happens in one transaction: what is a transaction elsewhere is a part of it, undone alone
//     when it fails. What asks another database, or the same as another role, is a transaction of its own there.

import { AsyncLocalStorage } from 'node:async_hooks'
import { Unavailable } from '../../protocol/runtime/errors.ts'
import type { Database, Sql } from './database.ts'

/** Who acts, and what on: what the audit keeps of it. */
export interface Actor {
  kind: 'user' | 'token' | 'nobody' | 'command' | 'service'
  /** Of the user or the token; empty for others. */
  id: string
  name: string
  /** The session of a user. */
  session?: string
  /** Where the request came from. */
  address?: string
  requestId?: string
  /** The route, as the API's document names it. */
  route?: string
}

interface Act {
  /** The actor as the database is told. */
  said: string
  /** The transaction that everything is a part of that asks this database, and what of it is under way. */
  whole?: { of: Database; tx: Sql; turn: Promise<unknown> }
}

const acts = new AsyncLocalStorage<Act>()

/** Does something in the name of somebody. */
export function actAs<Result>(actor: Actor, work: () => Promise<Result>): Promise<Result> {
  return acts.run({ said: JSON.stringify(actor) }, work)
}

/** What is asked in the end, by the database that is told who acts. */
const asked = new WeakMap<Database, Database>()

/** The database, told who acts. */
export function openActing(db: Database): Database {
  if (asked.has(db)) return db
  const acting: Database = {
    query: (text, params) => {
      const act = acts.getStore()
      if (act?.whole?.of === db) return asPart(act, act.whole, tx => tx.query(text, params))
      if (act === undefined || /^\s*select\b/i.test(text)) return db.query(text, params)
      return told(db, act, tx => tx.query(text, params))
    },
    transaction: (work, options) => {
      const act = acts.getStore()
      // Who only reads changes nothing that an audit would be kept of.
      if (act === undefined || options?.asOfOneInstant === true) return db.transaction(work, options)
      if (act.whole?.of === db) return asPart(act, act.whole, work)
      return told(db, act, work, options)
    },
    script: text => db.script(text),
    close: () => db.close(),
  }
  asked.set(acting, db)
  return acting
}

/** Does everything in one transaction, in the name of who acts. Throws what the work throws, and undoes all of it then. */
export async function atOnce<Result>(db: Database, work: (tx: Sql) => Promise<Result>): Promise<Result> {
  const act = acts.getStore()
  if (act === undefined) throw new Error('atOnce() is for who acts')
  const acting = openActing(db)
  const of = asked.get(acting) ?? db
  return acting.transaction(tx =>
    acts.run({ said: act.said, whole: { of, tx, turn: Promise.resolve() } }, () => work(tx)),
  )
}

function told<Result>(
  db: Database,
  { said }: Act,
  work: (tx: Sql) => Promise<Result>,
  options?: Parameters<Database['transaction']>[1],
): Promise<Result> {
  return db.transaction(async tx => {
    await tx.query(`select set_config('smarthydro.actor', $1, true)`, [said])
    return work(tx)
  }, options)
}

/** One after another, for savepoints of one connection are within each other. */
function asPart<Result>(
  { said }: Act,
  whole: NonNullable<Act['whole']>,
  work: (tx: Sql) => Promise<Result>,
): Promise<Result> {
  const { of, tx } = whole
  const done = whole.turn.then(async () => {
    await tx.query('savepoint part')
    try {
      const result = await acts.run({ said, whole: { of, tx, turn: Promise.resolve() } }, () => work(tx))
      await tx.query('release savepoint part')
      return result
    } catch (error) {
      if (!(error instanceof Unavailable)) {
        await tx.query('rollback to savepoint part')
        await tx.query('release savepoint part')
      }
      throw error
    }
  })
  whole.turn = done.catch(() => undefined)
  return done
}
