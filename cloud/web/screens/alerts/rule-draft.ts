// A rule while it is written: what was typed, and the rule that it says.

import type { AlertRuleAsked } from '../../api/types.ts'
import { toNumber } from '../../ui/numbers.ts'

/** A rule as the API takes it. */
export type RuleBody = AlertRuleAsked['rule']

/** What a rule looks for. */
export type ConditionBody = RuleBody['condition']

/** The kinds of what a rule looks for. */
export type ConditionKind = ConditionBody['kind']

/** Hours of some days of the week. */
export type Hours = NonNullable<RuleBody['schedule']>[number]

/** Somebody who is told. */
export type Recipient = NonNullable<RuleBody['notify']>[number]

/** A step of escalation. */
export type Step = NonNullable<RuleBody['escalation']>[number]

/** A rule while it is written. */
export interface RuleDraft {
  name: string
  kind: ConditionKind
  /** Every field of every kind, as typed. */
  fields: Record<string, string | boolean>
  severity: 'info' | 'warning' | 'critical'
  quietFor: string
  clearFor: string
  schedule: Hours[]
  notify: Recipient[]
  escalation: Step[]
  enabled: boolean
}

/** The fields of each kind, in the order that they are asked for. */
export const FIELDS: Readonly<Record<ConditionKind, readonly string[]>> = {
  threshold: ['variable', 'is', 'limit', 'hysteresis', 'for'],
  rate: ['variable', 'is', 'perHour', 'over', 'hysteresis', 'for'],
  duration: ['variable', 'is', 'limit', 'total', 'within', 'hysteresis'],
  stuck: ['variable', 'for', 'tolerance', 'zero'],
  no_data: ['variable', 'for'],
  counter_event: [],
  over_right: ['of', 'percent', 'hysteresis', 'for'],
  forecast: ['period', 'percent', 'hysteresis'],
  dga_late: ['for'],
  gateway_lost: ['for'],
}

/** Fields that hold a number. */
export const NUMBERS: readonly string[] = ['limit', 'hysteresis', 'perHour', 'tolerance', 'percent']

/** What stands there before anybody has typed. */
const TYPICAL: Record<string, string | boolean> = {
  ...{ variable: 'flow', limit: '', hysteresis: '0', for: '', perHour: '', over: '30m', total: '10h' },
  ...{ within: '1d', tolerance: '0', zero: false, of: 'flow', percent: '100', period: 'year' },
}

/** What a kind needs typed before it can be saved, where that is not nothing. */
const TYPICAL_OF: Partial<Record<ConditionKind, Record<string, string>>> = {
  threshold: { is: 'above', for: '10m' },
  rate: { is: 'rising' },
  duration: { is: 'above' },
  stuck: { for: '6h' },
  no_data: { variable: '', for: '1h' },
  over_right: { for: '10m' },
}

/** The fields of a kind, as they are before anybody has typed. */
export const fieldsOf = (kind: ConditionKind): Record<string, string | boolean> =>
  Object.fromEntries(FIELDS[kind].map(name => [name, TYPICAL_OF[kind]?.[name] ?? TYPICAL[name] ?? '']))

/** A new rule, or one that is there already. */
export function toDraft(rule?: RuleBody): RuleDraft {
  if (rule === undefined) {
    return {
      ...{ name: '', kind: 'threshold', fields: fieldsOf('threshold'), severity: 'warning', quietFor: '1h' },
      ...{ clearFor: '', schedule: [], notify: [], escalation: [], enabled: true },
    }
  }
  const { condition, severity = 'warning', quietFor = '1h', clearFor = '', enabled = true } = rule
  const given = Object.fromEntries(
    Object.entries(condition).map(([name, value]) => [
      name,
      typeof value === 'boolean' ? value : String(value),
    ]),
  )
  const empty = Object.fromEntries(FIELDS[condition.kind].map(name => [name, name === 'zero' ? false : '']))
  return {
    ...{
      name: rule.name,
      kind: condition.kind,
      fields: { ...empty, ...given },
      severity,
      quietFor,
      clearFor,
    },
    ...{
      schedule: rule.schedule ?? [],
      notify: rule.notify ?? [],
      escalation: rule.escalation ?? [],
      enabled,
    },
  }
}

/** The rule that a draft says; the API says what is wrong with it. */
export function toRule(draft: RuleDraft): RuleBody {
  const { kind, fields, clearFor, name, severity, quietFor, schedule, notify, escalation, enabled } = draft
  const said = FIELDS[kind].flatMap((field): [string, string | number | boolean | undefined][] => {
    const typed = fields[field] ?? ''
    if (NUMBERS.includes(field)) return [[field, toNumber(String(typed))]]
    return typed === '' ? [] : [[field, typed]]
  })
  const condition = { kind, ...Object.fromEntries(said) } as ConditionBody
  return {
    ...{ name, condition, severity, quietFor, schedule, notify, escalation, enabled },
    ...(clearFor === '' ? {} : { clearFor }),
  }
}
