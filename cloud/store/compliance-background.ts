// What surrounds the values that were picked for slots: what the checks of cloud/compliance/validation.ts compare with.

import { VARIABLES } from '../../protocol/variables.ts'
import type { ChosenValues, Part } from '../compliance/declaration.ts'
import type { PersonValues } from '../compliance/review.ts'
import type { Background, MeterChange, PointFacts, Window } from '../compliance/validation.ts'
import type { Sql } from './database.ts'
import { literal } from './literal.ts'

const HOUR_MS = 3_600_000

/** What is asked of one slot. `stayMs` is an hour at least: what is told of the hour before is among it. */
export interface BackgroundQuestion {
  slotId: number
  workCode: string
  dueAt: number
  /** How long a figure may stay. */
  stayMs: number
  parts: readonly Part[]
  /** Whose volume counts against the right of a year, and from when; undefined where no right bounds it. */
  year: { pointIds: readonly number[]; from: number } | undefined
}

/** What surrounds each slot. */
export async function selectBackgrounds(
  sql: Sql,
  questions: readonly BackgroundQuestion[],
): Promise<Map<number, Background>> {
  const parts = questions.flatMap(({ slotId, stayMs, parts: some }) =>
    some.map(part => ({ slotId, stayMs, ...part })),
  )
  const [previous, windows, delays, points, years, changes] = [
    await selectPrevious(sql, questions),
    await selectWindows(sql, parts),
    await selectDelays(sql, parts),
    await selectPointFacts(sql, parts),
    await selectYears(sql, questions),
    await selectMeterChanges(sql, parts),
  ]
  return new Map(
    questions.map(({ slotId }): [number, Background] => {
      const ours = <Row extends { slotId: number }>(rows: readonly Row[]) =>
        rows.filter(row => row.slotId === slotId)
      return [
        slotId,
        {
          previous: ours(previous)[0],
          stays: new Map(ours(windows).flatMap(({ seriesId, stay }) => (stay ? [[seriesId, stay]] : []))),
          hours: new Map(ours(windows).flatMap(({ seriesId, hour }) => (hour ? [[seriesId, hour]] : []))),
          delays: new Map(ours(delays).map(({ seriesId, delayMs }) => [seriesId, delayMs])),
          points: new Map(ours(points).map(({ slotId: _, ...facts }) => [facts.pointId, facts])),
          meterChanges: ours(changes),
          yearM3: ours(years)[0]?.yearM3,
        },
      ]
    }),
  )
}

/** Slots whose values stand: nobody doubts them, or a person said so. */
export async function selectPrevious(
  sql: Sql,
  slots: readonly { slotId: number; workCode: string; dueAt: number }[],
): Promise<{ slotId: number; dueAt: number; values: ChosenValues }[]> {
  const rows = await sql.query<{
    slotId: number
    dueAt: number
    chosen: ChosenValues
    person: PersonValues | null
  }>(
    `select k.slot_id as "slotId", p.due_at as "dueAt", p.chosen, p.person
     from unnest($1::float8[], $2::text[], $3::float8[]) as k(slot_id, work_code, due)
     cross join lateral (
       select due_at, chosen, person from slots
       where work_code = k.work_code and due_at < to_timestamp(k.due / 1000)
         and state in ('ready', 'sending', 'sent', 'shadow') and chosen is not null
       order by due_at desc limit 1) p`,
    [
      literal(slots, ({ slotId }) => slotId),
      slots.map(({ workCode }) => workCode),
      literal(slots, ({ dueAt }) => dueAt),
    ],
  )
  return rows.map(({ slotId, dueAt, chosen, person }) => ({
    slotId,
    dueAt,
    values: standing(chosen, person),
  }))
}

/** What a person gave instead of a measurement is what the next is compared with; of several points nobody knows whose. */
function standing(chosen: ChosenValues, person: PersonValues | null): ChosenValues {
  const values: ChosenValues = { ...chosen }
  for (const quantity of ['flow', 'total', 'level'] as const) {
    const given = person?.values[quantity]
    const measured = chosen[quantity]
    if (given === undefined || measured === undefined) continue
    const [part, ...others] = measured.parts ?? []
    values[quantity] =
      part === undefined || others.length > 0
        ? undefined
        : { ...measured, value: given.value, text: given.text, parts: [{ ...part, value: given.value }] }
  }
  return values
}

type PartOfSlot = Part & { slotId: number; stayMs: number }

interface WindowColumns {
  slotId: number
  seriesId: number
  count: number
  min: number
  max: number
  mean: number
  firstAt: number
  lastAt: number
  hourCount: number
  hourMin: number
  hourMax: number
  hourMean: number
  hourFirstAt: number
  hourLastAt: number
}

async function selectWindows(
  sql: Sql,
  parts: readonly PartOfSlot[],
): Promise<{ slotId: number; seriesId: number; stay?: Window; hour?: Window }[]> {
  const rows = await sql.query<WindowColumns>(
    `with part as (
       select slot_id, series_id, to_timestamp(at / 1000) as at, make_interval(secs => stay / 1000) as stay
       from unnest($1::float8[], $2::int[], $3::float8[], $4::float8[]) as t(slot_id, series_id, at, stay)),
     seen as (
       select part.slot_id, part.series_id, v.at, v.value, v.at >= part.at - interval '1 hour' as in_hour
       from part cross join lateral (
         select r.at, coalesce(j.adjusted, r.value) as value
         from readings r left join judgements j on j.series_id = r.series_id and j.at = r.at
         where r.series_id = part.series_id and r.at between part.at - part.stay and part.at
           and r.value is not null and r.quality = 0
         union all
         select at, value from derived
         where series_id = part.series_id and at between part.at - part.stay and part.at
           and value is not null and quality = 0) v)
     select slot_id as "slotId", series_id as "seriesId", count(*)::int as count,
       min(value) as min, max(value) as max,
       avg(value) as mean, min(at) as "firstAt",
       max(at) as "lastAt", count(*) filter (where in_hour)::int as "hourCount",
       min(value) filter (where in_hour) as "hourMin", max(value) filter (where in_hour) as "hourMax",
       avg(value) filter (where in_hour) as "hourMean", min(at) filter (where in_hour) as "hourFirstAt",
       max(at) filter (where in_hour) as "hourLastAt"
     from seen group by slot_id, series_id`,
    [
      literal(parts, ({ slotId }) => slotId),
      literal(parts, ({ seriesId }) => seriesId),
      literal(parts, ({ readAt }) => readAt),
      literal(parts, ({ stayMs }) => Math.max(stayMs, HOUR_MS)),
    ],
  )
  return rows.map(({ slotId, seriesId, count, min, max, mean, firstAt, lastAt, ...hour }) => ({
    ...{ slotId, seriesId },
    ...(count > 0 ? { stay: { count, min, max, mean, firstAt, lastAt } } : {}),
    ...(hour.hourCount > 0
      ? {
          hour: {
            ...{ count: hour.hourCount, min: hour.hourMin, max: hour.hourMax, mean: hour.hourMean },
            ...{ firstAt: hour.hourFirstAt, lastAt: hour.hourLastAt },
          },
        }
      : {}),
  }))
}

/** Of what came in the live lane: the other one carries what waited. */
function selectDelays(
  sql: Sql,
  parts: readonly PartOfSlot[],
): Promise<{ slotId: number; seriesId: number; delayMs: number }[]> {
  return sql.query(
    `select k.slot_id as "slotId", k.series_id as "seriesId",
       (extract(epoch from b.received_at - r.at) * 1000)::float8 as "delayMs"
     from unnest($1::float8[], $2::int[], $3::float8[]) as k(slot_id, series_id, at)
     join readings r on r.series_id = k.series_id and r.at = to_timestamp(k.at / 1000)
     join batches b on b.id = r.batch_id and b.lane = 0`,
    [
      literal(parts, ({ slotId }) => slotId),
      literal(parts, ({ seriesId }) => seriesId),
      literal(parts, ({ readAt }) => readAt),
    ],
  )
}

/** The water above the sensor is the reading that a water table was computed from. */
function selectPointFacts(
  sql: Sql,
  parts: readonly PartOfSlot[],
): Promise<(PointFacts & { slotId: number })[]> {
  const wells = parts.filter(({ variable }) => variable === 'water_table')
  return sql.query(
    `select k.slot_id as "slotId", p.id as "pointId", p.well_depth_m as "wellDepthM",
       p.sensor_depth_m as "sensorDepthM", r.value as "columnM"
     from unnest($1::float8[], $2::int[], $3::float8[]) as k(slot_id, point_id, at)
     join points p on p.id = k.point_id
     left join series s on s.point_id = p.id and s.variable = ${VARIABLES.level.code}
     left join readings r on r.series_id = s.id and r.at = to_timestamp(k.at / 1000)`,
    [
      literal(wells, ({ slotId }) => slotId),
      literal(wells, ({ pointId }) => pointId),
      literal(wells, ({ readAt }) => readAt),
    ],
  )
}

/** By whole civil days, which is as near to the regulator's year as what is kept for years goes. */
async function selectYears(
  sql: Sql,
  questions: readonly BackgroundQuestion[],
): Promise<{ slotId: number; yearM3: number }[]> {
  const keys = questions.flatMap(({ slotId, dueAt, year }) =>
    (year?.pointIds ?? []).map(pointId => ({ slotId, dueAt, pointId, from: year?.from ?? dueAt })),
  )
  if (keys.length === 0) return []
  return sql.query(
    `select k.slot_id as "slotId", sum(r.consumption)::float8 as "yearM3"
     from unnest($1::float8[], $2::int[], $3::float8[], $4::float8[]) as k(slot_id, point_id, from_at, due)
     join series s on s.point_id = k.point_id and s.variable = ${VARIABLES.volume.code}
     join rollups_day r on r.series_id = s.id and r.at >= to_timestamp(k.from_at / 1000) - interval '1 hour'
       and r.at < to_timestamp(k.due / 1000)
     group by k.slot_id having sum(r.consumption) is not null`,
    [
      literal(keys, ({ slotId }) => slotId),
      literal(keys, ({ pointId }) => pointId),
      literal(keys, ({ from }) => from),
      literal(keys, ({ dueAt }) => dueAt),
    ],
  )
}

/** What somebody entered about a counter in the year before it was read: longer ago nothing is compared with. */
function selectMeterChanges(
  sql: Sql,
  parts: readonly PartOfSlot[],
): Promise<(MeterChange & { slotId: number })[]> {
  const counters = parts.filter(({ variable }) => variable === 'total')
  return sql.query(
    `select k.slot_id as "slotId", e.point_id as "pointId", e.at,
       'meter ' || e.kind || coalesce(': ' || e.note, '') as what
     from unnest($1::float8[], $2::int[], $3::float8[]) as k(slot_id, point_id, at)
     join meter_events e on e.point_id = k.point_id and e.withdrawn_at is null
       and e.at <= to_timestamp(k.at / 1000) and e.at > to_timestamp(k.at / 1000) - interval '1 year'
     order by e.at`,
    [
      literal(counters, ({ slotId }) => slotId),
      literal(counters, ({ pointId }) => pointId),
      literal(counters, ({ readAt }) => readAt),
    ],
  )
}
