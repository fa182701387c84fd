// What was out of the pattern of a point, and why.

import { useInfiniteQuery } from '@tanstack/react-query'
import { anomaliesQuery } from '../api/analysis.ts'
import type { Anomaly } from '../api/types.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { More } from '../ui/pager.tsx'
import { Panel } from '../ui/panel.tsx'
import { Empty, Shown } from '../ui/shown.tsx'

const SIGNS = { open: 'silent', closed: 'never', withdrawn: 'never' } as const

/** What was out of the pattern of a point. */
export function AnomaliesPanel({ point }: { point: string }) {
  const text = useText()
  const query = useInfiniteQuery(anomaliesQuery(point))
  return (
    <Panel title={text.analysis.anomalies} className="is-wide">
      <Shown query={query} lines={3}>
        {({ pages }) => {
          const items = pages.flatMap(page => page.items)
          return items.length === 0 ? (
            <Empty title={text.analysis.noAnomalies} hint={text.analysis.noAnomaliesHint} />
          ) : (
            <ul className="anomalies">
              {items.map(anomaly => (
                <OneAnomaly key={anomaly.id} anomaly={anomaly} />
              ))}
            </ul>
          )
        }}
      </Shown>
      <More query={query} />
    </Panel>
  )
}

function OneAnomaly({ anomaly }: { anomaly: Anomaly }) {
  const text = useText()
  const format = useFormat()
  const { kind, state, firstDay, lastDay, days, worstDay, evidence } = anomaly
  const say = (name: string, decimals = 2) => {
    const value = evidence[name]
    return value === undefined ? '–' : format.number(value, decimals)
  }
  return (
    <li>
      <div className="anomaly-head">
        <strong>{text.analysis.kinds[kind]}</strong>
        <span className={`badge badge-${SIGNS[state]} badge-bare`}>{text.analysis.states[state]}</span>
        <span className="faint">
          {format.date(firstDay)}
          {lastDay !== firstDay && ` – ${format.date(lastDay)}`} · {text.analysis.days(days)}
          {days > 1 && `, ${text.analysis.worst(format.date(worstDay))}`}
        </span>
      </div>
      <p>{text.analysis.reasons[kind](say, name => evidence[name] !== undefined)}</p>
    </li>
  )
}
