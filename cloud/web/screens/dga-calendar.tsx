// A calendar of hours: each cell is what became of what was due in it, the worst first.

import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { slotHoursQuery } from '../api/queries.ts'
import type { SlotHours } from '../api/types.ts'
import { now } from '../clock.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { useNow } from '../ui/now.tsx'
import { Shown } from '../ui/shown.tsx'

/** An hour. */
export const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** DGA counts hours as UTC-4, all year. */
const DGA_OFFSET_MS = -4 * HOUR_MS
const DAYS_SHOWN = 14

type SlotHour = SlotHours['items'][number]

/** In the order in which they want attention. */
const KINDS = ['review', 'noData', 'waiting', 'shadow', 'closed', 'sent'] as const

/** `24-11 14:00` in DGA's time. */
export function hourName(at: number): string {
  const [day, time] = [dateName(at), new Date(at + DGA_OFFSET_MS).toISOString().slice(11, 16)]
  return `${day} ${time}`
}

/** `24-11` in DGA's time. */
function dateName(at: number): string {
  const iso = new Date(at + DGA_OFFSET_MS).toISOString()
  return `${iso.slice(8, 10)}-${iso.slice(5, 7)}`
}

const dayOf = (at: number): number => Math.floor((at + DGA_OFFSET_MS) / DAY_MS) * DAY_MS - DGA_OFFSET_MS

/** The last days, hour by hour. */
export function Calendar({
  point,
  chosen,
  onChoose,
}: {
  point: string
  chosen: number | undefined
  onChoose: (hour: number | undefined) => void
}) {
  const text = useText()
  const today = dayOf(useNow())
  const from = today - (DAYS_SHOWN - 1) * DAY_MS
  const query = useQuery(slotHoursQuery(point, { from, to: today + DAY_MS }))
  return (
    <div className="panel-body">
      <Shown query={query} lines={6}>
        {({ items }) => (
          <>
            <Grid items={items} today={today} chosen={chosen} onChoose={onChoose} />
            <ul className="legend">
              {(['sent', 'waiting', 'noData', 'review', 'shadow', 'closed'] as const).map(kind => (
                <li key={kind}>
                  <i className={`slot-sign slot-${kind}`} />
                  {text.dga.legend[kind]}
                </li>
              ))}
            </ul>
          </>
        )}
      </Shown>
    </div>
  )
}

function Grid({
  items,
  today,
  chosen,
  onChoose,
}: {
  items: readonly SlotHour[]
  today: number
  chosen: number | undefined
  onChoose: (hour: number | undefined) => void
}) {
  const text = useText()
  const format = useFormat()
  const frame = useRef<HTMLElement>(null)
  // Where the calendar is wider than the screen, the present hour is what one wants to see.
  useEffect(() => {
    const element = frame.current
    if (element === null) return
    const part = ((now() + DGA_OFFSET_MS) % DAY_MS) / DAY_MS
    element.scrollLeft = part * element.scrollWidth - element.clientWidth / 2
  }, [])
  const byHour = new Map(items.map(item => [Date.parse(item.at), item]))
  const days = Array.from({ length: DAYS_SHOWN }, (_, back) => today - back * DAY_MS)
  const hours = Array.from({ length: 24 }, (_, hour) => hour)
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard
    <section className="calendar-frame" ref={frame} aria-label={text.dga.calendar} tabIndex={0}>
      <table className="calendar">
        <thead>
          <tr>
            <td />
            {hours.map(hour => (
              <th key={hour} scope="col">
                <span className={hour % 3 === 0 ? '' : 'visually-hidden'}>{hour}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {days.map(day => (
            <tr key={day}>
              <th scope="row">{format.shortDay(day + DAY_MS / 2)}</th>
              {hours.map(hour => {
                const at = day + hour * HOUR_MS
                const item = byHour.get(at)
                if (item === undefined) return <td key={hour} className="hour hour-none" />
                const label = text.dga.hourCell(hourName(at), describe(item, text.dga.legend))
                return (
                  <td key={hour} className="hour">
                    <button
                      type="button"
                      className={`slot-${kindOf(item)}`}
                      aria-pressed={chosen === at}
                      aria-label={label}
                      title={label}
                      onClick={() => onChoose(chosen === at ? undefined : at)}
                    />
                  </td>
                )
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

const kindOf = (item: SlotHour): (typeof KINDS)[number] => KINDS.find(kind => item[kind] > 0) ?? 'sent'

function describe(item: SlotHour, names: Record<(typeof KINDS)[number], string>): string {
  return KINDS.filter(kind => item[kind] > 0)
    .map(kind => `${names[kind]} ${item[kind]}`)
    .join(', ')
}
