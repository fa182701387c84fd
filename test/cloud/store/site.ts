// What the store's tests store.

import assert from 'node:assert/strict'
import type { IncomingBatch, StoreDeps } from '../../../cloud/store/batches.ts'
import type { Database } from '../../../cloud/store/database.ts'
import { openSeriesIds } from '../../../cloud/store/series.ts'
import type { Batch } from '../../../protocol/batch.ts'
import type { Reading } from '../../../protocol/reading.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'

/** Noon of a summer's day. */
export const T = Date.parse('2026-01-15T12:00:00Z')

/** A gateway of a project of its own, and what it commits with. */
export interface Site {
  deps: StoreDeps
  gateway: Pick<IncomingBatch, 'gatewayId' | 'projectId'>
}

/** Makes one. */
export async function site(db: Database, slug: string): Promise<Site> {
  const [row] = await db.query<{ gatewayId: number; projectId: number }>(
    `with c as (insert into clients (slug, name) values ($1, $1) returning id),
          p as (insert into projects (client_id, slug, name) select id, $1, $1 from c returning id),
          g as (insert into gateways (project_id, slug) select id, $1 from p returning id, project_id)
     select id as "gatewayId", project_id as "projectId" from g`,
    [slug],
  )
  assert.ok(row)
  return { deps: { db, series: openSeriesIds(db), clock: systemClock }, gateway: row }
}

/** A reading with a value, or without one. */
export function reading(
  seq: number,
  point: string,
  variable: Reading['variable'],
  at: number,
  value: number | null,
): Reading {
  return {
    seq,
    point,
    variable,
    at,
    value,
    quality: value === null ? 'no_answer' : 'good',
    timeQuality: 'synced',
  }
}

/** A batch of readings. Which table it names is nothing to the store. */
export function batchOf(epoch: number, readings: Reading[]): Batch {
  const table = { gateway: 'gw', client: 'c', project: 'p', series: [] }
  const [first, last] = [readings[0]?.seq ?? 0, readings.at(-1)?.seq ?? 0]
  return { table, epoch, first, last, configVersion: 0, clock: { quality: 'synced' }, readings, missing: [] }
}
