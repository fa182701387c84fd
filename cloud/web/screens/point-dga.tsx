// What a point owes to DGA and what became of it: a calendar of hours, and each declaration with its receipt.

import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useState } from 'react'
import { overviewQuery, slotsQuery } from '../api/queries.ts'
import type { OverviewPoint, SlotState } from '../api/types.ts'
import { useText } from '../i18n/language.tsx'
import '../styles/dga.css'
import { Age } from '../ui/now.tsx'
import { Panel } from '../ui/panel.tsx'
import { Empty, Shown } from '../ui/shown.tsx'
import { Calendar, HOUR_MS, hourName } from './dga-calendar.tsx'
import { SlotTable } from './slot-table.tsx'

const route = getRouteApi('/shell/points/$point')

const STATES: readonly SlotState[] = [
  ...(['sent', 'review', 'no_data', 'not_measured', 'pending', 'ready', 'sending'] as const),
  ...(['shadow', 'rejected', 'withdrawn'] as const),
]

/** What a point owes to DGA. */
export function PointDga() {
  const text = useText()
  const { point: key } = route.useParams()
  const overview = useQuery(overviewQuery)
  return (
    <Shown query={overview} lines={8}>
      {({ items }) => {
        const point = items.find(one => one.key === key)
        return point === undefined || point.works.length === 0 ? (
          <div className="panel">
            <Empty title={text.dga.none} hint={text.dga.noneHint} />
          </div>
        ) : (
          <Declarations point={point} />
        )
      }}
    </Shown>
  )
}

function Declarations({ point }: { point: OverviewPoint }) {
  const text = useText()
  const [hour, setHour] = useState<number | undefined>()
  const [state, setState] = useState<SlotState | undefined>()
  const span = hour === undefined ? {} : { from: hour, to: hour + HOUR_MS }
  const slots = useInfiniteQuery(
    slotsQuery({ point: point.key, ...span, ...(state === undefined ? {} : { state }) }),
  )
  return (
    <div className="stack">
      <Counts works={point.works} />
      <Panel title={text.dga.calendar} hint={text.dga.calendarHint}>
        <Calendar point={point.key} chosen={hour} onChoose={setHour} />
      </Panel>
      <Panel
        title={hour === undefined ? text.dga.slots : `${text.dga.slots}: ${hourName(hour)}`}
        actions={
          <>
            {hour !== undefined && (
              <button type="button" className="button button-small" onClick={() => setHour(undefined)}>
                {text.dga.clear}
              </button>
            )}
            <select
              className="input"
              aria-label={text.dga.state}
              value={state ?? ''}
              onChange={({ target }) => setState(STATES.find(one => one === target.value))}
            >
              <option value="">{text.dga.any}</option>
              {STATES.map(one => (
                <option key={one} value={one}>
                  {text.dga.states[one]}
                </option>
              ))}
            </select>
          </>
        }
      >
        <Shown query={slots} lines={8}>
          {({ pages }) => {
            const shown = pages.flatMap(({ items }) => items)
            return shown.length === 0 ? <Empty title={text.dga.noSlots} /> : <SlotTable slots={shown} />
          }}
        </Shown>
        {slots.hasNextPage && (
          <p className="more">
            <button
              type="button"
              className="button"
              disabled={slots.isFetchingNextPage}
              onClick={() => slots.fetchNextPage()}
            >
              {slots.isFetchingNextPage ? text.loading : text.dga.more}
            </button>
          </p>
        )}
      </Panel>
    </div>
  )
}

const COUNTED = ['sent', 'waiting', 'noData', 'review', 'shadow', 'closed'] as const
/** Shown only where there are any. */
const RARE: readonly (typeof COUNTED)[number][] = ['shadow', 'closed']

function Counts({ works }: Pick<OverviewPoint, 'works'>) {
  const text = useText()
  return works.map(work => (
    <section
      key={work.workCode}
      className="values dga-counts"
      aria-label={`${text.point.work} ${work.workCode}`}
    >
      <div className="value">
        <h2>{text.point.work}</h2>
        <p className="value-number work-code">{work.workCode}</p>
        <p className="faint">
          {text.dga.lastReceipt}: <Age at={work.lastAcceptedAt} />
        </p>
      </div>
      {COUNTED.filter(one => !RARE.includes(one) || work[one] > 0).map(one => (
        <div key={one} className="value">
          <h2>
            <i className={`slot-sign slot-${one}`} />
            {text.dga.legend[one]}
          </h2>
          <p className="value-number numeric">{work[one]}</p>
          <p className="faint">{text.dga.last24}</p>
        </div>
      ))}
    </section>
  ))
}
