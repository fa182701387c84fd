// The API: requests a second and p99 of its main routes, each beside a bare route of Hono and the bare SQL in the same run.
//
// A hundred wells, four variables each minute for a day. The API and the bare route are in this process, an embedded
// PostgreSQL beside it, who asks in a thread of its own, sixteen at once. On a machine of few cores all of them share them:
// a figure is worth what its ratio to the peers is.

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Worker } from 'node:worker_threads'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { openDoor } from '../../cloud/api/door.ts'
import { API_METRICS, startApi } from '../../cloud/api/service.ts'
import { createToken } from '../../cloud/api/users.ts'
import { openAuthority, openFleetSecrets } from '../../cloud/fleet/authority.ts'
import type { Database } from '../../cloud/store/database.ts'
import { migrate } from '../../cloud/store/migrate.ts'
import { selectLatest, selectPoints, selectPointsNamed, selectReadings } from '../../cloud/store/queries.ts'
import { thinValues } from '../../cloud/store/thinned.ts'
import { systemClock as clock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { openMetrics } from '../../protocol/runtime/metrics.ts'
import { openScope, type Scope } from '../../protocol/runtime/scope.ts'
import { VARIABLES } from '../../protocol/variables.ts'

import { startEmbeddedServer } from '../doubles/servers.ts'
import type { Load, Loaded } from './api-load.ts'
import { type Figure, quantile } from './figure.ts'

const POINTS = 100
const NO_UPLINK = { url: undefined, ca: undefined }
const MINUTES = 1_440
const AT_ONCE = 16
const FOR_MS = Number(process.env.BENCH_API_MS ?? 3_000)
const END = Date.parse('2026-07-01T04:00:00Z')
const FROM = END - MINUTES * 60_000
const MEASURED = ['flow', 'total', 'level', 'pulses'] as const

/** Requests a second and p99 of each route. */
export async function benchApi(): Promise<Figure[]> {
  const scope = openScope()
  try {
    const server = scope.use(await startEmbeddedServer())
    const { db } = scope.use(await server.create())
    await migrate(db, { log: silentLog })
    await fill(db)
    const { url, token } = await openServer(scope, db)
    const bareUrl = openBare(scope)
    await load({ url: await bareUrl, token, atOnce: AT_ONCE, forMs: FOR_MS / 3 })
    const bare = await load({ url: await bareUrl, token, atOnce: AT_ONCE, forMs: FOR_MS })
    const figures: Figure[] = [
      { name: 'a bare route of Hono', value: bare.perSecond, unit: 'req/s' },
      { name: 'a bare route of Hono, p99', value: quantile(bare.took, 0.99), unit: 'ms' },
    ]
    for (const route of routesOf(db)) figures.push(...(await measure(route, { url, token, bare })))
    return figures
  } finally {
    await scope[Symbol.asyncDispose]()
  }
}

interface MeasuredRoute {
  name: string
  path: string
  /** The same rows by the statements alone. */
  sql?: () => Promise<unknown>
}

const iso = (at: number): string => new Date(at).toISOString()

function routesOf(db: Database): MeasuredRoute[] {
  const point = '/api/v1/points/load.wells.pozo-7'
  const named = { client: 'load', project: 'wells', point: 'pozo-7' }
  const day = { from: FROM, to: END }
  const asked = `from=${iso(FROM)}&to=${iso(END)}`
  const idOf = async () => (await selectPointsNamed(db, null, named))[0]?.id ?? 0
  const seriesOf = async () => {
    const [row] = await db.query<{ id: number }>(
      'select id from series where point_id = $1 and variable = $2',
      [await idOf(), VARIABLES.flow.code],
    )
    return row?.id ?? 0
  }
  return [
    { name: 'entry', path: '/api/v1' },
    { name: 'one point', path: point, sql: idOf },
    { name: 'newest values', path: `${point}/latest`, sql: async () => selectLatest(db, [await idOf()]) },
    {
      ...{ name: `${POINTS} points`, path: `/api/v1/points?limit=${POINTS}` },
      sql: () => selectPoints(db, null, { afterId: 0, limit: POINTS + 1 }),
    },
    { name: `overview of ${POINTS} points`, path: '/api/v1/overview' },
    {
      ...{ name: 'a page of 1,000 readings', path: `${point}/readings?variable=flow&${asked}` },
      sql: async () => selectReadings(db, await seriesOf(), { ...day, order: 'asc', limit: 1_001 }),
    },
    {
      ...{ name: 'a day in 600 steps', path: `${point}/series?variable=flow&${asked}` },
      sql: async () => thinValues(db, 'measured', { ...day, seriesId: await seriesOf(), stepMs: 144_000 }),
    },
  ]
}

async function measure(
  { name, path, sql }: MeasuredRoute,
  { url, token, bare }: { url: string; token: string; bare: Loaded },
): Promise<Figure[]> {
  await load({ url: `${url}${path}`, token, atOnce: AT_ONCE, forMs: FOR_MS / 3 })
  const { perSecond, took } = await load({ url: `${url}${path}`, token, atOnce: AT_ONCE, forMs: FOR_MS })
  const beside = sql === undefined ? undefined : await loadSql(sql)
  const p99 = quantile(took, 0.99)
  const figures: Figure[] = [
    {
      ...{ name, value: perSecond, unit: 'req/s', ratio: perSecond / bare.perSecond },
      peer: `a bare route of Hono, ${Math.round(bare.perSecond)} req/s`,
    },
  ]
  if (beside === undefined) return [...figures, { name: `${name}, p99`, value: p99, unit: 'ms' }]
  const sqlP99 = quantile(beside.took, 0.99)
  return [
    ...figures,
    {
      ...{ name: `${name}, beside the SQL`, value: perSecond, unit: 'req/s' },
      ...{
        ratio: perSecond / beside.perSecond,
        peer: `the bare SQL, ${Math.round(beside.perSecond)} a second`,
      },
    },
    {
      ...{ name: `${name}, p99`, value: p99, unit: 'ms', ratio: p99 / sqlP99 },
      peer: `the bare SQL, ${sqlP99.toPrecision(3)} ms`,
    },
  ]
}

async function load(workerData: Load): Promise<Loaded> {
  const worker = new Worker(new URL('./api-load.ts', import.meta.url), { workerData })
  const [loaded] = await once(worker, 'message')
  await worker.terminate()
  return loaded
}

async function loadSql(sql: () => Promise<unknown>): Promise<Loaded> {
  const took: number[] = []
  const began = clock.monotonic()
  const one = async () => {
    while (clock.monotonic() - began < FOR_MS) {
      const asked = clock.monotonic()
      await sql()
      took.push(clock.monotonic() - asked)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, one))
  return { perSecond: (took.length * 1000) / (clock.monotonic() - began), took }
}

async function openServer(scope: Scope, db: Database): Promise<{ url: string; token: string }> {
  const options = {
    publicUrl: 'http://localhost:8004',
    trustedProxies: [],
    version: '0.0.0',
    uplink: NO_UPLINK,
  }
  const { publicUrl } = options
  const door = openDoor({ db, clock, log: silentLog }, { secretKey: new Uint8Array(32), publicUrl })
  const secrets = openFleetSecrets(new Uint8Array(32), [])
  const authority = openAuthority({ db, clock, secrets })
  const api = scope.use(
    await startApi(
      { db, clock, log: silentLog, ...door, authority, metrics: openMetrics(API_METRICS) },
      { host: '127.0.0.1', port: 0, ...options },
    ),
  )
  const token = await createToken(db, {
    requestsPerMinute: 10_000_000,
    name: 'bench',
    role: 'operator',
    scopes: ['read'],
    createdBy: 'bench',
  })
  return { url: `http://127.0.0.1:${api.port}`, token }
}

/** As little as can be: one route, one object. */
async function openBare(scope: Scope): Promise<string> {
  const app = new Hono().get('/', context => context.json({ point: 'pozo-7', latest: [] }))
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  scope.use({
    close: () =>
      new Promise<void>(resolve => {
        server.close(() => resolve())
        if ('closeAllConnections' in server) server.closeAllConnections()
      }),
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

async function fill(db: Database): Promise<void> {
  const codes = MEASURED.map(name => VARIABLES[name].code)
  await db.script(`
    insert into clients (slug, name) values ('load', 'load');
    insert into projects (client_id, slug, name) select id, 'wells', 'wells' from clients;
    insert into points (project_id, slug, name)
      select p.id, 'pozo-' || n, 'Pozo ' || n from projects p, generate_series(1, ${POINTS}) n order by n;
    insert into series (point_id, variable) select p.id, v from points p, unnest(array[${codes}]) v;
    insert into readings (at, value, batch_id, series_id, quality, time_quality)
      select to_timestamp(${FROM / 1000} + 60 * m), 12.5 + m % 60 * 0.25, 1, s.id, 0, 0
      from series s, generate_series(0, ${MINUTES - 1}) m;
    insert into latest (series_id, at, value, quality, time_quality, good_at, good_value)
      select id, to_timestamp(${END / 1000} - 60), 12.5, 0, 0, to_timestamp(${END / 1000} - 60), 12.5 from series;
    analyze;`)
}
