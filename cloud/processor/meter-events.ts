// Entering what people did to a meter: kept, and everything after it is counted again by the processor.

import { z } from 'zod'
import { AHEAD_MAX_MS } from '../../protocol/reading.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Sql } from '../store/database.ts'
import { leaveRecomputation, selectCalibrations } from '../store/processing.ts'
import {
  findMeterEvent,
  insertMeterEvent,
  type MeterEventRow,
  type NewMeterEvent,
  selectMeterEventRows,
  withdrawMeterEvent,
} from '../store/rules.ts'
import { inForce, metersOf } from './rules/calibration.ts'
import { METER_EVENT_KINDS } from './rules/meter-event.ts'
import { COUNT_MAX } from './rules/parameters.ts'

const Count = z.number().nonnegative().max(COUNT_MAX)
const NOTE_LENGTH_MAX = 500

/** A meter event as somebody writes it, beside the instant. */
export const METER_EVENT_SHAPE = {
  kind: z.enum(METER_EVENT_KINDS),
  /** What the counter showed last, in counts as they are read (after a unit conversion, if there is one). */
  beforeCount: Count.nullable().default(null),
  /** What it, or the new one, showed first; 0 unless given, but for another meter. */
  afterCount: Count.optional(),
  note: z.string().min(1).max(NOTE_LENGTH_MAX).nullable().default(null),
}

/** What came of entering an event. */
export type Entered =
  | { kind: 'entered' | 'same'; event: MeterEventRow }
  | { kind: 'refused'; field: 'at' | 'beforeCount' | 'afterCount'; reason: string }

/** A meter event as it was written. */
export type AskedMeterEvent = Omit<NewMeterEvent, 'afterCount'> & { afterCount?: number | undefined }

/** Enters a meter event and leaves what follows from it to the processor. */
export async function enterMeterEvent(
  { tx, clock }: { tx: Sql; clock: Clock },
  asked: AskedMeterEvent,
): Promise<Entered> {
  const { pointId, at, kind, beforeCount } = asked
  if (kind === 'replacement' && asked.afterCount === undefined) {
    return { kind: 'refused', field: 'afterCount', reason: 'is missing: what the new meter showed first' }
  }
  const event = { ...asked, afterCount: asked.afterCount ?? 0 }
  if (at > clock.now() + AHEAD_MAX_MS) return { kind: 'refused', field: 'at', reason: 'must not lie ahead' }
  const meter = inForce(metersOf(await selectCalibrations(tx, [pointId])), at)
  if (meter === undefined) {
    return { kind: 'refused', field: 'at', reason: 'no rule makes a volume of the counter at that time' }
  }
  if (kind === 'rollover' && beforeCount === null && meter.modulus === undefined) {
    const reason = 'is missing: the rule of the counter has no modulus at which it begins again'
    return { kind: 'refused', field: 'beforeCount', reason }
  }
  const entered = await insertMeterEvent(tx, event)
  if (entered === undefined) {
    const standing = await findMeterEvent(tx, pointId, at)
    if (standing !== undefined && isSame(standing, event)) return { kind: 'same', event: standing }
    return {
      kind: 'refused',
      field: 'at',
      reason: 'another meter event stands at the same instant: withdraw it first',
    }
  }
  await leaveRecomputation(tx, pointId, at)
  return { kind: 'entered', event: entered }
}

/**
 * Withdraws a meter event and leaves what follows from that to the processor; one that is withdrawn already stays so.
 * Undefined when the point has none of that number.
 */
export async function takeBackMeterEvent(
  { tx, clock }: { tx: Sql; clock: Clock },
  { pointId, id, by }: { pointId: number; id: number; by: string },
): Promise<{ event: MeterEventRow; isNew: boolean } | undefined> {
  const event = await withdrawMeterEvent(tx, { pointId, id, by, now: clock.now() })
  if (event !== undefined) {
    await leaveRecomputation(tx, pointId, event.at)
    return { event, isNew: true }
  }
  const [before] = await selectMeterEventRows(tx, pointId, { beforeId: id + 1, limit: 1 })
  return before?.id === id ? { event: before, isNew: false } : undefined
}

const isSame = (standing: MeterEventRow, asked: NewMeterEvent): boolean =>
  standing.kind === asked.kind &&
  standing.beforeCount === asked.beforeCount &&
  standing.afterCount === asked.afterCount &&
  standing.note === asked.note
