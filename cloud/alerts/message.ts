// What people are told, in Spanish: what, where, since when, and where to say that they know.

import { z } from 'zod'
import { VARIABLES } from '../../protocol/variables.ts'
import type { DueDelivery } from '../store/deliveries.ts'
import type { Mail } from './mail.ts'
import { type ALERT_SEVERITIES, AlertCondition } from './rule.ts'

const Details = z.object({
  rule: z.string(),
  point: z.string(),
  severity: z.string(),
  condition: AlertCondition,
  since: z.string(),
  value: z.number().nullable(),
  valueAt: z.string().nullable(),
})

const SEVERITY: Record<(typeof ALERT_SEVERITIES)[number], string> = {
  info: 'Aviso',
  warning: 'Atención',
  critical: 'Crítico',
}

/** The message of an incident to one recipient. */
export function toMail({ id, recipient, incidentId, kind, subject, openedAt, details }: DueDelivery): Mail {
  const { data } = Details.safeParse(details)
  const head = { id: `smarthydro-${incidentId}-${id}`, to: recipient }
  const foot = `Incidente ${incidentId}. Si vuelve, se cuenta en el mismo incidente y no se avisa otra vez.\n`
  if (kind !== 'alert' || data === undefined) {
    const what = kind === 'gateway_lost' ? `Gateway perdido: ${subject}` : subject
    return {
      ...head,
      subject: `[Atención] ${what}`,
      text: `${what}\nDesde: ${localTime(openedAt)}\n\n${foot}`,
    }
  }
  const { rule, point, severity, condition, since, value, valueAt } = data
  const lines = [
    `${rule}: ${point}`,
    `Qué: ${told(condition)}`,
    `Desde: ${localTime(Date.parse(since))}`,
    ...(value === null || valueAt === null
      ? []
      : [`Último valor: ${value} ${unitOf(condition)}, ${localTime(Date.parse(valueAt))}`]),
  ]
  const named = SEVERITY[severity as keyof typeof SEVERITY] ?? severity
  return { ...head, subject: `[${named}] ${rule}: ${point}`, text: `${lines.join('\n')}\n\n${foot}` }
}

function told(condition: AlertCondition): string {
  const unit = unitOf(condition)
  switch (condition.kind) {
    case 'threshold':
      return `${condition.variable} ${condition.is === 'above' ? 'sobre' : 'bajo'} ${condition.limit} ${unit}`
    case 'rate':
      return `${condition.variable} ${condition.is === 'rising' ? 'sube' : 'baja'} más de ${condition.perHour} ${unit} por hora`
    case 'no_data':
      return `sin datos${condition.variable === undefined ? '' : ` de ${condition.variable}`} por ${condition.for}`
  }
}

const unitOf = ({ variable }: AlertCondition): string =>
  variable === undefined ? '' : VARIABLES[variable].unit

const localTime = (at: number): string =>
  new Intl.DateTimeFormat('es-CL', {
    timeZone: 'America/Santiago',
    dateStyle: 'medium',
    timeStyle: 'short',
  }).format(at)
