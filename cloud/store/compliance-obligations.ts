// Works with the versions of what is owed of them, and what a change of these does to slots that are there already.

import type { ObligationTerms } from '../compliance/obligation.ts'
import type { Sql } from './database.ts'
import { literal } from './literal.ts'
import type { ClientIds } from './queries.ts'

/** What is owed of a work from an instant on. */
export interface ObligationVersion {
  id: number
  from: number
  /** As it was given: null where it has no end of its own. */
  to: number | null
  /** Where it ends in fact: by itself, or because the next one begins. */
  until: number | null
  pointId: number
  point: string
  /** The other points of the work, and the one whose level is declared, by name. */
  alsoPoints: string[]
  levelPoint: string | null
  informant: string
  terms: ObligationTerms
  owedFrom: number
  createdThrough: number
}

/** The name of point `p`. */
const KEY = `(select c.slug || '.' || pr.slug || '.' || p.slug from projects pr join clients c on c.id = pr.client_id
  where pr.id = p.project_id)`

/** The versions of a work, in time's order. */
export function selectVersions(sql: Sql, workCode: string): Promise<ObligationVersion[]> {
  return sql.query<ObligationVersion>(
    `select o.id, o.valid_from as "from", o.valid_to as "to",
       least(o.valid_to, lead(o.valid_from) over (order by o.valid_from)) as until, o.point_id as "pointId",
       (select ${KEY} from points p where p.id = o.point_id) as point,
       array(select ${KEY} from jsonb_array_elements_text(o.terms->'alsoPointIds') with ordinality a(id, n)
         join points p on p.id = a.id::int order by a.n) as "alsoPoints",
       (select ${KEY} from points p where p.id = (o.terms->>'levelPointId')::int) as "levelPoint",
       i.rut as informant, o.terms, o.owed_from as "owedFrom", o.created_through as "createdThrough"
     from obligations o join informants i on i.id = o.informant_id
     where o.work_code = $1 order by o.valid_from`,
    [workCode],
  )
}

/** A work as the API shows it. */
export interface WorkRow {
  number: number
  code: string
  client: string
  sending: boolean
  status: 'active' | 'blocked'
  reason: string | null
}

/** Works that may be seen, in the order in which they came; one alone by its code. */
export function selectWorks(
  sql: Sql,
  {
    clientIds,
    code,
    afterNumber,
    limit,
  }: { clientIds: ClientIds; code?: string; afterNumber: number; limit: number },
): Promise<WorkRow[]> {
  return sql.query<WorkRow>(
    `select w.number, w.code, c.slug as client, w.sending, w.status, w.reason
     from works w join clients c on c.id = w.client_id
     where ($1::int[] is null or c.id = any($1)) and ($2::text is null or w.code = $2) and w.number > $3::bigint
     order by w.number limit $4`,
    [clientIds, code ?? null, afterNumber, limit],
  )
}

/** Waits until nobody else changes what is owed of this work. */
export async function lockWork(tx: Sql, workCode: string): Promise<void> {
  await tx.query(`select pg_advisory_xact_lock(7201425, hashtext($1))`, [workCode])
}

/** Points of a client by their names: `client.project.point`. */
export async function selectPointIds(
  sql: Sql,
  clientId: number,
  keys: readonly string[],
): Promise<Map<string, number>> {
  const rows = await sql.query<{ key: string; id: number }>(
    `select c.slug || '.' || pr.slug || '.' || p.slug as key, p.id
     from points p join projects pr on pr.id = p.project_id join clients c on c.id = pr.client_id
     where c.id = $1 and c.slug || '.' || pr.slug || '.' || p.slug = any($2::text[])`,
    [clientId, keys],
  )
  return new Map(rows.map(({ key, id }) => [key, id]))
}

/** Other works that some of these points are declared in now or later. */
export async function selectOtherWorks(
  sql: Sql,
  workCode: string,
  pointIds: readonly number[],
  now: number,
): Promise<{ workCode: string; pointId: number }[]> {
  return sql.query(
    `select distinct o.work_code as "workCode", p.id as "pointId"
     from obligations o
     join unnest($2::int[]) as p(id) on o.point_id = p.id or o.terms->'alsoPointIds' @> to_jsonb(p.id)
     where o.work_code <> $1 and o.terms->>'mode' <> 'off'
       and (o.valid_to is null or o.valid_to > to_timestamp($3::float8 / 1000))
       and not exists (select from obligations later where later.work_code = o.work_code
         and later.valid_from > o.valid_from and later.valid_from <= to_timestamp($3::float8 / 1000))
     order by 1, 2`,
    [workCode, literal(pointIds, id => id), now],
  )
}

/** A slot that a change may still reach: not declared, nothing decided, never tried. */
export interface OpenSlot {
  id: number
  obligationId: number
  dueAt: number
  state: string
}

/** The slots of a work that a change may still reach, in time's order. */
export function selectOpenSlots(tx: Sql, workCode: string): Promise<OpenSlot[]> {
  return tx.query<OpenSlot>(
    `select s.id, s.obligation_id as "obligationId", s.due_at as "dueAt", s.state from slots s
     where s.work_code = $1 and s.state in ('pending', 'no_data', 'not_measured', 'review', 'ready', 'withdrawn')
       and s.attempts = 0 and s.accepted_at is null and s.decided_at is null
       and not exists (select from submissions e where e.work_code = s.work_code and e.due_at = s.due_at)
     order by s.due_at for update of s`,
    [workCode],
  )
}

/** Says of slots that they are not owed any more. */
export async function withdrawSlots(
  tx: Sql,
  ids: readonly number[],
  reason: string,
  now: number,
): Promise<void> {
  await tx.query(
    `update slots set state = 'withdrawn', reason = $2, state_at = to_timestamp($3::float8 / 1000),
       next_check_at = null, next_attempt_at = null
     where id = any($1::bigint[])`,
    [literal(ids, id => id), reason, now],
  )
}

/** Has slots follow another version: their values are picked anew. */
export async function rebindSlots(
  tx: Sql,
  slots: readonly { id: number; obligationId: number; pointId: number }[],
  now: number,
): Promise<void> {
  await tx.query(
    `update slots s set obligation_id = t.obligation, point_id = t.point, state = 'pending', reason = null,
       findings = '[]', chosen = null, declaration = null, next_attempt_at = null,
       next_check_at = greatest(s.due_at, to_timestamp($1::float8 / 1000)),
       state_at = case when s.state = 'pending' then s.state_at else to_timestamp($1::float8 / 1000) end
     from unnest($2::float8[], $3::int[], $4::int[]) as t(id, obligation, point) where s.id = t.id::bigint`,
    [
      now,
      literal(slots, ({ id }) => id),
      literal(slots, ({ obligationId }) => obligationId),
      literal(slots, ({ pointId }) => pointId),
    ],
  )
}

/** How many slots a work has in a stretch of time, `from` included and `to` not. */
export async function countSlots(
  sql: Sql,
  workCode: string,
  { from, to }: { from: number; to: number },
): Promise<number> {
  const [row] = await sql.query<{ count: number }>(
    `select count(*)::int as count from slots where work_code = $1
       and due_at >= to_timestamp($2::float8 / 1000) and due_at < to_timestamp($3::float8 / 1000)`,
    [workCode, from, to],
  )
  return row?.count ?? 0
}

/** What changed what is owed of a work. */
export interface ChangeRow {
  id: number
  from: number
  at: number
  by: string
  reason: string
  before: unknown
  after: unknown
  effect: unknown
}

/** Keeps who changed what is owed of a work, and what that did. */
export async function insertChange(
  tx: Sql,
  workCode: string,
  { from, at, by, reason, before, after, effect }: Omit<ChangeRow, 'id'>,
): Promise<void> {
  await tx.query(
    `insert into obligation_changes (work_code, valid_from, at, by, reason, before, after, effect)
     values ($1, to_timestamp($2::float8 / 1000), to_timestamp($3::float8 / 1000), $4, $5, $6::jsonb, $7::jsonb, $8::jsonb)`,
    [
      ...[workCode, from, at, by, reason],
      ...[before === null ? null : JSON.stringify(before), JSON.stringify(after), JSON.stringify(effect)],
    ],
  )
}

const CHANGES_MAX = 200

/** What changed what is owed of a work, newest first. */
export function selectChanges(sql: Sql, workCode: string): Promise<ChangeRow[]> {
  return sql.query<ChangeRow>(
    `select id, valid_from as "from", at, by, reason, before, after, effect from obligation_changes
     where work_code = $1 order by id desc limit ${CHANGES_MAX}`,
    [workCode],
  )
}
