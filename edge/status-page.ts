// The gateway's own page, for a person on site: plain HTML, read-only, nothing fetched from anywhere.

import { createHash } from 'node:crypto'
import type { Measurement } from '../protocol/reading.ts'
import type { GatewayHealth } from '../protocol/status.ts'
import { VARIABLES } from '../protocol/variables.ts'
import type { SeriesFacts } from './lan-facts.ts'

/** Languages of the page. */
export type Language = 'es' | 'en'

/** What the page shows. */
export interface PageFacts {
  gateway: string
  health: GatewayHealth
  connected: boolean
  /** Why readings cannot be stored at present. */
  hindrance: string | undefined
  /** Every series with the newest measurement of it, if there was one since the process started. */
  series: readonly (Pick<SeriesFacts, 'point' | 'variable'> & {
    source: string
    latest: Measurement | undefined
  })[]
}

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:1rem auto;padding:0 1rem;color:#1b2a33;background:#fff}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin:1.5rem 0 .3rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .6rem .25rem 0;border-bottom:1px solid #d5dde2;vertical-align:top}
.n{font-variant-numeric:tabular-nums}.good{color:#0b6b3a}.bad{color:#a3201c;font-weight:600}.quiet{color:#5b6b75}
@media(prefers-color-scheme:dark){body{color:#dfe7ec;background:#10181d}th,td{border-color:#2c3a43}.good{color:#62d196}.bad{color:#ff8a84}.quiet{color:#93a4ae}a{color:#8cc4ff}}`

/** Nothing is loaded but the page itself; its style is named by its hash. */
export const PAGE_HEADERS: Record<string, string> = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': [
    "default-src 'none'",
    `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
    ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
  ].join('; '),
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

const WORDS = {
  es: {
    ...{
      title: 'Estado del gateway',
      other: 'English',
      well: 'Funciona',
      hindered: 'No puede guardar lecturas',
    },
    ...{
      clock: 'Reloj',
      buses: 'Buses',
      devices: 'Equipos',
      values: 'Últimos valores',
      buffer: 'Memoria local',
    },
    ...{ cloud: 'Nube', connected: 'conectada', away: 'sin conexión; las lecturas esperan en el disco' },
    ...{ synced: 'sincronizado', holdover: 'sincronizado antes, ya no', unsynced: 'nunca sincronizado' },
    ...{ corrected: 'corregido', device: 'del equipo', within: 'error máximo', load: 'ocupación' },
    ...{
      ok: 'con respuesta',
      failed: 'fallidas',
      rate: 'fallas',
      last: 'última respuesta',
      why: 'última falla',
    },
    ...{
      never: 'nunca',
      ago: (text: string) => `hace ${text}`,
      name: 'nombre',
      point: 'punto',
      variable: 'variable',
    },
    ...{ value: 'valor', quality: 'calidad', when: 'medido', waiting: 'lecturas en espera', used: 'ocupado' },
    ...{
      daysLeft: 'días que quedan sin nube',
      oldest: 'la más antigua',
      evicted: 'perdidas por falta de espacio',
    },
    ...{
      damaged: 'perdidas por daño del disco',
      acked: 'guardadas en la nube',
      rejected: 'rechazadas por la nube',
    },
    ...{ none: 'ninguno', version: 'versión', running: 'en marcha desde' },
  },
  en: {
    ...{ title: 'Gateway status', other: 'Español', well: 'Working', hindered: 'Cannot store readings' },
    ...{ clock: 'Clock', buses: 'Buses', devices: 'Devices', values: 'Last values', buffer: 'Local buffer' },
    ...{ cloud: 'Cloud', connected: 'connected', away: 'not connected; readings wait on disk' },
    ...{
      synced: 'synchronised',
      holdover: 'synchronised earlier, not any more',
      unsynced: 'never synchronised',
    },
    ...{ corrected: 'corrected', device: 'the device’s', within: 'at most off by', load: 'load' },
    ...{ ok: 'answered', failed: 'failed', rate: 'failing', last: 'last answer', why: 'last failure' },
    ...{
      never: 'never',
      ago: (text: string) => `${text} ago`,
      name: 'name',
      point: 'point',
      variable: 'variable',
    },
    ...{ value: 'value', quality: 'quality', when: 'measured', waiting: 'readings waiting', used: 'used' },
    ...{ daysLeft: 'days left without the cloud', oldest: 'the oldest', evicted: 'lost for want of space' },
    ...{
      damaged: 'lost to a damaged disk',
      acked: 'committed by the cloud',
      rejected: 'rejected by the cloud',
    },
    ...{ none: 'none', version: 'version', running: 'running since' },
  },
} as const

type Words = (typeof WORDS)[Language]

/** Text that is HTML already. */
class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** The page. */
export function renderPage(facts: PageFacts, language: Language): string {
  const { gateway, health, connected, hindrance } = facts
  const words = WORDS[language]
  const { version, startedAt, at } = health
  const state =
    hindrance === undefined
      ? html`<span class="good">${words.well}</span>`
      : html`<span class="bad">${words.hindered}: ${hindrance}</span>`
  const cloud = connected
    ? html`<span class="good">${words.connected}</span>`
    : html`<span class="bad">${words.away}</span>`
  return html`<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="refresh" content="10">
<title>${gateway} · ${words.title}</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<p><a href="?lang=${language === 'es' ? 'en' : 'es'}">${words.other}</a></p>
<h1>${gateway}: ${state}</h1>
<p class="quiet">${utc(at)} · ${words.version} ${version} · ${words.running} ${utc(startedAt)}</p>
${section(words.clock, clockRows(health, words))}
${section(words.cloud, [
  [words.cloud, cloud],
  [words.acked, health.readings.acked],
  [words.rejected, health.readings.rejected],
])}
${section(words.buffer, bufferRows(health, words))}
${section(words.buses, [[words.name, words.load], ...health.buses.map(({ id, load }) => [id, `${Math.round(load * 100)} %`])], true)}
${section(words.devices, deviceRows(health, words), true)}
${section(words.values, valueRows(facts, words), true)}
</body>
</html>
`.text
}

type Cell = string | number | Html
type Row = readonly Cell[]

function clockRows({ clock: { quality, errorMs } }: GatewayHealth, words: Words): Row[] {
  const isKnown = quality === 'synced'
  const state = html`<span class="${isKnown ? 'good' : 'bad'}">${words[quality]}</span>`
  return [
    [words.clock, state],
    ...(errorMs === undefined ? [] : [[words.within, `${Math.ceil(errorMs)} ms`]]),
  ]
}

function bufferRows({ at, buffer }: GatewayHealth, words: Words): Row[] {
  const { readings, bytes, maxBytes, daysLeft, oldestAt, evicted, damaged } = buffer
  return [
    [words.waiting, readings],
    [words.used, `${((bytes / maxBytes) * 100).toFixed(1)} %`],
    ...(oldestAt === undefined ? [] : [[words.oldest, age(at, oldestAt, words)]]),
    ...(daysLeft === undefined ? [] : [[words.daysLeft, Math.floor(daysLeft)]]),
    [words.evicted, loss(evicted)],
    [words.damaged, loss(damaged)],
  ]
}

const loss = (count: number): Cell => (count === 0 ? 0 : html`<span class="bad">${count}</span>`)

function deviceRows({ at, devices }: GatewayHealth, words: Words): Row[] {
  return [
    [words.name, words.ok, words.failed, words.rate, words.last, words.why],
    ...devices.map(({ id, ok, failed, lastOkAt, lastFailure }) => {
      const rate = ok + failed === 0 ? '' : `${((failed / (ok + failed)) * 100).toFixed(1)} %`
      const why = lastFailure === undefined ? '' : html`<span class="bad">${lastFailure}</span>`
      return [id, ok, failed, rate, lastOkAt === undefined ? words.never : age(at, lastOkAt, words), why]
    }),
  ]
}

function valueRows({ health: { at }, series }: PageFacts, words: Words): Row[] {
  return [
    [words.devices, words.point, words.variable, words.value, words.quality, words.when],
    ...series.map(({ source, point, variable, latest }) => {
      if (latest === undefined) return [source, point, variable, '', '', words.never]
      const { value, quality } = latest
      const shown = value === null ? '—' : `${value} ${VARIABLES[variable].unit}`
      const how = html`<span class="${value === null ? 'bad' : 'good'}">${quality}</span>`
      return [source, point, variable, shown, how, age(at, latest.at, words)]
    }),
  ]
}

/** A table under its heading; with `isList` the first row names the columns, else the first cell names the row. */
function section(title: string, rows: readonly Row[], isList = false): Html {
  const lines = rows.map((row, index) => {
    const cells = row.map((cell, column) => {
      const tag = isList ? index === 0 : column === 0
      const kind = typeof cell === 'number' ? new Html(' class="n"') : ''
      return tag ? html`<th>${cell}</th>` : html`<td${kind}>${cell}</td>`
    })
    return html`<tr>${join(cells)}</tr>\n`
  })
  return html`<h2>${title}</h2>\n<table>\n${join(lines)}</table>`
}

function age(now: number, then: number, { ago }: Words): Html {
  const seconds = Math.round((now - then) / 1000)
  const [count, unit] =
    Math.abs(seconds) < 120
      ? [seconds, 's']
      : Math.abs(seconds) < 7_200
        ? [Math.round(seconds / 60), 'min']
        : [Math.round(seconds / 3_600), 'h']
  return html`${ago(`${count} ${unit}`)} <span class="quiet">${utc(then)}</span>`
}

const utc = (time: number) => `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`

const join = (parts: readonly Html[]) => new Html(parts.map(({ text }) => text).join(''))

const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function html(parts: TemplateStringsArray, ...values: readonly Cell[]): Html {
  const escaped = (value: Cell) =>
    value instanceof Html ? value.text : String(value).replace(/[&<>"']/g, one => ESCAPES[one] ?? one)
  return new Html(
    parts.map((part, index) => part + (index < values.length ? escaped(values[index] as Cell) : '')).join(''),
  )
}
