// What tests of imports share: a file, its well, and everything that readings leave behind.

import type { Database } from '../../../cloud/store/database.ts'
import type { Sample } from '../processor/site.ts'

/** The first hour of the files. */
export const IMPORT_START = Date.parse('2026-01-15T00:00:00Z')

const HOUR = 3_600_000

/** Hours of a counter, in the way of a gateway. */
export const totals = (from: number, to: number): Sample[] =>
  Array.from({ length: to - from }, (_, index) => [
    IMPORT_START + (from + index) * HOUR,
    'total',
    1000 + from + index,
  ])

/** The same hours and more as a file, with a flow. */
export const csvOf = (from: number, to: number): string =>
  [
    'at,total,flow',
    ...Array.from({ length: to - from }, (_, index) => {
      const hour = from + index
      return `${new Date(IMPORT_START + hour * HOUR).toISOString()},${1000 + hour},${hour % 5}.5`
    }),
    '',
  ].join('\n')

/** A slot of a point, as a declaration of its total that was picked, or was sent. */
export async function makeSlot(
  db: Database,
  pointId: number,
  {
    dueAt,
    state,
    attempts,
    terms = {},
    chosen = { total: { readAt: dueAt } },
  }: { dueAt: number; state: string; attempts: number; terms?: object; chosen?: object },
): Promise<void> {
  const code = `OB-0602-${pointId}`
  const [client] = await db.query<{ id: number }>(
    'select pr.client_id as id from points p join projects pr on pr.id = p.project_id where p.id = $1',
    [pointId],
  )
  await db.query(
    `insert into informants (client_id, rut, name, control_centre_rut, secret_key_id, secret)
     values ($1, '12345678-5', 'Ana', '12345678-5', 'k', 'x') on conflict do nothing`,
    [client?.id ?? 0],
  )
  await db.query('insert into works (code, client_id) values ($1, $2) on conflict do nothing', [
    code,
    client?.id ?? 0,
  ])
  await db.query(
    `insert into obligations (work_code, point_id, informant_id, valid_from, terms, owed_from, created_through)
     select $1, $2, id, to_timestamp(0), $4::jsonb, to_timestamp(0), to_timestamp(0) from informants where client_id = $3
     on conflict do nothing`,
    [code, pointId, client?.id ?? 0, JSON.stringify(terms)],
  )
  await db.query(
    `insert into slots (obligation_id, work_code, point_id, due_at, state, state_at, attempts, chosen)
     select id, work_code, point_id, to_timestamp($2::float8 / 1000), $3, now(), $4, $5::jsonb
     from obligations where point_id = $1`,
    [pointId, dueAt, state, attempts, JSON.stringify(chosen)],
  )
}

/** Everything that readings leave behind, but for the log of batches and what waits to be looked at. */
export async function everythingOf(db: Database, pointId: number): Promise<Record<string, unknown>> {
  const tables = {
    readings: 'at, value, quality, time_quality',
    revisions: 'at, value',
    derived: 'at, value, quality, consumed, time_quality, flags',
    judgements: 'at, flags, adjusted',
    checkpoints: 'hour, at, state',
    counter_events: 'at, kind, count, amount_m3',
    rollups_hour: 'at, count, valid, minutes, min, max, mean, last, last_at, consumption, gap_consumption',
    rollups_day: 'at, count, valid, minutes, min, max, mean, last, last_at, consumption, gap_consumption',
    rollups_month: 'at, count, valid, minutes, min, max, mean, last, last_at, consumption, gap_consumption',
    latest: 'at, value, quality, good_at, good_value',
  }
  const found: Record<string, unknown> = {}
  for (const [table, columns] of Object.entries(tables)) {
    found[table] = await db.query(
      `select s.variable, ${columns} from ${table} t join series s on s.id = t.series_id
       where s.point_id = $1 order by 1, 2`,
      [pointId],
    )
  }
  return found
}
