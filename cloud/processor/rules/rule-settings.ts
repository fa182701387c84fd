// A rule as somebody writes it, in a site file or in a request: which, of what, from when on, and its parameters.

import { z } from 'zod'
import { fits, VARIABLES, type Variable } from '../../../protocol/variables.ts'
import { MEASURED, PARAMS, type Rule } from './parameters.ts'

const MeasuredVariable = z.enum(MEASURED, 'must be a variable that is measured')

/** What each rule is written as, beside `since`: from when on, and of what. */
export function ruleSchema<Since extends z.ZodRawShape & { from: z.ZodType<number> }>(since: Since) {
  const named = { ...since, variable: MeasuredVariable }
  return z
    .discriminatedUnion('rule', [
      z.strictObject({ ...since, rule: z.literal('pulses_to_volume'), ...PARAMS.pulses_to_volume.shape }),
      z.strictObject({ ...since, rule: z.literal('total_to_volume'), ...PARAMS.total_to_volume.shape }),
      z.strictObject({
        ...since,
        rule: z.literal('level_to_water_table'),
        ...PARAMS.level_to_water_table.shape,
      }),
      z.strictObject({ ...named, rule: z.literal('unit_conversion'), ...PARAMS.unit_conversion.shape }),
      z.strictObject({ ...named, rule: z.literal('checks'), ...PARAMS.checks.shape }),
      z.strictObject({
        ...{ ...since, variable: z.literal('flow').default('flow') },
        ...{ rule: z.literal('low_flow_cut_off'), ...PARAMS.low_flow_cut_off.shape },
      }),
      z.strictObject({ ...since, rule: z.literal('volume_to_flow'), ...PARAMS.volume_to_flow.shape }),
    ])
    .superRefine((settings, context) => {
      const { rule, variable, unit, factor, offset } = settings as Partial<UnitConversion> & { rule: Rule }
      if (rule !== 'unit_conversion' || variable === undefined) return
      if ((unit === undefined) === (factor === undefined)) {
        context.addIssue({
          code: 'custom',
          path: ['unit'],
          message: 'must be there, or `factor` instead of it',
        })
      } else if (unit !== undefined && !fits(unit, variable)) {
        context.addIssue({ code: 'custom', path: ['unit'], message: `is no unit of ${variable}` })
      } else if (unit !== undefined && offset !== undefined) {
        context.addIssue({ code: 'custom', path: ['offset'], message: 'goes with `factor`, not with `unit`' })
      }
    })
}

type UnitConversion = { variable: (typeof MEASURED)[number] } & z.infer<typeof PARAMS.unit_conversion>

/** A rule as it was written, with the parameters of its kind. */
export interface RuleSettings {
  rule: Rule
  from: number
  variable?: Variable | undefined
}

/** A rule as it is kept. */
export function toNewRule({ rule, from: validFrom, variable, ...params }: RuleSettings): {
  rule: Rule
  variable: number | null
  params: Record<string, unknown>
  validFrom: number
} {
  return { rule, variable: variable === undefined ? null : VARIABLES[variable].code, params, validFrom }
}
