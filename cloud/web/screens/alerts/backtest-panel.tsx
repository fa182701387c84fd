// A rule tried on history before it is saved: when it would have said something, drawn over what was measured.

import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { ask } from '../../api/client.ts'
import { seriesQuery } from '../../api/queries.ts'
import type { AlertBacktest, Series, Variable } from '../../api/types.ts'
import { now } from '../../clock.ts'
import { useFormat, useText } from '../../i18n/language.tsx'
import { Choice } from '../../ui/choice.tsx'
import { Panel } from '../../ui/panel.tsx'
import { Failure } from '../../ui/shown.tsx'
import { type RuleDraft, toRule } from './rule-draft.ts'

const DAY_MS = 86_400_000
const STEPS = 600
const RANGES = ['7', '30', '90'] as const

interface Tried {
  backtest: AlertBacktest
  variable: Variable | undefined
  kind: RuleDraft['kind']
}

/** What a rule would have said at a point. */
export function BacktestPanel({ draft, point }: { draft: RuleDraft; point: string }) {
  const text = useText()
  const [days, setDays] = useState<(typeof RANGES)[number]>('30')
  const tryOut = useMutation({
    mutationFn: async (): Promise<Tried> => {
      const to = Math.floor(now() / 60_000) * 60_000
      const backtest = await ask('POST /api/v1/alert-rules/backtest', {
        body: {
          ...{ point, rule: { ...toRule(draft), name: draft.name.trim() || '–' } },
          ...{
            from: new Date(to - Number(days) * DAY_MS).toISOString(),
            to: new Date(to).toISOString(),
          },
        },
      })
      return { backtest, variable: variableOf(draft), kind: draft.kind }
    },
  })
  return (
    <Panel title={text.alerts.tryOut} hint={text.alerts.tryHint}>
      <div className="panel-body stack">
        <div className="form-actions">
          <Choice
            label={text.alerts.range}
            value={days}
            options={RANGES.map(value => ({ value, label: text.alerts.ranges[value] }))}
            onChoose={setDays}
          />
          <button
            type="button"
            className="button"
            disabled={tryOut.isPending || point === ''}
            onClick={() => tryOut.mutate()}
          >
            {tryOut.isPending ? text.ui.busy : text.alerts.tryButton}
          </button>
        </div>
        {tryOut.error !== null && <Failure error={tryOut.error} />}
        {tryOut.data !== undefined && <Result {...tryOut.data} />}
      </div>
    </Panel>
  )
}

/** The variable that a rule is about, where it is about one. */
function variableOf({ kind, fields }: RuleDraft): Variable | undefined {
  if (kind === 'over_right' && fields.of === 'flow') return 'flow'
  return typeof fields.variable === 'string' && fields.variable !== ''
    ? (fields.variable as Variable)
    : undefined
}

function Result({ backtest, variable, kind }: Tried) {
  const text = useText()
  const format = useFormat()
  const { point, from, to, through, samples, firings, incidents, incidentsTotal, limit } = backtest
  const span = { from: Date.parse(from), to: Date.parse(to) }
  const series = useQuery({
    ...seriesQuery(point, { variable: variable ?? 'flow', ...span, steps: STEPS, isLive: false }),
    enabled: variable !== undefined,
  })
  return (
    <div className="backtest" role="status">
      <p>
        <strong>{text.alerts.found(incidentsTotal, firings)}</strong>{' '}
        <span className="faint">{text.alerts.looked(format.number(samples, 0))}</span>
      </p>
      {kind === 'over_right' && limit === null && <p className="absent">{text.alerts.noLimit}</p>}
      {Date.parse(through) < span.to - 1000 && (
        <p className="absent">{text.alerts.foundShort(format.instant(Date.parse(through)))}</p>
      )}
      <Drawing backtest={backtest} series={variable === undefined ? undefined : series.data} span={span} />
      <ul className="backtest-list">
        {incidents.slice(0, 50).map(one => (
          <li key={one.from}>
            <span className="numeric">{format.instant(Date.parse(one.from))}</span>
            {' – '}
            <span className="numeric">
              {one.to === null ? text.alerts.lasts : format.instant(Date.parse(one.to))}
            </span>
            <span className="faint"> · {text.incidents.seen(one.firings)}</span>
          </li>
        ))}
      </ul>
    </div>
  )
}

const WIDTH = 1000
const HEIGHT = 220

/** Values as a line, the limit across it, and what would have been incidents as bands behind. */
function Drawing({
  backtest: { incidents, limit },
  series,
  span,
}: {
  backtest: AlertBacktest
  series: Series | undefined
  span: { from: number; to: number }
}) {
  const text = useText()
  const format = useFormat()
  const x = (at: number) => ((at - span.from) / (span.to - span.from)) * WIDTH
  const steps = (series?.at ?? []).flatMap((at, index) => {
    const value = series?.mean[index] ?? series?.last[index] ?? null
    return value === null ? [] : [{ at, value }]
  })
  const values = steps.map(({ value }) => value)
  const shownLimit = series === undefined ? null : limit
  const low = Math.min(...values, shownLimit ?? Number.POSITIVE_INFINITY)
  const high = Math.max(...values, shownLimit ?? Number.NEGATIVE_INFINITY)
  const range = high > low ? high - low : 1
  const y = (value: number) => HEIGHT - 8 - ((value - low) / range) * (HEIGHT - 16)
  const line = steps
    .map(({ at, value }, index) => `${index === 0 ? 'M' : 'L'}${x(at).toFixed(1)} ${y(value).toFixed(1)}`)
    .join('')
  return (
    <figure className="backtest-figure">
      {values.length > 0 && (
        <figcaption className="backtest-scale numeric">
          <span>{format.number(high, 2)}</span>
          <span>{format.number(low, 2)}</span>
        </figcaption>
      )}
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={text.alerts.found(
          incidents.length,
          incidents.reduce((sum, one) => sum + one.firings, 0),
        )}
      >
        {incidents.map(one => {
          const from = x(Date.parse(one.from))
          const to = one.to === null ? WIDTH : x(Date.parse(one.to))
          return (
            <rect
              key={one.from}
              className="backtest-band"
              x={from}
              y={0}
              width={Math.max(2, to - from)}
              height={HEIGHT}
            />
          )
        })}
        {line !== '' && <path className="backtest-line" d={line} />}
        {shownLimit !== null && (
          <line className="backtest-limit" x1={0} x2={WIDTH} y1={y(shownLimit)} y2={y(shownLimit)} />
        )}
      </svg>
      <p className="backtest-ends numeric faint">
        <span>{format.day(span.from)}</span>
        <span>{format.day(span.to)}</span>
      </p>
    </figure>
  )
}
