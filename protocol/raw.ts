// Raw data for subscribers: one reading as JSON on `raw/v1/{client}/{project}/{point}/{variable}`.

import { z } from 'zod'
import { QUALITY_NAMES, type Reading, TIME_QUALITY_NAMES } from './reading.ts'
import { VARIABLES } from './variables.ts'

/** What a subscriber gets. Keys are short because a gateway's link may be metered. */
export const RawMessage = z.strictObject({
  /** Value in the unit `u`; null when there is none, and `q` says why. */
  v: z.number().nullable(),
  /** When it was measured: epoch milliseconds UTC. */
  ts: z.int(),
  q: z.enum(QUALITY_NAMES),
  u: z.string(),
  /** Its number in the gateway's buffer. */
  seq: z.int(),
  /** How well the clock was known. */
  tq: z.enum(TIME_QUALITY_NAMES),
  /** Late: it was measured before something already published. Never retained. */
  h: z.literal(true).optional(),
})

/** What a subscriber gets. */
export type RawMessage = z.infer<typeof RawMessage>

/** A reading as a subscriber gets it. */
export function toRawMessage(reading: Reading, { late }: { late: boolean }): RawMessage {
  const { value, at, quality, variable, seq, timeQuality } = reading
  const message: RawMessage = {
    v: value,
    ts: at,
    q: quality,
    u: VARIABLES[variable].unit,
    seq,
    tq: timeQuality,
  }
  return late ? { ...message, h: true } : message
}
