// TwinDimension's TDATA, which Twin is: ThingsBoard's shape behind a login.
//
// Answers below /tdata/v1 and at the root alike.
//
//   POST /tdata/v1/login                                                  {username, password} → {token}
//   GET  /tdata/v1/telemetry/DEVICE/{device}/values/timeseries?keys=a,b   the newest of each key
//        … &startTs=&endTs=&limit=&asc=true                               a range, newest first unless asc

import { createHmac, randomBytes } from 'node:crypto'
import type { Clock } from '../../../protocol/runtime/clock.ts'
import { openSamples, type Samples, type SamplesOptions } from './samples.ts'
import { type Answer, openService, type SeenRequest, type Service } from './service.ts'

/** What openTwin() is told. */
export interface TwinOptions extends SamplesOptions {
  port?: number
  /** Who may sign in, with which password. */
  users?: Record<string, string>
  tokenLifeMs?: number
}

/** TDATA, listening. Its channels are `login`, `latest` and `range`. */
export interface Twin extends Service {
  samples: Samples
  /** What a configuration calls `baseUrl`. */
  baseUrl: string
  /** Forgets all tokens, as a restart of the provider does. */
  expireTokens(): void
  /** Gives tokens that are no JWT, or ranges in descending order whatever is asked, or values as numbers. */
  oddities: { plainTokens: boolean; descending: boolean; numbers: boolean }
}

const PREFIX = '/tdata/v1'
const SERIES = /\/telemetry\/DEVICE\/([^/]+)\/values\/timeseries$/
/** ThingsBoard's. */
const LIMIT_DEFAULT = 100

/** Opens TDATA. */
export async function openTwin(
  { clock }: { clock: Clock },
  { port = 0, users = {}, tokenLifeMs = 3_600_000, ...options }: TwinOptions = {},
): Promise<Twin> {
  const samples = openSamples({ clock }, options)
  const tokens = new Map<string, number>()
  const oddities = { plainTokens: false, descending: false, numbers: false }
  const key = randomBytes(32)

  const login = ({ body }: SeenRequest): Answer => {
    const { username, password } = JSON.parse(body) as Record<string, string>
    if (username === undefined || users[username] === undefined || users[username] !== password) {
      return { status: 401, body: { status: 401, message: 'Invalid username or password', errorCode: 10 } }
    }
    const iat = Math.floor(clock.now() / 1000)
    const token = oddities.plainTokens
      ? randomBytes(24).toString('base64url')
      : signed(
          { sub: username, iat, exp: iat + tokenLifeMs / 1000, jti: randomBytes(6).toString('hex') },
          key,
        )
    tokens.set(token, clock.now() + tokenLifeMs)
    return { status: 200, body: { token } }
  }
  const read = (device: string, query: URLSearchParams): Answer => {
    const [startTs, endTs] = [query.get('startTs'), query.get('endTs')]
    const limit = Number(query.get('limit') ?? LIMIT_DEFAULT)
    const isAscending = query.get('asc') === 'true' && !oddities.descending
    const series: Record<string, { ts: number; value: unknown }[]> = {}
    for (const name of (query.get('keys') ?? '').split(',')) {
      const newest = samples.latest(device, name)
      const all =
        startTs === null || endTs === null
          ? newest === undefined
            ? []
            : [newest]
          : samples.within(device, name, Number(startTs), Number(endTs))
      const ordered = isAscending ? all : all.toReversed()
      const shown = ordered.slice(0, limit).map(({ at, value }) => ({
        ts: at,
        value: oddities.numbers || typeof value !== 'number' ? value : String(value),
      }))
      if (shown.length > 0) series[name] = shown
    }
    return { status: 200, body: series }
  }

  const service = await openService(
    { clock },
    { port },
    ({ path }) => (path.endsWith('/login') ? 'login' : path.includes('startTs=') ? 'range' : 'latest'),
    request => {
      const { pathname, searchParams } = new URL(request.path, 'http://twin')
      if (pathname.endsWith('/login') && request.method === 'POST') return login(request)
      const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
      if ((tokens.get(token) ?? 0) <= clock.now()) {
        return { status: 401, body: { status: 401, message: 'Token has expired', errorCode: 11 } }
      }
      const device = SERIES.exec(pathname)?.[1]
      if (device === undefined) return { status: 404, body: { status: 404, message: 'Not found' } }
      return read(decodeURIComponent(device), searchParams)
    },
  )
  return Object.assign(service, {
    samples,
    oddities,
    baseUrl: service.url + PREFIX,
    expireTokens: () => tokens.clear(),
  })
}

function signed(claims: unknown, key: Buffer): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
}
