// Whoever watches the watchers: workers that say nothing, and a canary that did not arrive. It runs in two processes, and
// tells by another way than messages go: one request to an address of its own.

import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Database } from '../store/database.ts'
import { type Condition, settleIncidents } from '../store/incidents.ts'
import { declareWorkers, selectNewestCanary } from '../store/workers.ts'
import { type AddressGuard, type Network, openAddressGuard } from '../webhooks/address.ts'
import { ask, mistakeOfAddress } from '../webhooks/send.ts'
import { keepWorking } from '../work-loop.ts'
import { graceMs, silentWorkers, WORKERS } from '../workers.ts'
import { CANARY_EVERY_MS } from './canary.ts'

/** What watching works with. */
export interface WatchdogDeps {
  db: Database
  clock: Clock
  log: Log
}

/** Where it is told, besides as an incident: absent, nowhere. */
export interface Outcry {
  url: string
  networks: readonly Network[]
}

const LOOK_EVERY_MS = 60_000

/** A canary that is begun must have arrived by then: a mail server may be away for a while. */
export const CANARY_ARRIVES_MS = 6 * 3_600_000

/** Watches until the signal aborts. So long after its start it does not judge: those beside it start too. */
export async function runWatchdog(
  deps: WatchdogDeps,
  outcry: Outcry | undefined,
  signal: AbortSignal,
): Promise<void> {
  const begunAt = deps.clock.now()
  const tell = openOutcry(deps, outcry)
  const work = async () => {
    await declareWorkers(deps.db, Object.keys(WORKERS), deps.clock.now())
    if (deps.clock.now() - begunAt >= graceMs) await tell(await watchWorkers(deps))
    return false
  }
  return keepWorking(deps, { pollMs: LOOK_EVERY_MS }, work, signal)
}

/** Something that is missed, and was not a moment ago. */
export interface Missed {
  kind: 'worker_silent' | 'canary_missing'
  subject: string
}

/** Brings the incidents `worker_silent` and `canary_missing` to what is so now. Returns what is missed since. */
export async function watchWorkers(deps: WatchdogDeps): Promise<Missed[]> {
  const { db, clock, log } = deps
  const now = clock.now()
  const silent = (await silentWorkers(deps)).map(
    ({ name, beatAt, expectedAt }): Condition => ({
      subject: name,
      details: { since: new Date(beatAt ?? expectedAt).toISOString(), neverBeat: beatAt === null },
    }),
  )
  const canary = await missingCanary(db, now)
  const { workers, canaries } = await db.transaction(async tx => ({
    workers: await settleIncidents(tx, 'worker_silent', silent, now),
    canaries: await settleIncidents(tx, 'canary_missing', canary, now),
  }))
  for (const worker of workers.opened) log.error('worker is silent', { worker })
  for (const worker of workers.closed) log.info('worker beats again', { worker })
  for (const subject of canaries.opened) log.error('canary did not arrive', { subject })
  return [
    ...workers.opened.map(subject => ({ kind: 'worker_silent' as const, subject })),
    ...canaries.opened.map(subject => ({ kind: 'canary_missing' as const, subject })),
  ]
}

async function missingCanary(db: Database, now: number): Promise<Condition[]> {
  const newest = await selectNewestCanary(db)
  if (newest === undefined) return []
  const { begunAt, arrivedAt } = newest
  const isLost = arrivedAt === null && now - begunAt >= CANARY_ARRIVES_MS
  const isOverdue = now - begunAt >= CANARY_EVERY_MS + CANARY_ARRIVES_MS
  if (!isLost && !isOverdue) return []
  const details = { begunAt: new Date(begunAt).toISOString(), arrived: arrivedAt !== null }
  return [{ subject: 'canary', details }]
}

const TIMEOUT_MS = 15_000
const UNTOLD_MAX = 100

/** Tells what is missed by one request for each; what nobody took is told again with the next. */
function openOutcry(
  { clock, log }: WatchdogDeps,
  outcry: Outcry | undefined,
): (missed: readonly Missed[]) => Promise<void> {
  if (outcry === undefined) return async () => {}
  const guard = openAddressGuard(outcry.networks)
  let untold: Missed[] = []
  return async missed => {
    const all = [...untold, ...missed].slice(-UNTOLD_MAX)
    untold = []
    for (const one of all) {
      const reason = await cryOut({ guard, url: outcry.url }, { ...one, at: clock.now() })
      if (reason === undefined) continue
      log.error('what is missed could not be told', { ...one, reason })
      untold.push(one)
    }
  }
}

/** Why it was not taken; `undefined` when it was. */
async function cryOut(
  { guard, url }: { guard: AddressGuard; url: string },
  { kind, subject, at }: Missed & { at: number },
): Promise<string | undefined> {
  const mistake = mistakeOfAddress(guard, url)
  if (mistake !== undefined) return `The address ${mistake}`
  const text = `SmartHydro: ${kind} ${subject}`
  const body = JSON.stringify({ type: 'watchdog', kind, subject, at: new Date(at).toISOString(), text })
  const headers = { 'content-type': 'application/json' }
  try {
    const { status } = await ask({ method: 'POST', url: new URL(url), headers, body }, guard, TIMEOUT_MS)
    return status >= 200 && status < 300 ? undefined : String(status)
  } catch (error) {
    return reasonOf(error)
  }
}
