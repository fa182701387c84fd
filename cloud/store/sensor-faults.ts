// Sensors that persons declared faulty: from when, until when at the latest, and why.

import type { Quantity } from '../compliance/declaration.ts'
import type { Database, Sql } from './database.ts'
import { settleIncidents } from './incidents.ts'
import { literal } from './literal.ts'
import type { ClientIds } from './queries.ts'

/** A fault that covers a slot. */
export interface FaultOfSlot {
  pointId: number
  quantity: Quantity
  until: number
  reason: string
}

/** The faults that cover slots, by slot: as long as they were declared for, whether or not they have expired. */
export async function selectFaults(
  sql: Sql,
  slots: readonly { slotId: number; dueAt: number; pointIds: readonly number[] }[],
): Promise<Map<number, FaultOfSlot[]>> {
  const keys = slots.flatMap(({ slotId, dueAt, pointIds }) =>
    pointIds.map(pointId => ({ slotId, dueAt, pointId })),
  )
  const rows = await sql.query<FaultOfSlot & { slotId: number }>(
    `select k.slot_id as "slotId", f.point_id as "pointId", f.quantity, f.until_at as until, f.reason
     from unnest($1::float8[], $2::int[], $3::float8[]) as k(slot_id, point_id, due)
     join sensor_faults f on f.point_id = k.point_id
       and f.from_at <= to_timestamp(k.due / 1000) and f.until_at > to_timestamp(k.due / 1000)
     order by f.id`,
    [
      literal(keys, ({ slotId }) => slotId),
      literal(keys, ({ pointId }) => pointId),
      literal(keys, ({ dueAt }) => dueAt),
    ],
  )
  const found = new Map<number, FaultOfSlot[]>()
  for (const { slotId, ...fault } of rows) found.set(slotId, [...(found.get(slotId) ?? []), fault])
  return found
}

/** A fault as the API shows it. */
export interface FaultRow {
  id: number
  key: string
  quantity: Quantity
  from: number
  until: number
  reason: string
  declaredBy: string
  declaredAt: number
  raisedAt: number | null
  endedAt: number | null
  endedBy: string | null
  endedReason: string | null
}

const COLUMNS = `f.id, c.slug || '.' || pr.slug || '.' || p.slug as key, f.quantity, f.from_at as "from",
  f.until_at as until, f.reason, f.declared_by as "declaredBy", f.declared_at as "declaredAt", f.raised_at as "raisedAt",
  f.ended_at as "endedAt", f.ended_by as "endedBy", f.ended_reason as "endedReason"`
const OWNERS = `join points p on p.id = f.point_id join projects pr on pr.id = p.project_id
  join clients c on c.id = pr.client_id`

/** Faults that may be seen, newest first. */
export function listFaults(
  sql: Sql,
  {
    clientIds,
    pointId,
    beforeId,
    limit,
  }: { clientIds: ClientIds; pointId: number | null; beforeId: number; limit: number },
): Promise<FaultRow[]> {
  return sql.query<FaultRow>(
    `select ${COLUMNS} from sensor_faults f ${OWNERS}
     where ($1::int[] is null or c.id = any($1)) and ($2::int is null or f.point_id = $2) and f.id < $3
     order by f.id desc limit $4`,
    [clientIds, pointId, beforeId, limit],
  )
}

/** One fault that may be seen, held until the transaction ends. */
export async function lockFault(
  tx: Sql,
  clientIds: ClientIds,
  id: number,
): Promise<(FaultRow & { pointId: number }) | undefined> {
  const [row] = await tx.query<FaultRow & { pointId: number }>(
    `select ${COLUMNS}, f.point_id as "pointId" from sensor_faults f ${OWNERS}
     where f.id = $1 and ($2::int[] is null or c.id = any($2)) for update of f`,
    [id, clientIds],
  )
  return row
}

/** A fault that somebody declares. */
export interface NewFault {
  pointId: number
  quantity: Quantity
  from: number
  until: number
  reason: string
  by: string
  now: number
}

/**
 * Declares a sensor faulty, and has every slot looked at again that it covers and that is not on its way. Returns its id
 * and how many slots that are.
 */
export async function insertFault(
  tx: Sql,
  { pointId, quantity, from, until, reason, by, now }: NewFault,
): Promise<{ id: number; slots: number }> {
  const [row] = await tx.query<{ id: number }>(
    `insert into sensor_faults (point_id, quantity, from_at, until_at, reason, declared_by, declared_at)
     values ($1, $2, to_timestamp($3::float8 / 1000), to_timestamp($4::float8 / 1000), $5, $6,
       to_timestamp($7::float8 / 1000)) returning id`,
    [pointId, quantity, from, until, reason, by, now],
  )
  if (row === undefined) throw new Error(`Fault of point ${pointId} was not written`)
  return { id: row.id, slots: await lookAgain(tx, { pointId, from, until, now }) }
}

/**
 * Ends a fault, or moves its end: the sensor was mended, or it was a mistake. Slots that it does not cover any more are
 * looked at again. Returns how many.
 */
export async function endFault(
  tx: Sql,
  fault: { id: number; pointId: number; from: number; until: number },
  { until, reason, by, now }: { until: number; reason: string; by: string; now: number },
): Promise<number> {
  await tx.query(
    `update sensor_faults set until_at = to_timestamp($2::float8 / 1000), ended_at = to_timestamp($3::float8 / 1000),
       ended_by = $4, ended_reason = $5 where id = $1`,
    [fault.id, until, now, by, reason],
  )
  await settleFaultIncidents(tx, now)
  return lookAgain(tx, { ...fault, from: Math.max(fault.from, until), now })
}

/** What nobody has decided about, was never tried and is not on its way. */
async function lookAgain(
  tx: Sql,
  { pointId, from, until, now }: { pointId: number; from: number; until: number; now: number },
): Promise<number> {
  const rows = await tx.query(
    `update slots s set state = 'pending', reason = null, findings = '[]', declaration = null, next_attempt_at = null,
       next_check_at = to_timestamp($4::float8 / 1000), state_at = to_timestamp($4::float8 / 1000)
     from obligations o
     where o.id = s.obligation_id and s.due_at >= to_timestamp($2::float8 / 1000)
       and s.due_at < to_timestamp($3::float8 / 1000)
       and (s.point_id = $1 or o.terms->'alsoPointIds' @> to_jsonb($1::int) or o.terms->>'levelPointId' = $1::text)
       and s.state in ('pending', 'no_data', 'ready', 'review', 'not_measured')
       and s.attempts = 0 and s.accepted_at is null and s.decided_at is null
       and not exists (select from submissions e where e.work_code = s.work_code and e.due_at = s.due_at)
     returning s.id`,
    [pointId, from, until, now],
  )
  return rows.length
}

/** A fault that has come to its end while nobody has said that the sensor is mended. */
export interface ExpiredFault {
  id: number
  key: string
  quantity: Quantity
  reason: string
}

/** Tells each fault that has come to its end once, and makes an incident of it for as long as nobody ends it. */
export function raiseExpiredFaults(db: Database, now: number): Promise<ExpiredFault[]> {
  return db.transaction(async tx => {
    const expired = await tx.query<ExpiredFault>(
      `update sensor_faults f set raised_at = to_timestamp($1::float8 / 1000)
       from points p join projects pr on pr.id = p.project_id join clients c on c.id = pr.client_id
       where p.id = f.point_id and f.until_at <= to_timestamp($1::float8 / 1000) and f.raised_at is null
         and f.ended_at is null
       returning f.id, c.slug || '.' || pr.slug || '.' || p.slug as key, f.quantity, f.reason`,
      [now],
    )
    if (expired.length > 0) await settleFaultIncidents(tx, now)
    return expired
  })
}

/** Brings the incidents of expired faults to what is so now. */
async function settleFaultIncidents(tx: Sql, now: number): Promise<void> {
  const rows = await tx.query<ExpiredFault & { pointId: number; until: number }>(
    `select f.id, f.point_id as "pointId", c.slug || '.' || pr.slug || '.' || p.slug as key, f.quantity, f.reason,
       f.until_at as until
     from sensor_faults f ${OWNERS} where f.raised_at is not null and f.ended_at is null order by f.id`,
  )
  const conditions = rows.map(({ id, pointId, key, quantity, reason, until }) => ({
    ...{ subject: `${key} ${quantity} ${id}`, pointId },
    details: { point: key, quantity, reason, until: new Date(until).toISOString() },
  }))
  await settleIncidents(tx, 'sensor_fault_expired', conditions, now)
}
