// What the overview shows of many points at once: how often each is read, and what became of what it owes to DGA.

import type { Sql } from './database.ts'

/** How many minutes of an hour have a good value where nothing is missing. */
export interface ExpectationRow {
  pointId: number
  expectedPerHour: number
}

/** How often each of these points is read, as far as it is known: from its newest balance. */
export function selectExpectations(sql: Sql, pointIds: readonly number[]): Promise<ExpectationRow[]> {
  return sql.query<ExpectationRow>(
    `select p.id as "pointId", b.expected_per_hour as "expectedPerHour"
     from unnest($1::int[]) as p(id), lateral (
       select expected_per_hour from balances where point_id = p.id order by day desc limit 1
     ) b`,
    [pointIds],
  )
}

/** How many slots are in each state. */
export interface SlotCounts {
  sent: number
  /** Not declared yet, and nothing is wrong. */
  waiting: number
  /** Nothing was measured, or with a sensor that was faulty. */
  noData: number
  review: number
  shadow: number
  /** Not declared because a person said so, or not owed any more. */
  closed: number
}

const COUNTS = `count(*) filter (where state = 'sent')::int as sent,
  count(*) filter (where state in ('pending', 'ready', 'sending'))::int as waiting,
  count(*) filter (where state in ('no_data', 'not_measured'))::int as "noData",
  count(*) filter (where state = 'review')::int as review,
  count(*) filter (where state = 'shadow')::int as shadow,
  count(*) filter (where state in ('rejected', 'withdrawn'))::int as closed`

/** What became of the slots of a work that were due within a stretch of time. */
export interface WorkRow extends SlotCounts {
  pointId: number
  workCode: string
  lastAcceptedAt: number | null
}

/** The works that points are declared as at an instant, with their slots that were due from `since` until then. */
export function selectWorks(
  sql: Sql,
  pointIds: readonly number[],
  { since, now }: { since: number; now: number },
): Promise<WorkRow[]> {
  return sql.query<WorkRow>(
    `select o.point_id as "pointId", o.work_code as "workCode", s.*
     from obligations o, lateral (
       select ${COUNTS}, max(accepted_at) as "lastAcceptedAt"
       from slots where point_id = o.point_id and work_code = o.work_code
         and due_at >= to_timestamp($2::float8 / 1000) and due_at <= to_timestamp($3::float8 / 1000)
     ) s
     where o.point_id = any($1) and o.valid_from <= to_timestamp($3::float8 / 1000)
       and (o.valid_to is null or o.valid_to > to_timestamp($3::float8 / 1000))
     order by o.point_id, o.work_code`,
    [pointIds, since, now],
  )
}

/** The slots of a point that were due within an hour, by state. */
export interface SlotHourRow extends SlotCounts {
  at: number
}

/** Hours of a point in which slots were due, `from` included and `to` not. */
export function selectSlotHours(
  sql: Sql,
  pointId: number,
  { from, to }: { from: number; to: number },
): Promise<SlotHourRow[]> {
  return sql.query<SlotHourRow>(
    `select date_trunc('hour', due_at) as at, ${COUNTS}
     from slots where point_id = $1
       and due_at >= to_timestamp($2::float8 / 1000) and due_at < to_timestamp($3::float8 / 1000)
     group by 1 order by 1`,
    [pointId, from, to],
  )
}
