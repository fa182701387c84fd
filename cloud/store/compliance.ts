// Those who declare, works, obligations and slots: what provisioning writes, and what the API shows.

import { Rejected } from '../../protocol/runtime/errors.ts'
import type { Chosen, ChosenValues } from '../compliance/declaration.ts'
import type { Submission } from '../compliance/dga/client.ts'
import type { ObligationTerms } from '../compliance/obligation.ts'
import type { PersonValues } from '../compliance/review.ts'
import type { Finding } from '../compliance/validation.ts'
import { hasten } from './compliance-waits.ts'
import type { Sql } from './database.ts'
import type { Written } from './sites.ts'

/** Someone who declares; the password is sealed before it comes here. */
export interface InformantRow {
  clientId: number
  rut: string
  name: string
  controlCentreRut: string
  secretKeyId: string
  secret: Uint8Array
}

/** The informant of a client with this RUT. */
export async function selectInformant(
  sql: Sql,
  { clientId, rut }: { clientId: number; rut: string },
): Promise<(InformantRow & { id: number; status: 'active' | 'blocked' }) | undefined> {
  const [row] = await sql.query<InformantRow & { id: number; status: 'active' | 'blocked' }>(
    `select id, client_id as "clientId", rut, name, control_centre_rut as "controlCentreRut",
       secret_key_id as "secretKeyId", secret, status
     from informants where client_id = $1 and rut = $2`,
    [clientId, rut],
  )
  return row
}

/** Writes an informant, and lifts its block: a person has changed something. */
export async function writeInformant(
  sql: Sql,
  { clientId, rut, name, controlCentreRut, secretKeyId, secret }: InformantRow,
  now: number,
): Promise<number> {
  const [row] = await sql.query<{ id: number }>(
    `insert into informants (client_id, rut, name, control_centre_rut, secret_key_id, secret)
     values ($1, $2, $3, $4, $5, $6)
     on conflict (client_id, rut) do update set
       name = excluded.name, control_centre_rut = excluded.control_centre_rut,
       secret_key_id = excluded.secret_key_id, secret = excluded.secret,
       status = 'active', reason = null, status_at = now()
     returning id`,
    [clientId, rut, name, controlCentreRut, secretKeyId, secret],
  )
  if (row === undefined) throw new Error(`Informant ${rut} was not written`)
  await hasten(sql, { informantId: row.id }, now)
  return row.id
}

/** An obligation as it is written. */
export interface ObligationRow {
  workCode: string
  pointId: number
  informantId: number
  validFrom: number
  validTo: number | null
  terms: ObligationTerms
  owedFrom: number
}

/**
 * Writes an obligation and its work, within a transaction. One that is there already is changed to these terms; slots
 * that exist keep what they say. An earlier `owedFrom` than before makes the slots since then owed as well; a later one
 * changes nothing, unless it was off: nothing is owed of that time. What is changed lifts the work's block. Throws Rejected when the work is another client's.
 */
export async function writeObligation(tx: Sql, row: ObligationRow, now: number): Promise<Written> {
  const { workCode, pointId, informantId, validFrom, validTo, terms, owedFrom } = row
  const [work] = await tx.query(
    `insert into works (code, client_id)
     select $1, pr.client_id from points p join projects pr on pr.id = p.project_id where p.id = $2
     on conflict (code) do update set code = excluded.code where works.client_id = excluded.client_id
     returning code`,
    [workCode, pointId],
  )
  if (work === undefined) throw new Rejected(`Work ${workCode} belongs to another client`)
  const [written] = await tx.query<{ id: number; created: boolean }>(
    `insert into obligations as o (work_code, point_id, informant_id, valid_from, valid_to, terms, owed_from, created_through)
     values ($1, $2, $3, to_timestamp($4::float8 / 1000), to_timestamp($5::float8 / 1000), $6::jsonb,
             to_timestamp($7::float8 / 1000), to_timestamp($7::float8 / 1000))
     on conflict (work_code, valid_from) do update set
       point_id = excluded.point_id, informant_id = excluded.informant_id, valid_to = excluded.valid_to,
       terms = excluded.terms,
       owed_from = case when o.terms->>'mode' = 'off' then excluded.owed_from else least(o.owed_from, excluded.owed_from) end,
       created_through = case when o.terms->>'mode' = 'off' then excluded.owed_from
         else least(o.created_through, excluded.owed_from) end
     where o.owed_from > excluded.owed_from or (o.point_id, o.informant_id, o.valid_to, o.terms)
       is distinct from (excluded.point_id, excluded.informant_id, excluded.valid_to, excluded.terms)
     returning id, xmax = 0 as created`,
    [workCode, pointId, informantId, validFrom, validTo, JSON.stringify(terms), owedFrom],
  )
  if (written !== undefined) {
    await releaseWork(tx, workCode, now)
    return { id: written.id, change: written.created ? 'created' : 'changed' }
  }
  const [same] = await tx.query<{ id: number }>(
    'select id from obligations where work_code = $1 and valid_from = to_timestamp($2::float8 / 1000)',
    [workCode, validFrom],
  )
  if (same === undefined) throw new Error(`Obligation of ${workCode} was not written`)
  return { id: same.id, change: undefined }
}

/** Lifts the block of a work: a person has changed something. */
export async function releaseWork(sql: Sql, code: string, now: number): Promise<void> {
  await sql.query(
    `update works set status = 'active', reason = null, status_at = now() where code = $1 and status = 'blocked'`,
    [code],
  )
  await hasten(sql, { workCode: code }, now)
}

/** Where a slot stands. */
export const SLOT_STATES = [
  ...(['pending', 'no_data', 'ready', 'sending', 'sent', 'review', 'shadow'] as const),
  ...(['not_measured', 'rejected', 'withdrawn'] as const),
] as const

/** Where a slot stands. */
export type SlotState = (typeof SLOT_STATES)[number]

/** What came of an attempt. `abandoned`: the process that made it ended, and nobody knows. */
export const SLOT_OUTCOMES = [
  'accepted',
  'duplicate',
  'accepted_without_receipt',
  'configuration_error',
  'refused',
  'unknown_outcome',
  'not_sent',
  'abandoned',
] as const satisfies readonly (Submission['kind'] | 'abandoned')[]

/** What came of an attempt. */
export type SlotOutcome = (typeof SLOT_OUTCOMES)[number]

/** A slot as the API shows it. */
export interface ListedSlot {
  id: number
  pointId: number
  client: string
  project: string
  point: string
  workCode: string
  channel: 'rest' | 'soap'
  dueAt: number
  state: SlotState
  stateAt: number
  reason: string | null
  /** Why all sending, the work or the informant is stopped; null when nothing holds the slot. */
  heldBecause: string | null
  /** The values as declared, with what was measured, when, and how far from the slot. */
  values: Partial<Record<'flow' | 'total' | 'level', Chosen>> | null
  findings: Finding[]
  /** What a person gave instead of what was measured. */
  person: PersonValues | null
  attempts: number
  /** What came of the last attempt that ended; null before. */
  lastOutcome: { attempt: number; at: number; outcome: SlotOutcome; message: string | null } | null
  nextAttemptAt: number | null
  receipt: string | null
  recovered: boolean
  acceptedAt: number | null
  verification: 'match' | 'mismatch' | 'not_found' | 'no_answer' | null
  verifiedAt: number | null
}

/**
 * Which slots are wanted. `pointIds` null: of all points; `clientIds` null or absent: of all clients. Pages go on after
 * the slot `after`, the last of the page before.
 */
export interface SlotQuery {
  pointIds: readonly number[] | null
  clientIds?: readonly number[] | null
  states?: readonly SlotState[] | undefined
  /** Only those of which a check found this. */
  code?: string | undefined
  workCode?: string | undefined
  id?: number | undefined
  from: number
  to: number
  after?: number | undefined
  limit: number
}

/** Slots due in a stretch of time, `from` included and `to` not, newest first. */
export async function listSlots(
  sql: Sql,
  { pointIds, clientIds, states, code, workCode, id, from, to, after, limit }: SlotQuery,
): Promise<ListedSlot[]> {
  const rows = await sql.query<SlotColumns>(
    `select s.id, s.point_id as "pointId", c.slug as client, pr.slug as project, p.slug as point,
       s.work_code as "workCode", o.terms->>'channel' as channel, s.due_at as "dueAt", s.state, s.state_at as "stateAt",
       s.reason, case when s.state <> 'ready' then null
         when sw.sending is not true then 'all sending is switched off' || coalesce(': ' || sw.reason, '')
         when not w.sending then 'sending of this work is switched off' || coalesce(': ' || (
           select reason from sending_turns where what = 'work' and key = w.code order by id desc limit 1), '')
         when not i.sending then 'sending of this informant is switched off' || coalesce(': ' || (
           select reason from sending_turns where what = 'informant' and key = i.rut order by id desc limit 1), '')
         when w.status = 'blocked' then w.reason when i.status = 'blocked' then i.reason end as "heldBecause",
       s.chosen, s.findings, s.person, s.attempts, e.attempt, e.at as "outcomeAt", coalesce(e.outcome, 'abandoned') as outcome,
       e.detail->>'reason' as message, s.next_attempt_at as "nextAttemptAt", s.receipt, s.recovered,
       s.accepted_at as "acceptedAt", s.verification, s.verified_at as "verifiedAt"
     from slots s
     join obligations o on o.id = s.obligation_id
     join informants i on i.id = o.informant_id
     join works w on w.code = s.work_code
     join points p on p.id = s.point_id join projects pr on pr.id = p.project_id join clients c on c.id = pr.client_id
     left join compliance_switch sw on true
     left join lateral (
       select attempt, at, outcome, detail from submissions
       where work_code = s.work_code and due_at = s.due_at and step in ('answered', 'abandoned')
       order by id desc limit 1) e on true
     where ($1::int[] is null or s.point_id = any($1)) and ($2::text[] is null or s.state = any($2))
       and s.due_at >= to_timestamp($3::float8 / 1000) and s.due_at < to_timestamp($4::float8 / 1000)
       and ($5::bigint is null or (s.due_at, s.id) < (select due_at, id from slots where id = $5))
       and ($6::int[] is null or c.id = any($6)) and ($8::text is null or s.work_code = $8)
       and ($9::text is null or s.findings @> jsonb_build_array(jsonb_build_object('code', $9::text)))
       and ($10::bigint is null or s.id = $10)
     order by s.due_at desc, s.id desc limit $7`,
    [
      ...[pointIds, states ?? null, from, to, after ?? null, clientIds ?? null, limit],
      ...[workCode ?? null, code ?? null, id ?? null],
    ],
  )
  return rows.map(toListedSlot)
}

type SlotColumns = Omit<ListedSlot, 'values' | 'lastOutcome'> & {
  chosen: ChosenValues | null
  attempt: number | null
  outcomeAt: number | null
  outcome: SlotOutcome
  message: string | null
}

function toListedSlot({ chosen, attempt, outcomeAt, outcome, message, ...slot }: SlotColumns): ListedSlot {
  const lastOutcome =
    attempt === null || outcomeAt === null ? null : { attempt, at: outcomeAt, outcome, message }
  return { ...slot, values: chosen as ListedSlot['values'], lastOutcome }
}

/** One step of a submission, as it was kept. */
export interface EvidenceRow {
  id: number
  attempt: number
  step: 'begun' | 'answered' | 'abandoned' | 'verified'
  at: number
  outcome: string | null
  detail: unknown
  receipt: string | null
  request: string | null
  httpStatus: number | null
  answer: string | null
}

const EVIDENCE_MAX = 1000

/** The evidence of a slot, oldest first. */
export function listEvidence(sql: Sql, slotId: number): Promise<EvidenceRow[]> {
  return sql.query<EvidenceRow>(
    `select e.id, e.attempt, e.step, e.at, e.outcome, e.detail, e.receipt, e.request, e.http_status as "httpStatus",
       e.answer
     from slots s join submissions e on e.work_code = s.work_code and e.due_at = s.due_at
     where s.id = $1 order by e.id limit ${EVIDENCE_MAX}`,
    [slotId],
  )
}
