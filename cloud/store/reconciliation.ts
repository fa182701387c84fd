// A month of each work, counted: what was owed, measured, sent, accepted, verified, late, and missing with its reason.

import type { ChosenValues, Declaration } from '../compliance/declaration.ts'
import type { SlotState } from './compliance.ts'
import type { Sql } from './database.ts'
import type { ClientIds } from './queries.ts'

/** Why slots of a month were not accepted. */
export interface Missing {
  state: SlotState
  reason: string | null
  count: number
}

/** A work's month. */
export interface Reconciliation {
  /** What pages go on after. */
  key: number
  workCode: string
  client: string
  project: string
  point: string
  owed: number
  /** Completely: of the others there may be parts. */
  measured: number
  /** DGA was asked at least once. */
  sent: number
  accepted: number
  verified: number
  /** Accepted later than the deadline after the slot's instant. */
  late: number
  /** Accepted later than the maximum lag: transmission failures, which the user has to report. */
  failures: number
  /** The first reasons, most frequent first; together they say why `owed` is more than `accepted`. */
  missing: Missing[]
}

const REASONS_MAX = 50

/** Slots that are owed in a month, each with what its obligation says and whether DGA was asked. */
const MONTH = `select s.*, (o.terms->>'deadlineMs')::float8 as deadline_ms, (o.terms->>'maxLagMs')::float8 as lag_ms,
    exists (select from submissions e where e.work_code = s.work_code and e.due_at = s.due_at
      and e.step in ('answered', 'abandoned') and e.outcome is distinct from 'not_sent'
      and e.request is distinct from 'not sent') as was_sent
  from slots s join obligations o on o.id = s.obligation_id
  where s.due_at >= to_timestamp($1::float8 / 1000) and s.due_at < to_timestamp($2::float8 / 1000)
    and s.state <> 'withdrawn'`

/** Reconciles the works that may be seen over a stretch of time; `workCode` null: all. Pages go on after a key. */
export function selectReconciliations(
  sql: Sql,
  clientIds: ClientIds,
  {
    from,
    to,
    workCode,
    afterKey,
    limit,
  }: { from: number; to: number; workCode: string | null; afterKey: number; limit: number },
): Promise<Reconciliation[]> {
  return sql.query<Reconciliation>(
    `with work as (
       select w.code, min(o.id) as key, (array_agg(o.point_id order by o.valid_from desc))[1] as point_id
       from works w join obligations o on o.work_code = w.code
       where ($3::int[] is null or w.client_id = any($3)) and ($4::text is null or w.code = $4)
       group by w.code having min(o.id) > $5::bigint order by min(o.id) limit $6),
     slot as (${MONTH} and s.work_code in (select code from work)),
     missing as (
       select work_code, state, reason, count(*)::int as count,
         row_number() over (partition by work_code order by count(*) desc, state, reason) as place
       from slot where accepted_at is null group by work_code, state, reason)
     select w.key, w.code as "workCode", c.slug as client, pr.slug as project, p.slug as point,
       count(s.id)::int as owed,
       (count(s.chosen) filter (where s.state not in ('no_data', 'not_measured')))::int as measured,
       (count(*) filter (where s.was_sent))::int as sent, count(s.accepted_at)::int as accepted,
       (count(*) filter (where s.verification = 'match'))::int as verified,
       (count(*) filter (where s.accepted_at > s.due_at + make_interval(secs => s.deadline_ms / 1000)))::int as late,
       (count(*) filter (where s.accepted_at > s.due_at + make_interval(secs => s.lag_ms / 1000)))::int as failures,
       coalesce((select jsonb_agg(jsonb_build_object('state', m.state, 'reason', m.reason, 'count', m.count)
         order by m.place) from missing m where m.work_code = w.code and m.place <= ${REASONS_MAX}), '[]') as missing
     from work w
     join points p on p.id = w.point_id join projects pr on pr.id = p.project_id join clients c on c.id = pr.client_id
     left join slot s on s.work_code = w.code
     group by w.key, w.code, c.slug, pr.slug, p.slug order by w.key`,
    [from, to, clientIds === null ? null : [...clientIds], workCode, afterKey, limit],
  )
}

/** A slot of a month as a pack tells it. */
export interface PackSlot {
  id: number
  dueAt: number
  channel: string
  state: SlotState
  reason: string | null
  chosen: ChosenValues | null
  declaration: Declaration | null
  attempts: number
  acceptedAt: number | null
  receipt: string | null
  recovered: boolean
  verification: string | null
  verifiedAt: number | null
}

const PACK_SLOTS_MAX = 50_000

/** The slots of a work's month, oldest first. */
export function selectPackSlots(
  sql: Sql,
  workCode: string,
  { from, to }: { from: number; to: number },
): Promise<PackSlot[]> {
  return sql.query<PackSlot>(
    `select s.id, s.due_at as "dueAt", o.terms->>'channel' as channel, s.state, s.reason, s.chosen, s.declaration,
       s.attempts, s.accepted_at as "acceptedAt", s.receipt, s.recovered, s.verification,
       s.verified_at as "verifiedAt"
     from slots s join obligations o on o.id = s.obligation_id
     where s.work_code = $3 and s.due_at >= to_timestamp($1::float8 / 1000)
       and s.due_at < to_timestamp($2::float8 / 1000)
     order by s.due_at, s.id limit ${PACK_SLOTS_MAX}`,
    [from, to, workCode],
  )
}

/** Whose a work is, and who declares it. */
export interface PackWork {
  workCode: string
  client: string
  clientName: string
  clientRut: string | null
  point: string
  pointName: string
  informantName: string
  informantRut: string
  controlCentreRut: string
}

/** Who a work's pack names: as its obligation in force at an instant says, or its first. */
export async function selectPackWork(
  sql: Sql,
  clientIds: ClientIds,
  { workCode, at }: { workCode: string; at: number },
): Promise<PackWork | undefined> {
  const [row] = await sql.query<PackWork>(
    `select o.work_code as "workCode", c.slug as client, c.name as "clientName", c.rut as "clientRut",
       c.slug || '.' || pr.slug || '.' || p.slug as point, p.name as "pointName", i.name as "informantName",
       i.rut as "informantRut", i.control_centre_rut as "controlCentreRut"
     from obligations o join informants i on i.id = o.informant_id
     join points p on p.id = o.point_id join projects pr on pr.id = p.project_id join clients c on c.id = pr.client_id
     where o.work_code = $1 and ($2::int[] is null or c.id = any($2))
     order by o.valid_from < to_timestamp($3::float8 / 1000) desc, abs(extract(epoch from o.valid_from) - $3::float8 / 1000)
     limit 1`,
    [workCode, clientIds === null ? null : [...clientIds], at],
  )
  return row
}
