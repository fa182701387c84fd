// Who changed what, with what was and what is: as a list, and as a part of the page of what it is about.

import { useInfiniteQuery } from '@tanstack/react-query'
import { type AuditAsked, auditQuery } from '../../api/entities.ts'
import type { AuditEntry } from '../../api/types.ts'
import type { Messages } from '../../i18n/es.ts'
import type { Format } from '../../i18n/format.ts'
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
  const { at, entity, subject, action, by, route, requestId } = entry
  const [before, after] = [readable(entry.before, text, format), readable(entry.after, text, format)]
  const count = Object.keys({ ...before, ...after }).length
  const kind = text.audit.kinds[by.kind]
  const diff = <FieldDiff before={before} after={after} nameOf={field => nameOf(field, text)} />
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
        diff
      ) : (
        <details>
          <summary>{text.audit.values(count)}</summary>
          {diff}
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

/** A column of the database by the name that the forms give it, where one does. */
function nameOf(path: string, text: Messages): string {
  const [column = '', ...rest] = path.split('.')
  const field = column.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
  const forms = { ...text.places, ...text.stations, ...text.clients, ...text.entities } as Record<
    string,
    unknown
  >
  const word = text.audit.field[column] ?? forms[field]
  return [typeof word === 'string' ? word : column.replaceAll('_', ' '), ...rest].join(' › ')
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/

/** Values as people read them: nothing, yes and no, and instants of Chile. */
function readable(fields: Record<string, unknown> | null, text: Messages, format: Format): object {
  const shown = Object.entries(fields ?? {}).map(([name, value]) => {
    if (value === null) return [name, text.entities.nothing]
    if (typeof value === 'boolean') return [name, value ? text.ui.yes : text.ui.no]
    if (typeof value === 'string' && INSTANT.test(value)) return [name, format.moment(Date.parse(value))]
    return [name, value]
  })
  return Object.fromEntries(shown)
}
