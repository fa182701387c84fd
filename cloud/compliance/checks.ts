// What a slot's values are checked for before they are declared: the codes, what follows from each, and its limits.
//
// The law names no limit. Each is a setting of the obligation; what stands here is what holds when it says nothing.

import { z } from 'zod'
import { Duration } from '../../protocol/config-fields.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/**
 * What follows from a doubt. `block`: it cannot be declared as it is. `review`: a person decides. `note`: it is declared,
 * and the doubt is kept beside it. `off`: nobody looks.
 */
export const SEVERITIES = ['block', 'review', 'note', 'off'] as const

/** What follows from a doubt. */
export type Severity = (typeof SEVERITIES)[number]

const FREE = SEVERITIES
const KEPT_BACK = ['block', 'review'] as const

/** Every check, with what follows unless the obligation says otherwise, and what may. */
export const CHECKS = {
  /** Nothing official says what a negative value means. */
  negative: { severity: 'block', may: KEPT_BACK },
  /** Longer than DGA takes. */
  too_long: { severity: 'block', may: ['block'] },
  /** Something that must be declared is missing. `block`: later readings are waited for, as where there is nothing. */
  partial: { severity: 'block', may: KEPT_BACK },
  /** More than the rights allow at a time. It is what was taken, so it is what is declared. */
  over_right: { severity: 'note', may: FREE },
  /** More than the rights allow in a year. */
  over_yearly_right: { severity: 'note', may: FREE },
  /** The same figure for hours, while something else says that water moves. */
  stuck: { severity: 'review', may: FREE },
  total_back: { severity: 'review', may: FREE },
  total_jump: { severity: 'review', may: FREE },
  /** Back to zero where the counter ends. */
  total_rollover: { severity: 'note', may: FREE },
  /** Back, or ahead, where somebody has entered that the meter was replaced or set. */
  meter_changed: { severity: 'note', may: FREE },
  volume_against_flow: { severity: 'review', may: FREE },
  level_range: { severity: 'review', may: FREE },
  level_jump: { severity: 'review', may: FREE },
  /** The sensor hangs above the water: it is deeper than what is shown. */
  dry_sensor: { severity: 'review', may: FREE },
  /** Read long before or after its slot. */
  stale: { severity: 'note', may: FREE },
  /** The clock that stamped it was never synchronised, or is not that of whoever received it. */
  clock: { severity: 'review', may: FREE },
  bad_quality: { severity: 'review', may: FREE },
} as const satisfies Record<string, { severity: Severity; may: readonly Severity[] }>

/** The code of a check. */
export type CheckCode = keyof typeof CHECKS

/** All codes. */
export const CHECK_CODES = Object.keys(CHECKS) as [CheckCode, ...CheckCode[]]

/** Better readings may still come: a slot that is held by these alone is looked at again. */
export const HEALING: readonly CheckCode[] = ['partial', 'bad_quality', 'clock', 'stale']

const SeverityOf = z.partialRecord(z.enum(CHECK_CODES), z.enum(SEVERITIES)).superRefine((given, context) => {
  for (const [code, severity] of Object.entries(given) as [CheckCode, Severity][]) {
    const may: readonly Severity[] = CHECKS[code].may
    if (may.includes(severity)) continue
    context.addIssue({ code: 'custom', path: [code], message: `must be ${may.join(' or ')}` })
  }
})

const positive = z.number().positive()

/** The checks of an obligation, as a person writes them. */
export const CheckSettings = z.strictObject({
  severity: SeverityOf.default({}),
  /** How long the same figure may stay. */
  stuckAfter: Duration.optional(),
  /** More between two slots cannot be water. */
  maxM3PerHour: positive.optional(),
  /** Where the meter's counter starts again at zero. */
  modulus: positive.optional(),
  /** By what part of the larger one the counter and the flow may differ in an hour. */
  volumeTolerance: z.number().min(0.01).max(1).optional(),
  /** By how much they may differ besides: what one count stands for. */
  volumeSlackM3: positive.optional(),
  levelMinM: z.number().optional(),
  levelMaxM: z.number().optional(),
  /** Between two slots. */
  levelJumpM: positive.optional(),
  /** So much water above the sensor is none. */
  dryBelowM: z.number().min(0).optional(),
  staleAfter: Duration.optional(),
  /** How late a reading may come that was not kept back anywhere. */
  clockAfter: Duration.optional(),
})

/** The checks of an obligation, as a person writes them. */
export type CheckSettings = z.output<typeof CheckSettings>

/** The limits that hold where an obligation says nothing. 500 m³/h is what the field has used for wells. */
const LIMITS = {
  stuckAfter: 12 * HOUR_MS,
  maxM3PerHour: 500,
  modulus: undefined,
  volumeTolerance: 0.5,
  volumeSlackM3: 2,
  levelMinM: 0,
  levelMaxM: undefined,
  levelJumpM: 30,
  dryBelowM: 0.05,
  staleAfter: 30 * MINUTE_MS,
  clockAfter: 50 * MINUTE_MS,
} as const

/** Limits in force. */
export type Limits = {
  [name in keyof typeof LIMITS]: name extends 'modulus' | 'levelMaxM' ? number | undefined : number
}

/** The limits in force: what the obligation says, then what always holds. */
export function limitsOf({ severity: _, ...given }: CheckSettings): Limits {
  const said = Object.entries(given).filter(([, value]) => value !== undefined)
  return { ...LIMITS, ...Object.fromEntries(said) }
}

/** What follows from a doubt of this code. */
export function severityOf(code: CheckCode, { severity }: Pick<CheckSettings, 'severity'>): Severity {
  return severity[code] ?? CHECKS[code].severity
}
