// Points as a table that can be put in another order; in the hand, each row becomes a card.

import { Link } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import type { OverviewPoint } from '../api/types.ts'
import { useText } from '../i18n/language.tsx'
import { BY_URGENCY } from '../point-states.ts'
import { Icon } from '../ui/icons.tsx'
import { Age } from '../ui/now.tsx'
import { latestOf, Reading } from '../ui/reading.tsx'
import { StateBadge } from '../ui/state-badge.tsx'

const ROWS_FIRST = 60
const ROWS_MORE = 200

type Column = 'state' | 'point' | 'flow' | 'level' | 'total' | 'dga' | 'age'

/** Points as a table. */
export function PointTable({ points }: { points: readonly OverviewPoint[] }) {
  const text = useText()
  const [{ column, descending }, setOrder] = useState<{ column: Column; descending: boolean }>({
    column: 'state',
    descending: false,
  })
  const [rows, setRows] = useState(ROWS_FIRST)
  const sorted = useMemo(() => {
    const ascending = points.toSorted((a, b) => compare(column, a, b) || a.name.localeCompare(b.name, 'es'))
    return descending ? ascending.reverse() : ascending
  }, [points, column, descending])
  const head = (name: Column, label: string, className = '') => (
    <th
      className={className}
      aria-sort={column === name ? (descending ? 'descending' : 'ascending') : undefined}
    >
      <button
        type="button"
        className="sort"
        onClick={() => setOrder({ column: name, descending: column === name && !descending })}
      >
        {label}
        {column === name && (
          <span className={descending ? 'sort-sign' : 'sort-sign is-up'}>
            <Icon name="down" size={12} />
          </span>
        )}
      </button>
    </th>
  )
  return (
    <>
      <table className="table point-table">
        <caption className="visually-hidden">{text.overview.table}</caption>
        <thead>
          <tr>
            {head('point', text.overview.point)}
            {head('state', text.overview.status)}
            {head('flow', text.overview.flow, 'right')}
            {head('level', text.overview.level, 'right')}
            {head('total', text.overview.total, 'right wide-only')}
            {head('dga', text.overview.dga)}
            {head('age', text.overview.age, 'right')}
          </tr>
        </thead>
        <tbody>
          {sorted.slice(0, rows).map(point => (
            <Row key={point.key} point={point} />
          ))}
        </tbody>
      </table>
      {sorted.length > rows && (
        <p className="more">
          <button type="button" className="button" onClick={() => setRows(rows + ROWS_MORE)}>
            {text.overview.more} ({sorted.length - rows})
          </button>
        </p>
      )}
    </>
  )
}

function Row({ point }: { point: OverviewPoint }) {
  const text = useText()
  const { key, name, client, project, state, latest, lastAt } = point
  return (
    <tr>
      <td className="cell-name">
        <Link to="/points/$point" params={{ point: key }} className="main-link">
          {name}
        </Link>
        <span className="faint cell-owner">
          {client} · {project}
        </span>
      </td>
      <td className="cell-state">
        <StateBadge state={state} />
      </td>
      <td className="right cell-value" data-label={text.overview.flow}>
        <Reading latest={latestOf(latest, 'flow')} />
      </td>
      <td className="right cell-value" data-label={text.overview.level}>
        <Reading latest={latestOf(latest, 'water_table', 'stage', 'level')} />
      </td>
      <td className="right cell-value wide-only" data-label={text.overview.total}>
        <Reading latest={latestOf(latest, 'total', 'volume')} />
      </td>
      <td className="cell-dga" data-label={text.overview.dga}>
        <Works works={point.works} />
      </td>
      <td className="right cell-age" data-label={text.overview.age}>
        <Age at={lastAt} />
      </td>
    </tr>
  )
}

/** What is wrong first; when nothing is, how much was declared. */
function Works({ works }: Pick<OverviewPoint, 'works'>) {
  const { overview } = useText()
  if (works.length === 0) return <span className="faint">{overview.dgaNone}</span>
  const sum = (field: 'sent' | 'waiting' | 'review' | 'noData') =>
    works.reduce((total, work) => total + work[field], 0)
  const [sent, review, noData, waiting] = [sum('sent'), sum('review'), sum('noData'), sum('waiting')]
  if (review > 0) return <span className="dga-review">{overview.dgaReview(review)}</span>
  if (noData > 0) return <span className="dga-no-data">{overview.dgaNoData(noData)}</span>
  if (sent > 0) return <span className="dga-sent">{overview.dgaSent(sent)}</span>
  return <span className="faint">{waiting > 0 ? overview.dgaWaiting(waiting) : overview.dgaOk}</span>
}

function compare(column: Column, a: OverviewPoint, b: OverviewPoint): number {
  switch (column) {
    case 'state':
      return BY_URGENCY.indexOf(a.state) - BY_URGENCY.indexOf(b.state)
    case 'point':
      return a.name.localeCompare(b.name, 'es', { numeric: true })
    case 'flow':
      return amountOf(a, 'flow') - amountOf(b, 'flow')
    case 'level':
      return amountOf(a, 'water_table') - amountOf(b, 'water_table')
    case 'total':
      return amountOf(a, 'total', 'volume') - amountOf(b, 'total', 'volume')
    case 'dga':
      return troubleOf(b) - troubleOf(a)
    case 'age':
      return Date.parse(b.lastAt ?? '1970-01-01') - Date.parse(a.lastAt ?? '1970-01-01')
  }
}

/** What has no value comes before everything that has. */
const amountOf = ({ latest }: OverviewPoint, ...variables: Parameters<typeof latestOf>[1][]): number =>
  latestOf(latest, ...variables)?.value ?? -1e40

const troubleOf = ({ works }: OverviewPoint): number =>
  works.reduce((total, { review, noData, sent }) => total + review * 1e6 + noData * 1e3 + sent / 1e3, 0)
