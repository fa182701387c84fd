// What persons decide about slots, written: the slot, and beside it who decided what, when and why.

import type { Decision, DecisionChange, SlotInDoubt } from '../compliance/review.ts'
import type { SlotState } from './compliance.ts'
import type { Sql } from './database.ts'
import type { ClientIds } from './queries.ts'

/** A slot that a person decides about. `key` names its point. */
export interface LockedSlot extends SlotInDoubt {
  id: number
  state: SlotState
  key: string
}

/** Takes a slot for a decision within a transaction; `undefined` where there is none that may be seen. */
export async function lockSlot(tx: Sql, clientIds: ClientIds, id: number): Promise<LockedSlot | undefined> {
  const [row] = await tx.query<LockedSlot>(
    `select s.id, c.slug || '.' || pr.slug || '.' || p.slug as key, s.state, s.work_code as "workCode",
       s.due_at as "dueAt", s.point_id as "pointId", o.terms, s.chosen, s.person, s.findings, s.declaration, s.reason,
       s.receipt,
       coalesce(s.accepted_at, (select min(e.at) from submissions e where e.work_code = s.work_code
         and e.due_at = s.due_at and e.step = 'answered'
         and e.outcome in ('accepted', 'duplicate', 'accepted_without_receipt'))) as "acceptedAt",
       (select max(e.at) from submissions e where e.work_code = s.work_code and e.due_at = s.due_at
         and e.step in ('answered', 'abandoned') and e.outcome is distinct from 'not_sent'
         and e.request is distinct from 'not sent') as "reachedAt"
     from slots s join obligations o on o.id = s.obligation_id
     join points p on p.id = s.point_id join projects pr on pr.id = p.project_id join clients c on c.id = pr.client_id
     where s.id = $1 and ($2::int[] is null or c.id = any($2)) for update of s`,
    [id, clientIds],
  )
  return row
}

/** What the checks of a slot compare with; a decision changes it for those after it. */
const COMPARED = ['total_back', 'total_jump', 'level_jump']

/** Writes a decision, and has those slots looked at again that were doubted in comparison with this one. */
export async function writeDecision(
  tx: Sql,
  slot: LockedSlot,
  { decision, change, by, now }: { decision: Decision; change: DecisionChange; by: string; now: number },
): Promise<void> {
  const { state, findings, person, reason } = slot
  await tx.query(
    `insert into slot_decisions (slot_id, at, by, action, reason, before, after)
     values ($1, to_timestamp($2::float8 / 1000), $3, $4, $5, $6::jsonb, $7::jsonb)`,
    [
      ...[slot.id, now, by, decision.action, decision.reason],
      JSON.stringify({ state, reason, findings, person, declaration: slot.declaration }),
      JSON.stringify(change),
    ],
  )
  await tx.query(
    `update slots set state = $2, reason = $3, findings = $4::jsonb, person = $5::jsonb, declaration = $6::jsonb,
       next_check_at = to_timestamp($7::float8 / 1000), next_attempt_at = to_timestamp($8::float8 / 1000),
       receipt = $9, next_verify_at = to_timestamp($10::float8 / 1000),
       verify_attempts = case when $10::float8 is null then verify_attempts else 0 end,
       state_at = case when state = $2 then state_at else to_timestamp($11::float8 / 1000) end,
       decided_at = case when $2 = 'pending' then null else to_timestamp($11::float8 / 1000) end
     where id = $1`,
    [
      ...[slot.id, change.state, change.reason, JSON.stringify(change.findings)],
      ...[
        jsonOrNull(change.person),
        jsonOrNull(change.declaration),
        change.nextCheckAt,
        change.nextAttemptAt,
      ],
      ...[change.receipt, change.nextVerifyAt, now],
    ],
  )
  if (change.state !== 'ready' && change.state !== 'shadow') return
  await tx.query(
    `update slots set next_check_at = to_timestamp($3::float8 / 1000)
     where work_code = $1 and due_at > to_timestamp($2::float8 / 1000) and state = 'review' and decided_at is null
       and attempts = 0 and accepted_at is null
       and exists (select from jsonb_array_elements(findings) f where f->>'code' = any($4::text[]))`,
    [slot.workCode, slot.dueAt, now, COMPARED],
  )
}

const jsonOrNull = (value: object | null): string | null => (value === null ? null : JSON.stringify(value))

/** What a person decided about a slot. */
export interface DecisionRow {
  id: number
  at: number
  by: string
  action: Decision['action']
  reason: string
  before: { state: SlotState }
  after: { state: SlotState }
}

const DECISIONS_MAX = 1000

/** What was decided about a slot, oldest first. */
export function listDecisions(sql: Sql, slotId: number): Promise<DecisionRow[]> {
  return sql.query<DecisionRow>(
    `select id, at, by, action, reason, before, after from slot_decisions where slot_id = $1
     order by id limit ${DECISIONS_MAX}`,
    [slotId],
  )
}
