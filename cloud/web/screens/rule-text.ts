// The parameters of a rule of processing, as people read them.

import { VARIABLES } from '../../../protocol/variables.ts'
import type { Variable } from '../api/types.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { RULE_FIELDS } from './rule-fields.ts'

/** Writes parameters as people read them: names with values and their units. */
export function useParamText(): (
  params: Readonly<Record<string, unknown>>,
  variable?: Variable,
) => [name: string, value: string][] {
  const text = useText()
  const format = useFormat()
  const units = new Map(
    Object.values(RULE_FIELDS)
      .flat()
      .map(({ name, unit }) => [name, unit]),
  )
  const plain = (value: unknown): string => {
    if (typeof value !== 'number') return Array.isArray(value) ? value.map(plain).join(', ') : String(value)
    return format.number(value, [0, 1, 2].find(digits => Number(value.toFixed(digits)) === value) ?? 3)
  }
  return (params, variable) =>
    flat(params).map(([name, value]) => {
      const unit = units.get(name)
      const shown = unit === 'value' ? (variable === undefined ? '' : VARIABLES[variable].unit) : unit
      return [text.processing.params[name] ?? name, `${plain(value)} ${shown ?? ''}`.trim()]
    })
}

/** Two levels are all there are; an empty list says nothing. */
function flat(params: Readonly<Record<string, unknown>>): [string, unknown][] {
  return Object.entries(params).flatMap(([name, value]): [string, unknown][] => {
    if (Array.isArray(value)) return value.length === 0 ? [] : [[name, value]]
    if (typeof value !== 'object' || value === null) return [[name, value]]
    return Object.entries(value)
      .filter(([, one]) => !Array.isArray(one) || one.length > 0)
      .map(([inner, one]) => [`${name}.${inner}`, one])
  })
}
