// Which stretch of time a chart shows, as plain numbers: moving, zooming, and what to ask for so that moving a little
// needs no new question.

/** What is shown: epoch milliseconds. */
export interface TimeView {
  from: number
  to: number
}

/** The stretches that are offered. */
export const RANGES = {
  hour: 3_600_000,
  day: 86_400_000,
  week: 7 * 86_400_000,
  month: 30 * 86_400_000,
  year: 365 * 86_400_000,
} as const

/** The name of a stretch that is offered. */
export type Range = keyof typeof RANGES

const SPAN_MIN_MS = 5 * 60_000
const SPAN_MAX_MS = 10 * 365 * 86_400_000

/** The view moved by a share of itself; not beyond `latest`. */
export function moveView({ from, to }: TimeView, share: number, latest: number): TimeView {
  const span = to - from
  const end = Math.min(to + share * span, latest + span * 0.02)
  return { from: end - span, to: end }
}

/** The view closer or wider about an instant, which stays where it is. */
export function zoomView({ from, to }: TimeView, factor: number, about: number, latest: number): TimeView {
  const span = Math.min(SPAN_MAX_MS, Math.max(SPAN_MIN_MS, (to - from) * factor))
  const share = (about - from) / (to - from)
  return moveView({ from: about - share * span, to: about + (1 - share) * span }, 0, latest)
}

/**
 * What is asked for: the view with as much again on each side, moved to a grid of half a view, so that the same is asked
 * while the view moves by less; with about one step for each pixel that is seen.
 */
export function windowOf(
  { from, to }: TimeView,
  widthPx: number,
  stepsMax: number,
): { from: number; to: number; steps: number } {
  const span = to - from
  const grid = Math.max(1000, Math.round(span / 2 / 1000) * 1000)
  const start = Math.floor((from - span) / grid) * grid
  const end = Math.ceil((to + span) / grid) * grid
  const wanted = Math.ceil(((end - start) / span) * Math.max(200, widthPx))
  return { from: Math.max(0, start), to: end, steps: Math.min(stepsMax, wanted) }
}

/** Columns of a series with a hole wherever readings are missing: uPlot draws no line over it. */
export function withGaps(
  at: readonly number[],
  columns: readonly (readonly (number | null)[])[],
  stepMs: number,
): { x: number[]; columns: (number | null)[][] } {
  const limit = gapOf(at, stepMs)
  const x: number[] = []
  const out: (number | null)[][] = columns.map(() => [])
  at.forEach((time, index) => {
    const before = at[index - 1]
    if (before !== undefined && time - before > limit) {
      x.push((before + stepMs) / 1000)
      for (const column of out) column.push(null)
    }
    x.push(time / 1000)
    columns.forEach((column, number) => void out[number]?.push(column[index] ?? null))
  })
  return { x, columns: out }
}

/** How far apart two steps may be before something is missing between them: three times what is usual here. */
function gapOf(at: readonly number[], stepMs: number): number {
  const apart = at.slice(1).map((time, index) => time - (at[index] ?? time))
  const usual = apart.toSorted((a, b) => a - b)[Math.floor(apart.length / 2)] ?? stepMs
  return Math.max(1.5 * stepMs, 3 * usual)
}
