// What is known of a declaration on its way: from the readings it was made of to its receipt, as it was written by who did it.

import type { ChosenValues } from '../compliance/declaration.ts'
import type { Sql } from './database.ts'

/** A declaration. */
export interface TracedSlot {
  id: number
  workCode: string
  dueAt: number
  state: string
  createdAt: number
  chosen: ChosenValues | null
  acceptedAt: number | null
  receipt: string | null
  verifiedAt: number | null
}

/** A reading that it was made of, and the batch that brought it. */
export interface TracedReading {
  seriesId: number
  at: number
  variable: number
  gateway: string | null
  lane: 0 | 1 | null
  receivedAt: number | null
  processedAt: number | null
}

/** One step of an attempt. */
export interface TracedStep {
  attempt: number
  step: 'begun' | 'answered' | 'abandoned' | 'verified'
  at: number
  channel: string
  outcome: string | null
  status: number | null
}

/** A declaration with all that is known of its way. */
export interface TracedWay {
  slot: TracedSlot
  readings: TracedReading[]
  steps: TracedStep[]
}

const SLOT = `id, work_code as "workCode", due_at as "dueAt", state, created_at as "createdAt", chosen,
  accepted_at as "acceptedAt", receipt, verified_at as "verifiedAt"`

/** The declaration of a work for an instant. */
export async function selectTracedWay(
  sql: Sql,
  { workCode, dueAt }: { workCode: string; dueAt: number },
): Promise<TracedWay | undefined> {
  const [slot] = await sql.query<TracedSlot>(
    `select ${SLOT} from slots where work_code = $1 and due_at = to_timestamp($2::float8 / 1000)`,
    [workCode, dueAt],
  )
  return slot === undefined ? undefined : wayOf(sql, slot)
}

/** Declarations that were accepted after one, in the order in which they were: by the instant, and of that by their id. */
export async function selectAcceptedWays(
  sql: Sql,
  after: { at: number; id: number },
  limit: number,
): Promise<TracedWay[]> {
  const slots = await sql.query<TracedSlot>(
    `select ${SLOT} from slots where (accepted_at, id) > (to_timestamp($1::float8 / 1000), $2) order by accepted_at, id limit $3`,
    [after.at, after.id, limit],
  )
  const ways: TracedWay[] = []
  for (const slot of slots) ways.push(await wayOf(sql, slot))
  return ways
}

async function wayOf(sql: Sql, slot: TracedSlot): Promise<TracedWay> {
  const parts = Object.values(slot.chosen ?? {}).flatMap(chosen => chosen?.parts ?? [])
  // A derived value has the instant of the reading that it was computed from.
  const readings = await sql.query<TracedReading>(
    `select s.id as "seriesId", p.at, s.variable, g.slug as gateway, b.lane, b.received_at as "receivedAt",
       b.processed_at as "processedAt"
     from (select s as series_id, to_timestamp(a / 1000) as at from unnest($1::int[], $2::float8[]) as u(s, a)) p
     join series s on s.id = p.series_id
     left join lateral (
       select r.batch_id from readings r join series o on o.id = r.series_id
       where o.point_id = s.point_id and r.at = p.at order by (r.series_id = s.id) desc, r.series_id limit 1) r on true
     left join batches b on b.id = r.batch_id left join gateways g on g.id = b.gateway_id
     order by p.at, s.id`,
    [parts.map(({ seriesId }) => seriesId), parts.map(({ readAt }) => readAt)],
  )
  const steps = await sql.query<TracedStep>(
    `select attempt, step, at, channel, outcome, http_status as status from submissions
     where work_code = $1 and due_at = to_timestamp($2::float8 / 1000) order by id`,
    [slot.workCode, slot.dueAt],
  )
  return { slot, readings, steps }
}
