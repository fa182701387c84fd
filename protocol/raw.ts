// Raw data for subscribers: one reading as JSON on `raw/v1/{client}/{project}/{point}/{variable}`.

import { z } from 'zod'
import { Slug } from './ids.ts'
import { Instant, QUALITY_NAMES, type Reading, TIME_QUALITY_NAMES } from './reading.ts'
import { VARIABLE_NAMES, VARIABLES } from './variables.ts'

/** What a subscriber gets. Keys are short because a gateway's link may be metered. */
export const RawMessage = z.strictObject({
  /** Value in the unit `u`; null when there is none, and `q` says why. */
  v: z.number().nullable(),
  /** When it was measured: epoch milliseconds UTC. */
  ts: z.int(),
  q: z.enum(QUALITY_NAMES),
  u: z.string(),
  /** Its number in the gateway's buffer; 0 while it waits there for the clock to be synchronised. */
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

/** How a gateway is, on its LAN: retained on `$state/v1/{client}/{project}/{gateway}`. */
export const LanState = z.strictObject({
  v: z.literal(1),
  gateway: Slug,
  version: z.string().max(60),
  since: Instant,
  clock: z.enum(TIME_QUALITY_NAMES),
  cloud: z.enum(['connected', 'not connected']),
  /** Why readings cannot be stored at present. */
  hindrance: z.string().optional(),
})

/** How a gateway is, on its LAN. */
export type LanState = z.infer<typeof LanState>

/** Where a series comes from: retained on `$meta/v1/{client}/{project}/{point}/{variable}`. */
export const SeriesMeta = z.strictObject({
  v: z.literal(1),
  gateway: Slug,
  variable: z.enum(VARIABLE_NAMES),
  unit: z.string(),
  /** The device that measures it. */
  source: Slug,
  /** How the device is read: `modbus`, or its provider. */
  kind: z.string(),
  everyMs: z.int().min(1),
})

/** Where a series comes from. */
export type SeriesMeta = z.infer<typeof SeriesMeta>
