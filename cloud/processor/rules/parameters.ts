// The rules that a point's readings are processed by, and what each of them is told. One row of the table `calibrations`
// is one rule, valid from a time on until the next one of the same rule (and variable) begins.

import { z } from 'zod'
import { UNIT_NAMES, VARIABLES, type Variable } from '../../../protocol/variables.ts'

/** Beyond this nothing converts or counts, and what came of it might be no number any more. */
const MAGNITUDE_MAX = 1e9
const positive = z.number().positive().max(MAGNITUDE_MAX)
const finite = z.number().finite()
const bounded = z.number().min(-MAGNITUDE_MAX).max(MAGNITUDE_MAX)

/** No counter shows more: the registers of the widest have 64 bits. */
export const COUNT_MAX = 2 ** 64

/** The longest that a check looks back: a week. */
const LOOK_BACK_MAX_MINUTES = 7 * 24 * 60

/** What both counter rules may say. */
const counter = {
  /** Added to the volume; what the meter showed before the series began. */
  baseM3: bounded.default(0),
  /** The count at which the counter starts again at zero; absent when it never does. */
  modulus: z.number().positive().max(COUNT_MAX).optional(),
  /** More than this between two readings cannot be water. 500 m³/h is what the field has used for wells. */
  maxM3PerHour: positive.default(500),
}

const Range = z
  .strictObject({ min: finite.optional(), max: finite.optional() })
  .refine(({ min, max }) => min !== undefined || max !== undefined, 'must have `min`, `max` or both')
  .refine(({ min, max }) => min === undefined || max === undefined || min < max, '`min` must be below `max`')

/** Everything that is checked of one variable; what is absent is not checked. */
const Checks = z.strictObject({
  range: Range.optional(),
  /** The most that the value may change in a minute, in the variable's unit. */
  rate: z.strictObject({ maxPerMinute: positive }).optional(),
  stuck: z
    .strictObject({
      afterMinutes: positive.max(LOOK_BACK_MAX_MINUTES),
      /** It stands still while it moves by no more than this. */
      within: z.number().nonnegative().finite().default(0),
      /** Values that it may keep for ever, such as 0 of a pump that is off. */
      except: z.array(finite).max(20).default([]),
    })
    .optional(),
  /** Numbers that the instrument says instead of a value, as they arrive, before any conversion. */
  sentinels: z.array(finite).max(20).default([]),
  /** A reading that is stamped so much later than it arrives has a wrong clock. */
  clockAheadS: z.number().positive().max(86_400).default(300),
})

/** The parameters of each rule, as the table `calibrations` has them. */
export const PARAMS = {
  pulses_to_volume: z.strictObject({ litresPerPulse: positive, ...counter }),
  total_to_volume: z.strictObject({ ...counter }),
  level_to_water_table: z.strictObject({
    sensorDepthM: positive,
    offsetM: bounded.default(0),
  }),
  /** What the instrument gives though it should give the variable's unit: a unit, or a factor and what is added after. */
  unit_conversion: z.strictObject({
    unit: z.enum(UNIT_NAMES).optional(),
    factor: bounded.refine(factor => factor !== 0, 'must not be 0').optional(),
    offset: bounded.optional(),
  }),
  checks: Checks,
  /** A flow nearer to nothing than this is none; 0 cuts nothing off. */
  low_flow_cut_off: z.strictObject({ belowLps: z.number().nonnegative().finite() }),
  volume_to_flow: z.strictObject({
    /** After a longer time without a count nobody knows the flow: 2 h, as the field has used. */
    maxGapMinutes: positive.max(LOOK_BACK_MAX_MINUTES).default(120),
    /** More than this at once is no flow: 500 m³, as the field has used. */
    maxConsumptionM3: positive.default(500),
    /** 150 L/s, as the field has used. */
    maxFlowLps: positive.default(150),
    /** The mean is taken over at least so long; 0: since the count before. */
    overMinutes: z.number().nonnegative().max(LOOK_BACK_MAX_MINUTES).default(0),
  }),
} satisfies Record<string, z.ZodType>

/** The name of a rule. */
export type Rule = keyof typeof PARAMS

/** All rules. */
export const RULE_NAMES = Object.keys(PARAMS) as [Rule, ...Rule[]]

/** Rules of which each measured variable of a point may have its own. */
export const RULES_OF_VARIABLES = [
  'unit_conversion',
  'checks',
  'low_flow_cut_off',
] as const satisfies readonly Rule[]

/** A rule that names its variable. */
export type RuleOfVariable = (typeof RULES_OF_VARIABLES)[number]

/** Whether a rule names its variable. */
export function namesVariable(rule: Rule): rule is RuleOfVariable {
  return (RULES_OF_VARIABLES as readonly Rule[]).includes(rule)
}

/** The variables that are measured. */
export const MEASURED = (Object.keys(VARIABLES) as Variable[]).filter(
  variable => VARIABLES[variable].origin === 'measured',
) as [Variable, ...Variable[]]
