// Series of any points on one axis of time: which, stands in the address, so that it can be kept and handed on.

import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { useState } from 'react'
import { VARIABLES } from '../../../protocol/variables.ts'
import { overviewQuery } from '../api/queries.ts'
import type { OverviewPoint, Variable } from '../api/types.ts'
import { JointChart, type JointSeries, lineColour } from '../chart/joint-chart.tsx'
import { Stretch, TimeBar, useShownTime } from '../chart/time-bar.tsx'
import { useFormat, useText } from '../i18n/language.tsx'
import '../styles/point.css'
import '../styles/compare.css'
import { SelectField } from '../ui/form.tsx'
import { Icon } from '../ui/icons.tsx'
import { Panel } from '../ui/panel.tsx'
import { Picker } from '../ui/picker.tsx'
import { Empty, Shown } from '../ui/shown.tsx'
import { useTitle } from '../ui/title.ts'

const route = getRouteApi('/shell/compare')
const SERIES_MAX = 6

/** Series of any points on one axis of time. */
export function CompareScreen() {
  const text = useText()
  useTitle(text.compare.title)
  const query = useQuery(overviewQuery)
  return (
    <>
      <div className="page-head">
        <h1>{text.compare.title}</h1>
        <span className="faint">{text.compare.lead}</span>
      </div>
      <Shown query={query} lines={8}>
        {({ items }) => <Comparison points={items} />}
      </Shown>
    </>
  )
}

function Comparison({ points }: { points: readonly OverviewPoint[] }) {
  const text = useText()
  const format = useFormat()
  const navigate = route.useNavigate()
  const { series: asked } = route.useSearch()
  const time = useShownTime('week')
  const names = new Map(points.map(({ key, name }) => [key, name]))
  const series = asked.flatMap((one, place): JointSeries[] => {
    const [point = '', variable = ''] = one.split(':')
    if (!isVariable(variable) || !names.has(point)) return []
    return [{ point, variable, place, name: `${names.get(point)}, ${text.variable[variable]}` }]
  })
  const choose = (chosen: readonly string[]) =>
    navigate({ search: { series: [...chosen] }, replace: true, resetScroll: false })
  const byUnit = Map.groupBy(series, ({ variable }) => format.unit(variable))
  return (
    <div className="stack">
      <Panel title={text.compare.series}>
        <div className="panel-body stack">
          {series.length > 0 && (
            <ul className="chosen-series">
              {series.map(({ point, variable, place, name }) => (
                <li key={`${point} ${variable}`}>
                  <i style={{ background: `var(${lineColour(place)})` }} />
                  <Link to="/points/$point" params={{ point }}>
                    {name}
                  </Link>
                  <button
                    type="button"
                    className="icon-button"
                    onClick={() => choose(asked.filter(one => one !== `${point}:${variable}`))}
                  >
                    <Icon name="close" size={16} />
                    <span className="visually-hidden">{text.compare.remove(name)}</span>
                  </button>
                </li>
              ))}
            </ul>
          )}
          {asked.length < SERIES_MAX ? (
            <Add points={points} taken={asked} onAdd={one => choose([...asked, one])} />
          ) : (
            <p className="faint">{text.compare.full(SERIES_MAX)}</p>
          )}
        </div>
      </Panel>
      {series.length === 0 ? (
        <div className="panel">
          <Empty title={text.compare.none} hint={text.compare.noneHint} />
        </div>
      ) : (
        <Panel title={text.point.charts} className="history" actions={<TimeBar time={time} />}>
          <div className="panel-body">
            <Stretch view={time.view} />
            {[...byUnit].map(([unit, within]) => (
              <section key={unit} aria-label={unit}>
                <h3>{unit}</h3>
                <JointChart
                  series={within}
                  unit={unit}
                  view={time.view}
                  onView={time.move}
                  isLive={time.isLive}
                />
              </section>
            ))}
            <p className="faint">{text.point.chartHint}</p>
          </div>
        </Panel>
      )}
    </div>
  )
}

const isVariable = (name: string): name is Variable => Object.hasOwn(VARIABLES, name)

function Add({
  points,
  taken,
  onAdd,
}: {
  points: readonly OverviewPoint[]
  taken: readonly string[]
  onAdd: (series: string) => void
}) {
  const text = useText()
  const [point, setPoint] = useState('')
  const [chosen, setChosen] = useState('')
  const found = points.find(({ key }) => key === point)
  const variables = (found?.latest ?? [])
    .map(({ variable }) => variable)
    .filter(variable => !taken.includes(`${point}:${variable}`))
  const variable = variables.find(one => one === chosen) ?? variables[0]
  return (
    <form
      className="form form-inline"
      onSubmit={event => {
        event.preventDefault()
        if (variable !== undefined) onAdd(`${point}:${variable}`)
      }}
    >
      <Picker
        name="point"
        label={text.compare.point}
        value={point}
        options={points.map(({ key, name, client, project }) => ({
          ...{ value: key, label: name, hint: `${client} · ${project}` },
        }))}
        onValue={setPoint}
      />
      <SelectField
        name="variable"
        label={text.compare.variable}
        value={variable ?? ''}
        onValue={setChosen}
        disabled={variables.length === 0}
        options={variables.map(value => ({ value: value as string, label: text.variable[value] }))}
      />
      <button type="submit" className="button button-main" disabled={variable === undefined}>
        <Icon name="plus" size={16} />
        {text.compare.add}
      </button>
    </form>
  )
}
