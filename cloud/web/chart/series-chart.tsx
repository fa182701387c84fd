// One variable over time: a band from the least to the greatest of each step, the mean or the last as a line, holes where
// nothing was read, and a strip below that shows where values are missing or doubtful.

import { useQuery } from '@tanstack/react-query'
import {
  lazy,
  type RefObject,
  Suspense,
  useCallback,
  useEffect,
  useId,
  useMemo,
  useRef,
  useState,
} from 'react'
import type uPlot from 'uplot'
import { seriesQuery } from '../api/queries.ts'
import type { Series, Variable } from '../api/types.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { Failure } from '../ui/shown.tsx'
import { civilDate, timeAxis, valueAxis } from './axes.ts'
import { colourOf } from './colours.ts'
import { useGestures } from './gestures.ts'
import { Plot } from './plot.tsx'
import { type TimeView, windowOf, withGaps } from './view.ts'

const ReadingsDialog = lazy(() => import('../screens/readings-dialog.tsx'))

const STEPS_MAX = 2_000
const HEIGHT_PX = 208
const STRIP_PX = 4
/** Counters only grow: their mean says nothing. */
const COUNTERS: readonly Variable[] = ['total', 'volume', 'pulses', 'reverse_total', 'net_total', 'energy']
/** Depths grow downwards. */
const DEPTHS: readonly Variable[] = ['water_table']

/** Whether a variable only grows. */
export const isCounter = (variable: Variable): boolean => COUNTERS.includes(variable)

/** Whether a variable grows downwards. */
export const isDepth = (variable: Variable): boolean => DEPTHS.includes(variable)

/** One variable of a point, over a stretch that can be moved. */
export function SeriesChart({
  point,
  variable,
  view,
  onView,
  isLive,
}: {
  point: string
  variable: Variable
  view: TimeView
  onView: (view: TimeView) => void
  isLive: boolean
}) {
  const text = useText()
  const format = useFormat()
  const frame = useRef<HTMLDivElement>(null)
  const width = useWidth(frame)
  const asked = windowOf(view, width, STEPS_MAX)
  const query = useQuery({ ...seriesQuery(point, { variable, ...asked, isLive }), enabled: width > 0 })
  const titleId = useId()
  const [isReading, setReading] = useState(false)
  const gestures = useGestures(frame, { view, onView })
  const line = isCounter(variable) ? 'last' : 'mean'
  const seen = useMemo(() => summaryOf(query.data, view), [query.data, view])
  const isEmpty = query.data !== undefined && seen === undefined
  return (
    <figure className="series" aria-labelledby={titleId}>
      <figcaption className="series-head">
        <h3 id={titleId}>
          {text.variable[variable]} <span className="unit">{format.unit(variable)}</span>
        </h3>
        {seen !== undefined && (
          <span className="series-summary numeric">
            {text.point.minimum} {format.value(variable, seen.min)} · {text.point.maximum}{' '}
            {format.value(variable, seen.max)}
          </span>
        )}
        <button type="button" className="link-button series-readings" onClick={() => setReading(true)}>
          {text.readings.show}
        </button>
      </figcaption>
      <div
        className={`series-frame ${query.isPlaceholderData ? 'is-old' : ''}`}
        ref={frame}
        role="application"
        aria-label={text.point.chartOf(
          text.variable[variable],
          format.instant(view.from),
          format.instant(view.to),
        )}
        {...gestures}
      >
        {query.error !== null && query.data === undefined ? (
          <Failure error={query.error} retry={() => query.refetch()} />
        ) : (
          <Drawing series={query.data} variable={variable} line={line} view={view} />
        )}
        {isEmpty && !query.isPlaceholderData && <p className="series-none">{text.point.noSeries}</p>}
      </div>
      {isReading && (
        <Suspense>
          <ReadingsDialog point={point} variable={variable} view={view} onClose={() => setReading(false)} />
        </Suspense>
      )}
    </figure>
  )
}

function Drawing({
  series,
  variable,
  line,
  view,
}: {
  series: Series | undefined
  variable: Variable
  line: 'mean' | 'last'
  view: TimeView
}) {
  const format = useFormat()
  const data = useMemo(() => toData(series, line), [series, line])
  const bad = useRef<Series | undefined>(series)
  bad.current = series
  const readout = useRef<HTMLDivElement>(null)
  const options = useCallback(
    (): Omit<uPlot.Options, 'width' | 'height'> => ({
      tzDate: civilDate,
      padding: [10, 18, 0, 0],
      legend: { show: false },
      cursor: {
        sync: { key: 'point', setSeries: false },
        drag: { x: false, y: false },
        points: { size: 7, width: 2 },
        y: false,
      },
      scales: {
        x: { auto: false },
        y: { dir: isDepth(variable) ? -1 : 1, range: (_, min, max) => paddedRange(min, max) },
      },
      axes: [timeAxis(format), valueAxis(format)],
      series: [
        {},
        { stroke: 'transparent', points: { show: false }, width: 0 },
        { stroke: 'transparent', points: { show: false }, width: 0 },
        {
          stroke: () => colourOf('--brand'),
          width: 1.75,
          points: { show: true, filter: aloneIn, size: 4, fill: () => colourOf('--brand') },
        },
      ],
      bands: [{ series: [2, 1], fill: () => withAlpha(colourOf('--water'), 0.22) }],
      hooks: {
        draw: [plot => drawStrip(plot, bad.current)],
        setCursor: [
          plot => {
            const element = readout.current
            if (element === null) return
            const { idx = null } = plot.cursor
            const at = idx === null ? undefined : plot.data[0][idx]
            const value = idx === null ? undefined : plot.data[3]?.[idx]
            const isShown = at !== undefined && value !== undefined && value !== null
            element.hidden = !isShown
            if (!isShown) return
            element.textContent = `${format.instant(at * 1000)}   ${format.withUnit(variable, value)}`
          },
        ],
      },
    }),
    [format, variable],
  )
  const seconds = useMemo(() => ({ min: view.from / 1000, max: view.to / 1000 }), [view.from, view.to])
  return (
    <>
      <Plot options={options} data={data} view={seconds} height={HEIGHT_PX} />
      <div className="series-readout numeric" ref={readout} hidden />
    </>
  )
}

/** A value between two holes would not be seen as a line: those are drawn as points. */
function aloneIn(plot: uPlot, series: number): number[] {
  const values = plot.data[series] ?? []
  const isHole = (index: number) => (values[index] ?? null) === null
  const found: number[] = []
  for (let index = 0; index < values.length; index += 1) {
    if (!isHole(index) && isHole(index - 1) && isHole(index + 1)) found.push(index)
  }
  return found
}

function toData(series: Series | undefined, line: 'mean' | 'last'): uPlot.AlignedData {
  if (series === undefined) return [[], [], [], []]
  const { x, columns } = withGaps(series.at, [series.min, series.max, series[line]], series.stepMs)
  return [x, columns[0] ?? [], columns[1] ?? [], columns[2] ?? []]
}

function summaryOf(
  series: Series | undefined,
  { from, to }: TimeView,
): { min: number; max: number } | undefined {
  if (series === undefined) return undefined
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  series.at.forEach((at, index) => {
    if (at < from || at > to) return
    min = Math.min(min, series.min[index] ?? min)
    max = Math.max(max, series.max[index] ?? max)
  })
  return max < min ? undefined : { min, max }
}

/** Some room above and below; a value that never changes is in the middle. */
export function paddedRange(min: number | null, max: number | null): [number, number] {
  if (min === null || max === null || !Number.isFinite(min) || !Number.isFinite(max)) return [0, 1]
  if (min === max)
    return [min - Math.max(0.5, Math.abs(min) * 0.01), max + Math.max(0.5, Math.abs(max) * 0.01)]
  const room = (max - min) * 0.08
  return [min >= 0 && min - room < 0 ? 0 : min - room, max + room]
}

function drawStrip(plot: uPlot, series: Series | undefined): void {
  if (series === undefined) return
  const { ctx, bbox } = plot
  const ratio = devicePixelRatio
  const y = bbox.top + bbox.height - STRIP_PX * ratio
  ctx.save()
  series.at.forEach((at, index) => {
    if ((series.valid[index] ?? 0) >= (series.count[index] ?? 0)) return
    const left = plot.valToPos(at / 1000, 'x', true)
    const right = plot.valToPos((at + series.stepMs) / 1000, 'x', true)
    if (right < bbox.left || left > bbox.left + bbox.width) return
    const hasValue = (series.min[index] ?? null) !== null
    ctx.fillStyle = colourOf(hasValue ? '--late' : '--silent')
    ctx.fillRect(Math.max(left, bbox.left), y, Math.max(ratio, right - left), STRIP_PX * ratio)
  })
  ctx.restore()
}

/** A colour of the style sheets, lighter. */
function withAlpha(colour: string, alpha: number): string {
  return `color-mix(in srgb, ${colour} ${alpha * 100}%, transparent)`
}

/** How wide a frame is, in steps, so that each pixel does not ask anew. */
export function useWidth(frame: RefObject<HTMLDivElement | null>): number {
  const [width, setWidth] = useState(0)
  useEffect(() => {
    const element = frame.current
    if (element === null) return
    const observer = new ResizeObserver(() => setWidth(Math.round(element.clientWidth / 50) * 50))
    observer.observe(element)
    return () => observer.disconnect()
  }, [frame])
  return width
}
