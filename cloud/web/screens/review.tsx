// What is not declared until a person decides: chosen one by one or all at once, tried first, then confirmed.

import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { meQuery, slotsQuery } from '../api/queries.ts'
import type { Slot } from '../api/types.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import '../styles/dga.css'
import { Choice } from '../ui/choice.tsx'
import { Empty, Shown } from '../ui/shown.tsx'
import { useTitle } from '../ui/title.ts'
import { DecisionBar } from './decision-bar.tsx'
import { SlotDetail } from './slot-detail.tsx'

const STATES = { doubtful: 'review', absent: 'no_data', rejected: 'rejected' } as const

type Which = keyof typeof STATES

/** What is not declared until a person decides. */
export function ReviewScreen() {
  const text = useText()
  useTitle(text.review.title)
  const [which, setWhich] = useState<Which>('doubtful')
  const [chosen, setChosen] = useState<ReadonlySet<number>>(new Set())
  const { data: me } = useQuery(meQuery)
  const mayDecide =
    me?.grants.some(({ role }) => role !== 'client_reader' && role !== 'regulator_reader') === true
  const query = useInfiniteQuery(slotsQuery({ state: STATES[which] }))
  return (
    <>
      <div className="page-head">
        <h1>{text.review.title}</h1>
        <span className="faint">{mayDecide ? text.review.lead : text.review.readOnly}</span>
        <span className="push">
          <Choice
            label={text.review.which}
            value={which}
            options={(Object.keys(STATES) as Which[]).map(value => ({ value, label: text.review[value] }))}
            onChoose={value => {
              setWhich(value)
              setChosen(new Set())
            }}
          />
        </span>
      </div>
      <div className="panel">
        <Shown query={query} lines={6}>
          {({ pages }) => {
            const slots = pages.flatMap(({ items }) => items)
            return slots.length === 0 ? (
              <Empty title={text.review.none} hint={text.review.noneHint} />
            ) : (
              <ReviewTable slots={slots} chosen={chosen} onChoose={mayDecide ? setChosen : undefined} />
            )
          }}
        </Shown>
        {query.hasNextPage && (
          <p className="more">
            <button
              type="button"
              className="button"
              disabled={query.isFetchingNextPage}
              onClick={() => query.fetchNextPage()}
            >
              {text.overview.more}
            </button>
          </p>
        )}
      </div>
      {chosen.size > 0 && <DecisionBar chosen={chosen} onDecided={() => setChosen(new Set())} />}
    </>
  )
}

function ReviewTable({
  slots,
  chosen,
  onChoose,
}: {
  slots: readonly Slot[]
  chosen: ReadonlySet<number>
  onChoose: ((chosen: ReadonlySet<number>) => void) | undefined
}) {
  const text = useText()
  const [open, setOpen] = useState<Slot | undefined>()
  const isAll = slots.every(({ id }) => chosen.has(id))
  return (
    <div className="table-frame">
      <table className="table slot-table review-table">
        <thead>
          <tr>
            {onChoose !== undefined && (
              <th>
                <input
                  type="checkbox"
                  aria-label={text.review.selectAll}
                  checked={isAll}
                  onChange={() => onChoose(isAll ? new Set() : new Set(slots.map(({ id }) => id)))}
                />
              </th>
            )}
            <th>{text.review.point}</th>
            <th>{text.review.why}</th>
            <th className="right">{text.dga.flow}</th>
            <th className="right">{text.dga.total}</th>
            <th className="right">{text.dga.level}</th>
          </tr>
        </thead>
        <tbody>
          {slots.map(slot => (
            <Row
              key={slot.id}
              slot={slot}
              isChosen={chosen.has(slot.id)}
              onOpen={() => setOpen(slot)}
              onChoose={onChooseOf(slot.id)}
            />
          ))}
        </tbody>
      </table>
      {open !== undefined && <SlotDetail slot={open} onClose={() => setOpen(undefined)} />}
    </div>
  )
  function onChooseOf(id: number) {
    if (onChoose === undefined) return undefined
    return () => {
      const next = new Set(chosen)
      if (!next.delete(id)) next.add(id)
      onChoose(next)
    }
  }
}

function Row({
  slot,
  isChosen,
  onOpen,
  onChoose,
}: {
  slot: Slot
  isChosen: boolean
  onOpen: () => void
  onChoose: (() => void) | undefined
}) {
  const text = useText()
  const format = useFormat()
  const { point, workCode, measuredAt, findings, reason, lastOutcome } = slot
  const when = format.instant(Date.parse(measuredAt))
  const doubts = findings.filter(({ severity }) => severity === 'block' || severity === 'review')
  const said =
    doubts.length > 0 ? doubts.map(({ message }) => message) : [reason ?? lastOutcome?.message ?? '–']
  const declared = [
    [text.dga.flow, slot.flow],
    [text.dga.total, slot.total],
    [text.dga.level, slot.level],
  ] as const
  return (
    <tr>
      {onChoose !== undefined && (
        <td className="cell-check">
          <input
            type="checkbox"
            checked={isChosen}
            onChange={onChoose}
            aria-label={text.review.select(`${point} ${when}`)}
          />
        </td>
      )}
      <td className="cell-measured">
        <Link to="/points/$point/dga" params={{ point }} className="main-link">
          {point.split('.').at(-1)}
        </Link>
        <button
          type="button"
          className="row-button cell-work"
          aria-label={text.slot.open(`${when} · ${workCode}`)}
          onClick={onOpen}
        >
          {when} · {workCode}
        </button>
      </td>
      <td className="cell-why">
        {said.map(one => (
          <p key={one}>{one}</p>
        ))}
      </td>
      {declared.map(([name, value]) => (
        <td key={name} className="right cell-declared" data-label={name}>
          {value === null ? (
            <span className="faint">–</span>
          ) : (
            <span className="numeric">
              {value.declared}
              <span className="unit">{value.unit}</span>
            </span>
          )}
        </td>
      ))}
    </tr>
  )
}
