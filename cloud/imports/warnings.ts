// What a person should think about before they confirm an import, in words.

import type { Variable } from '../../protocol/variables.ts'
import type { PreviewFacts } from '../store/import-facts.ts'
import type { Overlap } from '../store/imports.ts'
import type { FileFormat } from './format.ts'
import type { VariablePreview } from './preview.ts'

/** What is computed of which variable, and what has to be known for it. */
const FOLLOWS: Partial<Record<Variable, { rules: readonly string[]; gives: string }>> = {
  total: { rules: ['total_to_volume'], gives: 'volume' },
  pulses: { rules: ['pulses_to_volume'], gives: 'volume' },
  level: { rules: ['level_to_water_table'], gives: 'water table' },
}

/** The warnings of a file. */
export function warningsOf({
  variables,
  overlaps,
  stale,
  facts,
  format,
}: {
  variables: readonly VariablePreview[]
  overlaps: readonly (Overlap & { variable: Variable })[]
  stale: number
  facts: PreviewFacts
  format: FileFormat | undefined
}): string[] {
  const warnings: string[] = []
  for (const { name, why } of format?.ignored ?? [])
    warnings.push(`The column "${name}" is not imported: ${why}`)
  for (const one of format?.assumed ?? []) warnings.push(assumedWarning(one, format))
  for (const variable of variables) warnings.push(...ofVariable(variable, facts))
  for (const { variable, different } of overlaps) {
    if (different === 0) continue
    warnings.push(
      `${different} values of ${variable} differ from what is stored at the same instants: what is stored stands, and those of the file are kept beside it as revisions`,
    )
  }
  const newest = variables.reduce((most, { to }) => Math.max(most, to), 0)
  if (facts.obligedFrom !== null && newest >= facts.obligedFrom) {
    warnings.push(
      `The point is declared to DGA since ${toDay(facts.obligedFrom)}: values of slots that are still owed may be picked from this file`,
    )
  }
  if (stale > 0) {
    warnings.push(
      `${stale} rows have a time of the logger more than an hour older than their own: they may repeat what was measured earlier. With "time": "logger" each value is imported once, at the logger's time`,
    )
  }
  return warnings
}

function assumedWarning(what: FileFormat['assumed'][number], format: FileFormat | undefined): string {
  switch (what) {
    case 'zone':
      return `No time says its zone: ${format?.zone} is assumed`
    case 'dates':
      return `Nothing says whether the day or the month comes first: ${format?.dates} is assumed`
    case 'decimal':
      return `Numbers can be read with "," and with "." as their decimal sign: "${format?.decimal}" is assumed`
  }
}

function ofVariable(
  { variable, from, scaleJumps, reversals, gaps }: VariablePreview,
  facts: PreviewFacts,
): string[] {
  const warnings: string[] = []
  const follows = FOLLOWS[variable]
  if (follows !== undefined) {
    const begins = facts.calibrations.filter(({ rule }) => follows.rules.includes(rule)).map(one => one.from)
    const first = begins.length === 0 ? undefined : begins.reduce((a, b) => Math.min(a, b))
    if (first === undefined) {
      warnings.push(
        `The point has no calibration ${follows.rules.join(' or ')}: no ${follows.gives} comes of ${variable}`,
      )
    } else if (first > from) {
      warnings.push(
        `The calibration for ${follows.gives} begins on ${toDay(first)}: none comes of what is earlier`,
      )
    }
  }
  if (facts.retainedFrom !== null && facts.retainedFrom > from) {
    warnings.push(
      `Raw readings of before ${toDay(facts.retainedFrom)} have been dropped: of ${variable} nothing is computed before`,
    )
  }
  if (scaleJumps.count > 0)
    warnings.push(`${variable} jumps in scale ${scaleJumps.count} times, ${placeOf(scaleJumps.first[0])}`)
  if (reversals.count > 0)
    warnings.push(`${variable} goes back ${reversals.count} times, ${placeOf(reversals.first[0])}`)
  if (gaps.count > 0)
    warnings.push(`${variable} has ${gaps.count} gaps, ${Math.round(gaps.totalMs / 3_600_000)} h together`)
  return warnings
}

const placeOf = (remark: { line: number; before: number; after: number } | undefined): string =>
  remark === undefined ? '' : `first on line ${remark.line}: ${remark.before} → ${remark.after}`

const toDay = (at: number): string => new Date(at).toISOString().slice(0, 10)
