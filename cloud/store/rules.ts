// The rules that points are processed by, what people did to their meters, and who changed any of it.
//
// A rule is never changed: another one begins. A meter event that was entered by mistake is withdrawn. Every change is
// kept with what was in force before, in the transaction that makes it.

import { COUNTER_EVENT_KINDS, type CounterEvent } from '../processor/rules/counter.ts'
import type { MeterEvent } from '../processor/rules/meter-event.ts'
import type { Rule } from '../processor/rules/parameters.ts'
import type { Sql } from './database.ts'

/** A rule to be added. `variable` is a code, null where the rule says itself what it reads. */
export interface NewRule {
  pointId: number
  rule: Rule
  variable: number | null
  params: Record<string, unknown>
  validFrom: number
  createdBy: string
}

/**
 * Adds a rule. One that is valid from the same instant with other parameters stays as it is, because values were computed
 * with it: `different`.
 */
export async function insertRule(
  tx: Sql,
  { pointId, rule, variable, params, validFrom, createdBy }: NewRule,
): Promise<'created' | 'same' | 'different'> {
  const key = [pointId, rule, variable, validFrom]
  const [before] = await tx.query<{ params: Record<string, unknown> }>(
    `select params from calibrations
     where point_id = $1 and rule = $2 and variable is not distinct from $3 and valid_from < to_timestamp($4::float8 / 1000)
     order by valid_from desc limit 1`,
    key,
  )
  const added = await tx.query(
    `insert into calibrations (point_id, rule, variable, valid_from, params, created_by)
     values ($1, $2, $3, to_timestamp($4::float8 / 1000), $5::jsonb, $6) on conflict do nothing returning id`,
    [...key, JSON.stringify(params), createdBy],
  )
  if (added.length > 0) {
    const change = {
      what: 'rule' as const,
      rule,
      variable,
      validFrom,
      before: before?.params ?? null,
      after: params,
    }
    await insertChange(tx, { pointId, changedBy: createdBy, ...change })
    return 'created'
  }
  const [row] = await tx.query<{ same: boolean }>(
    `select params = $5::jsonb as same from calibrations
     where point_id = $1 and rule = $2 and variable is not distinct from $3 and valid_from = to_timestamp($4::float8 / 1000)`,
    [...key, JSON.stringify(params)],
  )
  return row?.same ? 'same' : 'different'
}

/** A rule as it stands. */
export interface RuleRow {
  id: number
  rule: Rule
  variable: number | null
  params: Record<string, unknown>
  validFrom: number
  /** When the next of the same rule and variable begins; null: not yet. */
  validTo: number | null
  createdBy: string
  createdAt: number
}

/** The most rules that are shown of one point. */
export const RULES_MAX = 5_000

/** The rules of a point, by rule, variable and time. */
export function selectRules(sql: Sql, pointId: number): Promise<RuleRow[]> {
  return sql.query<RuleRow>(
    `select id, rule, variable, params, valid_from as "validFrom", created_by as "createdBy", created_at as "createdAt",
       lead(valid_from) over (partition by rule, variable order by valid_from) as "validTo"
     from calibrations where point_id = $1 order by rule, variable, valid_from limit ${RULES_MAX}`,
    [pointId],
  )
}

/** A meter event to be entered. */
export interface NewMeterEvent extends MeterEvent {
  pointId: number
  note: string | null
  createdBy: string
}

/** A meter event as it stands, or was withdrawn. */
export interface MeterEventRow extends MeterEvent {
  id: number
  note: string | null
  createdBy: string
  createdAt: number
  withdrawnBy: string | null
  withdrawnAt: number | null
}

const METER_EVENT = `id, at, kind, before_count as "beforeCount", after_count as "afterCount", note,
  created_by as "createdBy", created_at as "createdAt", withdrawn_by as "withdrawnBy", withdrawn_at as "withdrawnAt"`

/** Enters a meter event; undefined when another one stands at the same instant. */
export async function insertMeterEvent(
  tx: Sql,
  { pointId, at, kind, beforeCount, afterCount, note, createdBy }: NewMeterEvent,
): Promise<MeterEventRow | undefined> {
  const [row] = await tx.query<MeterEventRow>(
    `insert into meter_events (point_id, at, kind, before_count, after_count, note, created_by)
     values ($1, to_timestamp($2::float8 / 1000), $3, $4, $5, $6, $7) on conflict do nothing
     returning ${METER_EVENT}`,
    [pointId, at, kind, beforeCount, afterCount, note, createdBy],
  )
  if (row === undefined) return undefined
  const after = { kind, beforeCount, afterCount, note }
  const change = {
    what: 'meter_event' as const,
    rule: null,
    variable: null,
    validFrom: at,
    before: null,
    after,
  }
  await insertChange(tx, { pointId, changedBy: createdBy, ...change })
  return row
}

/** The meter event that stands at an instant. */
export async function findMeterEvent(
  sql: Sql,
  pointId: number,
  at: number,
): Promise<MeterEventRow | undefined> {
  const [row] = await sql.query<MeterEventRow>(
    `select ${METER_EVENT} from meter_events
     where point_id = $1 and at = to_timestamp($2::float8 / 1000) and withdrawn_at is null`,
    [pointId, at],
  )
  return row
}

/** Withdraws a meter event of a point; undefined when it has none of that number that stands. */
export async function withdrawMeterEvent(
  tx: Sql,
  { pointId, id, by, now }: { pointId: number; id: number; by: string; now: number },
): Promise<MeterEventRow | undefined> {
  const [row] = await tx.query<MeterEventRow>(
    `update meter_events set withdrawn_by = $3, withdrawn_at = to_timestamp($4::float8 / 1000)
     where id = $2 and point_id = $1 and withdrawn_at is null returning ${METER_EVENT}`,
    [pointId, id, by, now],
  )
  if (row === undefined) return undefined
  const { kind, beforeCount, afterCount, note, at } = row
  const before = { kind, beforeCount, afterCount, note }
  const change = {
    what: 'meter_event' as const,
    rule: null,
    variable: null,
    validFrom: at,
    before,
    after: null,
  }
  await insertChange(tx, { pointId, changedBy: by, ...change })
  return row
}

/** Meter events of a point, withdrawn ones too, newest first by their number, before a given one. */
export function selectMeterEventRows(
  sql: Sql,
  pointId: number,
  { beforeId, limit }: { beforeId: number; limit: number },
): Promise<MeterEventRow[]> {
  return sql.query<MeterEventRow>(
    `select ${METER_EVENT} from meter_events where point_id = $1 and id < $2::bigint order by id desc limit $3`,
    [pointId, beforeId, limit],
  )
}

/** Who changed how a point is processed. */
export interface ProcessingChange {
  changedBy: string
  what: 'rule' | 'meter_event'
  rule: Rule | null
  variable: number | null
  validFrom: number
  before: Record<string, unknown> | null
  after: Record<string, unknown> | null
}

/** A change as it is kept. */
export interface ProcessingChangeRow extends ProcessingChange {
  id: number
  at: number
}

async function insertChange(
  tx: Sql,
  {
    pointId,
    changedBy,
    what,
    rule,
    variable,
    validFrom,
    before,
    after,
  }: ProcessingChange & { pointId: number },
): Promise<void> {
  await tx.query(
    `insert into processing_changes (point_id, at, changed_by, what, rule, variable, valid_from, before, after)
     values ($1, now(), $2, $3, $4, $5, to_timestamp($6::float8 / 1000), $7::jsonb, $8::jsonb)`,
    [
      ...[pointId, changedBy, what, rule, variable, validFrom],
      before === null ? null : JSON.stringify(before),
      after === null ? null : JSON.stringify(after),
    ],
  )
}

/** Changes of a point, newest first, before a given one. */
export function selectProcessingChanges(
  sql: Sql,
  pointId: number,
  { beforeId, limit }: { beforeId: number; limit: number },
): Promise<ProcessingChangeRow[]> {
  return sql.query<ProcessingChangeRow>(
    `select id, at, changed_by as "changedBy", what, rule, variable, valid_from as "validFrom", before, after
     from processing_changes where point_id = $1 and id < $2::bigint order by id desc limit $3`,
    [pointId, beforeId, limit],
  )
}

/** What a counter did besides counting, `from` included and `to` not, by time and then by the place of their kind among COUNTER_EVENT_KINDS, from 1, after `after`. */
export function selectCounterEvents(
  sql: Sql,
  {
    seriesId,
    from,
    to,
    after,
    limit,
  }: { seriesId: number; from: number; to: number; after: { at: number; place: number }; limit: number },
): Promise<CounterEvent[]> {
  return sql.query<CounterEvent>(
    `select at, kind, count, baseline_count as "baselineCount", amount_m3 as "amountM3" from counter_events
     where series_id = $1 and at >= to_timestamp($2::float8 / 1000) and at < to_timestamp($3::float8 / 1000)
       and (at, array_position($6::text[], kind)) > (to_timestamp($4::float8 / 1000), $5::int)
     order by at, array_position($6::text[], kind) limit $7`,
    [seriesId, from, to, after.at, after.place, COUNTER_EVENT_KINDS, limit],
  )
}
