// How the values of a point are made: its rules, computing again, what happened to its meter, and who changed any of it.

import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useState } from 'react'
import { processingChangesQuery, rulesQuery } from '../api/processing.ts'
import type { ProcessingChange, ProcessingRule } from '../api/types.ts'
import { now } from '../clock.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { useMay } from '../may.ts'
import '../styles/processing.css'
import { FieldDiff } from '../ui/diff.tsx'
import { Icon } from '../ui/icons.tsx'
import { Age } from '../ui/now.tsx'
import { More } from '../ui/pager.tsx'
import { Panel } from '../ui/panel.tsx'
import { Empty, Shown } from '../ui/shown.tsx'
import { CounterPanel, MeterPanel } from './processing-meter.tsx'
import { RecomputePanel } from './processing-recompute.tsx'
import { AddRule } from './processing-rule.tsx'
import { useParamText } from './rule-text.ts'

const route = getRouteApi('/shell/points/$point')

/** How the values of a point are made. */
export function PointProcessing() {
  const { point } = route.useParams()
  return (
    <div className="stack">
      <RulesPanel point={point} />
      <RecomputePanel point={point} />
      <MeterPanel point={point} />
      <CounterPanel point={point} />
      <ChangesPanel point={point} />
    </div>
  )
}

function RulesPanel({ point }: { point: string }) {
  const text = useText()
  const mayOperate = useMay('operate')
  const [isAdding, setAdding] = useState(false)
  const query = useQuery(rulesQuery(point))
  return (
    <Panel
      title={text.processing.rules}
      hint={text.processing.rulesHint}
      actions={
        mayOperate && (
          <button type="button" className="button button-small" onClick={() => setAdding(true)}>
            <Icon name="plus" size={16} />
            {text.processing.add}
          </button>
        )
      }
    >
      <Shown query={query} lines={4}>
        {({ rules }) => {
          const current = rules.filter(({ to }) => to === null || Date.parse(to) > now())
          const past = rules.filter(one => !current.includes(one))
          return rules.length === 0 ? (
            <Empty title={text.processing.noRules} hint={text.processing.noRulesHint} />
          ) : (
            <>
              <RuleList rules={current} />
              {past.length > 0 && (
                <details className="rules-past">
                  <summary>{text.processing.past(past.length)}</summary>
                  <RuleList rules={past} />
                </details>
              )}
            </>
          )
        }}
      </Shown>
      {isAdding && <AddRule point={point} onClose={() => setAdding(false)} />}
    </Panel>
  )
}

function RuleList({ rules }: { rules: readonly ProcessingRule[] }) {
  return (
    <ul className="rules">
      {rules.map(rule => (
        <OneRule key={rule.id} rule={rule} />
      ))}
    </ul>
  )
}

function OneRule({ rule: { rule, variable, params, from, to, by } }: { rule: ProcessingRule }) {
  const text = useText()
  const format = useFormat()
  const paramText = useParamText()
  const instant = (at: string) => format.instant(Date.parse(at))
  return (
    <li>
      <div className="rule-head">
        <strong>{text.processing.names[rule]}</strong>
        {variable !== null && <span>{text.variable[variable]}</span>}
        <span className="faint push">
          {to === null
            ? text.processing.validFrom(instant(from))
            : text.processing.validTo(instant(from), instant(to))}{' '}
          · {by}
        </span>
      </div>
      <dl className="rule-params">
        {paramText(params, variable ?? undefined).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="numeric">{value}</dd>
          </div>
        ))}
      </dl>
    </li>
  )
}

function ChangesPanel({ point }: { point: string }) {
  const text = useText()
  const query = useInfiniteQuery(processingChangesQuery(point))
  return (
    <Panel title={text.processing.changes}>
      <Shown query={query} lines={3}>
        {({ pages }) => {
          const items = pages.flatMap(page => page.items)
          return items.length === 0 ? (
            <Empty title={text.processing.noChanges} />
          ) : (
            <ul className="rules">
              {items.map(change => (
                <Change key={change.id} change={change} />
              ))}
            </ul>
          )
        }}
      </Shown>
      <More query={query} />
    </Panel>
  )
}

function Change({ change: { at, by, rule, variable, from, before, after } }: { change: ProcessingChange }) {
  const text = useText()
  const format = useFormat()
  return (
    <li>
      <div className="rule-head">
        <strong>{rule === null ? text.processing.meterEvent : text.processing.names[rule]}</strong>
        {variable !== null && <span>{text.variable[variable]}</span>}
        <span className="faint">{text.processing.validFrom(format.instant(Date.parse(from)))}</span>
        <span className="faint push">
          {by} · <Age at={at} />
        </span>
      </div>
      <FieldDiff
        before={before ?? undefined}
        after={after ?? undefined}
        nameOf={path => text.processing.params[path] ?? path}
      />
    </li>
  )
}
