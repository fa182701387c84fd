// The loops that must never stop in silence: each is declared here, beats when it has done a round, and is missed when not.
//
// Promises:
//   H1. A worker that is declared and does not beat is an incident, also one that nobody has ever started.
//   H2. Somebody else looks: two processes watch the beats of all, and say it another way than messages go.

import type { Clock } from '../protocol/runtime/clock.ts'
import type { HealthCheck, ServiceName } from './service.ts'
import type { Database } from './store/database.ts'
import { beatWorker, type SilentWorker, selectSilentWorkers } from './store/workers.ts'

const MINUTE_MS = 60_000

/** For how long each may say nothing: what works on much at once says nothing for longer. */
export const WORKERS = {
  'processor.batches': 15 * MINUTE_MS,
  'processor.ledger': 5 * MINUTE_MS,
  'processor.late': 5 * MINUTE_MS,
  'compliance.plan': 15 * MINUTE_MS,
  'compliance.send': 15 * MINUTE_MS,
  'compliance.verify': 15 * MINUTE_MS,
  'compliance.late': 5 * MINUTE_MS,
  'analytics.balances': 15 * MINUTE_MS,
  'analytics.alerts': 5 * MINUTE_MS,
  'analytics.deliveries': 15 * MINUTE_MS,
} as const

/** A worker that is declared. */
export type WorkerName = keyof typeof WORKERS

/** What a worker says when it has done a round. */
export type Beat = () => Promise<void>

/** Often enough for the shortest silence, and seldom beside what a round reads. */
const BEAT_EVERY_MS = 20_000

/** A beat of a worker, that goes to the database now and then. */
export function openBeat({ db, clock }: { db: Database; clock: Clock }, name: WorkerName): Beat {
  let last = Number.NEGATIVE_INFINITY
  return async () => {
    const now = clock.now()
    if (Math.abs(now - last) < BEAT_EVERY_MS) return
    await beatWorker(db, name, now)
    last = now
  }
}

/** Workers that say nothing for longer than they may. */
export async function silentWorkers({ db, clock }: { db: Database; clock: Clock }): Promise<SilentWorker[]> {
  return selectSilentWorkers(db, Object.entries(WORKERS), clock.now())
}

/** What `/health` of a service says: it is not well while one of its own workers is silent; of others it only tells. */
export function workersCheck(deps: { db: Database; clock: Clock }, service: ServiceName): HealthCheck {
  const begunAt = deps.clock.now()
  return async () => {
    const silent = (await silentWorkers(deps)).map(({ name }) => name)
    const own = silent.filter(name => name.startsWith(`${service}.`))
    if (own.length > 0 && deps.clock.now() - begunAt > graceMs) {
      throw new Error(`Silent: ${own.join(', ')}`)
    }
    return { silent }
  }
}

/** So long after its start a process does not judge: those beside it start too. */
export const graceMs = 5 * MINUTE_MS
