// An alert rule as people write it, and as it is kept: what to look for, how long it must last, when, and how bad it is.
//
// Durations stay text, so that a rule reads back as it was written.

import { z } from 'zod'
import { Duration } from '../../protocol/config-fields.ts'
import { VARIABLE_NAMES } from '../../protocol/variables.ts'
import { COUNTER_EVENT_KINDS } from '../processor/rules/counter.ts'

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
/** What is malformed is told where it stands. */
const durationOrNone = (text: string): number => Duration.safeParse(text).data ?? 0
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
  /** How much slower it must become before it counts as well again. */
  hysteresis: z.number().min(0).max(1e12).default(0),
  /** Measured from the oldest value within so long. */
  over: lasting(MINUTE_MS, RATE_OVER_MAX_MS, 'must be from 1m to 6h'),
  for: Lasting.optional(),
})

const TimeBeyond = z
  .strictObject({
    kind: z.literal('duration'),
    variable: z.enum(VARIABLE_NAMES),
    is: z.enum(['above', 'below']),
    limit: finite,
    hysteresis: z.number().min(0).max(1e12).default(0),
    /** How long altogether, not in one stretch. */
    total: lasting(MINUTE_MS, LOOK_BACK_MAX_MS, 'must be from 1m to 7d'),
    within: lasting(3_600_000, LOOK_BACK_MAX_MS, 'must be from 1h to 7d'),
  })
  .refine(({ total, within }) => durationOrNone(total) <= durationOrNone(within), {
    ...{ path: ['total'], message: 'must not be longer than within' },
  })

const Stuck = z.strictObject({
  kind: z.literal('stuck'),
  variable: z.enum(VARIABLE_NAMES),
  /** A value that moves no further than this stands still. */
  tolerance: z.number().min(0).max(1e12).default(0),
  /** Whether zero that stands still counts: a pump that rests gives none. */
  zero: z.boolean().default(false),
  for: lasting(MINUTE_MS, LOOK_BACK_MAX_MS, 'must be from 1m to 7d'),
})

const NoData = z.strictObject({
  kind: z.literal('no_data'),
  /** Absent: no value of any variable. */
  variable: z.enum(VARIABLE_NAMES).optional(),
  for: lasting(MINUTE_MS, LOOK_BACK_MAX_MS, 'must be from 1m to 7d'),
})

const CounterEvent = z.strictObject({
  kind: z.literal('counter_event'),
  /** Absent: whatever needs somebody to look at the meter. */
  events: z.array(z.enum(COUNTER_EVENT_KINDS)).min(1).max(COUNTER_EVENT_KINDS.length).optional(),
})

const percent = z.number().gt(0).max(1000).default(100)
const percentBack = z.number().min(0).max(1000).default(0)

const OverRight = z.strictObject({
  kind: z.literal('over_right'),
  /** The flow at any instant, or the volume of the civil year so far. */
  of: z.enum(['flow', 'year']),
  /** Of what was granted. */
  percent,
  /** In percent of what was granted. */
  hysteresis: percentBack,
  for: Lasting.optional(),
})

const Forecast = z.strictObject({
  kind: z.literal('forecast'),
  /** What is compared: the year with what was granted, a month with its twelfth part. */
  period: z.enum(['month', 'year']),
  percent,
  hysteresis: percentBack,
})

const DgaLate = z.strictObject({ kind: z.literal('dga_late'), for: Lasting.optional() })

const GatewayLost = z.strictObject({ kind: z.literal('gateway_lost'), for: Lasting.optional() })

/** What a rule looks for. */
export const AlertCondition = z.discriminatedUnion('kind', [
  Threshold,
  Rate,
  TimeBeyond,
  Stuck,
  NoData,
  CounterEvent,
  OverRight,
  Forecast,
  DgaLate,
  GatewayLost,
])

/** What a rule looks for. */
export type AlertCondition = z.infer<typeof AlertCondition>

/** The same as somebody may write it: what has a default may be absent. */
export type AlertConditionInput = z.input<typeof AlertCondition>

/** A time of day. */
export const clockText = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d$|^24:00$/, 'must be a time of day such as 08:30')

/** Hours of some days of the week, America/Santiago. One that ends before it begins ends the next day. */
export const AlertHours = z.strictObject({
  days: z.array(z.enum(WEEK_DAYS)).min(1).max(7),
  from: clockText,
  to: clockText,
})

/** Hours of some days of the week. */
export type AlertHours = z.infer<typeof AlertHours>

/** Somebody who is told: by mail, or as they have asked for where the address is a user's; or whoever reads a channel. */
export const AlertRecipient = z.union(
  [
    z.strictObject({ email: z.email('must be a mail address').max(254) }),
    z.strictObject({
      channel: z.int().min(1).max(Number.MAX_SAFE_INTEGER),
      /** A telephone number, a room: what the channel needs to know whom. */
      to: z.string().trim().min(1).max(200).optional(),
    }),
  ],
  { error: 'must be {"email":…} or {"channel":…,"to":…}' },
)

/** Somebody who is told. */
export type AlertRecipient = z.infer<typeof AlertRecipient>

const Recipients = z.array(AlertRecipient).max(20)

/** Who is told when nobody has acknowledged an incident for so long. */
const EscalationStep = z.strictObject({
  after: lasting(MINUTE_MS, LOOK_BACK_MAX_MS, 'must be from 1m to 7d'),
  notify: Recipients.min(1),
})

const inOrder = (steps: readonly { after: string }[]): boolean =>
  steps.every(
    ({ after }, index) =>
      index === 0 || durationOrNone(after) > durationOrNone(steps[index - 1]?.after ?? ''),
  )

/** A rule, without whose it is. */
export const AlertRule = z.strictObject({
  name: z.string().trim().min(1).max(100),
  condition: AlertCondition,
  severity: z.enum(ALERT_SEVERITIES).default('warning'),
  /** When it looks; empty: always. */
  schedule: z.array(AlertHours).max(20).default([]),
  /** What comes back within so long belongs to the same incident. */
  quietFor: lasting(MINUTE_MS, LOOK_BACK_MAX_MS, 'must be from 1m to 7d').default('1h'),
  /** How long it must be well again before it is over; absent: one value is enough. */
  clearFor: lasting(1000, LOOK_BACK_MAX_MS, 'must be from 1s to 7d').optional(),
  notify: Recipients.default([]),
  /** Who is told next, by the time since it began. */
  escalation: z
    .array(EscalationStep)
    .max(5)
    .refine(inOrder, 'must be in order: each step later than the one before')
    .default([]),
  enabled: z.boolean().default(true),
})

/** A rule, without whose it is. */
export type AlertRule = z.infer<typeof AlertRule>
