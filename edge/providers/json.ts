// Any API that answers in JSON, as a configuration describes it: one request for all keys of a device.
//
// A key is where a value lies: its pointer, and what else tells its samples from those of others.

import type { JsonSignal, TimeForm } from '../../protocol/json-provider-config.ts'
import { PLACEHOLDER } from '../../protocol/json-provider-config.ts'
import type { RunnableProvider } from '../config.ts'
import type { Api, ApiRequest, Reply } from './api.ts'
import { valueAt } from './pointer.ts'
import {
  failed,
  type Given,
  type Outcome,
  type Provider,
  type Sample,
  toGiven,
  toOutcome,
  type Window,
} from './provider.ts'
import { readTime, writeTime } from './time-form.ts'

/** A JSON API in a configuration. */
export type JsonConfig = Extract<RunnableProvider, { provider: 'json' }>

/** What names a signal's samples among those of its device. */
export function jsonKey({ value, samples, time, where }: JsonSignal): string {
  const rest = [samples ?? null, time ?? null, where ?? null]
  return rest.every(part => part === null) ? value : JSON.stringify([value, ...rest])
}

/** Where a request goes, without what is asked there: a host may be told. */
export function hostOf({ url }: { url: string }): { name: string; baseUrl: string } {
  const { host: name, origin: baseUrl } = new URL(url.replace(PLACEHOLDER, 'x'))
  return { name, baseUrl }
}

/** Opens a device. `latest` and `history` are the APIs at the hosts of those requests. */
export function openJson({ latest, history }: { latest: Api; history: Api }, config: JsonConfig): Provider {
  const known = new Map(config.signals.map(signal => [jsonKey(signal), signal]))
  const outcomes = (keys: readonly string[], reply: Reply, samples: string, window?: Window) =>
    new Map(keys.map(key => [key, outcomeOf(config, known.get(key), reply, samples, window)]))
  return {
    async latest(keys, signal) {
      const reply = await latest.ask(requestOf(config, config.latest, {}), signal)
      return outcomes(keys, reply, config.samples)
    },
    async history(keys, window, signal) {
      const { history: asked } = config
      if (asked === undefined) return new Map(keys.map(key => [key, { kind: 'no_data' }]))
      const form: TimeForm =
        asked.format === undefined ? config.time : { format: asked.format, zone: asked.zone }
      const to = asked.window === undefined ? window.to : Math.min(window.to, window.from + asked.window - 1)
      const stretch = { from: writeTime(window.from, form, 'from'), to: writeTime(to, form, 'to') }
      const reply = await history.ask(requestOf(config, asked, stretch), signal)
      const samples = asked.samples ?? config.samples
      const found = outcomes(keys, reply, samples, { from: window.from, to })
      return asked.window === undefined ? found : continuedAfter(found, to + 1, window.to)
    },
  }
}

/** An answer that gives its stretch in full leaves what comes behind it. */
function continuedAfter(found: Map<string, Outcome>, from: number, to: number): Map<string, Outcome> {
  for (const [key, outcome] of found) {
    if (outcome.kind !== 'ok' && outcome.kind !== 'no_data') continue
    const { rest: _, ...whole } = outcome
    found.set(key, from > to ? whole : { ...whole, rest: { from, to }, isComplete: true })
  }
  return found
}

function requestOf(
  { device, auth, headers, timeout: timeoutMs }: JsonConfig,
  { url, method, body }: Pick<JsonConfig['latest'], 'url' | 'method' | 'body'>,
  stretch: Readonly<Record<string, string>>,
): ApiRequest {
  const values: Readonly<Record<string, string>> = { ...stretch, ...(device === undefined ? {} : { device }) }
  const filled = (template: string, encode: (text: string) => string) =>
    template.replace(PLACEHOLDER, (whole, name: string) =>
      Object.hasOwn(values, name) ? encode(values[name] ?? '') : whole,
    )
  const target = new URL(filled(url, encodeURIComponent))
  const query =
    auth.kind === 'query' ? `${encodeURIComponent(auth.name)}=${encodeURIComponent(auth.value)}` : ''
  const search = [target.search.slice(1), query].filter(part => part !== '').join('&')
  const sent = body === undefined ? {} : { body: JSON.parse(filled(body, withinText)) as unknown }
  return {
    ...{ method, timeoutMs, ...sent },
    path: `${target.pathname}${search === '' ? '' : `?${search}`}`,
    headers: { ...lowerCased(headers), ...authHeader(auth) },
    secrets: secretsOf({ device, auth, headers }),
  }
}

/** A text as it stands within a text of JSON. */
const withinText = (text: string): string => JSON.stringify(text).slice(1, -1)

/** So that what the configuration says takes the place of what is sent by itself. */
function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

function authHeader(auth: JsonConfig['auth']): Record<string, string> {
  switch (auth.kind) {
    case 'basic':
      return { authorization: `Basic ${credentialsOf(auth)}` }
    case 'bearer':
      return { authorization: `Bearer ${auth.token}` }
    case 'header':
      return { [auth.name.toLowerCase()]: auth.value }
    case 'none':
    case 'query':
      return {}
  }
}

/** RFC 7617. */
function credentialsOf({ username, password }: { username: string; password: string }): string {
  return Buffer.from(`${username}:${password}`).toString('base64')
}

function secretsOf({ device, auth, headers }: Pick<JsonConfig, 'device' | 'auth' | 'headers'>): string[] {
  const ofDevice = device === undefined ? [] : [device]
  return [...ofDevice, ...Object.values(headers), ...authSecrets(auth)]
}

function authSecrets(auth: JsonConfig['auth']): string[] {
  switch (auth.kind) {
    case 'none':
      return []
    case 'basic':
      return [auth.username, auth.password, credentialsOf(auth)]
    case 'bearer':
      return [auth.token]
    case 'header':
    case 'query':
      return [auth.value]
  }
}

function outcomeOf(
  config: JsonConfig,
  signal: JsonSignal | undefined,
  reply: Reply,
  shared: string,
  window: Window | undefined,
): Outcome {
  if (reply.kind === 'empty' || signal === undefined) return { kind: 'no_data' }
  if (reply.kind !== 'answered') return reply
  const { document } = reply
  const missing = Object.entries(config.expect).find(([at, value]) => valueAt(document, at) !== value)
  const { name } = hostOf(config.latest)
  if (missing !== undefined)
    return failed(`${name}: its answer does not say what is expected ${placed(missing[0])}`)
  const { samples = shared, value, time = config.time.at, where = {} } = signal
  const held = valueAt(document, samples)
  if (held === undefined && signal.samples === undefined) {
    return failed(`${name}: its answer holds nothing ${placed(samples)}`)
  }
  const rows = rowsOf(held, { value, time })
  if (typeof rows === 'string') return failed(`${name}: its answer ${rows} ${placed(samples)}`)
  if (rows.length === 0) return { kind: 'no_data' }
  const ours = rows.filter(
    row => row(value) !== undefined && Object.entries(where).every(([at, text]) => row(at) === text),
  )
  if (ours.length === 0) {
    return {
      kind: 'no_data',
      reason: `${name}: no sample of its answer holds what is asked for ${placed(value)}`,
    }
  }
  const toSample = (row: Row): Sample | undefined => {
    const at = readTime(row(time), config.time)
    return at === undefined ? undefined : { at, given: givenOf(row(value), signal, config) }
  }
  return toOutcome(ours, row => toSample(row as Row), window)
}

const placed = (pointer: string): string => (pointer === '' ? 'at its top' : `at ${pointer}`)

/** One sample: what lies at a pointer of it. */
type Row = (pointer: string) => unknown

/** Samples one by one: of a list, of columns beside each other, or one. Or why there are none. */
function rowsOf(held: unknown, { value, time }: { value: string; time: string }): Row[] | string {
  if (held === null || held === undefined) return []
  if (typeof held !== 'object') return 'holds no samples'
  if (Array.isArray(held)) return held.map(element => pointer => valueAt(element, pointer))
  const [values, times] = [valueAt(held, value), valueAt(held, time)]
  if (!Array.isArray(values) || !Array.isArray(times)) return [pointer => valueAt(held, pointer)]
  if (values.length !== times.length) return 'has columns of different lengths'
  return values.map((_, index) => pointer => {
    const column = valueAt(held, pointer)
    return Array.isArray(column) ? column[index] : column
  })
}

function givenOf(value: unknown, { codes }: JsonSignal, { decimalComma }: JsonConfig): Given {
  if (typeof value === 'boolean') return { kind: 'number', raw: Number(value) }
  if (typeof value !== 'string') return toGiven(value)
  const text = value.trim()
  if (codes.includes(text)) return { kind: 'sensor_code', text }
  if (!decimalComma) return toGiven(text)
  return text.includes('.') ? { kind: 'not_a_number', text } : toGiven(text.replace(',', '.'))
}
