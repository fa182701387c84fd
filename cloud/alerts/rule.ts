// An alert rule as people write it, and as it is kept: what to look for, how long it must last, when, and how bad it is.
//
// Durations stay text, so that a rule reads back as it was written.

import { z } from 'zod'
import { Duration } from '../../protocol/config-fields.ts'
import { VARIABLE_NAMES } from '../../protocol/variables.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

/** The longest that a rule may look back: so far are readings read again when it begins. */
const LOOK_BACK_MAX_MS = 7 * DAY_MS

const RATE_OVER_MAX_MS = 6 * 3_600_000

/** How bad it is, least first. */
export const ALERT_SEVERITIES = ['info', 'warning', 'critical'] as const

/** The days of a schedule, as Temporal counts them from 1. */
export const WEEK_DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

/** `90s`, `10m` → milliseconds. */
export const durationMs = (text: string): number => Duration.parse(text)

const lasting = (minMs: number, maxMs: number, message: string) =>
  z.string().superRefine((text, context) => {
    const { data, error } = Duration.safeParse(text)
    const wrong =
      error?.issues[0]?.message ?? (data !== undefined && (data < minMs || data > maxMs) && message)
    if (typeof wrong === 'string') context.addIssue({ code: 'custom', message: wrong })
  })

const Lasting = lasting(1000, LOOK_BACK_MAX_MS, 'must be from 1s to 7d')
const finite = z.number().min(-1e12).max(1e12)

const Threshold = z.strictObject({
  kind: z.literal('threshold'),
  variable: z.enum(VARIABLE_NAMES),
  is: z.enum(['above', 'below']),
  limit: finite,
  /** How far back over the limit a value must come before it counts as well again. */
  hysteresis: z.number().min(0).max(1e12).default(0),
  /** How long all values must be so; absent: one is enough. */
  for: Lasting.optional(),
})

const Rate = z.strictObject({
  kind: z.literal('rate'),
  variable: z.enum(VARIABLE_NAMES),
  is: z.enum(['rising', 'falling']),
  /** More than this in an hour, in the variable's unit. */
  perHour: z.number().gt(0).max(1e12),
  /** Measured from the oldest value within so long. */
  over: lasting(MINUTE_MS, RATE_OVER_MAX_MS, 'must be from 1m to 6h'),
  for: Lasting.optional(),
})

const NoData = z.strictObject({
  kind: z.literal('no_data'),
  /** Absent: no value of any variable. */
  variable: z.enum(VARIABLE_NAMES).optional(),
  for: lasting(MINUTE_MS, LOOK_BACK_MAX_MS, 'must be from 1m to 7d'),
})

/** What a rule looks for. */
export const AlertCondition = z.discriminatedUnion('kind', [Threshold, Rate, NoData])

/** What a rule looks for. */
export type AlertCondition = z.infer<typeof AlertCondition>

const clockText = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$|^24:00$/, 'must be a time of day such as 08:30')

/** Hours of some days of the week, America/Santiago. One that ends before it begins ends the next day. */
export const AlertHours = z.strictObject({
  days: z.array(z.enum(WEEK_DAYS)).min(1).max(7),
  from: clockText,
  to: clockText,
})

/** Hours of some days of the week. */
export type AlertHours = z.infer<typeof AlertHours>

/** Somebody who is told of an incident when it begins. */
const Recipient = z.strictObject({ email: z.email('must be a mail address').max(254) })

/** A rule, without whose it is. */
export const AlertRule = z.strictObject({
  name: z.string().trim().min(1).max(100),
  condition: AlertCondition,
  severity: z.enum(ALERT_SEVERITIES).default('warning'),
  /** When it looks; empty: always. */
  schedule: z.array(AlertHours).max(20).default([]),
  /** What comes back within so long belongs to the same incident. */
  quietFor: lasting(MINUTE_MS, LOOK_BACK_MAX_MS, 'must be from 1m to 7d').default('1h'),
  notify: z.array(Recipient).max(20).default([]),
  enabled: z.boolean().default(true),
})

/** A rule, without whose it is. */
export type AlertRule = z.infer<typeof AlertRule>
