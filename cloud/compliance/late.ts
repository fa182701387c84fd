// Who is late: a work of which nothing has been accepted for longer than its deadline allows.
//
// It is measured from the last slot that DGA accepted, not from the slots that are waiting: who makes no slots any more, or
// has nobody left to send them, is late all the same. So this runs in the processor besides the compliance service.

import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { selectLastAccepted } from '../store/compliance-late.ts'
import type { Database } from '../store/database.ts'
import { type Condition, settleIncidents } from '../store/incidents.ts'
import { keepWorking } from '../work-loop.ts'
import { openBeat } from '../workers.ts'
import type { Frequency } from './calendar.ts'
import { dueInstants } from './calendar.ts'

/** What of a work is in force now, and how far it was declared. */
export interface Declared {
  workCode: string
  pointId: number
  frequency: Frequency
  deadlineMs: number
  /** Slots are owed from here on. */
  owedFrom: number
  /** The instant that the last accepted slot was due for; null when none was. */
  acceptedDueAt: number | null
  /** Why nothing is sent, when a switch or a block is the reason. */
  heldBecause: string | null
}

/** When the first declaration since the last accepted one was due, if its deadline has passed. */
export function overdueSince(
  { frequency, deadlineMs, owedFrom, acceptedDueAt }: Declared,
  now: number,
): number | undefined {
  const from = Math.max(owedFrom, (acceptedDueAt ?? -1) + 1)
  const [dueAt] = dueInstants(frequency, { from, to: now, limit: 1 })
  return dueAt !== undefined && dueAt + deadlineMs < now ? dueAt : undefined
}

/** Brings the incidents `declaration_late` to what is so now. Returns the works that are late. */
export async function watchLateness({
  db,
  clock,
  log,
}: {
  db: Database
  clock: Clock
  log: Log
}): Promise<string[]> {
  const now = clock.now()
  const late = (await selectLastAccepted(db, now)).flatMap((declared): Condition[] => {
    const dueAt = overdueSince(declared, now)
    return dueAt === undefined ? [] : [conditionOf(declared, dueAt)]
  })
  const { opened, closed } = await db.transaction(tx => settleIncidents(tx, 'declaration_late', late, now))
  for (const workCode of opened) log.error('work is late', { workCode })
  for (const workCode of closed) log.info('work is no longer late', { workCode })
  return late.map(({ subject }) => subject)
}

function conditionOf({ workCode, pointId, acceptedDueAt, heldBecause }: Declared, dueAt: number): Condition {
  const toText = (at: number | null) => (at === null ? null : new Date(at).toISOString())
  return {
    subject: workCode,
    pointId,
    details: { owedSince: toText(dueAt), lastAccepted: toText(acceptedDueAt), heldBecause },
  }
}

const WATCH_EVERY_MS = 60_000

/** Watches until the signal aborts. */
export function runLateWatch(
  deps: { db: Database; clock: Clock; log: Log },
  worker: 'processor.late' | 'compliance.late',
  signal: AbortSignal,
): Promise<void> {
  const work = async () => {
    await watchLateness(deps)
    return false
  }
  return keepWorking(deps, { pollMs: WATCH_EVERY_MS, beat: openBeat(deps, worker) }, work, signal)
}
