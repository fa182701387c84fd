// A device behind any API that answers in JSON: what is asked, and where in the answer values and their times lie.

import { z } from 'zod'
import { Duration, SealedSecret, SiteSecret } from './config-fields.ts'
import type { Draft, Sound } from './draft.ts'
import { Slug } from './ids.ts'
import type { Place } from './mistakes.ts'
import { VariableName } from './reading.ts'
import { scaling } from './scaling-fields.ts'

/** RFC 6901. */
const Pointer = z
  .string()
  .max(200)
  .regex(/^(\/([^~/]|~[01])*)*$/, 'must be a JSON pointer such as /data/0/flow, or "" for all of it')

/** What stands somewhere in an answer. */
const Expected = z.record(Pointer, z.union([z.string().max(200), z.number(), z.boolean()]))

const PATTERN = /^(yyyy|MM|dd|HH|mm|ss|SSS|[-/.:, T])+$/
const NEEDED = ['yyyy', 'MM', 'dd', 'HH', 'mm']

const isPattern = (text: string): boolean =>
  PATTERN.test(text) && NEEDED.every(part => text.split(part).length === 2)

/** How instants are written. */
const TimeFormat = z
  .string()
  .refine(
    text => ['epoch_s', 'epoch_ms', 'iso'].includes(text) || isPattern(text),
    'must be epoch_s, epoch_ms, iso, or a pattern such as dd/MM/yyyy HH:mm:ss',
  )

function isZone(text: string): boolean {
  try {
    Temporal.PlainDate.from('2026-01-01').toZonedDateTime(text)
    return true
  } catch {
    return false
  }
}

/** The zone of instants that do not say theirs. */
const Zone = z.string().refine(isZone, 'must be a time zone such as America/Santiago, -04:00 or UTC')

/** How instants are written, and in which zone where they do not say. */
export interface TimeForm {
  format: string
  zone?: string | undefined
}

/** `https://host/path?query`, with `{device}`, `{from}` and `{to}` behind the host. */
const UrlTemplate = z
  .string()
  .max(2_000)
  .refine(text => urlOf(text) !== undefined, 'must be a URL that begins with http:// or https://')
  .refine(text => {
    const url = urlOf(text)
    return url === undefined || (url.username === '' && url.password === '')
  }, 'must hold no credentials: they belong in auth')
  .refine(text => !text.includes('#'), 'must have no part behind "#"')
  .refine(text => !/^https?:\/\/[^/?]*\{/.test(text), 'must name its host itself')

function urlOf(template: string): URL | undefined {
  const text = template.replace(PLACEHOLDER, 'x')
  return /^https?:\/\//.test(text) && URL.canParse(text) ? new URL(text) : undefined
}

/** `{device}`. */
export const PLACEHOLDER = /\{(\w+)\}/g

/** One request. */
const Ask = {
  url: UrlTemplate,
  method: z.enum(['GET', 'POST']).default('GET'),
  /** JSON as text, in which `{device}`, `{from}` and `{to}` stand within texts. */
  body: z.string().max(10_000).optional(),
}

/** RFC 9110, 5.6.2. What a connection is made of is not the configuration's to say. */
const HeaderName = z
  .string()
  .max(100)
  .regex(/^[\w!#$%&'*+.^`|~-]+$/, 'must be the name of a header')
  .refine(
    name => !/^(host|connection|content-length|transfer-encoding|upgrade|expect|te|trailer)$/i.test(name),
    'must not be a header of the connection',
  )

const Auth = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({ kind: z.literal('basic'), username: SiteSecret, password: SealedSecret }),
  z.strictObject({ kind: z.literal('bearer'), token: SealedSecret }),
  z.strictObject({ kind: z.literal('header'), name: HeaderName, value: SealedSecret }),
  z.strictObject({ kind: z.literal('query'), name: z.string().min(1).max(100), value: SealedSecret }),
])

/** One value in the answers of an API. */
export const JsonSignal = z.strictObject({
  variable: VariableName,
  point: Slug.optional(),
  /** Where it lies in a sample. */
  value: Pointer,
  /** Where its samples lie, when not where those of the others do. */
  samples: Pointer.optional(),
  /** Where its time lies in a sample, when not where that of the others does. */
  time: Pointer.optional(),
  /** Which samples are its own: those that hold this. */
  where: Expected.optional(),
  /** Texts that stand for no value: `ERR`, `---`. */
  codes: z.array(z.string().max(40)).max(32).default([]),
  ...scaling,
})

/** One value in the answers of an API. */
export type JsonSignal = z.infer<typeof JsonSignal>

/** What a JSON API has of its own in a configuration. */
export const jsonFields = {
  /** What `{device}` stands for. */
  device: SiteSecret.optional(),
  auth: Auth.default({ kind: 'none' }),
  headers: z.record(HeaderName, SiteSecret).default({}),
  /** Asks for the newest sample of everything, at least. */
  latest: z.strictObject(Ask),
  /** Asks for what was measured from `{from}` to `{to}`; without it, what was missed is missing. */
  history: z
    .strictObject({
      ...Ask,
      samples: Pointer.optional(),
      /** How `{from}` and `{to}` are written; as the times of samples unless given. */
      format: TimeFormat.optional(),
      zone: Zone.optional(),
      /** The longest stretch that one answer gives in full; without it, answers are continued where they end. */
      window: Duration.optional(),
    })
    .optional(),
  /** What an answer holds that is one: an API that answers 200 when it fails says so somewhere else. */
  expect: Expected.default({}),
  /** Where samples lie: an array of them, or one. */
  samples: Pointer.default(''),
  time: z.strictObject({ at: Pointer, format: TimeFormat, zone: Zone.optional() }),
  /** Whether numbers that are texts have a decimal comma. */
  decimalComma: z.boolean().default(false),
  signals: z.array(JsonSignal).min(1).max(256),
}

const JsonFields = z.strictObject({ provider: z.literal('json'), ...jsonFields })
type JsonFields = z.infer<typeof JsonFields>

/** What is wrong with JSON APIs beyond the form of their parts. */
export function jsonMistakes({
  sound,
  isWrong,
}: Draft<{ providers: readonly (JsonFields | { provider: 'twin' | 'nettra' | 'novus' })[] }>): Place[] {
  return (sound?.providers ?? []).flatMap((one, index) => {
    if (one?.provider !== 'json') return []
    const place = ['providers', index]
    return [
      ...askMistakes(one.latest, ['device']).map(({ path, message }) => ({
        path: ['latest', ...path],
        message,
      })),
      ...askMistakes(one.history, ['device', 'from', 'to']).map(({ path, message }) => ({
        path: ['history', ...path],
        message,
      })),
      ...placeholderMistakes(one, key => isWrong(...place, key)),
      ...formMistakes(one),
      ...twiceMistakes(one),
    ]
      .map(({ path, message }) => ({ path: [...place, ...path], message }))
      .filter(({ path }) => !isWrong(...path))
  })
}

type Ask = Sound<{ url: string; method: 'GET' | 'POST'; body?: string | undefined }>

const textsOf = (ask: Ask | undefined): string => `${ask?.url ?? ''} ${ask?.body ?? ''}`

const placeholdersOf = (text: string): string[] =>
  [...text.matchAll(PLACEHOLDER)].map(([, name]) => name ?? '')

function askMistakes(ask: Ask | undefined, known: readonly string[]): Place[] {
  const mistakes: Place[] = []
  for (const key of ['url', 'body'] as const) {
    for (const name of placeholdersOf(ask?.[key] ?? '')) {
      if (known.includes(name)) continue
      const message = `nothing is known to put in the place of {${name}}: there is ${known.map(one => `{${one}}`).join(', ')}`
      mistakes.push({ path: [key], message })
    }
  }
  if (ask?.body === undefined) return mistakes
  if (ask.method === 'GET') mistakes.push({ path: ['body'], message: 'needs method POST' })
  if (!isJson(ask.body.replace(PLACEHOLDER, 'x'))) {
    mistakes.push({ path: ['body'], message: 'is not JSON, in which placeholders stand within texts' })
  }
  return mistakes
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function placeholderMistakes(
  { device, latest, history }: Sound<JsonFields>,
  isWrong: (key: string) => boolean,
): Place[] {
  const used = new Set(placeholdersOf(`${textsOf(latest)} ${textsOf(history)}`))
  const isDevice = device !== undefined || isWrong('device')
  const mistakes: Place[] = []
  if (used.has('device') && !isDevice) mistakes.push({ path: ['device'], message: 'is needed for {device}' })
  const isWhole = !isWrong('latest') && !isWrong('history')
  if (isDevice && isWhole && !used.has('device')) {
    mistakes.push({ path: ['device'], message: 'is in no url and no body as {device}' })
  }
  if (history?.url === undefined) return mistakes
  const asked = placeholdersOf(textsOf(history))
  if (asked.includes('from') && asked.includes('to')) return mistakes
  return [...mistakes, { path: ['history'], message: 'must ask for a stretch of time, by {from} and {to}' }]
}

/** A pattern says no zone by itself; an epoch has none. */
function formMistakes({ time, history }: Sound<JsonFields>): Place[] {
  const zoneMistake = (format: string | undefined, zone: string | undefined): string | undefined => {
    if (format === undefined) return undefined
    if (format.startsWith('epoch')) return zone === undefined ? undefined : `${format} has no zone`
    return format === 'iso' || zone !== undefined ? undefined : `is needed: ${format} does not say it`
  }
  const ofTime = zoneMistake(time?.format, time?.zone)
  const ofHistory = zoneMistake(history?.format, history?.zone)
  return [
    ...(ofTime === undefined ? [] : [{ path: ['time', 'zone'], message: ofTime }]),
    ...(ofHistory === undefined ? [] : [{ path: ['history', 'zone'], message: ofHistory }]),
    ...(history?.zone !== undefined && history.format === undefined
      ? [{ path: ['history', 'zone'], message: 'needs format beside it' }]
      : []),
  ]
}

/** The same header twice is two values of it. */
function twiceMistakes({ auth, headers }: Sound<JsonFields>): Place[] {
  const names = Object.keys(headers ?? {}).map(name => name.toLowerCase())
  const ofAuth =
    auth?.kind === 'header'
      ? auth.name
      : auth?.kind === 'basic' || auth?.kind === 'bearer'
        ? 'authorization'
        : undefined
  const twice = names.find((name, index) => names.indexOf(name) < index || name === ofAuth?.toLowerCase())
  return twice === undefined ? [] : [{ path: ['headers'], message: `${twice} is given twice` }]
}
