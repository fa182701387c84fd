// One incident: what is known of it, what was done about it, who was told, and what can be done.

import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { type AlertConditionShown, conditionWords, unitOfCondition } from '../../../alerts/words.ts'
import { deliveriesQuery, incidentEventsQuery, incidentQuery } from '../../api/queries.ts'
import type { Delivery, Incident, IncidentEvent } from '../../api/types.ts'
import { useFormat, useLanguage, useText } from '../../i18n/language.tsx'
import { useMay } from '../../may.ts'
import '../../styles/alerts.css'
import { DataTable } from '../../ui/data-table.tsx'
import { Age } from '../../ui/now.tsx'
import { More } from '../../ui/pager.tsx'
import { Panel } from '../../ui/panel.tsx'
import { Empty, Shown } from '../../ui/shown.tsx'
import { useTitle } from '../../ui/title.ts'
import { nameOfIncident, Severity, Subject } from './frame.tsx'
import { IncidentActs } from './incident-acts.tsx'

const route = getRouteApi('/shell/incidents/$incident')

/** One incident. */
export function IncidentScreen() {
  const text = useText()
  const { incident } = route.useParams()
  const mayAct = useMay('decide')
  const query = useQuery(incidentQuery(Number(incident)))
  useTitle(query.data === undefined ? text.incidents.title : nameOfIncident(query.data, text))
  return (
    <Shown query={query} lines={8}>
      {shown => (
        <>
          <Head incident={shown} />
          <div className="incident-columns">
            <div className="stack">
              <Facts incident={shown} />
              {mayAct && <Deliveries incident={shown.id} />}
            </div>
            <div className="stack">
              {mayAct && <IncidentActs incident={shown} />}
              <Story incident={shown.id} />
            </div>
          </div>
        </>
      )}
    </Shown>
  )
}

function Head({ incident }: { incident: Incident }) {
  const text = useText()
  const { id, closedAt, openedAt, parentId } = incident
  return (
    <div className="page-head">
      <p className="trail">
        <Link to="/incidents">{text.incidents.title}</Link>
        <span aria-hidden="true">/</span>
        <span>{id}</span>
      </p>
      <h1>{nameOfIncident(incident, text)}</h1>
      <Severity of={incident.details.severity} />
      <span className={`badge ${closedAt === null ? 'badge-silent' : 'badge-current'}`}>
        {closedAt === null ? text.incidents.since : text.incidents.until} <Age at={closedAt ?? openedAt} />
      </span>
      {parentId !== null && (
        <Link to="/incidents/$incident" params={{ incident: String(parentId) }} className="badge">
          {text.incidents.silencedBy(parentId)}
        </Link>
      )}
    </div>
  )
}

function Facts({ incident }: { incident: Incident }) {
  const text = useText()
  const format = useFormat()
  const { language } = useLanguage()
  const { details, openedAt, lastSeenAt, closedAt, acknowledgedBy, assignedTo, snoozedUntil } = incident
  const condition = details.condition as AlertConditionShown | undefined
  const value = typeof details.value === 'number' ? details.value : undefined
  const at = (instant: string | null) => (instant === null ? '–' : format.instant(Date.parse(instant)))
  const rows: [string, React.ReactNode][] = [
    [text.incidents.subject, <Subject key="subject" incident={incident} />],
    ...(condition === undefined
      ? []
      : [[text.incidents.condition, conditionWords(condition, language)] as [string, string]]),
    ...(value === undefined || condition === undefined || unitOfCondition(condition) === ''
      ? []
      : [
          [
            text.incidents.value,
            `${format.number(value, 2)} ${unitOfCondition(condition)} · ${at(details.valueAt as string | null)}`,
          ] as [string, string],
        ]),
    [text.incidents.firings, String(details.firings ?? incident.reopened + 1)],
    [text.incidents.since, at(openedAt)],
    closedAt === null ? [text.incidents.last, at(lastSeenAt)] : [text.incidents.until, at(closedAt)],
    [
      text.incidents.who,
      [
        acknowledgedBy === null ? text.incidents.unknown : text.incidents.acknowledged(acknowledgedBy),
        ...(assignedTo === null ? [] : [text.incidents.assigned(assignedTo)]),
        ...(snoozedUntil === null ? [] : [text.incidents.snoozed(at(snoozedUntil))]),
      ].join(' · '),
    ],
    ...(condition === undefined ? otherFacts(details) : []),
  ]
  return (
    <Panel title={text.incidents.facts}>
      <dl className="facts panel-body">
        {rows.map(([name, shown]) => (
          <div key={name} className="fact">
            <dt>{name}</dt>
            <dd>{shown}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  )
}

/** What an incident that is no alert knows besides, as it was told. */
const otherFacts = (details: Record<string, unknown>): [string, string][] =>
  Object.entries(details)
    .filter(([name, value]) => name !== 'since' && value !== null && typeof value !== 'object')
    .map(([name, value]) => [name, String(value)])

function Story({ incident }: { incident: number }) {
  const text = useText()
  const query = useInfiniteQuery(incidentEventsQuery(incident))
  return (
    <Panel title={text.incidents.story}>
      <Shown query={query} lines={4}>
        {({ pages }) => (
          <ol className="incident-story panel-body">
            {pages
              .flatMap(({ items }) => items)
              .map(event => (
                <Event key={event.id} event={event} />
              ))}
          </ol>
        )}
      </Shown>
      <More query={query} />
    </Panel>
  )
}

function Event({ event: { kind, by, at, details } }: { event: IncidentEvent }) {
  const text = useText()
  const format = useFormat()
  const words = text.incidents.events[kind]
  const named = {
    silenced: 'incident',
    unsilenced: 'incident',
    assigned: 'to',
    snoozed: 'until',
    escalated: 'step',
  }
  const raw = details[named[kind as keyof typeof named] ?? '']
  const shown = kind === 'snoozed' && typeof raw === 'string' ? format.instant(Date.parse(raw)) : raw
  return (
    <li className={`story-${kind}`}>
      <p>
        <strong>{by ?? text.incidents.system}</strong>{' '}
        {typeof words === 'string' ? words : words(shown === null ? (null as never) : String(shown ?? ''))}
        <span className="faint story-at">{format.instant(Date.parse(at))}</span>
      </p>
      {kind === 'commented' && <blockquote>{String(details.text ?? '')}</blockquote>}
    </li>
  )
}

function Deliveries({ incident }: { incident: number }) {
  const text = useText()
  const query = useQuery(deliveriesQuery(incident))
  return (
    <Panel title={text.incidents.deliveries}>
      <Shown query={query} lines={2}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={text.incidents.noDeliveries} />
          ) : (
            <DeliveryTable deliveries={items} />
          )
        }
      </Shown>
    </Panel>
  )
}

/** Messages, and what became of each. */
export function DeliveryTable({ deliveries }: { deliveries: readonly Delivery[] }) {
  const text = useText()
  const format = useFormat()
  return (
    <DataTable
      label={text.incidents.deliveries}
      rows={deliveries}
      keyOf={({ id }) => id}
      columns={[
        {
          ...{ key: 'to', head: text.incidents.recipient, isMain: true },
          cell: ({ recipient, channelName, step }) => (
            <>
              <strong>{recipient === '' ? (channelName ?? '–') : recipient}</strong>
              <span className="cell-more">
                {channelName ?? text.incidents.mail}
                {step > 0 && ` · ${text.incidents.escalated(step)}`}
              </span>
            </>
          ),
        },
        {
          ...{ key: 'state', head: text.incidents.state },
          cell: ({ state, attempts, stateAt, dueAt }) => (
            <>
              <span className={`badge delivery-${state}`}>{text.incidents.deliveryStates[state]}</span>
              <span className="cell-more">
                {state === 'pending' && attempts > 0
                  ? text.incidents.next(format.time(Date.parse(dueAt)))
                  : format.instant(Date.parse(stateAt))}
                {attempts > 1 && ` · ${text.incidents.attempts(attempts)}`}
              </span>
            </>
          ),
        },
        {
          ...{ key: 'answer', head: text.incidents.answer },
          cell: ({ answer }) => <span className="delivery-answer">{answer ?? '–'}</span>,
        },
      ]}
    />
  )
}
