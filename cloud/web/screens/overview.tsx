// Every point: on a map and in a table, with how it is and what it last gave.

import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense, useDeferredValue, useMemo, useState } from 'react'
import { overviewQuery } from '../api/queries.ts'
import type { OverviewPoint } from '../api/types.ts'
import { useText } from '../i18n/language.tsx'
import { plain } from '../plain.ts'
import { BY_URGENCY, type PointState } from '../point-states.ts'
import '../styles/overview.css'
import { Icon } from '../ui/icons.tsx'
import { Empty, Loading, Shown } from '../ui/shown.tsx'
import { StateSign } from '../ui/state-badge.tsx'
import { useTitle } from '../ui/title.ts'
import { PointTable } from './point-table.tsx'

const PointMap = lazy(() =>
  import('../map/point-map.tsx').then(({ PointMap: component }) => ({ default: component })),
)

/** Every point. */
export function OverviewScreen() {
  const text = useText()
  useTitle(text.overview.title)
  const query = useQuery(overviewQuery)
  return (
    <>
      <div className="page-head">
        <h1>{text.overview.title}</h1>
        {query.data !== undefined && (
          <span className="faint">{text.overview.count(query.data.items.length)}</span>
        )}
        <span className={`live push ${query.error === null ? '' : 'live-off'}`}>
          {query.error === null ? text.app.live : text.failure.stale}
        </span>
      </div>
      <Shown query={query} lines={10}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={text.overview.empty} hint={text.overview.emptyHint} />
          ) : (
            <Points points={items} />
          )
        }
      </Shown>
    </>
  )
}

function Points({ points }: { points: readonly OverviewPoint[] }) {
  const text = useText()
  const [state, setState] = useState<PointState | undefined>()
  const [typed, setTyped] = useState('')
  const wanted = useDeferredValue(typed)
  const shown = useMemo(
    () => points.filter(point => (state === undefined || point.state === state) && matches(point, wanted)),
    [points, state, wanted],
  )
  const clear = () => {
    setState(undefined)
    setTyped('')
  }
  return (
    <div className="overview">
      <div className="overview-filters">
        <StateFilter points={points} state={state} onChoose={setState} />
        <label className="search-field overview-search">
          <span className="visually-hidden">{text.overview.filter}</span>
          <Icon name="search" size={18} />
          <input
            className="input"
            type="search"
            placeholder={text.overview.filter}
            value={typed}
            onChange={event => setTyped(event.target.value)}
          />
        </label>
      </div>
      <div className="overview-table panel">
        {shown.length === 0 ? (
          <Empty title={text.overview.none} hint={text.overview.noneHint}>
            <button type="button" className="button" onClick={clear}>
              {text.overview.clear}
            </button>
          </Empty>
        ) : (
          <PointTable points={shown} />
        )}
      </div>
      <div className="overview-map panel">
        <Suspense fallback={<Loading lines={6} />}>
          <PointMap points={shown} />
        </Suspense>
      </div>
    </div>
  )
}

function StateFilter({
  points,
  state,
  onChoose,
}: {
  points: readonly OverviewPoint[]
  state: PointState | undefined
  onChoose: (state: PointState | undefined) => void
}) {
  const text = useText()
  const counts = Map.groupBy(points, point => point.state)
  return (
    <div className="state-filter">
      <button type="button" aria-pressed={state === undefined} onClick={() => onChoose(undefined)}>
        <strong>{points.length}</strong>
        <span>{text.overview.all}</span>
      </button>
      {BY_URGENCY.map(one => (
        <button
          key={one}
          type="button"
          aria-pressed={state === one}
          onClick={() => onChoose(state === one ? undefined : one)}
          title={text.stateHint[one]}
          className={(counts.get(one)?.length ?? 0) === 0 ? 'is-zero' : ''}
        >
          <strong>{counts.get(one)?.length ?? 0}</strong>
          <span>
            <StateSign state={one} size={11} />
            {text.state[one]}
          </span>
        </button>
      ))}
    </div>
  )
}

function matches({ name, key, works }: OverviewPoint, wanted: string): boolean {
  const words = plain(wanted).split(/\s+/).filter(Boolean)
  if (words.length === 0) return true
  const text = plain([name, key, ...works.map(({ workCode }) => workCode)].join(' '))
  return words.every(word => text.includes(word))
}
