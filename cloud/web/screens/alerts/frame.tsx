// What the screens of incidents and alerts share: their tabs, and how an incident is named.

import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { Incident } from '../../api/types.ts'
import type { Messages } from '../../i18n/es.ts'
import { useText } from '../../i18n/language.tsx'
import '../../styles/alerts.css'
import { TabLinks } from '../../ui/tabs.tsx'
import { useTitle } from '../../ui/title.ts'

/** The heading of a screen, and the tabs that lead to the others. */
export function AlertsFrame({
  title,
  actions,
  children,
}: {
  title: string
  actions?: ReactNode
  children: ReactNode
}) {
  const text = useText()
  useTitle(title)
  return (
    <>
      <div className="page-head">
        <h1>{title}</h1>
        {actions !== undefined && <span className="push">{actions}</span>}
      </div>
      <TabLinks label={text.incidents.title}>
        <Link to="/incidents" className="tab" activeOptions={{ exact: true }}>
          {text.incidents.title}
        </Link>
        <Link to="/alerts/rules" className="tab">
          {text.alerts.rules}
        </Link>
        <Link to="/alerts/maintenance" className="tab">
          {text.alerts.maintenance}
        </Link>
        <Link to="/alerts/channels" className="tab">
          {text.alerts.channels}
        </Link>
      </TabLinks>
      {children}
    </>
  )
}

/** What an alert is called is what its rule is called. */
export function nameOfIncident({ kind, details }: Incident, text: Messages): string {
  const name = text.incidents.kinds[kind] ?? kind
  return typeof details.rule === 'string' ? details.rule : name
}

/** How bad it is, as a word and a colour; nothing of what is no alert. */
export function Severity({ of }: { of: unknown }) {
  const text = useText()
  if (of !== 'info' && of !== 'warning' && of !== 'critical') return null
  return <span className={`badge severity-${of}`}>{text.incidents.severities[of]}</span>
}

/** A gateway or a point has a page; other things are only named. */
export function Subject({ incident: { gateway, client, point, ...incident } }: { incident: Incident }) {
  const about =
    gateway !== null ? (
      <Link to="/gateways/$gateway" params={{ gateway }}>
        {gateway}
      </Link>
    ) : point !== null ? (
      <Link to="/points/$point" params={{ point }}>
        {point.split('.').at(-1)}
      </Link>
    ) : (
      <span>{incident.subject}</span>
    )
  return (
    <>
      {about}
      {client !== null && <span className="cell-more">{client}</span>}
    </>
  )
}
