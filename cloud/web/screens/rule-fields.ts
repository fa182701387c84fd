// What each rule of processing is told, as a form has it.

import type { ProcessingRule, ProcessingRuleAsked } from '../api/types.ts'
import { toInstantText } from '../ui/civil.ts'
import { toNumber } from '../ui/numbers.ts'

/** The name of a rule. */
export type RuleName = ProcessingRule['rule']

/** A field of a rule; `unit` `value`: that of its variable. */
export interface RuleField {
  name: string
  unit?: string
  isRequired?: boolean
  /** What is used when nothing is said. */
  usual?: string
}

const COUNTER: readonly RuleField[] = [
  { name: 'baseM3', unit: 'm³', usual: '0' },
  { name: 'modulus' },
  { name: 'maxM3PerHour', unit: 'm³/h', usual: '500' },
]

/** The fields of each rule that are numbers. */
export const RULE_FIELDS: Readonly<Record<RuleName, readonly RuleField[]>> = {
  pulses_to_volume: [{ name: 'litresPerPulse', unit: 'L', isRequired: true }, ...COUNTER],
  total_to_volume: COUNTER,
  level_to_water_table: [
    { name: 'sensorDepthM', unit: 'm', isRequired: true },
    { name: 'offsetM', unit: 'm', usual: '0' },
  ],
  unit_conversion: [{ name: 'factor' }, { name: 'offset', unit: 'value' }],
  checks: [
    { name: 'range.min', unit: 'value' },
    { name: 'range.max', unit: 'value' },
    { name: 'rate.maxPerMinute', unit: 'value' },
    { name: 'stuck.afterMinutes', unit: 'min' },
    { name: 'stuck.within', unit: 'value', usual: '0' },
    { name: 'clockAheadS', unit: 's', usual: '300' },
  ],
  low_flow_cut_off: [{ name: 'belowLps', unit: 'L/s', isRequired: true }],
  volume_to_flow: [
    { name: 'maxGapMinutes', unit: 'min', usual: '120' },
    { name: 'maxConsumptionM3', unit: 'm³', usual: '500' },
    { name: 'maxFlowLps', unit: 'L/s', usual: '150' },
    { name: 'overMinutes', unit: 'min', usual: '0' },
  ],
}

/** Rules that say of which variable they are. */
export const OF_VARIABLE: readonly RuleName[] = ['unit_conversion', 'checks']

/** A rule as it was typed. */
export interface TypedRule {
  rule: RuleName
  from: string
  variable: string
  unit: string
  /** Numbers by the name of their field. */
  numbers: Readonly<Record<string, string>>
}

/** What was typed, as the API takes it; what was left empty is not there. */
export function toRuleAsked({ rule, from, variable, unit, numbers }: TypedRule): ProcessingRuleAsked {
  const body: Record<string, unknown> = { rule, from: toInstantText(from) }
  if (OF_VARIABLE.includes(rule)) body.variable = variable
  if (rule === 'unit_conversion' && unit !== '') body.unit = unit
  for (const { name } of RULE_FIELDS[rule]) {
    const value = toNumber(numbers[name] ?? '')
    if (value === undefined) continue
    const [first = name, second] = name.split('.')
    if (second === undefined) body[first] = value
    else body[first] = { ...(body[first] as object | undefined), [second]: value }
  }
  return body as ProcessingRuleAsked
}
