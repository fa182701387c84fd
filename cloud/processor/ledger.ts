// Keeps the ledger: counts each gateway's days anew every half minute, and makes an incident of numbers that stay nowhere.

import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'
import type { Database } from '../store/database.ts'
import { settleIncidents } from '../store/incidents.ts'
import { beginUntoldDay, countLedger, selectDifferences, selectLedgerGateways } from '../store/ledger.ts'
import { keepWorking } from '../work-loop.ts'
import { openBeat } from '../workers.ts'
import { dateOf, dayOf } from './civil-time.ts'

/** A difference that lasts so long is an incident. */
export const DIFFERENCE_LASTS_MS = 15 * 60_000

const EVERY_MS = 30_000
const GATEWAYS_A_PAGE = 500

/** What keeping the ledger needs. */
export interface LedgerDeps {
  db: Database
  clock: Clock
  log: Log
  metrics: Metrics
}

/** Keeps the ledger until the signal aborts. A database that does not answer is waited for. */
export function runLedger(deps: LedgerDeps, signal: AbortSignal): Promise<void> {
  const work = async (until: AbortSignal) => {
    await keepLedger(deps, until)
    return false
  }
  return keepWorking(deps, { pollMs: EVERY_MS, beat: openBeat(deps, 'processor.ledger') }, work, signal)
}

/** Counts every gateway's ledger once, each in a transaction of its own, then settles the incidents. */
export async function keepLedger(
  { db, clock, log, metrics }: LedgerDeps,
  signal?: AbortSignal,
): Promise<void> {
  const day = dateOf(clock.now())
  const { from } = dayOf(clock.now())
  for (let afterId = 0; ; ) {
    const gateways = await selectLedgerGateways(db, { afterId, limit: GATEWAYS_A_PAGE })
    for (const { id } of gateways) {
      signal?.throwIfAborted()
      await db.transaction(async tx => {
        await beginUntoldDay(tx, id, { day, from })
        await countLedger(tx, id, clock.now())
      })
    }
    const last = gateways.at(-1)
    if (last === undefined || gateways.length < GATEWAYS_A_PAGE) break
    afterId = last.id
  }
  const now = clock.now()
  const lasting = await selectDifferences(db, now - DIFFERENCE_LASTS_MS)
  const conditions = lasting.map(({ gatewayId, gateway, difference, since, days }) => ({
    ...{ subject: gateway, gatewayId },
    details: { difference, since: new Date(since).toISOString(), days },
  }))
  const { opened, closed } = await db.transaction(tx =>
    settleIncidents(tx, 'ledger_difference', conditions, now),
  )
  metrics.gauge(
    'processor_ledger_difference',
    lasting.reduce((sum, { difference }) => sum + difference, 0),
  )
  for (const gateway of opened) log.error('readings are nowhere', { gateway })
  for (const gateway of closed) log.info('readings were found', { gateway })
}
