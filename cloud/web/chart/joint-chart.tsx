// Several series of one unit over the same stretch of time, each a line of its own colour and dash.

import { useQueries } from '@tanstack/react-query'
import { useCallback, useMemo, useRef } from 'react'
import uPlot from 'uplot'
import { seriesQuery } from '../api/queries.ts'
import type { Series, Variable } from '../api/types.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { civilDate, timeAxis, valueAxis } from './axes.ts'
import { colourOf } from './colours.ts'
import { useGestures } from './gestures.ts'
import { Plot } from './plot.tsx'
import { isCounter, isDepth, paddedRange, useWidth } from './series-chart.tsx'
import { type TimeView, windowOf, withGaps } from './view.ts'

const HEIGHT_PX = 300
const STEPS_MAX = 1_200

/** A series of a point, with the place of its colour and what it is called. */
export interface JointSeries {
  point: string
  variable: Variable
  place: number
  name: string
}

/** The dashes of lines, by place: colour alone does not tell lines apart. */
export const DASHES: readonly (readonly number[])[] = [[], [10, 4], [3, 3], [12, 3, 3, 3], [6, 6], [1, 4]]

/** Series of one unit. */
export function JointChart({
  series,
  unit,
  view,
  onView,
  isLive,
}: {
  series: readonly JointSeries[]
  unit: string
  view: TimeView
  onView: (view: TimeView) => void
  isLive: boolean
}) {
  const text = useText()
  const format = useFormat()
  const frame = useRef<HTMLDivElement>(null)
  const readout = useRef<HTMLDivElement>(null)
  const width = useWidth(frame)
  const asked = windowOf(view, width, STEPS_MAX)
  const answers = useQueries({
    queries: series.map(({ point, variable }) => ({
      ...seriesQuery(point, { variable, ...asked, isLive }),
      enabled: width > 0,
    })),
    combine: results => results.map(({ data }) => data),
  })
  const data = useMemo(() => joined(answers), [answers])
  const gestures = useGestures(frame, { view, onView })
  const shown = series.map(({ name, place, variable }) => `${place} ${variable} ${name}`).join('\n')
  const latest = useRef(series)
  latest.current = series
  // biome-ignore lint/correctness/useExhaustiveDependencies: the chart is made anew for other series, and for no other reason
  const options = useCallback(
    (): Omit<uPlot.Options, 'width' | 'height'> => ({
      tzDate: civilDate,
      padding: [10, 18, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: 'point', setSeries: false }, drag: { x: false, y: false }, y: false },
      scales: {
        x: { auto: false },
        y: {
          dir: latest.current.every(({ variable }) => isDepth(variable)) ? -1 : 1,
          range: (_, min, max) => paddedRange(min, max),
        },
      },
      axes: [timeAxis(format), valueAxis(format)],
      series: [{}, ...latest.current.map(({ place }) => lineOf(place))],
      hooks: {
        setCursor: [plot => readOut(plot, readout.current, latest.current, format)],
      },
    }),
    [format, shown],
  )
  const seconds = useMemo(() => ({ min: view.from / 1000, max: view.to / 1000 }), [view.from, view.to])
  return (
    <figure className="series">
      <div
        className="series-frame"
        ref={frame}
        role="application"
        aria-label={text.point.chartOf(
          series.map(({ name }) => name).join(', '),
          format.instant(view.from),
          format.instant(view.to),
        )}
        {...gestures}
      >
        <Plot key={shown} options={options} data={data} view={seconds} height={HEIGHT_PX} />
        <div className="series-readout series-readout-many numeric" ref={readout} hidden />
        <span className="visually-hidden">{unit}</span>
      </div>
    </figure>
  )
}

/** The colour of a line. */
export const lineColour = (place: number): string => `--series-${(place % DASHES.length) + 1}`

const lineOf = (place: number): uPlot.Series => ({
  stroke: () => colourOf(lineColour(place)),
  width: 1.75,
  dash: [...(DASHES[place % DASHES.length] ?? [])],
  points: { show: false },
})

/** One table of instants for all; a hole in one is none in the others. */
function joined(answers: readonly (Series | undefined)[]): uPlot.AlignedData {
  const tables = answers.map((series): uPlot.AlignedData => {
    if (series === undefined) return [[], []]
    // What is doubtful throughout is left to the charts of its own point, which say so.
    const line = (isCounter(series.variable) ? series.last : series.mean).map((value, index) =>
      (series.valid[index] ?? 0) > 0 ? value : null,
    )
    const { x, columns } = withGaps(series.at, [line], series.stepMs)
    return [x, columns[0] ?? []]
  })
  return tables.length === 0 ? [[]] : uPlot.join(tables)
}

function readOut(
  plot: uPlot,
  element: HTMLDivElement | null,
  series: readonly JointSeries[],
  format: ReturnType<typeof useFormat>,
): void {
  if (element === null) return
  const { idx } = plot.cursor
  const at = idx === null || idx === undefined ? undefined : plot.data[0][idx]
  element.hidden = at === undefined
  if (at === undefined || idx === null || idx === undefined) return
  const lines = series.flatMap(({ name, variable }, place) => {
    const value = plot.data[place + 1]?.[idx]
    return value === null || value === undefined ? [] : [`${name}: ${format.withUnit(variable, value)}`]
  })
  element.textContent = [format.instant(at * 1000), ...lines].join('\n')
}
