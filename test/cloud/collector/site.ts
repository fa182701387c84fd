// A collector on a real database, and gateways that it knows.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { Subscriber } from '../../../cloud/collector/identity.ts'
import {
  COLLECTOR_METRICS,
  type CollectorDeps,
  type CollectorOptions,
  type RunningCollector,
  startCollector,
} from '../../../cloud/collector/service.ts'
import type { Database } from '../../../cloud/store/database.ts'
import type { SeriesTable } from '../../../protocol/batch.ts'
import type { Reading } from '../../../protocol/reading.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { type Metrics, openMetrics } from '../../../protocol/runtime/metrics.ts'
import type { GatewayHealth } from '../../../protocol/status.ts'

/** What gateways sign in with. */
export const TOKEN = 'a-token-for-tests'

/** What a gateway says of itself that reads nothing. */
export const HEALTH: GatewayHealth = {
  ...{ v: 1, at: 0, version: '1.2.3', startedAt: 0, memoryBytes: 1, buses: [], devices: [] },
  buffer: { epoch: 1, readings: 0, bytes: 0, maxBytes: 1, appended: 0, evicted: 0, damaged: 0 },
  readings: { polled: 0, acked: 0, rejected: 0 },
  clock: { quality: 'synced' },
}

/** What the database keeps of a token. */
export const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()

/** What subscribers and operators sign in with. */
export const SUBSCRIBERS: Record<string, Subscriber> = {
  'everything-token': { clients: 'all' },
  'campo-token': { clients: ['campo'] },
}

/** Noon of a summer's day. */
export const T = Date.parse('2026-01-15T12:00:00Z')

/** Makes a gateway in the project of that name, which is made too if need be. */
export async function addGateway(
  db: Database,
  slug: string,
  { client = 'campo', project = 'los-aromos' } = {},
): Promise<SeriesTable> {
  await db.query(
    `with c as (insert into clients (slug, name) values ($1, $1)
                on conflict (slug) do update set name = excluded.name returning id),
          p as (insert into projects (client_id, slug, name) select id, $2, $2 from c
                on conflict (client_id, slug) do update set name = excluded.name returning id)
     insert into gateways (project_id, slug, token_hash) select id, $3, $4 from p`,
    [client, project, slug, sha256(TOKEN)],
  )
  return { gateway: slug, client, project, series: [{ point: `${slug}-well`, variable: 'flow', scale: 2 }] }
}

/** Readings of the table's one series, numbered from `first`, a second apart. */
export function readingsOf({ series }: SeriesTable, first: number, count: number): Reading[] {
  const [entry] = series
  assert.ok(entry !== undefined)
  const { point, variable } = entry
  return Array.from({ length: count }, (_, index) => {
    const seq = first + index
    return {
      ...{ seq, point, variable, at: T + seq * 1000, value: (seq % 10_000) / 100 },
      ...{ quality: 'good', timeQuality: 'synced' },
    } as Reading
  })
}

/** A collector on free ports, and what it counts. */
export async function openCollector(
  db: Database,
  deps: Partial<CollectorDeps> = {},
  mqtt: Partial<CollectorOptions['mqtt']> = {},
  more: Pick<CollectorOptions, 'nats' | 'lease'> = {},
): Promise<RunningCollector & { metrics: Metrics }> {
  const metrics = openMetrics(COLLECTOR_METRICS)
  const collector = await startCollector(
    {
      ...{ db, clock: systemClock, log: silentLog, random: Math.random, metrics },
      authenticateSubscriber: async token => SUBSCRIBERS[token],
      authorizeOperator: async request => {
        const token = request.headers.get('authorization')
        if (token === 'Bearer operator') return { kind: 'allowed', principal: { name: 'olga' } }
        return token === null ? { kind: 'unknown' } : { kind: 'refused', reason: 'Not an operator' }
      },
      ...deps,
    },
    { host: '127.0.0.1', port: 0, version: '0.0.0', mqtt: { host: '127.0.0.1', port: 0, ...mqtt }, ...more },
  )
  return { ...collector, metrics }
}

/** The instants of the readings that are stored of a gateway, in order. */
export async function storedOf(db: Database, { gateway }: SeriesTable): Promise<number[]> {
  const rows = await db.query<{ at: number }>(
    `select r.at from readings r join batches b on b.id = r.batch_id join gateways g on g.id = b.gateway_id
     where g.slug = $1 order by r.at`,
    [gateway],
  )
  return rows.map(({ at }) => at)
}
