// Slots from their making to the picking of their values.

import { VARIABLES } from '../../protocol/variables.ts'
import type { ObligationTerms } from '../compliance/obligation.ts'
import type { Candidate, MeanCandidate } from '../compliance/selection.ts'
import type { CheckChange, CheckedState } from '../compliance/slots.ts'
import { DOUBT } from '../flags.ts'
import type { SlotState } from './compliance.ts'
import type { Database, Sql } from './database.ts'
import { literal } from './literal.ts'

/** An obligation some of whose slots may not have been made yet. `until` is where it ends, if it does. */
export interface OwingObligation {
  id: number
  workCode: string
  pointId: number
  terms: ObligationTerms
  createdThrough: number
  until: number | null
}

/** Obligations that begin before an instant and whose slots were made up to an earlier one. */
export function selectOwing(
  sql: Sql,
  now: number,
  afterId: number,
  limit: number,
): Promise<OwingObligation[]> {
  return sql.query<OwingObligation>(
    `select * from (
       select o.id, o.work_code as "workCode", o.point_id as "pointId", o.terms,
         greatest(o.created_through, o.valid_from) as "createdThrough",
         least(o.valid_to, lead(o.valid_from) over (partition by o.work_code order by o.valid_from)) as until
       from obligations o) owing
     where id > $2 and "createdThrough" <= to_timestamp($1::float8 / 1000)
       and (until is null or "createdThrough" < until) and terms->>'mode' <> 'off'
     order by id limit $3`,
    [now, afterId, limit],
  )
}

/**
 * Makes slots at due instants, once each, and moves on where the obligation stands. Returns how many were not there
 * before.
 */
export function createSlots(
  db: Database,
  { id, workCode, pointId, createdThrough }: OwingObligation,
  { dueAts, through, now }: { dueAts: readonly number[]; through: number; now: number },
): Promise<number> {
  return db.transaction(async tx => {
    const made = await tx.query(
      `insert into slots (obligation_id, work_code, point_id, due_at, state_at, next_check_at)
       select $1, $2, $3, to_timestamp(due / 1000), to_timestamp($5::float8 / 1000), to_timestamp(due / 1000)
       from unnest($4::float8[]) as t(due)
       on conflict do nothing returning id`,
      [id, workCode, pointId, literal(dueAts, at => at), now],
    )
    await tx.query(
      `update obligations set created_through = to_timestamp($2::float8 / 1000)
       where id = $1 and greatest(created_through, valid_from) = to_timestamp($3::float8 / 1000)`,
      [id, through, createdThrough],
    )
    return made.length
  })
}

/** A slot whose values are to be picked. */
export interface SlotToCheck {
  id: number
  pointId: number
  workCode: string
  dueAt: number
  state: CheckedState
  terms: ObligationTerms
  /** The points of the work that have a series of totals. */
  metered: number[]
}

/** Nobody has decided about it, and it was never tried: readings may still decide. */
const isChecked = (slot: string): string =>
  `(${slot}.state in ('pending', 'no_data')
    or ${slot}.state = 'review' and ${slot}.decided_at is null and ${slot}.attempts = 0 and ${slot}.accepted_at is null)`

/** Takes slots that are to be looked at; nobody else is given them before `againAt`. */
export function takeChecks(
  sql: Sql,
  { now, againAt, limit }: { now: number; againAt: number; limit: number },
): Promise<SlotToCheck[]> {
  return sql.query<SlotToCheck>(
    `with taken as (
       update slots set next_check_at = to_timestamp($2::float8 / 1000)
       where id in (
         select id from slots
         where next_check_at <= to_timestamp($1::float8 / 1000) and ${isChecked('slots')}
         order by (state = 'pending') desc, next_check_at limit $3 for update skip locked)
       returning id, obligation_id, point_id, work_code, due_at, state)
     select t.id, t.point_id as "pointId", t.work_code as "workCode", t.due_at as "dueAt", t.state, o.terms,
       array(select s.point_id from series s where s.variable = ${VARIABLES.total.code} and (s.point_id = t.point_id
         or s.point_id in (select jsonb_array_elements_text(o.terms->'alsoPointIds')::int))) as metered
     from taken t join obligations o on o.id = t.obligation_id order by t.due_at, t.id`,
    [now, againAt, limit],
  )
}

/** Where to look for a slot's readings: this far around its instant, at one of its points. */
export interface SlotReach {
  slotId: number
  pointId: number
  dueAt: number
  reachMs: number
}

/** 0: it can be trusted; 1: it has a value and a doubt; 2: it has none. */
const TRUST = `case when v.value is null then 2
  when v.quality = 0 and v.time_quality <> 2 and v.flags & ${DOUBT} = 0 then 0 else 1 end`

/**
 * Values in force, with what was judged of them, of series `s` where `where` holds of `at`. Where there are rules by which
 * a reading is to be judged, it is none before it was.
 */
const inForce = (where: string): string =>
  `select r.at, case when r.value is not null then coalesce(j.adjusted, r.value) end as value, r.quality,
     r.time_quality, coalesce(j.flags, 0) as flags
   from readings r left join judgements j on j.series_id = r.series_id and j.at = r.at
   where r.series_id = s.id and ${where.replaceAll('$at', 'r.at')}
     and not exists (select from calibrations c, batches b
       where c.point_id = s.point_id and c.variable = s.variable and b.id = r.batch_id and b.processed_at is null)
   union all
   select at, value, quality, time_quality, flags from derived
   where series_id = s.id and ${where.replaceAll('$at', 'at')}`

const DECLARED = [VARIABLES.flow, VARIABLES.total, VARIABLES.volume, VARIABLES.water_table, VARIABLES.stage]
  .map(({ code }) => code)
  .join(', ')

/**
 * What was measured or derived around slots: of each variable the nearest that can be trusted, that has a doubtful value,
 * and that has none.
 */
export function selectCandidates(
  sql: Sql,
  reaches: readonly SlotReach[],
): Promise<(Candidate & { slotId: number })[]> {
  return sql.query<Candidate & { slotId: number }>(
    `with slot as (
       select slot_id, point_id, to_timestamp(due / 1000) as due_at, make_interval(secs => reach / 1000) as reach
       from unnest($1::float8[], $2::int[], $3::float8[], $4::float8[]) as t(slot_id, point_id, due, reach))
     select distinct on (slot.slot_id, s.id, ${TRUST})
       slot.slot_id as "slotId", s.point_id as "pointId", s.id as "seriesId", s.variable, v.at, v.value, v.quality, v.time_quality as "timeQuality", v.flags
     from slot
     join series s on s.point_id = slot.point_id and s.variable in (${DECLARED})
     cross join lateral (
       ${inForce('$at between slot.due_at - slot.reach and slot.due_at + slot.reach')}) v
     order by slot.slot_id, s.id, ${TRUST},
       greatest(v.at - slot.due_at, slot.due_at - v.at), v.at`,
    [
      literal(reaches, ({ slotId }) => slotId),
      literal(reaches, ({ pointId }) => pointId),
      literal(reaches, ({ dueAt }) => dueAt),
      literal(reaches, ({ reachMs }) => reachMs),
    ],
  )
}

/** Where to look for what a mean is taken over. */
export interface SlotSpan {
  slotId: number
  pointId: number
  from: number
  to: number
  partMs: number
}

const AVERAGED = [VARIABLES.flow, VARIABLES.water_table, VARIABLES.stage].map(({ code }) => code).join(', ')

/** What is known over the times that means are taken over, `from` not included and `to` included: good readings only. */
export function selectMeans(
  sql: Sql,
  spans: readonly SlotSpan[],
): Promise<(MeanCandidate & { slotId: number })[]> {
  return sql.query<MeanCandidate & { slotId: number }>(
    `with span as (
       select slot_id, point_id, to_timestamp(f / 1000) as from_at, to_timestamp(t / 1000) as to_at, part
       from unnest($1::float8[], $2::int[], $3::float8[], $4::float8[], $5::float8[]) as t(slot_id, point_id, f, t, part)),
     parts as (
       select span.slot_id, s.point_id, s.id as series_id, s.variable,
         floor(extract(epoch from span.to_at - v.at) * 1000 / span.part) as part,
         avg(v.value::numeric) as mean, count(*)::int as count, min(v.at) as first_at, max(v.at) as last_at
       from span
       join series s on s.point_id = span.point_id and s.variable in (${AVERAGED})
       cross join lateral (${inForce('$at > span.from_at and $at <= span.to_at')}) v
       where ${TRUST} = 0
       group by span.slot_id, s.point_id, s.id, s.variable, 5)
     select slot_id as "slotId", point_id as "pointId", series_id as "seriesId", variable, avg(mean)::float8 as mean,
       sum(count)::int as count, count(*)::int as parts, min(first_at) as "firstAt", max(last_at) as "lastAt"
     from parts group by slot_id, point_id, series_id, variable`,
    [
      literal(spans, ({ slotId }) => slotId),
      literal(spans, ({ pointId }) => pointId),
      literal(spans, ({ from }) => from),
      literal(spans, ({ to }) => to),
      literal(spans, ({ partMs }) => partMs),
    ],
  )
}

/** What came of looking at a slot. */
export interface CheckedSlot extends CheckChange {
  id: number
}

/**
 * Writes what came of looking at slots that were taken until `againAt`. Who had one looked at again meanwhile, because
 * something was declared or decided, is not overwritten. Returns the ids that were written.
 */
export async function writeChecks(
  sql: Sql,
  { now, againAt }: { now: number; againAt: number },
  slots: readonly CheckedSlot[],
): Promise<number[]> {
  const rows = await sql.query<{ id: number }>(
    `update slots s set state = t.state, reason = nullif(t.reason, ''), chosen = nullif(t.chosen, '')::jsonb,
       declaration = nullif(t.declaration, '')::jsonb, findings = t.findings::jsonb,
       next_check_at = to_timestamp(t.next_check / 1000), next_attempt_at = to_timestamp(t.next_attempt / 1000),
       state_at = case when s.state = t.state then s.state_at else to_timestamp($1::float8 / 1000) end
     from unnest($2::float8[], $3::text[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::float8[], $9::text[])
       as t(id, state, reason, chosen, declaration, next_check, next_attempt, findings)
     where s.id = t.id::bigint and s.next_check_at = to_timestamp($10::float8 / 1000) and ${isChecked('s')}
     returning s.id`,
    [
      now,
      literal(slots, ({ id }) => id),
      slots.map(({ state }) => state),
      slots.map(({ reason }) => reason ?? ''),
      slots.map(({ chosen }) => (chosen === null ? '' : JSON.stringify(chosen))),
      slots.map(({ declaration }) => (declaration === null ? '' : JSON.stringify(declaration))),
      literal(slots, ({ nextCheckAt }) => nextCheckAt),
      literal(slots, ({ nextAttemptAt }) => nextAttemptAt),
      slots.map(({ findings }) => JSON.stringify(findings)),
      againAt,
    ],
  )
  return rows.map(({ id }) => id)
}

/** How many slots there are by state, and since when the oldest waits that is not settled. */
export async function selectSlotCounts(
  sql: Sql,
): Promise<{ states: Partial<Record<SlotState, number>>; oldestOwedAt: number | null }> {
  const rows = await sql.query<{ state: SlotState; count: number; oldestAt: number }>(
    `select state, count(*)::int as count, min(due_at) as "oldestAt" from slots group by state`,
  )
  const owed = rows.filter(({ state }) => state === 'pending' || state === 'ready' || state === 'sending')
  return {
    states: Object.fromEntries(rows.map(({ state, count }) => [state, count])),
    oldestOwedAt: owed.length === 0 ? null : Math.min(...owed.map(({ oldestAt }) => oldestAt)),
  }
}
