// Who changed what, with what was and what is: as a list, and as a part of the page of what it is about.

import { useInfiniteQuery } from '@tanstack/react-query'
import { type AuditAsked, auditQuery } from '../../api/entities.ts'
import type { AuditEntry } from '../../api/types.ts'
import type { Messages } from '../../i18n/es.ts'
import { useFormat, useText } from '../../i18n/language.tsx'
import { FieldDiff } from '../../ui/diff.tsx'
import { More } from '../../ui/pager.tsx'
import { Panel } from '../../ui/panel.tsx'
import { Empty, Shown } from '../../ui/shown.tsx'
import '../../styles/entities.css'

/** The changes of one thing. */
export function AuditPanel({ asked }: { asked: AuditAsked }) {
  const text = useText()
  return (
    <Panel title={text.entities.history} hint={text.entities.historyHint}>
      <AuditList asked={asked} />
    </Panel>
  )
}

/** Changes, newest first. */
export function AuditList({ asked }: { asked: AuditAsked }) {
  const text = useText()
  const query = useInfiniteQuery(auditQuery(asked))
  return (
    <>
      <Shown query={query} lines={6}>
        {({ pages }) => {
          const entries = pages.flatMap(({ items }) => items)
          return entries.length === 0 ? (
            <Empty title={Object.keys(asked).length === 0 ? text.audit.noneYet : text.audit.none} />
          ) : (
            <ol className="audit">
              {entries.map(entry => (
                <Entry key={entry.id} entry={entry} />
              ))}
            </ol>
          )
        }}
      </Shown>
      <More query={query} />
    </>
  )
}

function Entry({ entry }: { entry: AuditEntry }) {
  const text = useText()
  const format = useFormat()
  const { at, entity, subject, action, before, after, by, route, requestId } = entry
  const count = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})]).size
  const kind = text.audit.kinds[by.kind]
  return (
    <li className="audit-entry">
      <div className="audit-head">
        <time className="numeric faint" dateTime={at}>
          {format.moment(Date.parse(at))}
        </time>
        <p>
          <strong>{by.name}</strong>
          {kind !== '' && <span className="faint"> ({kind})</span>}{' '}
          <span className={`audit-${action}`}>{text.audit[action]}</span>{' '}
          {text.audit.entity[entity] ?? entity} <strong>{subject}</strong>
        </p>
      </div>
      {action === 'changed' ? (
        <FieldDiff before={before ?? {}} after={after ?? {}} nameOf={field => nameOf(field, text)} />
      ) : (
        <details>
          <summary>{text.audit.values(count)}</summary>
          <FieldDiff before={before ?? {}} after={after ?? {}} nameOf={field => nameOf(field, text)} />
        </details>
      )}
      <p className="faint audit-origin">
        {[
          by.address === null ? [] : [`${text.audit.from} ${by.address}`],
          route === null ? [] : [route],
          requestId === null ? [] : [`${text.audit.request} ${requestId}`],
        ]
          .flat()
          .join(' · ')}
      </p>
    </li>
  )
}

/** A column of the database by the name that the form gives it, where one does. */
function nameOf(field: string, text: Messages): string {
  const [first = '', ...rest] = field.split('.')
  const camel = first.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
  const known = { ...text.places, ...text.stations, ...text.clients, ...text.entities } as unknown as Record<
    string,
    unknown
  >
  const named = known[camel.replace(/M$/, 'M')] ?? known[`${camel}`]
  const word = typeof named === 'string' ? named : first.replaceAll('_', ' ')
  return [word, ...rest].join(' › ')
}
