// What a point has taken by hour, day or month: as bars, or as the same in a table.

import { useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { type ConsumptionBy, consumptionQuery } from '../api/queries.ts'
import type { Consumption } from '../api/types.ts'
import { Bars } from '../chart/bars.tsx'
import type { Format } from '../i18n/format.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { Choice } from '../ui/choice.tsx'
import { Icon } from '../ui/icons.tsx'
import { Panel } from '../ui/panel.tsx'
import { Empty, Shown } from '../ui/shown.tsx'

/** What a point has taken. */
export function ConsumptionPanel({ point }: { point: string }) {
  const text = useText()
  const [by, setBy] = useState<ConsumptionBy>('hour')
  const [isTable, setTable] = useState(false)
  const query = useQuery(consumptionQuery(point, by))
  return (
    <Panel
      title={text.point.consumption}
      actions={
        <>
          <Choice
            label={text.point.by}
            value={by}
            options={(['hour', 'day', 'month'] as const).map(value => ({
              value,
              label: text.point.bys[value],
            }))}
            onChoose={setBy}
          />
          <button type="button" className="icon-button" onClick={() => setTable(!isTable)}>
            <Icon name={isTable ? 'chart' : 'table'} />
            <span className="visually-hidden">{isTable ? text.point.hideTable : text.point.showTable}</span>
          </button>
        </>
      }
    >
      <div className="panel-body">
        <Shown query={query} lines={5}>
          {consumption =>
            consumption.items.length === 0 ? (
              <Empty title={text.point.noConsumption} hint={text.point.noConsumptionHint} />
            ) : (
              <>
                <Total consumption={consumption} />
                {isTable ? <BucketTable {...consumption} /> : <Buckets {...consumption} />}
              </>
            )
          }
        </Shown>
      </div>
    </Panel>
  )
}

function Total({ consumption }: { consumption: Consumption }) {
  const text = useText()
  const format = useFormat()
  const sum = consumption.items.reduce((total, { consumptionM3 }) => total + (consumptionM3 ?? 0), 0)
  return (
    <p className="consumption-total">
      <span className="faint">{text.point.total}</span>
      <strong className="numeric">
        {format.number(sum, 1)}
        <span className="unit">m³</span>
      </strong>
      <span className="faint">
        {format.instant(Date.parse(consumption.from))} – {format.instant(Date.parse(consumption.to))}
      </span>
    </p>
  )
}

function Buckets({ by, items, from, to }: Consumption) {
  const text = useText()
  const buckets = useMemo(
    () =>
      items.map(({ at, consumptionM3 }) => ({ middle: Date.parse(at) + HALF_MS[by], value: consumptionM3 })),
    [items, by],
  )
  return (
    <Bars
      label={`${text.point.consumption}: ${text.point.bys[by]}`}
      by={by}
      buckets={buckets}
      from={Date.parse(from)}
      to={Date.parse(to) + HALF_MS[by]}
    />
  )
}

const HALF_MS = { hour: 1_800_000, day: 43_200_000, month: 15 * 86_400_000 }

function BucketTable({ by, items }: Consumption) {
  const text = useText()
  const format = useFormat()
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard
    <section className="table-frame bucket-table" aria-label={text.point.consumption} tabIndex={0}>
      <table className="table">
        <thead>
          <tr>
            <th>{text.point.bys[by]}</th>
            <th className="right">{text.point.consumed} (m³)</th>
            <th className="right">{text.point.uncertainPart} (m³)</th>
          </tr>
        </thead>
        <tbody>
          {items.toReversed().map(({ at, consumptionM3, gapConsumptionM3 }) => (
            <tr key={at}>
              <td className="numeric">{nameOf(format, by, Date.parse(at))}</td>
              <td className="right numeric">
                {consumptionM3 === null ? '–' : format.number(consumptionM3, 2)}
              </td>
              <td className="right numeric">
                {gapConsumptionM3 === null || gapConsumptionM3 === 0
                  ? '–'
                  : format.number(gapConsumptionM3, 2)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

function nameOf(format: Format, by: ConsumptionBy, at: number): string {
  if (by === 'month') return format.month(at)
  return by === 'day' ? format.day(at) : format.instant(at)
}
