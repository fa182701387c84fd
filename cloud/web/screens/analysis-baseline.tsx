// What a point usually takes in each hour of the week, darker where it is more.

import { useQuery } from '@tanstack/react-query'
import { baselineQuery } from '../api/analysis.ts'
import type { Baseline } from '../api/types.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { Panel } from '../ui/panel.tsx'
import { Empty, Shown } from '../ui/shown.tsx'

const HOURS = Array.from({ length: 24 }, (_, hour) => hour)

/** The usual week. */
export function BaselinePanel({ point }: { point: string }) {
  const text = useText()
  const query = useQuery(baselineQuery(point))
  return (
    <Panel className="is-wide" title={text.analysis.baseline} hint={text.analysis.baselineHint}>
      <div className="panel-body">
        <Shown query={query} lines={7}>
          {({ hours }) =>
            hours.every(({ usualM3 }) => usualM3 === null) ? (
              <Empty title={text.analysis.noBaseline} hint={text.analysis.noBaselineHint} />
            ) : (
              <Week hours={hours} />
            )
          }
        </Shown>
      </div>
    </Panel>
  )
}

function Week({ hours }: Pick<Baseline, 'hours'>) {
  const text = useText()
  const format = useFormat()
  const most = Math.max(...hours.map(({ usualM3 }) => usualM3 ?? 0))
  const byPlace = new Map(hours.map(one => [`${one.weekday} ${one.hour}`, one]))
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard
    <section className="week-frame" aria-label={text.analysis.baseline} tabIndex={0}>
      <table className="week">
        <thead>
          <tr>
            <td />
            {HOURS.map(hour => (
              <th key={hour} scope="col">
                {hour % 3 === 0 ? hour : <span className="visually-hidden">{hour}</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {text.analysis.weekdaysShort.map((short, index) => (
            <tr key={short}>
              <th scope="row" title={text.analysis.weekdays[index]}>
                {short}
              </th>
              {HOURS.map(hour => {
                const usual = byPlace.get(`${index + 1} ${hour}`)?.usualM3 ?? null
                const said = usual === null ? text.analysis.unknown : `${format.number(usual, 1)} m³`
                return (
                  <td
                    key={hour}
                    title={text.analysis.cell(text.analysis.weekdays[index] ?? short, hour, said)}
                    className={usual === null ? 'week-none' : undefined}
                    style={
                      { '--share': most === 0 || usual === null ? 0 : usual / most } as React.CSSProperties
                    }
                  >
                    <span className="visually-hidden">{said}</span>
                  </td>
                )
              })}
            </tr>
          ))}
        </tbody>
      </table>
      <p className="week-scale faint" aria-hidden="true">
        0 <i /> {format.number(most, 1)} m³
      </p>
    </section>
  )
}
