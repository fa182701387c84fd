// What a well gives for each metre that its water sinks, day by day, and how that changes.

import { useQuery } from '@tanstack/react-query'
import { useCallback, useMemo } from 'react'
import type uPlot from 'uplot'
import { capacityQuery } from '../api/analysis.ts'
import type { SpecificCapacity } from '../api/types.ts'
import { civilDate, timeAxis, valueAxis } from '../chart/axes.ts'
import { middleOf } from '../chart/bars.tsx'
import { colourOf } from '../chart/colours.ts'
import { Plot } from '../chart/plot.tsx'
import { useFormat, useText } from '../i18n/language.tsx'
import { Panel } from '../ui/panel.tsx'
import { Empty, Shown } from '../ui/shown.tsx'

const HEIGHT_PX = 200

/** What a well gives for each metre that its water sinks. */
export function CapacityPanel({ point }: { point: string }) {
  const text = useText()
  const query = useQuery(capacityQuery(point))
  return (
    <Panel className="is-wide" title={text.analysis.capacity} hint={text.analysis.capacityHint}>
      <div className="panel-body">
        <Shown query={query} lines={5}>
          {capacity =>
            capacity.days.length === 0 ? (
              <Empty title={text.analysis.noCapacity} hint={text.analysis.noCapacityHint} />
            ) : (
              <>
                <Figures capacity={capacity} />
                <Days days={capacity.days} />
              </>
            )
          }
        </Shown>
      </div>
    </Panel>
  )
}

function Figures({ capacity }: { capacity: SpecificCapacity }) {
  const text = useText()
  const format = useFormat()
  const { lpsPerM, spreadLpsPerM, trendPercentAYear, trendLow, trendHigh } = capacity
  const signed = (percent: number) => `${percent > 0 ? '+' : ''}${format.number(percent, 1)} %`
  return (
    <div className="capacity-figures">
      <p>
        <strong className="value-number numeric">
          {lpsPerM === null ? '–' : format.number(lpsPerM, 2)}
          <span className="unit">L/s·m</span>
        </strong>
        {spreadLpsPerM !== null && (
          <span className="faint"> {text.analysis.spread(format.number(spreadLpsPerM, 2))}</span>
        )}
      </p>
      <p>
        <span className="faint">{text.analysis.trend}: </span>
        {trendPercentAYear === null || trendLow === null || trendHigh === null ? (
          text.analysis.noTrend
        ) : (
          <>
            <strong className="numeric">{text.analysis.perYear(signed(trendPercentAYear))}</strong>
            <span className="faint"> {text.analysis.trendRange(signed(trendLow), signed(trendHigh))}</span>
          </>
        )}
      </p>
    </div>
  )
}

function Days({ days }: Pick<SpecificCapacity, 'days'>) {
  const text = useText()
  const format = useFormat()
  const data = useMemo(
    (): uPlot.AlignedData => [
      days.map(({ day }) => middleOf(day) / 1000),
      days.map(({ lpsPerM }) => lpsPerM),
    ],
    [days],
  )
  const options = useCallback(
    (): Omit<uPlot.Options, 'width' | 'height'> => ({
      tzDate: civilDate,
      padding: [10, 18, 0, 0],
      legend: { show: false },
      cursor: { show: false, drag: { x: false, y: false } },
      scales: { y: { range: (_, __, max) => [0, (max ?? 0) > 0 ? max * 1.15 : 1] } },
      axes: [timeAxis(format), valueAxis(format)],
      series: [
        {},
        {
          paths: () => null,
          stroke: () => colourOf('--brand'),
          points: { show: true, size: 5, fill: () => colourOf('--brand') },
        },
      ],
    }),
    [format],
  )
  return (
    <figure aria-label={text.analysis.capacity}>
      <Plot options={options} data={data} height={HEIGHT_PX} />
    </figure>
  )
}
