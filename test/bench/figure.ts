// What a benchmark prints: figures, and what they are to be held against.

/** One figure. */
export interface Figure {
  name: string
  value: number
  unit: string
  /** `value` divided by what the peer reached in the same run. */
  ratio?: number
  /** What it is held against. */
  peer?: string
}

/** Figures as a table for people. */
export function toTable(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, value, unit, ratio, peer }) => [
    name,
    toText(value),
    unit,
    ratio === undefined ? '' : ratio.toFixed(2),
    peer ?? '',
  ])
  const all = [['what', 'figure', 'unit', 'ratio', 'held against'], ...rows]
  const widths = [0, 1, 2, 3, 4].map(column => Math.max(...all.map(row => row[column]?.length ?? 0)))
  return all
    .map(row =>
      row.map((cell, column) =>
        column === 1 || column === 3 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      ),
    )
    .map(row => row.join('  ').trimEnd())
    .join('\n')
}

/** The middle one of an odd number of figures. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted[Math.floor(sorted.length / 2)]
  if (middle === undefined) throw new Error('Cannot take the median of nothing')
  return middle
}

/** The value below which this part of all lies. */
export function quantile(values: readonly number[], part: number): number {
  const at = values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(part * values.length) - 1)]
  if (at === undefined) throw new Error('Cannot take a quantile of nothing')
  return at
}

function toText(value: number): string {
  if (Number.isInteger(value) && value < 100) return String(value)
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3)
}
