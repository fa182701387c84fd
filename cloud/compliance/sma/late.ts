// Which process is late: nothing of it was accepted for so long, or SMA does not let its holder in.

import type { Clock } from '../../../protocol/runtime/clock.ts'
import type { Log } from '../../../protocol/runtime/log.ts'
import type { Database } from '../../store/database.ts'
import { settleIncidents } from '../../store/incidents.ts'
import { selectLastReported } from '../../store/sma-reports.ts'
import { keepWorking } from '../../work-loop.ts'

interface WatchDeps {
  db: Database
  clock: Clock
  log: Log
}

/** What may pass before anybody is called: an outage of SMA that ends soon is nothing to do. */
const LATE_MS = 60 * 60_000

/** Brings the incidents `sma_late` to what is so now. Returns the processes that are late. */
export async function watchReports({ db, clock, log }: WatchDeps): Promise<string[]> {
  const now = clock.now()
  const late = (await selectLastReported(db, now)).filter(
    ({ owedFrom, acceptedAt, everyMs, heldBecause }) =>
      heldBecause !== null || Math.max(owedFrom, acceptedAt ?? 0) + everyMs + LATE_MS < now,
  )
  const conditions = late.map(({ key, owedFrom, acceptedAt, heldBecause }) => ({
    subject: key,
    details: {
      owedFrom: new Date(owedFrom).toISOString(),
      lastAccepted: acceptedAt === null ? null : new Date(acceptedAt).toISOString(),
      heldBecause,
    },
  }))
  const { opened, closed } = await db.transaction(tx => settleIncidents(tx, 'sma_late', conditions, now))
  for (const process of opened) log.error('process of SMA is late', { process })
  for (const process of closed) log.info('process of SMA is no longer late', { process })
  return late.map(({ key }) => key)
}

const WATCH_EVERY_MS = 60_000

/** Watches until the signal aborts. */
export function runSmaWatch(deps: WatchDeps, signal: AbortSignal): Promise<void> {
  const work = async () => {
    await watchReports(deps)
    return false
  }
  return keepWorking(deps, { pollMs: WATCH_EVERY_MS }, work, signal)
}
