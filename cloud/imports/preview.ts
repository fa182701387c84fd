// What somebody should know of a file before it is imported: how much of what, from when to when, where it is missing, where
// its scale jumps, where a counter goes back. Things to look at, not mistakes: meters are replaced and instruments set anew.

import type { Variable } from '../../protocol/variables.ts'
import type { FileReading } from './read-file.ts'

/** What is remarkable in one place. */
export interface Remark {
  line: number
  at: number
  before: number
  after: number
}

/** What a file has of one variable. Instants are epoch milliseconds. */
export interface VariablePreview {
  variable: Variable
  readings: number
  withoutValue: number
  from: number
  to: number
  min: number | null
  max: number | null
  first: number | null
  last: number | null
  /** What usually lies between two readings. */
  intervalMs: number | null
  /** Where three times as much lies between two: how often, how long together, and the longest. */
  gaps: { count: number; totalMs: number; longest: { from: number; to: number }[] }
  /** Where values are ten, a hundred or a thousand times as large from one reading on, or as small. */
  scaleJumps: { count: number; first: (Remark & { factor: number })[] }
  /** Where a counter goes back. */
  reversals: { count: number; first: Remark[] }
}

/** So many of each are named. */
const NAMED_MAX = 20

const COUNTERS: readonly Variable[] = ['total', 'pulses']

/** What a file has, variable by variable. */
export function previewOf(readings: readonly FileReading[]): VariablePreview[] {
  return [...Map.groupBy(readings, ({ variable }) => variable)].map(([variable, ofIt]) => {
    const [first] = ofIt
    const last = ofIt.at(-1)
    const valued = ofIt.flatMap(({ value, at, line }) => (value === null ? [] : [{ value, at, line }]))
    const values = valued.map(({ value }) => value)
    return {
      variable,
      readings: ofIt.length,
      withoutValue: ofIt.length - valued.length,
      from: first?.at ?? 0,
      to: last?.at ?? 0,
      min: values.length === 0 ? null : values.reduce((a, b) => Math.min(a, b)),
      max: values.length === 0 ? null : values.reduce((a, b) => Math.max(a, b)),
      first: values[0] ?? null,
      last: values.at(-1) ?? null,
      ...gapsOf(ofIt),
      scaleJumps: scaleJumpsOf(valued, COUNTERS.includes(variable)),
      reversals: COUNTERS.includes(variable) ? reversalsOf(valued) : { count: 0, first: [] },
    }
  })
}

interface Valued {
  value: number
  at: number
  line: number
}

function gapsOf(readings: readonly FileReading[]): Pick<VariablePreview, 'intervalMs' | 'gaps'> {
  const steps = readings.slice(1).map(({ at }, index) => at - (readings[index]?.at ?? at))
  const sorted = steps.toSorted((a, b) => a - b)
  const intervalMs = sorted[Math.floor((sorted.length - 1) / 2)] ?? null
  if (intervalMs === null) return { intervalMs, gaps: { count: 0, totalMs: 0, longest: [] } }
  const gaps = steps
    .map((step, index) => ({ from: readings[index]?.at ?? 0, to: readings[index + 1]?.at ?? 0, step }))
    .filter(({ step }) => step > 3 * intervalMs)
  return {
    intervalMs,
    gaps: {
      count: gaps.length,
      totalMs: gaps.reduce((sum, { step }) => sum + step - intervalMs, 0),
      longest: gaps
        .toSorted((a, b) => b.step - a.step)
        .slice(0, NAMED_MAX)
        .map(({ from, to }) => ({ from, to })),
    },
  }
}

const FACTORS = [10, 100, 1000]

/** A counter cannot come this near to ten times itself by counting; what is measured is compared over some readings. */
const NEAR = { counter: 0.1, measured: 0.2 }
const AROUND = 5

function scaleJumpsOf(values: readonly Valued[], isCounter: boolean): VariablePreview['scaleJumps'] {
  const jumps: (Remark & { factor: number })[] = []
  for (let index = 1; index < values.length; index += 1) {
    const [before, after] = [values[index - 1], values[index]]
    if (before === undefined || after === undefined || before.value === 0 || after.value === 0) continue
    const near = isCounter ? NEAR.counter : NEAR.measured
    const factor = factorOf(before.value, after.value, near)
    if (factor === undefined) continue
    // A pump that starts makes ten times the flow as well: what is measured must stay there, and have stood here.
    if (
      !isCounter &&
      factorOf(typical(values, index - AROUND, index), typical(values, index, index + AROUND), near) !==
        factor
    )
      continue
    jumps.push({ line: after.line, at: after.at, before: before.value, after: after.value, factor })
  }
  return { count: jumps.length, first: jumps.slice(0, NAMED_MAX) }
}

function factorOf(before: number, after: number, near: number): number | undefined {
  const ratio = after / before
  return FACTORS.flatMap(factor => [factor, 1 / factor]).find(factor => Math.abs(ratio / factor - 1) <= near)
}

/** The middle of some values that are all much the same; NaN where they are not. */
function typical(values: readonly Valued[], from: number, to: number): number {
  const some = values.slice(Math.max(0, from), to).map(({ value }) => value)
  const sorted = some.toSorted((a, b) => a - b)
  const [least = Number.NaN, most = Number.NaN] = [sorted[0], sorted.at(-1)]
  if (some.length < 3 || Math.abs(most) > 3 * Math.abs(least)) return Number.NaN
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

function reversalsOf(values: readonly Valued[]): VariablePreview['reversals'] {
  const reversals = values.flatMap((after, index) => {
    const before = values[index - 1]
    if (before === undefined || after.value >= before.value) return []
    return [{ line: after.line, at: after.at, before: before.value, after: after.value }]
  })
  return { count: reversals.length, first: reversals.slice(0, NAMED_MAX) }
}
