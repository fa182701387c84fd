// TagoIO, which Novus is: a device's token in a header, one variable in each request.
//
//   GET /data/?variable=&query=last_item
//   GET /data/?variable=&start_date=&end_date=&qty=   a range, newest first

import { randomBytes } from 'node:crypto'
import type { Clock } from '../../../protocol/runtime/clock.ts'
import { type TimeForm, timeText } from './nettra.ts'
import { type HeldSample, openSamples, type Samples, type SamplesOptions } from './samples.ts'
import { type Answer, openService, type SeenRequest, type Service } from './service.ts'

/** What openNovus() is told. */
export interface NovusOptions extends SamplesOptions {
  port?: number
  /** The tokens of the devices there are. */
  tokens?: readonly string[]
  /** Which of the two headers is read. */
  header?: 'device-token' | 'authorization'
  /** Most values in one answer, whatever was asked. */
  qtyMax?: number
}

/** TagoIO, listening. Its channels are `latest` and `range`. */
export interface Novus extends Service {
  samples: Samples
  baseUrl: string
  oddities: { ascending: boolean; strings: boolean; time: TimeForm }
}

const DENIED: Answer = { status: 401, body: { status: false, message: 'Authorization denied' } }

/** Opens TagoIO. */
export async function openNovus(
  { clock }: { clock: Clock },
  { port = 0, tokens = [], header = 'device-token', qtyMax = 10_000, ...options }: NovusOptions = {},
): Promise<Novus> {
  const samples = openSamples({ clock }, options)
  const oddities: Novus['oddities'] = { ascending: false, strings: false, time: 'milliseconds' }

  const read = (token: string, query: URLSearchParams): Answer => {
    const variable = query.get('variable') ?? ''
    const qty = Math.min(qtyMax, Number(query.get('qty') ?? 15))
    const [from, to] = [query.get('start_date'), query.get('end_date')].map(text => Date.parse(text ?? ''))
    const newest = samples.latest(token, variable)
    const isRange = query.get('query') === null
    if (isRange && (Number.isNaN(from) || Number.isNaN(to))) {
      return { status: 400, body: { status: false, message: 'Invalid date' } }
    }
    const all: HeldSample[] = isRange
      ? samples.within(token, variable, from ?? 0, to ?? 0)
      : newest === undefined
        ? []
        : [newest]
    const result = all.slice(-qty).map(({ at, value }) => ({
      ...{ id: randomBytes(6).toString('hex'), device: 'd1', group: 'g1', unit: '', variable },
      value: oddities.strings ? String(value) : value,
      time: timeText(at, oddities.time),
    }))
    return { status: 200, body: { status: true, result: oddities.ascending ? result : result.toReversed() } }
  }

  const service = await openService(
    { clock },
    { port },
    ({ path }) => (path.includes('start_date=') ? 'range' : 'latest'),
    ({ path, headers }: SeenRequest) => {
      const { pathname, searchParams } = new URL(path, 'http://novus')
      if (!/^\/data\/?$/.test(pathname)) return { status: 404, body: { status: false, message: 'Not found' } }
      const token = headers[header]
      if (typeof token !== 'string' || !tokens.includes(token)) return DENIED
      return read(token, searchParams)
    },
  )
  return Object.assign(service, { samples, oddities, baseUrl: service.url })
}
