// What a point took by day or by month, with how much of it is known.

import { useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { type BalanceBy, balancesQuery } from '../api/analysis.ts'
import type { Balances } from '../api/types.ts'
import { Bars, middleOf } from '../chart/bars.tsx'
import { useFormat, useText } from '../i18n/language.tsx'
import { Choice } from '../ui/choice.tsx'
import { DataTable } from '../ui/data-table.tsx'
import { Icon } from '../ui/icons.tsx'
import { Panel } from '../ui/panel.tsx'
import { Empty, Shown } from '../ui/shown.tsx'

/** What a point took by day or by month. */
export function BalancePanel({ point }: { point: string }) {
  const text = useText()
  const [by, setBy] = useState<BalanceBy>('day')
  const [isTable, setTable] = useState(false)
  const query = useQuery(balancesQuery(point, by))
  return (
    <Panel
      className="is-wide"
      title={text.analysis.balances}
      actions={
        <>
          <ByChoice by={by} onChoose={setBy} />
          <button type="button" className="icon-button" onClick={() => setTable(!isTable)}>
            <Icon name={isTable ? 'chart' : 'table'} />
            <span className="visually-hidden">
              {isTable ? text.analysis.hideTable : text.analysis.showTable}
            </span>
          </button>
        </>
      }
    >
      <div className={isTable ? '' : 'panel-body'}>
        <Shown query={query} lines={6}>
          {balances =>
            balances.daysKnown === 0 ? (
              <Empty title={text.analysis.noBalances} />
            ) : isTable ? (
              <BalanceTable balances={balances} />
            ) : (
              <BalanceChart balances={balances} />
            )
          }
        </Shown>
      </div>
    </Panel>
  )
}

/** By day or by month. */
export function ByChoice({ by, onChoose }: { by: BalanceBy; onChoose: (by: BalanceBy) => void }) {
  const text = useText()
  return (
    <Choice
      label={text.analysis.by}
      value={by}
      options={(['day', 'month'] as const).map(value => ({ value, label: text.analysis.bys[value] }))}
      onChoose={onChoose}
    />
  )
}

function BalanceChart({
  balances: { by, days, months, from, to, consumptionM3, daysKnown },
}: {
  balances: Balances
}) {
  const text = useText()
  const format = useFormat()
  const buckets = useMemo(
    () =>
      by === 'day'
        ? days.map(({ day, consumptionM3: value }) => ({ middle: middleOf(day), value }))
        : months.map(({ month, consumptionM3: value }) => ({ middle: middleOf(month), value })),
    [by, days, months],
  )
  const all = by === 'day' ? days.length : months.reduce((total, { days: count }) => total + count, 0)
  return (
    <>
      <p className="consumption-total">
        <span className="faint">{text.point.total}</span>
        <strong className="numeric">
          {consumptionM3 === null ? '–' : format.number(consumptionM3, 1)}
          <span className="unit">m³</span>
        </strong>
        <span className="faint">{text.analysis.daysKnown(daysKnown, all)}</span>
      </p>
      <Bars
        label={`${text.analysis.balances}: ${text.analysis.bys[by]}`}
        by={by}
        buckets={buckets}
        from={middleOf(from) - 86_400_000}
        to={middleOf(to) + 86_400_000}
      />
    </>
  )
}

function BalanceTable({ balances: { by, days, months } }: { balances: Balances }) {
  const text = useText()
  const format = useFormat()
  const m3 = (value: number | null) => (value === null ? '–' : format.number(value, 1))
  const rows =
    by === 'day'
      ? days.map(one => ({
          ...{
            period: one.day,
            name: format.date(one.day),
            consumed: one.consumptionM3,
            gap: one.gapConsumptionM3,
          },
          coverage: one.coveragePercent === null ? '–' : format.percent(one.coveragePercent / 100),
        }))
      : months.map(one => ({
          ...{ period: one.month, name: format.month(middleOf(one.month)), consumed: one.consumptionM3 },
          ...{ gap: one.gapConsumptionM3, coverage: text.analysis.daysKnown(one.daysKnown, one.days) },
        }))
  return (
    <DataTable
      label={text.analysis.balances}
      rows={rows.toReversed()}
      keyOf={({ period }) => period}
      maxHeight
      columns={[
        { key: 'name', head: text.analysis.bys[by], isMain: true, cell: ({ name }) => name },
        {
          ...{ key: 'consumed', head: `${text.analysis.consumed} (m³)`, align: 'right' },
          cell: ({ consumed }) => <span className="numeric">{m3(consumed)}</span>,
        },
        {
          ...{ key: 'gap', head: `${text.analysis.uncertain} (m³)`, align: 'right' },
          cell: ({ gap }) => <span className="numeric">{gap === 0 ? '–' : m3(gap)}</span>,
        },
        {
          ...{ key: 'coverage', head: text.analysis.coverage, align: 'right' },
          cell: ({ coverage }) => coverage,
        },
      ]}
    />
  )
}
