// Every point, to be looked after.

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { pointListQuery, type Which } from '../../api/entities.ts'
import type { Point } from '../../api/types.ts'
import { useFormat, useText } from '../../i18n/language.tsx'
import { useMay } from '../../may.ts'
import { plain } from '../../plain.ts'
import { DataTable } from '../../ui/data-table.tsx'
import { Icon } from '../../ui/icons.tsx'
import { Empty, Shown } from '../../ui/shown.tsx'
import { useTitle } from '../../ui/title.ts'
import '../../styles/entities.css'
import { WhichChoice } from './clients.tsx'

/** Every point. */
export function PlacesScreen() {
  const text = useText()
  useTitle(text.places.title)
  const [which, setWhich] = useState<Which>('false')
  const [typed, setTyped] = useState('')
  const mayOperate = useMay('operate')
  const query = useQuery(pointListQuery(which))
  const found = useMemo(() => {
    const words = plain(typed).split(/\s+/).filter(Boolean)
    return query.data?.filter(({ key, name }) => words.every(word => plain(`${key} ${name}`).includes(word)))
  }, [query.data, typed])
  return (
    <>
      <div className="page-head">
        <h1>{text.places.title}</h1>
        {query.data !== undefined && <span className="faint">{text.places.count(query.data.length)}</span>}
        <span className="push head-tools">
          <WhichChoice which={which} onChoose={setWhich} />
          {mayOperate && (
            <Link to="/admin/new-point" className="button button-main">
              <Icon name="plus" size={18} />
              {text.places.add}
            </Link>
          )}
        </span>
      </div>
      <div className="panel">
        <div className="panel-body">
          <input
            type="search"
            className="input"
            aria-label={text.places.search}
            placeholder={text.places.search}
            value={typed}
            onChange={({ target }) => setTyped(target.value)}
          />
        </div>
        <Shown query={query} lines={6}>
          {() =>
            found === undefined || found.length === 0 ? (
              <Empty title={text.places.empty} hint={text.places.emptyHint} />
            ) : (
              <PlaceTable points={found} />
            )
          }
        </Shown>
      </div>
    </>
  )
}

function PlaceTable({ points }: { points: readonly Point[] }) {
  const text = useText()
  const format = useFormat()
  const metres = (depth: number | null) => (depth === null ? '–' : `${format.number(depth, 1)} m`)
  return (
    <DataTable
      label={text.entities.list(text.places.title)}
      rows={points}
      keyOf={({ key }) => key}
      columns={[
        {
          ...{ key: 'name', head: text.places.title, isMain: true },
          cell: ({ key, name, origin }) => (
            <>
              <Link to="/admin/points/$point" params={{ point: key }} className="main-link">
                {name}
              </Link>
              <div className="faint">{key}</div>
              {origin === 'discovered' && <span className="badge badge-late">{text.places.discovered}</span>}
            </>
          ),
        },
        { key: 'kind', head: text.places.kind, cell: ({ kind }) => text.places.kinds[kind] },
        {
          ...{ key: 'well', head: 'd1', align: 'right' },
          cell: ({ wellDepthM }) => <span className="numeric">{metres(wellDepthM)}</span>,
        },
        {
          ...{ key: 'pump', head: 'd2', align: 'right' },
          cell: ({ pumpDepthM }) => <span className="numeric">{metres(pumpDepthM)}</span>,
        },
        {
          ...{ key: 'sensor', head: 'd3', align: 'right' },
          cell: ({ sensorDepthM }) => <span className="numeric">{metres(sensorDepthM)}</span>,
        },
      ]}
    />
  )
}
