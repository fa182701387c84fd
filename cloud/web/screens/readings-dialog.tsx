// The readings behind a chart, one by one, with what is doubtful about each.

import { infiniteQueryOptions, useInfiniteQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { ask } from '../api/client.ts'
import type { Reading, Variable } from '../api/types.ts'
import type { TimeView } from '../chart/view.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { Choice } from '../ui/choice.tsx'
import { type Column, DataTable } from '../ui/data-table.tsx'
import { Modal } from '../ui/dialog.tsx'
import { More } from '../ui/pager.tsx'
import { Empty, Loading, Shown } from '../ui/shown.tsx'

const readingsQuery = (point: string, variable: Variable, { from, to }: TimeView) =>
  infiniteQueryOptions({
    queryKey: ['readings', point, variable, from, to],
    queryFn: ({ pageParam, signal }) =>
      ask('GET /api/v1/points/{point}/readings', {
        path: { point },
        query: {
          ...{ variable, order: 'desc', limit: 1000 },
          ...(pageParam === null
            ? { from: new Date(from).toISOString(), to: new Date(to).toISOString() }
            : { cursor: pageParam }),
        },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: page => page.next,
  })

const FOUND_MIN = 20
const PAGES_MAX = 20

const isDoubtful = ({ value, quality, flags }: Reading): boolean =>
  value === null || quality !== 'good' || flags.length > 0

/** The readings of a variable over a stretch, newest first. */
export default function ReadingsDialog({
  point,
  variable,
  view,
  onClose,
}: {
  point: string
  variable: Variable
  view: TimeView
  onClose: () => void
}) {
  const text = useText()
  const format = useFormat()
  const [only, setOnly] = useState<'all' | 'doubtful'>('all')
  const [asked] = useState(view)
  const query = useInfiniteQuery(readingsQuery(point, variable, asked))
  const pages = query.data?.pages ?? []
  const doubtful = pages.flatMap(page => page.items.filter(isDoubtful))
  const { hasNextPage, isFetching, fetchNextPage } = query
  // What is doubtful is rare: more is fetched until some of it is there.
  const isSearching = only === 'doubtful' && doubtful.length < FOUND_MIN && pages.length < PAGES_MAX
  useEffect(() => {
    if (isSearching && hasNextPage && !isFetching) fetchNextPage()
  }, [isSearching, hasNextPage, isFetching, fetchNextPage])
  return (
    <Modal
      title={text.readings.title(text.variable[variable])}
      lead={`${format.instant(asked.from)} – ${format.instant(asked.to)}`}
      isWide
      onClose={onClose}
    >
      <div className="stack">
        <div>
          <Choice
            label={text.readings.only}
            value={only}
            options={(['all', 'doubtful'] as const).map(value => ({ value, label: text.readings[value] }))}
            onChoose={setOnly}
          />
        </div>
        <Shown query={query} lines={6}>
          {data => {
            const items = data.pages.flatMap(page => page.items)
            const shown = only === 'all' ? items : doubtful
            if (shown.length > 0) return <ReadingTable variable={variable} readings={shown} />
            if (isSearching && hasNextPage) return <Loading lines={4} />
            return <Empty title={items.length === 0 ? text.readings.none : text.readings.noneDoubtful} />
          }}
        </Shown>
        <More query={query} />
      </div>
    </Modal>
  )
}

function ReadingTable({ variable, readings }: { variable: Variable; readings: readonly Reading[] }) {
  const text = useText()
  const format = useFormat()
  const figure = (value: number | null) =>
    value === null ? (
      <span className="absent">{text.point.noValue}</span>
    ) : (
      <span className="numeric">{format.withUnit(variable, value)}</span>
    )
  const columns: Column<Reading>[] = [
    {
      ...{ key: 'at', head: text.readings.at, isMain: true },
      cell: ({ at }) => <span className="numeric">{format.moment(Date.parse(at))}</span>,
    },
    { key: 'value', head: text.readings.value, align: 'right', cell: ({ value }) => figure(value) },
    {
      ...{ key: 'measured', head: text.readings.measured, align: 'right' },
      cell: ({ value, measured }) =>
        value === measured ? <span className="faint">–</span> : figure(measured),
    },
    {
      ...{ key: 'quality', head: text.readings.quality },
      cell: ({ quality, flags }) => {
        const said = [
          ...(quality === 'good' ? [] : [text.quality[quality]]),
          ...flags.map(flag => text.readings.flags[flag] ?? flag),
        ]
        return said.length === 0 ? (
          <span className="faint">{text.quality.good}</span>
        ) : (
          <span className="absent">{said.join('; ')}</span>
        )
      },
    },
  ]
  return (
    <DataTable
      label={text.readings.title(text.variable[variable])}
      columns={columns}
      rows={readings}
      keyOf={({ at }) => at}
      maxHeight
    />
  )
}
