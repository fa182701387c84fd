// Any API that answers in JSON: a device in the path, and its samples as the test wants them laid out.
//
//   GET|POST /devices/{device}/latest
//   GET|POST /devices/{device}/samples   with from, to and limit in the query, or in a body of JSON

import type { Clock } from '../../../protocol/runtime/clock.ts'
import { type HeldSample, openSamples, type Samples, type SamplesOptions } from './samples.ts'
import { type Answer, openService, type SeenRequest, type Service } from './service.ts'

/** One instant's values by key, and the instant as `time`. */
export type Row = Record<string, unknown> & { at: number }

/** How an answer is laid out. What comes in are rows, oldest first. */
export type Layout = (rows: readonly Row[]) => unknown

/** What openJsonApi() is told. */
export interface JsonApiOptions extends SamplesOptions {
  port?: number
  /** The devices there are, and the keys that each has. */
  devices?: readonly string[]
  keys?: readonly string[]
  /** Whether a request shows who it is from. */
  isAllowed?: (request: SeenRequest) => boolean
  /** Most rows in one answer, whatever was asked. */
  limitMax?: number
  layout?: Layout
  /** Reads an end of a stretch of time. */
  readTime?: (text: string) => number
}

/** An API that answers in JSON, listening. Its channels are `latest` and `range`. */
export interface JsonApi extends Service {
  samples: Samples
  baseUrl: string
  oddities: { descending: boolean }
}

/** `{"time": "…Z", "flow": 12.4}` in a list. */
export const listed: Layout = rows =>
  rows.map(({ at, ...values }) => ({ time: new Date(at).toISOString(), ...values }))

const PATH = /^\/devices\/([^/]+)\/(latest|samples)$/

/** Opens the API. */
export async function openJsonApi(
  { clock }: { clock: Clock },
  {
    port = 0,
    devices = [],
    keys = [],
    isAllowed = () => true,
    limitMax = 1_000,
    layout = listed,
    readTime = readAny,
    ...options
  }: JsonApiOptions = {},
): Promise<JsonApi> {
  const samples = openSamples({ clock }, options)
  const oddities: JsonApi['oddities'] = { descending: false }

  const answer = (request: SeenRequest): Answer => {
    if (!isAllowed(request)) return { status: 401, body: { error: 'unauthorized' } }
    const url = new URL(request.path, 'http://json')
    const [, device = '', what] = PATH.exec(url.pathname) ?? []
    const name = decodeURIComponent(device)
    if (what === undefined || !devices.includes(name)) return { status: 404, body: { error: 'not found' } }
    const asked = {
      ...Object.fromEntries(url.searchParams),
      ...(request.body === '' ? {} : (JSON.parse(request.body) as Record<string, unknown>)),
    }
    const held = new Map(
      keys.map((key): [string, HeldSample[]] => {
        if (what === 'samples') {
          const [from, to] = [readTime(String(asked.from)), readTime(String(asked.to))]
          return [key, samples.within(name, key, from, to)]
        }
        const newest = samples.latest(name, key)
        return [key, newest === undefined ? [] : [newest]]
      }),
    )
    const rows = toRows(held)
    const limit = Math.min(limitMax, Number(asked.limit ?? limitMax))
    const given = oddities.descending ? rows.toReversed().slice(0, limit) : rows.slice(0, limit)
    return { status: 200, body: layout(given) }
  }

  const service = await openService(
    { clock },
    { port },
    ({ path }) => (path.includes('/samples') ? 'range' : 'latest'),
    answer,
  )
  return Object.assign(service, { samples, oddities, baseUrl: service.url })
}

/** An epoch in seconds or milliseconds, or ISO 8601. */
function readAny(text: string): number {
  if (!/^\d+$/.test(text)) return Date.parse(text)
  return Number(text) * (text.length > 11 ? 1 : 1_000)
}

/** What keys have at one instant is one row; a second value of one key at an instant is another row. */
function toRows(held: ReadonlyMap<string, readonly HeldSample[]>): Row[] {
  const rows: Row[] = []
  for (const [key, list] of held) {
    for (const { at, value } of list) {
      const free = rows.find(row => row.at === at && !(key in row))
      if (free === undefined) rows.push({ at, [key]: value })
      else free[key] = value
    }
  }
  return rows.sort((one, other) => one.at - other.at)
}
