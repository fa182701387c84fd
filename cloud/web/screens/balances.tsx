// What the points of a project took, together and each.

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { type BalanceBy, projectBalancesQuery } from '../api/analysis.ts'
import { overviewQuery } from '../api/queries.ts'
import type { OverviewPoint, ProjectBalances } from '../api/types.ts'
import { Bars, middleOf } from '../chart/bars.tsx'
import { useFormat, useText } from '../i18n/language.tsx'
import '../styles/analysis.css'
import '../styles/point.css'
import { DataTable } from '../ui/data-table.tsx'
import { Panel } from '../ui/panel.tsx'
import { Picker } from '../ui/picker.tsx'
import { Empty, Shown } from '../ui/shown.tsx'
import { useTitle } from '../ui/title.ts'
import { ByChoice } from './analysis-balance.tsx'

/** What was taken, by project. */
export function BalancesScreen() {
  const text = useText()
  useTitle(text.balances.title)
  const query = useQuery(overviewQuery)
  return (
    <>
      <div className="page-head">
        <h1>{text.balances.title}</h1>
        <span className="faint">{text.balances.lead}</span>
      </div>
      <Shown query={query} lines={8}>
        {({ items }) =>
          items.length === 0 ? (
            <div className="panel">
              <Empty title={text.balances.none} hint={text.balances.noneHint} />
            </div>
          ) : (
            <Projects points={items} />
          )
        }
      </Shown>
    </>
  )
}

function Projects({ points }: { points: readonly OverviewPoint[] }) {
  const text = useText()
  const projects = useMemo(() => {
    const counted = Map.groupBy(points, ({ client, project }) => `${client}.${project}`)
    return [...counted].map(([value, within]) => ({
      ...{ value, label: within[0]?.project ?? value, hint: `${within[0]?.client} · ${within.length}` },
    }))
  }, [points])
  const [chosen, setChosen] = useState(projects[0]?.value ?? '')
  const [by, setBy] = useState<BalanceBy>('day')
  const query = useQuery(projectBalancesQuery(chosen, by))
  return (
    <div className="stack">
      <div className="balance-filters">
        <Picker
          name="project"
          label={text.balances.project}
          value={chosen}
          options={projects}
          onValue={setChosen}
        />
        <ByChoice by={by} onChoose={setBy} />
      </div>
      <Shown query={query} lines={8}>
        {balances => <OneProject balances={balances} points={points} />}
      </Shown>
    </div>
  )
}

function OneProject({ balances, points }: { balances: ProjectBalances; points: readonly OverviewPoint[] }) {
  const text = useText()
  const format = useFormat()
  const { by, periods, byPoint, from, to, consumptionM3 } = balances
  const buckets = useMemo(
    () => periods.map(({ period, consumptionM3: value }) => ({ middle: middleOf(period), value })),
    [periods],
  )
  const names = new Map(points.map(({ key, name }) => [key, name]))
  const most = Math.max(1, ...byPoint.map(({ consumptionM3: value }) => value ?? 0))
  return (
    <>
      <Panel title={text.analysis.balances}>
        <div className="panel-body">
          <p className="consumption-total">
            <span className="faint">{text.balances.total}</span>
            <strong className="numeric">
              {consumptionM3 === null ? '–' : format.number(consumptionM3, 0)}
              <span className="unit">m³</span>
            </strong>
            <span className="faint">
              {format.date(from)} – {format.date(to)}
            </span>
          </p>
          <Bars
            label={`${text.analysis.balances}: ${text.analysis.bys[by]}`}
            by={by}
            buckets={buckets}
            from={middleOf(from) - 86_400_000}
            to={middleOf(to) + 86_400_000}
          />
        </div>
      </Panel>
      <Panel title={text.balances.points}>
        <DataTable
          label={text.balances.points}
          rows={byPoint.toSorted((a, b) => (b.consumptionM3 ?? -1) - (a.consumptionM3 ?? -1))}
          keyOf={({ point }) => point}
          columns={[
            {
              ...{ key: 'point', head: text.balances.point, isMain: true },
              cell: ({ point }) => (
                <Link to="/points/$point/analysis" params={{ point }} className="main-link">
                  {names.get(point) ?? point}
                </Link>
              ),
            },
            {
              ...{ key: 'taken', head: `${text.analysis.consumed} (m³)`, align: 'right' },
              cell: ({ consumptionM3: value }) => (
                <span className="numeric">{value === null ? '–' : format.number(value, 0)}</span>
              ),
            },
            {
              ...{ key: 'share', head: text.balances.share, isDeskOnly: true },
              cell: ({ consumptionM3: value }) => (
                <span className="share-bar">
                  <i style={{ width: `${(100 * (value ?? 0)) / most}%` }} />
                </span>
              ),
            },
            {
              ...{ key: 'days', head: text.balances.days, align: 'right' },
              cell: ({ daysKnown }) => <span className="numeric">{daysKnown}</span>,
            },
          ]}
        />
      </Panel>
    </>
  )
}
