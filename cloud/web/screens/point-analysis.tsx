// What follows from what was measured: use of the right, projection, balance, the usual week, anomalies, specific capacity.

import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { projectionQuery, usedQuery } from '../api/analysis.ts'
import { pointQuery } from '../api/queries.ts'
import type { Projections, Use } from '../api/types.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import '../styles/analysis.css'
import { Panel } from '../ui/panel.tsx'
import { Empty, Shown } from '../ui/shown.tsx'
import { AnomaliesPanel } from './analysis-anomalies.tsx'
import { BalancePanel } from './analysis-balance.tsx'
import { BaselinePanel } from './analysis-baseline.tsx'
import { CapacityPanel } from './analysis-capacity.tsx'

const route = getRouteApi('/shell/points/$point')

/** What follows from what was measured. */
export function PointAnalysis() {
  const { point: key } = route.useParams()
  const { data: point } = useQuery(pointQuery(key))
  return (
    <div className="analysis">
      <UsePanel point={key} />
      <ProjectionPanel point={key} />
      <AnomaliesPanel point={key} />
      <BalancePanel point={key} />
      <BaselinePanel point={key} />
      {point?.kind === 'groundwater' && <CapacityPanel point={key} />}
    </div>
  )
}

/** How much of the right is used. */
export function UsePanel({ point }: { point: string }) {
  const text = useText()
  const query = useQuery(usedQuery(point))
  const { data: projections } = useQuery(projectionQuery(point))
  return (
    <Panel
      title={text.analysis.use}
      {...(query.data === undefined ? {} : { hint: text.analysis.yearHint(query.data.year) })}
    >
      <div className="panel-body">
        <Shown query={query} lines={4}>
          {use =>
            use.grantedYearM3 === null && use.grantedFlowLps === null ? (
              <Empty title={text.analysis.noRight} hint={text.analysis.noRightHint} />
            ) : (
              <UseOfRight use={use} projections={projections} />
            )
          }
        </Shown>
      </div>
    </Panel>
  )
}

function UseOfRight({ use, projections }: { use: Use; projections: Projections | undefined }) {
  const text = useText()
  const format = useFormat()
  const m3 = (value: number | null) => (value === null ? '–' : `${format.number(value, 0)} m³`)
  const lps = (value: number | null) => (value === null ? '–' : `${format.number(value, 2)} L/s`)
  const year = projections?.year ?? undefined
  const facts: [string, string][] = [
    [text.analysis.flowRight, lps(use.grantedFlowLps)],
    [
      text.analysis.maxFlow,
      use.maxFlowDay === null
        ? lps(use.maxFlowLps)
        : `${lps(use.maxFlowLps)} · ${format.date(use.maxFlowDay)}`,
    ],
    [text.analysis.daysAbove, format.number(use.daysAboveFlow, 0)],
    [text.point.work, use.workCodes.join(', ') || '–'],
  ]
  return (
    <>
      {use.grantedYearM3 !== null && (
        <Gauge
          label={text.analysis.taken}
          known={use.takenM3 ?? 0}
          knownText={m3(use.takenM3)}
          bound={use.grantedYearM3}
          boundText={`${text.analysis.granted}: ${m3(use.grantedYearM3)}`}
          {...(year === undefined ? {} : { low: year.lowM3, high: year.highM3 })}
        />
      )}
      {use.percentOfYear !== null && (
        <p className="faint">{text.analysis.percentOf(format.percent(use.percentOfYear / 100))}</p>
      )}
      <dl className="facts analysis-facts">
        {facts.map(([name, value]) => (
          <div key={name} className="fact">
            <dt>{name}</dt>
            <dd className="numeric">{value}</dd>
          </div>
        ))}
      </dl>
      {use.points > 1 && <p className="faint">{text.analysis.together(use.points)}</p>}
    </>
  )
}

/** How much of something there is, up to a bound, with where it will probably end. */
function Gauge({
  label,
  known,
  knownText,
  bound,
  boundText,
  low,
  high,
}: {
  label: string
  known: number
  knownText: string
  bound?: number | undefined
  boundText?: string | undefined
  low?: number
  high?: number
}) {
  const most = Math.max(known, bound ?? 0, high ?? 0) * 1.04 || 1
  const share = (value: number) => `${Math.min(100, (100 * value) / most)}%`
  return (
    <figure className="gauge" aria-label={`${label}: ${knownText}`}>
      <figcaption>
        <span className="faint">{label}</span>
        <strong className="numeric">{knownText}</strong>
        {boundText !== undefined && <span className="faint gauge-bound">{boundText}</span>}
      </figcaption>
      <div className="gauge-track">
        <i className="gauge-known" style={{ width: share(known) }} />
        {low !== undefined && high !== undefined && (
          <i className="gauge-to-come" style={{ left: share(low), width: share(high - low) }} />
        )}
        {bound !== undefined && <i className="gauge-limit" style={{ left: share(bound) }} />}
      </div>
    </figure>
  )
}

function ProjectionPanel({ point }: { point: string }) {
  const text = useText()
  const query = useQuery(projectionQuery(point))
  return (
    <Panel
      title={text.analysis.projection}
      {...(query.data === undefined
        ? {}
        : { hint: text.analysis.projectionHint(query.data.confidencePercent) })}
    >
      <div className="panel-body">
        <Shown query={query} lines={4}>
          {({ month, year, grantedYearM3 }) =>
            month === null && year === null ? (
              <Empty title={text.analysis.noProjection} hint={text.analysis.noProjectionHint} />
            ) : (
              <div className="stack">
                {month !== null && <Projected label={text.analysis.month} projection={month} />}
                {year !== null && (
                  <Projected label={text.analysis.year} projection={year} granted={grantedYearM3} />
                )}
              </div>
            )
          }
        </Shown>
      </div>
    </Panel>
  )
}

function Projected({
  label,
  projection,
  granted = null,
}: {
  label: string
  projection: NonNullable<Projections['month']>
  granted?: number | null
}) {
  const text = useText()
  const format = useFormat()
  const { knownM3, projectedM3, lowM3, highM3, daysOfHistory, bySeason, to } = projection
  const m3 = (value: number) => `${format.number(value, 0)} m³`
  return (
    <div>
      <Gauge
        label={`${label}, ${format.date(to)}`}
        known={knownM3}
        knownText={m3(projectedM3)}
        low={lowM3}
        high={highM3}
        {...(granted === null
          ? {}
          : { bound: granted, boundText: `${text.analysis.granted}: ${m3(granted)}` })}
      />
      <p className="faint">
        {text.analysis.between(m3(lowM3), m3(highM3))} · {text.analysis.known(m3(knownM3))}
      </p>
      <p className="faint">
        {text.analysis.byHistory(daysOfHistory)}
        {bySeason && `, ${text.analysis.bySeason}`}
      </p>
      {granted !== null && projectedM3 > granted && <p className="absent">{text.analysis.overGranted}</p>}
    </div>
  )
}
