// Bars over time: what passed in each hour, day or month.

import { useCallback, useMemo } from 'react'
import uPlot from 'uplot'
import { useFormat } from '../i18n/language.tsx'
import { civilDate, timeAxis, valueAxis } from './axes.ts'
import { colourOf } from './colours.ts'
import { Plot } from './plot.tsx'

const HEIGHT_PX = 220

/** How long a bucket is. */
export type BucketLength = 'hour' | 'day' | 'month'

const HALF_MS = { hour: 1_800_000, day: 43_200_000, month: 15 * 86_400_000 } as const
const WIDEST_PX = { hour: 16, day: 26, month: 48 } as const

/** The middle of a civil day or month, as the API writes it: near enough to noon to be of that day all year. */
export const middleOf = (period: string): number =>
  Date.parse(period.length === 7 ? `${period}-15T16:00:00Z` : `${period}T16:00:00Z`)

/** Bars, each about the middle of its bucket; null: nothing is known of it. */
export function Bars({
  label,
  by,
  buckets,
  from,
  to,
}: {
  label: string
  by: BucketLength
  buckets: readonly { middle: number; value: number | null }[]
  from: number
  to: number
}) {
  const format = useFormat()
  const data = useMemo((): uPlot.AlignedData => {
    const middles = buckets.map(({ middle }) => middle / 1000)
    const length = (2 * HALF_MS[by]) / 1000
    // An empty bucket at each end: how wide a bar is, is found by how near the nearest two are.
    return [
      [(middles[0] ?? 0) - length, ...middles, (middles.at(-1) ?? 0) + length],
      [null, ...buckets.map(({ value }) => value), null],
    ]
  }, [buckets, by])
  const view = useMemo(() => ({ min: from / 1000, max: to / 1000 }), [from, to])
  const options = useCallback(
    (): Omit<uPlot.Options, 'width' | 'height'> => ({
      tzDate: civilDate,
      padding: [10, 18, 0, 0],
      legend: { show: false },
      cursor: { show: false, drag: { x: false, y: false } },
      scales: { x: { auto: false }, y: { range: (_, __, max) => [0, (max ?? 0) > 0 ? max * 1.08 : 1] } },
      axes: [timeAxis(format), valueAxis(format)],
      series: [
        {},
        {
          stroke: 'transparent',
          fill: () => colourOf('--water'),
          paths: barsOf(by),
          points: { show: false },
        },
      ],
    }),
    [format, by],
  )
  return (
    <figure aria-label={label}>
      <Plot options={options} data={data} view={view} height={HEIGHT_PX} />
    </figure>
  )
}

function barsOf(by: BucketLength): uPlot.Series.PathBuilder {
  const bars = uPlot.paths.bars?.({ size: [0.72, WIDEST_PX[by]], radius: 0.12 })
  if (bars === undefined) throw new Error('This uPlot draws no bars')
  return bars
}
