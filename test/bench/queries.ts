// How long the API takes for what its users look at, over HTTP, each question beside the bare SQL of the same answer.
//
// A thousand wells: four variables each minute for 25 hours (six million readings, in the order in which they come), hours
// of a month, days of three years, months of ten. An embedded PostgreSQL with everything it needs in memory; asker and
// API share a process. Each question is asked of another well each time.

import { openDoor } from '../../cloud/api/door.ts'
import { API_METRICS, startApi } from '../../cloud/api/service.ts'
import { createToken } from '../../cloud/api/users.ts'
import { openAuthority, openFleetSecrets } from '../../cloud/fleet/authority.ts'
import type { Database } from '../../cloud/store/database.ts'
import { migrate } from '../../cloud/store/migrate.ts'
import { selectExpectations, selectWorks } from '../../cloud/store/overview.ts'
import { selectLatest, selectPoints, selectReadings } from '../../cloud/store/queries.ts'
import { selectBuckets } from '../../cloud/store/rollups.ts'
import { thinHours } from '../../cloud/store/thinned.ts'
import { systemClock as clock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { openMetrics } from '../../protocol/runtime/metrics.ts'
import { openScope, type Scope } from '../../protocol/runtime/scope.ts'
import { VARIABLES } from '../../protocol/variables.ts'
import { randomFrom } from '../doubles/random.ts'
import { startEmbeddedServer } from '../doubles/servers.ts'
import { type Figure, quantile } from './figure.ts'

const NO_UPLINK = { url: undefined, ca: undefined }

const POINTS = 1_000
const MINUTES = 25 * 60
const MEASURED = ['flow', 'total', 'level', 'pulses'] as const
const READINGS = POINTS * MEASURED.length * MINUTES
const ASKED = 60
const FILL_TIMEOUT_MS = 600_000
const WARM_UP = 5
const HOUR = 3_600_000
const DAY = 24 * HOUR
/** Midnight in Chile. */
const END = Date.parse('2026-07-01T04:00:00Z')
const MONTHS_SINCE = Date.parse('2016-07-01T04:00:00Z')

/** Milliseconds of each question, over HTTP and bare. */
export async function benchQueries(): Promise<Figure[]> {
  const scope = openScope()
  try {
    const server = scope.use(await startEmbeddedServer())
    const { db } = scope.use(await server.create())
    await migrate(db, { log: silentLog })
    await fill(db)
    const ask = await openAsker(scope, db)
    const figures: Figure[] = [{ name: 'readings in the table', value: READINGS, unit: 'rows' }]
    for (const question of questionsOf(db)) figures.push(...(await measure(question, ask)))
    return figures
  } finally {
    await scope[Symbol.asyncDispose]()
  }
}

/** Something that is asked of a point. */
interface Question {
  name: string
  path(point: number): string
  /** How many rows its answer has, so that nobody measures an empty one. */
  rows(body: unknown): number
  expected: number
  bare(point: number): Promise<unknown>
}

const iso = (at: number): string => new Date(at).toISOString()

function questionsOf(db: Database): Question[] {
  const of = (point: number) => `/api/v1/points/load.wells.pozo-${point}`
  const items = (body: unknown) => (body as { items: unknown[] }).items.length
  const seriesId = async (pointId: number, variable: keyof typeof VARIABLES) => {
    const [row] = await db.query<{ id: number }>(
      'select id from series where point_id = $1 and variable = $2',
      [pointId, VARIABLES[variable].code],
    )
    return row?.id ?? 0
  }
  const buckets = (size: 'day' | 'month', from: number) => (pointId: number) =>
    selectBuckets(db, size, { pointId, variable: VARIABLES.volume.code, from, to: END, limit: 2_400 })
  return [
    {
      ...{
        name: 'latest of 1,000 points',
        path: () => '/api/v1/overview?limit=1000',
        rows: items,
        expected: POINTS,
      },
      bare: async () => {
        const points = await selectPoints(db, null, { afterId: 0, limit: POINTS })
        const ids = points.map(({ id }) => id)
        const since = { since: clock.now() - DAY, now: clock.now() }
        return Promise.all([selectLatest(db, ids), selectExpectations(db, ids), selectWorks(db, ids, since)])
      },
    },
    {
      ...{ name: 'raw day', expected: 1_440, rows: items },
      path: point => `${of(point)}/readings?variable=total&from=${iso(END - DAY)}&to=${iso(END)}&limit=10000`,
      bare: async point =>
        selectReadings(db, await seriesId(point, 'total'), {
          ...{ from: END - DAY, to: END, order: 'asc', limit: 10_001 },
        }),
    },
    {
      ...{ name: '7 days by hour', expected: 168, rows: body => (body as { at: unknown[] }).at.length },
      path: point => `${of(point)}/series?variable=flow&from=${iso(END - 7 * DAY)}&to=${iso(END)}&steps=168`,
      bare: async point =>
        thinHours(db, {
          ...{ seriesId: await seriesId(point, 'flow'), from: END - 7 * DAY, to: END, stepMs: HOUR },
        }),
    },
    {
      ...{ name: 'one year by day', expected: 365, rows: items, bare: buckets('day', END - 365 * DAY) },
      path: point => `${of(point)}/consumption?by=day&from=${iso(END - 365 * DAY)}&to=${iso(END)}`,
    },
    {
      ...{ name: 'ten years by month', expected: 120, rows: items, bare: buckets('month', MONTHS_SINCE) },
      path: point => `${of(point)}/consumption?by=month&from=${iso(MONTHS_SINCE)}&to=${iso(END)}`,
    },
  ]
}

async function measure(
  { name, path, rows, expected, bare }: Question,
  ask: (path: string) => Promise<unknown>,
): Promise<Figure[]> {
  const random = randomFrom(7)
  const [overHttp, bareSql]: [number[], number[]] = [[], []]
  for (let turn = -WARM_UP; turn < ASKED; turn += 1) {
    const point = 1 + Math.floor(random() * POINTS)
    const began = clock.monotonic()
    const found = rows(await ask(path(point)))
    const answered = clock.monotonic()
    await bare(point)
    const done = clock.monotonic()
    if (found !== expected) throw new Error(`${name}: expected ${expected} rows, got ${found}`)
    if (turn < 0) continue
    overHttp.push(answered - began)
    bareSql.push(done - answered)
  }
  const figure = (part: number, label: string): Figure => ({
    ...{ name: `${name}, ${label}`, value: quantile(overHttp, part), unit: 'ms' },
    ratio: quantile(overHttp, part) / quantile(bareSql, part),
    peer: `the bare SQL, ${quantile(bareSql, part).toPrecision(3)} ms`,
  })
  return [figure(0.5, 'p50'), figure(0.99, 'p99')]
}

async function openAsker(scope: Scope, db: Database): Promise<(path: string) => Promise<unknown>> {
  const options = {
    publicUrl: 'http://localhost:8004',
    trustedProxies: [],
    version: '0.0.0',
    uplink: NO_UPLINK,
  }
  const door = openDoor(
    { db, clock, log: silentLog },
    { secretKey: new Uint8Array(32), publicUrl: options.publicUrl },
  )
  const secrets = openFleetSecrets(new Uint8Array(32), [])
  const authority = openAuthority({ db, clock, secrets })
  const deps = { db, clock, log: silentLog, ...door, authority }
  const api = scope.use(
    await startApi(
      { ...deps, metrics: openMetrics(API_METRICS) },
      { host: '127.0.0.1', port: 0, ...options },
    ),
  )
  const token = await createToken(db, {
    requestsPerMinute: 10_000_000,
    ...{ name: 'bench', role: 'operator', scopes: ['read'], createdBy: 'bench' },
  })
  return async path => {
    const answer = await fetch(`http://127.0.0.1:${api.port}${path}`, {
      headers: { authorization: `Bearer ${token}` },
    })
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
    return answer.json()
  }
}

async function fill(db: Database): Promise<void> {
  await db.script(`
    insert into clients (slug, name) values ('load', 'load');
    insert into projects (client_id, slug, name) select id, 'wells', 'wells' from clients;
    insert into points (project_id, slug, name)
      select p.id, 'pozo-' || n, 'Pozo ' || n from projects p, generate_series(1, ${POINTS}) n order by n;
    insert into series (point_id, variable)
      select p.id, v from points p, unnest(array[${[...MEASURED, 'volume' as const].map(name => VARIABLES[name].code)}]) v;
  `)
  for (let minute = 0; minute < MINUTES; minute += 60) {
    await db.query(
      `insert into readings (series_id, at, value, quality, time_quality, batch_id)
       select s.id, to_timestamp($1::float8 / 1000) + m * interval '1 minute' + p.id * interval '7 ms',
              round((10 + (m * s.id) % 977 / 100.0)::numeric, 2), 0, 0, m
       from generate_series($2::int, $2 + 59) m, series s join points p on p.id = s.point_id
       where s.variable < 64 order by m, s.id`,
      [END - MINUTES * 60_000, minute],
    )
  }
  const bucket = `10, 10, 10, 1.0, 2.0, 1.5, 1.7, at, 4.2, 0.0, 0`
  const columns = `series_id, at, count, valid, minutes, min, max, mean, last, last_at, consumption, gap_consumption, worst_quality`
  const zone = `at time zone 'America/Santiago'`
  const flow = `s.variable = ${VARIABLES.flow.code}`
  const volume = `s.variable = ${VARIABLES.volume.code}`
  const statements = [
    `insert into latest (series_id, at, value, quality, time_quality, seq, good_at, good_value)
     select s.id, r.at, r.value, 0, 0, 1, r.at, r.value
     from series s, lateral (select at, value from readings where series_id = s.id order by at desc limit 1) r`,
    `insert into rollups_hour (${columns}) select s.id, at, ${bucket}
     from generate_series(timestamptz '${iso(END - 31 * DAY)}', timestamptz '${iso(END - HOUR)}', '1 hour') at, series s
     where ${flow}`,
    `insert into rollups_day (${columns}) select s.id, at, ${bucket}
     from generate_series(timestamp '2023-07-01', timestamp '2026-06-30', '1 day') d,
          lateral (select d ${zone} as at) a, series s
     where ${volume}`,
    `insert into rollups_month (${columns}) select s.id, at, ${bucket}
     from generate_series(timestamp '2016-07-01', timestamp '2026-06-01', '1 month') d,
          lateral (select d ${zone} as at) a, series s
     where ${volume}`,
    ...['readings', 'latest', 'rollups_hour', 'rollups_day', 'rollups_month', 'series', 'points'].map(
      table => `analyze ${table}`,
    ),
  ]
  for (const statement of statements) {
    await db.transaction(tx => tx.query(statement), { statementTimeoutMs: FILL_TIMEOUT_MS })
  }
}
