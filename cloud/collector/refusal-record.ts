// What was refused at the broker to somebody with an identity, or with a false one, is written down: the metric says how much it
// was, this says who and from where.
//
// The same of the same is written once a minute, and a hundred rows a minute at most: who tries for ever fills no disk.

import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Database } from '../store/database.ts'
import { insertFleetEvent } from '../store/fleet.ts'

const EVERY_MS = 60_000
const ROWS_MAX = 100

/** A refusal. */
export interface Refusal {
  what: 'certificate' | 'publish' | 'subscription'
  /** Who it is, or says it is. */
  gateway: string | undefined
  from: string | undefined
  details: object
}

/** Writes refusals down. Waits for nobody. */
export type RecordRefusal = (refusal: Refusal) => void

/** Opens a record of refusals. */
export function openRefusalRecord({
  db,
  clock,
  log,
}: {
  db: Database
  clock: Clock
  log: Log
}): RecordRefusal {
  const written = new Set<string>()
  let begunAt = clock.monotonic()
  return ({ what, gateway, from = 'unknown', details }) => {
    if (clock.monotonic() - begunAt >= EVERY_MS) {
      begunAt = clock.monotonic()
      written.clear()
    }
    const key = [what, gateway, from].join(' ')
    if (written.has(key) || written.size >= ROWS_MAX) return
    written.add(key)
    const about = gateway === undefined ? {} : { gateway }
    const event = { kind: 'refused', by: from, ...about, details: { what, ...details } }
    insertFleetEvent(db, event, clock.now()).catch((error: unknown) => {
      log.warn('refusal was not written down', { what, gateway, reason: reasonOf(error) })
    })
  }
}
