// A month of every work, counted: what was owed, what became of it, and what is missing, by reason.

import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { reconciliationQuery } from '../api/compliance.ts'
import type { Reconciliation } from '../api/types.ts'
import { middleOf } from '../chart/bars.tsx'
import { now } from '../clock.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { type Column, DataTable } from '../ui/data-table.tsx'
import { Icon } from '../ui/icons.tsx'
import { More } from '../ui/pager.tsx'
import { Panel } from '../ui/panel.tsx'
import { Empty, Shown } from '../ui/shown.tsx'
import { DgaFrame } from './dga-frame.tsx'
import { monthOf, moveMonth } from './months.ts'
import { packUrl } from './work-packs.tsx'

/** A month of every work, counted. */
export function ReconciliationScreen() {
  const text = useText()
  const format = useFormat()
  const [month, setMonth] = useState(() => monthOf(now()))
  const query = useInfiniteQuery(reconciliationQuery(month))
  const isLast = month >= monthOf(now())
  return (
    <DgaFrame title={text.compliance.reconciliation}>
      <Panel
        title={format.month(middleOf(month))}
        hint={text.compliance.monthOf}
        actions={
          <div className="stepper">
            <button
              type="button"
              className="icon-button"
              onClick={() => setMonth(moveMonth(month, -1))}
              title={text.compliance.earlier}
            >
              <Icon name="previous" />
              <span className="visually-hidden">{text.compliance.earlier}</span>
            </button>
            <button
              type="button"
              className="icon-button"
              disabled={isLast}
              onClick={() => setMonth(moveMonth(month, 1))}
              title={text.compliance.later}
            >
              <Icon name="next" />
              <span className="visually-hidden">{text.compliance.later}</span>
            </button>
          </div>
        }
      >
        <Shown query={query} lines={5}>
          {({ pages }) => {
            const rows = pages.flatMap(page => page.items)
            return rows.length === 0 ? (
              <Empty title={text.compliance.noMonth} />
            ) : (
              <MonthTable rows={rows} month={month} />
            )
          }}
        </Shown>
        <More query={query} />
      </Panel>
    </DgaFrame>
  )
}

const COUNTED = ['owed', 'measured', 'sent', 'accepted', 'verified', 'late', 'failures'] as const

function MonthTable({ rows, month }: { rows: readonly Reconciliation[]; month: string }) {
  const text = useText()
  const format = useFormat()
  const columns: Column<Reconciliation>[] = [
    {
      ...{ key: 'work', head: text.compliance.work, isMain: true },
      cell: ({ workCode, point }) => (
        <>
          <Link to="/dga/works/$work" params={{ work: workCode }} className="main-link">
            {workCode}
          </Link>
          <span className="cell-more">{point}</span>
        </>
      ),
    },
    ...COUNTED.map(
      (name): Column<Reconciliation> => ({
        ...{ key: name, head: text.compliance[name], align: 'right' },
        cell: row => (
          <span className={`numeric ${name === 'failures' && row[name] > 0 ? 'absent' : ''}`}>
            {row[name] === 0 ? '–' : format.number(row[name], 0)}
          </span>
        ),
      }),
    ),
    {
      ...{ key: 'missing', head: text.compliance.missing },
      cell: ({ missing }) => <Missing missing={missing} />,
    },
    {
      ...{ key: 'pack', head: '' },
      cell: ({ workCode }) => (
        <a className="icon-button" href={packUrl(workCode, month)} download title={text.compliance.packs}>
          <Icon name="download" />
          <span className="visually-hidden">
            {text.compliance.packs} {workCode}
          </span>
        </a>
      ),
    },
  ]
  return (
    <DataTable
      label={text.compliance.reconciliation}
      columns={columns}
      rows={rows}
      keyOf={({ workCode, point }) => `${workCode} ${point}`}
    />
  )
}

const SHOWN = 3

function Missing({ missing }: Pick<Reconciliation, 'missing'>) {
  const text = useText()
  const format = useFormat()
  if (missing.length === 0) return <span className="faint">–</span>
  const all = missing.reduce((total, { count }) => total + count, 0)
  return (
    <details className="missing">
      <summary>
        <strong className="numeric">{format.number(all, 0)}</strong>{' '}
        {missing
          .slice(0, SHOWN)
          .map(({ state }) => text.dga.states[state])
          .filter((one, place, list) => list.indexOf(one) === place)
          .join(', ')}
      </summary>
      <ul>
        {missing.map(({ state, reason, count }) => (
          <li key={`${state} ${reason}`}>
            <span className="numeric">{format.number(count, 0)}</span> {text.dga.states[state]}
            {reason !== null && <span className="faint"> {reason}</span>}
          </li>
        ))}
      </ul>
    </details>
  )
}
