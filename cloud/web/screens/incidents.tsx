// What is wrong and lasts, each once, and who knows of it.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { ask } from '../api/client.ts'
import { incidentsQuery, meQuery } from '../api/queries.ts'
import type { Incident } from '../api/types.ts'
import type { Messages } from '../i18n/es.ts'
import { useText } from '../i18n/language.tsx'
import '../styles/gateways.css'
import { Choice } from '../ui/choice.tsx'
import { Age } from '../ui/now.tsx'
import { Empty, Failure, Shown } from '../ui/shown.tsx'
import { useTitle } from '../ui/title.ts'

type State = 'open' | 'closed'

/** What is wrong, or was. */
export function IncidentsScreen() {
  const text = useText()
  useTitle(text.incidents.title)
  const [state, setState] = useState<State>('open')
  const query = useQuery(incidentsQuery(state))
  return (
    <>
      <div className="page-head">
        <h1>{text.incidents.title}</h1>
        <span className="push">
          <Choice
            label={text.incidents.which}
            value={state}
            options={(['open', 'closed'] as const).map(value => ({ value, label: text.incidents[value] }))}
            onChoose={setState}
          />
        </span>
      </div>
      <div className="panel">
        <Shown query={query} lines={5}>
          {({ items }) =>
            items.length > 0 ? (
              <IncidentTable incidents={items} state={state} />
            ) : state === 'open' ? (
              <Empty title={text.incidents.none} hint={text.incidents.noneHint} />
            ) : (
              <Empty title={text.incidents.noneClosed} />
            )
          }
        </Shown>
      </div>
    </>
  )
}

function IncidentTable({ incidents, state }: { incidents: readonly Incident[]; state: State }) {
  const text = useText()
  const queries = useQueryClient()
  const { data: me } = useQuery(meQuery)
  const mayAcknowledge =
    me?.grants.some(({ role }) => role !== 'client_reader' && role !== 'regulator_reader') === true
  const acknowledge = useMutation({
    mutationFn: (incident: number) =>
      ask('POST /api/v1/incidents/{incident}/acknowledge', { path: { incident } }),
    onSettled: () => queries.invalidateQueries({ queryKey: ['incidents'] }),
  })
  return (
    <>
      {acknowledge.error !== null && <Failure error={acknowledge.error} />}
      <div className="table-frame">
        <table className="table gateway-table">
          <thead>
            <tr>
              <th>{text.incidents.kind}</th>
              <th>{text.incidents.subject}</th>
              <th className="right">{text.incidents.since}</th>
              <th className="right">{state === 'open' ? text.incidents.last : text.incidents.until}</th>
              <th />
            </tr>
          </thead>
          <tbody>
            {incidents.map(incident => (
              <tr key={incident.id}>
                <td className="cell-name">
                  <strong>{nameOf(incident, text)}</strong>
                  <span className="faint cell-owner">
                    {text.incidents.seen(incident.count)}
                    {incident.reopened > 0 && ` · ${text.incidents.reopened(incident.reopened)}`}
                  </span>
                </td>
                <td className="cell-value" data-label={text.incidents.subject}>
                  <Subject incident={incident} />
                </td>
                <td className="right cell-age" data-label={text.incidents.since}>
                  <Age at={incident.openedAt} />
                </td>
                <td
                  className="right cell-age"
                  data-label={state === 'open' ? text.incidents.last : text.incidents.until}
                >
                  <Age at={state === 'open' ? incident.lastSeenAt : incident.closedAt} />
                </td>
                <td className="right">
                  {incident.acknowledgedBy !== null ? (
                    <span className="faint">{text.incidents.acknowledged(incident.acknowledgedBy)}</span>
                  ) : (
                    mayAcknowledge &&
                    state === 'open' && (
                      <button
                        type="button"
                        className="button button-small"
                        disabled={acknowledge.isPending}
                        onClick={() => acknowledge.mutate(incident.id)}
                      >
                        {text.incidents.acknowledge}
                      </button>
                    )
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  )
}

/** What an alert is called is what its rule is called. */
function nameOf({ kind, details }: Incident, text: Messages): string {
  const name = text.incidents.kinds[kind] ?? kind
  return typeof details.rule === 'string' ? `${name}: ${details.rule}` : name
}

/** A gateway or a point has a page; other things are only named. */
function Subject({ incident: { gateway, client, details, ...incident } }: { incident: Incident }) {
  const subject = typeof details.point === 'string' ? details.point : incident.subject
  const about =
    gateway !== null ? (
      <Link to="/gateways/$gateway" params={{ gateway }}>
        {gateway}
      </Link>
    ) : /^[a-z0-9-]+(\.[a-z0-9-]+){2}$/.test(subject) ? (
      <Link to="/points/$point" params={{ point: subject }}>
        {subject}
      </Link>
    ) : (
      <span>{subject}</span>
    )
  return (
    <>
      {about}
      {client !== null && <span className="faint cell-owner">{client}</span>}
    </>
  )
}
