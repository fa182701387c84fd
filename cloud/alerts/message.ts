// What people are told: what, where, since when, and where to say that they know. Spanish, or the language asked for.

import { z } from 'zod'
import type { DueDelivery } from '../store/deliveries.ts'
import type { Message } from './channel.ts'
import type { Language } from './preferences.ts'
import { type ALERT_SEVERITIES, AlertCondition } from './rule.ts'
import { conditionWords, unitOfCondition } from './words.ts'

const Details = z.object({
  rule: z.string(),
  point: z.string(),
  severity: z.string(),
  condition: AlertCondition,
  since: z.string(),
  firings: z.number(),
  value: z.number().nullable(),
  valueAt: z.string().nullable(),
})

type Severity = (typeof ALERT_SEVERITIES)[number]

const TEXTS = {
  es: {
    severity: { info: 'Aviso', warning: 'Atención', critical: 'Crítico' } satisfies Record<Severity, string>,
    kinds: {
      gateway_lost: 'Gateway sin señal',
      declaration_late: 'Declaración a la DGA atrasada',
      canary: 'Prueba semanal de avisos',
    } as Record<string, string>,
    what: 'Qué',
    since: 'Desde',
    last: 'Último valor',
    times: (count: number) => `Ha vuelto ${count} veces`,
    step: (step: number) => `Nadie ha tomado conocimiento: paso ${step} del escalamiento.`,
    over: 'Ya terminó.',
    look: 'Ver y tomar conocimiento',
    foot: (id: number) =>
      `Incidente ${id}. Si vuelve, se cuenta en el mismo incidente y no se avisa otra vez.`,
    digest: (count: number) => `[Resumen] ${count} avisos`,
    test: 'Mensaje de prueba',
    testText: 'Si lee esto, SmartHydro puede avisarle por este medio.',
    canary: 'Todo el camino de los avisos funciona: regla, incidente, envío. No hay nada que hacer.',
  },
  en: {
    severity: { info: 'Notice', warning: 'Warning', critical: 'Critical' } satisfies Record<Severity, string>,
    kinds: {
      gateway_lost: 'Gateway lost',
      declaration_late: 'Declaration to DGA late',
      canary: 'Weekly test of alerts',
    } as Record<string, string>,
    what: 'What',
    since: 'Since',
    last: 'Newest value',
    times: (count: number) => `It has come ${count} times`,
    step: (step: number) => `Nobody has acknowledged it: step ${step} of escalation.`,
    over: 'It is over.',
    look: 'Look and acknowledge',
    foot: (id: number) =>
      `Incident ${id}. If it comes back it is counted in the same incident, and you are not told again.`,
    digest: (count: number) => `[Digest] ${count} alerts`,
    test: 'Test message',
    testText: 'If you read this, SmartHydro can tell you this way.',
    canary: 'The whole way of alerts works: rule, incident, delivery. There is nothing to do.',
  },
}

/** The message of what goes together to one recipient. */
export function toMessage(
  group: readonly DueDelivery[],
  { publicUrl }: { publicUrl?: string | undefined } = {},
): Message {
  const [first] = group
  if (first === undefined) throw new Error('A message of nothing cannot be written')
  const written = group.map(delivery => write(delivery, publicUrl))
  const [only] = written
  if (written.length === 1 && only !== undefined) return only
  const text = written.map(({ subject, lines }) => [subject, ...lines].join('\n')).join('\n\n')
  return {
    id: `smarthydro-digest-${first.id}-${group.length}`,
    to: first.recipient,
    subject: TEXTS[first.language].digest(group.length),
    text: `${text}\n`,
    facts: { incidents: group.flatMap(({ incident }) => incident?.id ?? []) },
  }
}

function write(
  { id, recipient, language, incident, step }: DueDelivery,
  publicUrl: string | undefined,
): Message & { lines: string[] } {
  const texts = TEXTS[language]
  if (incident === null) {
    const lines = [texts.testText]
    return {
      ...{ id: `smarthydro-test-${id}`, to: recipient, subject: `SmartHydro: ${texts.test}` },
      ...{ lines, text: `${lines.join('\n')}\n`, facts: { test: true } },
    }
  }
  const { data } = Details.safeParse(incident.details)
  const { severity = 'warning', point = incident.subject } = data ?? {}
  const what = data === undefined ? nameOf(incident, language) : `${data.rule}: ${data.point}`
  const link = publicUrl === undefined ? '' : `${publicUrl.replace(/\/$/, '')}/incidents/${incident.id}`
  const lines = [
    ...(data === undefined ? about(incident, language) : alertLines(data, language)),
    ...(step > 0 ? [texts.step(step)] : []),
    ...(incident.closedAt === null ? [] : [texts.over]),
    ...(link === '' ? [] : [`${texts.look}: ${link}`]),
  ]
  const named = texts.severity[severity as Severity] ?? severity
  return {
    ...{ id: `smarthydro-${incident.id}-${id}`, to: recipient, subject: `[${named}] ${what}`, lines },
    text: [what, ...lines, '', texts.foot(incident.id), ''].join('\n'),
    facts: {
      ...{ incident: incident.id, kind: incident.kind, incidentSubject: incident.subject, step, link },
      ...{ severity, point, openedAt: new Date(incident.openedAt).toISOString(), details: incident.details },
    },
  }
}

const nameOf = ({ kind, subject }: { kind: string; subject: string }, language: Language): string =>
  kind === 'canary'
    ? (TEXTS[language].kinds.canary ?? kind)
    : `${TEXTS[language].kinds[kind] ?? kind}: ${subject}`

function about({ kind, openedAt }: { kind: string; openedAt: number }, language: Language): string[] {
  const texts = TEXTS[language]
  return [...(kind === 'canary' ? [texts.canary] : []), `${texts.since}: ${localTime(openedAt, language)}`]
}

function alertLines(
  { condition, since, firings, value, valueAt }: z.infer<typeof Details>,
  language: Language,
): string[] {
  const texts = TEXTS[language]
  const unit = unitOfCondition(condition)
  return [
    `${texts.what}: ${conditionWords(condition, language)}`,
    `${texts.since}: ${localTime(Date.parse(since), language)}`,
    ...(firings > 1 ? [texts.times(firings)] : []),
    ...(value === null || valueAt === null || unit === ''
      ? []
      : [
          `${texts.last}: ${numberText(value, language)} ${unit}, ${localTime(Date.parse(valueAt), language)}`,
        ]),
  ]
}

const localeOf = (language: Language): string => (language === 'es' ? 'es-CL' : 'en-GB')

const numberText = (value: number, language: Language): string =>
  new Intl.NumberFormat(localeOf(language), { maximumFractionDigits: 3 }).format(value)

const localTime = (at: number, language: Language): string =>
  new Intl.DateTimeFormat(localeOf(language), {
    timeZone: 'America/Santiago',
    dateStyle: 'medium',
    timeStyle: 'short',
  }).format(at)
