// thethings.io, which Nettra is: a thing's token in the path, one resource in each request, newest first.
//
//   GET /v2/things/{token}/resources/{resource}                             the newest values
//       … ?limit=&startDate=YYYYMMDDHHmmss&endDate=                          a range, where there is one

import type { Clock } from '../../../protocol/runtime/clock.ts'
import { type HeldSample, openSamples, type Samples, type SamplesOptions } from './samples.ts'
import { type Answer, openService, type Service } from './service.ts'

/** What openNettra() is told. */
export interface NettraOptions extends SamplesOptions {
  port?: number
  /** The tokens of the things there are. */
  things?: readonly string[]
  /** Whether dates are heeded. SmartHydro says no, the vendor's SDK yes. */
  keepsHistory?: boolean
  /** Most values in one answer, whatever was asked. */
  limitMax?: number
}

/** thethings.io, listening. Its channels are `latest` and `range`. */
export interface Nettra extends Service {
  samples: Samples
  baseUrl: string
  oddities: { ascending: boolean; strings: boolean; time: TimeForm }
}

/** How an instant is written. */
export type TimeForm = 'milliseconds' | 'seconds' | 'offset' | 'no-zone'

const RESOURCE = /^\/v2\/things\/([^/]+)\/resources\/([^/]+)\/?$/

/** Opens thethings.io. */
export async function openNettra(
  { clock }: { clock: Clock },
  { port = 0, things = [], keepsHistory = true, limitMax = 1_000, ...options }: NettraOptions = {},
): Promise<Nettra> {
  const samples = openSamples({ clock }, options)
  const oddities: Nettra['oddities'] = { ascending: false, strings: false, time: 'milliseconds' }

  const read = (thing: string, resource: string, query: URLSearchParams): Answer => {
    const [startDate, endDate] = [query.get('startDate'), query.get('endDate')]
    const limit = Math.min(limitMax, Number(query.get('limit') ?? 1))
    const newest = samples.latest(thing, resource)
    const all: HeldSample[] =
      keepsHistory && startDate !== null && endDate !== null
        ? samples.within(thing, resource, toTime(startDate), toTime(endDate))
        : newest === undefined
          ? []
          : [newest]
    const shown = all.slice(-limit).map(({ at, value }) => ({
      key: resource,
      value: oddities.strings ? String(value) : value,
      datetime: timeText(at, oddities.time),
    }))
    return { status: 200, body: oddities.ascending ? shown : shown.toReversed() }
  }

  const service = await openService(
    { clock },
    { port },
    ({ path }) => (path.includes('startDate=') ? 'range' : 'latest'),
    ({ path }) => {
      const { pathname, searchParams } = new URL(path, 'http://nettra')
      const [, thing, resource] = RESOURCE.exec(pathname) ?? []
      if (thing === undefined || resource === undefined) {
        return { status: 404, body: { status: 'error', code: 404, message: 'Not found' } }
      }
      if (!things.includes(decodeURIComponent(thing))) {
        return { status: 401, body: { status: 'error', code: 401, message: `Invalid token ${thing}` } }
      }
      return read(decodeURIComponent(thing), decodeURIComponent(resource), searchParams)
    },
  )
  return Object.assign(service, { samples, oddities, baseUrl: `${service.url}/v2` })
}

function toTime(text: string): number {
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(text) ?? []
  const [year = 0, month = 0, ...rest] = parts.map(Number)
  return Date.UTC(year, month - 1, ...rest)
}

/** An instant in one of the forms that were seen; with an offset, as a clock in Chile shows it in summer. */
export function timeText(at: number, form: TimeForm): string {
  const text = new Date(at).toISOString()
  switch (form) {
    case 'milliseconds':
      return text
    case 'seconds':
      return text.replace(/\.\d+/, '')
    case 'offset':
      return new Date(at - 3 * 3_600_000).toISOString().replace('Z', '-03:00')
    case 'no-zone':
      return text.replace('Z', '')
  }
}
