// Messages that nobody could use: kept for a person, and the person told.

import type { Log } from '../../protocol/runtime/log.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'
import type { Sql } from '../store/database.ts'
import { type DeadLetter, LETTERS_MAX, setAside } from '../store/gateways.ts'

/** Sets a message aside. Throws what the database throws. */
export async function keepLetter(
  { db, log, metrics }: { db: Sql; log: Log; metrics: Metrics },
  letter: DeadLetter,
): Promise<void> {
  const { gatewayId, topic, reason } = letter
  const { dropped } = await setAside(db, letter)
  log.error('message set aside', { gatewayId, topic, reason })
  if (dropped === 0) return
  metrics.count('collector_letters_dropped_total', {}, dropped)
  log.error('messages that were set aside were dropped for newer ones', { gatewayId, dropped, LETTERS_MAX })
}
