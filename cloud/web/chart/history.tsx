// The charts of a point, one below the other over the same stretch of time.

import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { Variable } from '../api/types.ts'
import { now } from '../clock.ts'
import { useText } from '../i18n/language.tsx'
import { Icon } from '../ui/icons.tsx'
import { Panel } from '../ui/panel.tsx'
import { ExportMenu } from './export-menu.tsx'
import { SeriesChart } from './series-chart.tsx'
import { Stretch, TimeBar, useShownTime } from './time-bar.tsx'

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
  const [first] = useState(() => (now() - since < NEW_MS ? ('hour' as const) : ('day' as const)))
  const time = useShownTime(first)
  const { view, isLive, move } = time
  return (
    <Panel
      title={text.point.charts}
      className="history"
      actions={
        <TimeBar time={time}>
          <Link
            to="/compare"
            search={{ series: variables.slice(0, 1).map(variable => `${point}:${variable}`) }}
            className="button button-small"
          >
            <Icon name="compare" size={16} />
            {text.compare.compare}
          </Link>
          <ExportMenu point={point} view={view} />
        </TimeBar>
      }
    >
      <div className="panel-body">
        <Stretch view={view} />
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
