// The charts of a point, one below the other over the same stretch of time.

import { useState } from 'react'
import { toUrl } from '../api/client.ts'
import type { Variable } from '../api/types.ts'
import { now } from '../clock.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { Choice } from '../ui/choice.tsx'
import { Icon } from '../ui/icons.tsx'
import { useNow } from '../ui/now.tsx'
import { Panel } from '../ui/panel.tsx'
import { SeriesChart } from './series-chart.tsx'
import { moveView, RANGES, type Range, type TimeView } from './view.ts'

/** Charts that follow now do so in steps of this, so that each second does not ask anew. */
const FOLLOW_MS = 15_000

/** A point that is newer than this is first shown over an hour: over a day one would see nothing yet. */
const NEW_MS = 6 * 3_600_000

/** The charts of a point that is known since an instant. */
export function History({
  point,
  since,
  variables,
}: {
  point: string
  since: number
  variables: readonly Variable[]
}) {
  const text = useText()
  const [first] = useState<Range>(() => (now() - since < NEW_MS ? 'hour' : 'day'))
  const [range, setRange] = useState<Range | undefined>(first)
  const [moved, setMoved] = useState<TimeView | undefined>()
  const current = Math.ceil(useNow() / FOLLOW_MS) * FOLLOW_MS
  const view = moved ?? { from: current - RANGES[range ?? first], to: current }
  const isLive = moved === undefined || moved.to >= current - 0.02 * (moved.to - moved.from)
  const choose = (chosen: Range) => {
    setRange(chosen)
    setMoved(undefined)
  }
  const move = (to: TimeView) => {
    const span = to.to - to.from
    if (range === undefined || Math.abs(span / RANGES[range] - 1) > 0.02) setRange(undefined)
    setMoved(to)
  }
  const isAtNow = view.to >= current
  return (
    <Panel
      title={text.point.charts}
      className="history"
      actions={
        <>
          <Choice
            label={text.point.range}
            value={range}
            options={(Object.keys(RANGES) as Range[]).map(value => ({
              value,
              label: text.point.ranges[value],
            }))}
            onChoose={choose}
          />
          <div className="stepper">
            <Step
              name="previous"
              label={text.point.earlier}
              onPress={() => setMoved(moveView(view, -1, now()))}
            />
            <button
              type="button"
              className="button button-small"
              disabled={isAtNow}
              onClick={() => choose(range ?? first)}
            >
              {text.point.toNow}
            </button>
            <Step
              name="next"
              label={text.point.later}
              disabled={isAtNow}
              onPress={() => setMoved(moveView(view, 1, now()))}
            />
          </div>
          <a className="button button-small" href={exportUrl(point, view)} download>
            <Icon name="download" size={16} />
            {text.point.export}
          </a>
        </>
      }
    >
      <div className="panel-body">
        <p className="history-span">
          <Stretch view={view} />
        </p>
        {variables.map(variable => (
          <SeriesChart
            key={variable}
            point={point}
            variable={variable}
            view={view}
            onView={move}
            isLive={isLive}
          />
        ))}
        <Legend />
      </div>
    </Panel>
  )
}

/** What the charts show, as a file. */
const exportUrl = (point: string, { from, to }: TimeView): string =>
  toUrl(
    '/api/v1/points/{point}/export',
    { point },
    { from: new Date(from).toISOString(), to: new Date(to).toISOString(), style: 'spreadsheet' },
  )

function Step({
  name,
  label,
  disabled = false,
  onPress,
}: {
  name: 'previous' | 'next'
  label: string
  disabled?: boolean
  onPress: () => void
}) {
  return (
    <button type="button" className="icon-button" disabled={disabled} onClick={onPress}>
      <Icon name={name} />
      <span className="visually-hidden">{label}</span>
    </button>
  )
}

function Stretch({ view }: { view: TimeView }) {
  const format = useFormat()
  return (
    <>
      {format.instant(view.from)} – {format.instant(view.to)}
    </>
  )
}

function Legend() {
  const text = useText()
  return (
    <ul className="legend">
      <li>
        <i className="legend-line" />
        {text.point.mean}
      </li>
      <li>
        <i className="legend-band" />
        {text.point.band}
      </li>
      <li>
        <i className="legend-bad" />
        {text.point.bad}
      </li>
      <li className="legend-hint">{text.point.chartHint}</li>
    </ul>
  )
}
