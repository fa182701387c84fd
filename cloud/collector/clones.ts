// Cards that were copied: two machines that speak as one gateway are an incident.
//
// Each process of a gateway says with its health when it began. One that goes on after another was first heard did not end
// for that one, as at a restart: both live. The copy has the same key, so neither can be refused; a person revokes the gateway
// and enrols the true one again.

import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Database } from '../store/database.ts'
import { settleIncidents } from '../store/incidents.ts'
import { selectCloned } from '../store/instances.ts'

const LOOK_EVERY_MS = 15_000
/** A contradiction is heard each minute while both are there. */
const LASTS_MS = 10 * 60_000

/** Looks for copies, until the signal aborts. */
export async function runClones(
  { db, clock, log }: { db: Database; clock: Clock; log: Log },
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await clock.sleep(LOOK_EVERY_MS, signal)
    try {
      await settleClones({ db, clock, log })
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      log.debug('copies were not looked for', { reason: reasonOf(error) })
    }
  }
}

/** Brings the incidents `gateway_cloned` to what is so now. */
export async function settleClones({
  db,
  clock,
  log,
}: {
  db: Database
  clock: Clock
  log: Log
}): Promise<void> {
  const { opened } = await db.transaction(async tx => {
    const conditions = (await selectCloned(tx, LASTS_MS)).map(({ gateway, gatewayId, startedAt }) => ({
      ...{ subject: gateway, gatewayId },
      details: { startedAt: startedAt.map(at => new Date(at).toISOString()) },
    }))
    return settleIncidents(tx, 'gateway_cloned', conditions, clock.now())
  })
  for (const gateway of opened) log.error('two machines speak as one gateway', { gateway })
}
