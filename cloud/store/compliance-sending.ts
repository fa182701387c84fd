// Slots from being ready to being proved: taking one for sending, keeping the evidence, settling, verifying.
//
// Promises:
//   E1. A slot is with one process at a time, and a work too. Who was overtaken cannot settle it any more.
//   E2. Before a slot is taken the evidence is asked: what DGA has accepted once is settled, never sent again.
//   E3. Evidence is added whoever is right about the slot, in one transaction with what it changes.

import type { Declaration } from '../compliance/declaration.ts'
import type { Credentials, Submission, Verification, WireEvidence } from '../compliance/dga/client.ts'
import type { SlotChange } from '../compliance/slots.ts'
import type { Database, Sql } from './database.ts'

/** A way to DGA. */
export type Channel = 'rest' | 'soap'

/** A slot that this process has for sending, until `leaseUntil`. */
export interface TakenSlot {
  id: number
  workCode: string
  dueAt: number
  attempt: number
  leaseToken: number
  isBacklog: boolean
  channel: Channel
  declaration: Declaration
  informantId: number
  rut: string
  controlCentreRut: Credentials['controlCentreRut']
  secretKeyId: string
  secret: Uint8Array
}

/** When and how slots are taken. */
export interface TakeRules {
  now: number
  leaseUntil: number
  /** What is due after this is fresh, the rest is backlog. */
  freshAfter: number
  /** A work whose last backlog value went before this may send another. */
  spacedBefore: number
  /** Ways that are closed now, as waysOf() names them. */
  closed: readonly string[]
}

/** A slot that was taken, one that the evidence has settled instead, or nothing that may be sent now. */
export type Taking =
  | { kind: 'taken'; slot: TakenSlot }
  | { kind: 'settled'; slotId: number }
  | { kind: 'none' }

/**
 * Takes the slot whose turn it is: fresh ones first, and among them, and among the backlog, the work that was served
 * longest ago.
 */
export function takeSlot(
  db: Database,
  rules: TakeRules,
  settleEarlier: (outcome: EarlierOutcome, now: number) => SlotChange,
): Promise<Taking> {
  return db.transaction(async tx => {
    const found = (await selectNext(tx, rules, true)) ?? (await selectNext(tx, rules, false))
    if (found === undefined) return { kind: 'none' }
    const earlier = await selectAcceptance(tx, found)
    if (earlier !== undefined) {
      await changeSlot(tx, found, settleEarlier(earlier, rules.now), rules.now)
      return { kind: 'settled', slotId: found.id }
    }
    const slot = { ...found, attempt: found.attempt + 1, leaseToken: found.leaseToken + 1 }
    await beginAttempt(tx, slot, rules)
    return { kind: 'taken', slot }
  })
}

/** The endpoint of slot `s` under obligation `o`, as waysOf() of cloud/compliance/breaker.ts names it. */
const ENDPOINT = `case o.terms->>'channel' when 'soap' then 'soap' else (o.terms->>'channel') || ' ' || (s.declaration->>'kind') end`

/**
 * The next slot of one age, of the work that was served longest ago: two statements, for in each the index gives a work's
 * first slot without looking at the others, of which there are many after an outage. `offset 0` keeps PostgreSQL from
 * joining what is owed first and then sorting.
 */
const nextOf = (isFresh: boolean): string => `
  select s.* from works w
  join lateral (
    select s.id, s.work_code as "workCode", s.due_at as "dueAt", s.attempts as attempt, s.lease_token as "leaseToken",
      ${!isFresh} as "isBacklog", s.declaration, owed.*
    from slots s
    cross join lateral (
      select o.terms->>'channel' as channel, i.id as "informantId", i.rut, i.control_centre_rut as "controlCentreRut",
        i.secret_key_id as "secretKeyId", i.secret
      from obligations o join informants i on i.id = o.informant_id
      where o.id = s.obligation_id and i.sending and i.status = 'active' and o.terms->>'mode' = 'send'
        and not array[o.terms->>'channel', ${ENDPOINT}, ${ENDPOINT} || ' ' || i.rut] && $3::text[]
      offset 0) owed
    where s.work_code = w.code and s.state = 'ready' and s.next_attempt_at <= to_timestamp($1::float8 / 1000)
      and s.due_at ${isFresh ? '>' : '<='} to_timestamp($2::float8 / 1000)
    order by s.due_at limit 1) s on true
  where w.sending and w.status = 'active' and exists (select from compliance_switch where sending)
    and (w.busy_until is null or w.busy_until <= to_timestamp($1::float8 / 1000))
    ${isFresh ? '' : 'and (w.last_backlog_at is null or w.last_backlog_at <= to_timestamp($4::float8 / 1000))'}
  order by w.last_attempt_at nulls first, s."dueAt"
  limit 1 for update of w skip locked`

const NEXT_FRESH = nextOf(true)
const NEXT_BACKLOG = nextOf(false)

async function selectNext(
  tx: Sql,
  { now, freshAfter, spacedBefore, closed }: TakeRules,
  isFresh: boolean,
): Promise<TakenSlot | undefined> {
  const [row] = isFresh
    ? await tx.query<TakenSlot>(NEXT_FRESH, [now, freshAfter, closed])
    : await tx.query<TakenSlot>(NEXT_BACKLOG, [now, freshAfter, closed, spacedBefore])
  if (row === undefined) return undefined
  // The slot was read before its work was locked: somebody may have settled it in between.
  const still = await tx.query(
    `select from slots where id = $1 and state = 'ready' and lease_token = $2 for update`,
    [row.id, row.leaseToken],
  )
  return still.length === 1 ? row : undefined
}

/** What DGA said at an earlier attempt that settles a slot for good. */
export interface EarlierOutcome {
  outcome: 'accepted' | 'duplicate' | 'accepted_without_receipt'
  receipt: string | null
  at: number
}

async function selectAcceptance(
  tx: Sql,
  { workCode, dueAt }: { workCode: string; dueAt: number },
): Promise<EarlierOutcome | undefined> {
  const [row] = await tx.query<EarlierOutcome>(
    `select outcome, receipt, at from submissions
     where work_code = $1 and due_at = to_timestamp($2::float8 / 1000) and step = 'answered'
       and outcome in ('accepted', 'duplicate', 'accepted_without_receipt')
     order by receipt is null, id limit 1`,
    [workCode, dueAt],
  )
  return row
}

async function beginAttempt(tx: Sql, slot: TakenSlot, { now, leaseUntil }: TakeRules): Promise<void> {
  await tx.query(
    `update slots set state = 'sending', attempts = $2, lease_token = $3, lease_until = to_timestamp($5::float8 / 1000),
       state_at = to_timestamp($4::float8 / 1000), next_attempt_at = null
     where id = $1`,
    [slot.id, slot.attempt, slot.leaseToken, now, leaseUntil],
  )
  await tx.query(
    `update works set busy_until = to_timestamp($2::float8 / 1000), last_attempt_at = to_timestamp($3::float8 / 1000),
       last_backlog_at = case when $4 then to_timestamp($3::float8 / 1000) else last_backlog_at end
     where code = $1`,
    [slot.workCode, leaseUntil, now, slot.isBacklog],
  )
  await addEvidence(tx, slot, { step: 'begun', at: now, outcome: null, detail: slot.declaration })
}

/** What an attempt came to, in the words of the evidence. */
interface Step {
  step: 'begun' | 'answered' | 'abandoned' | 'verified'
  at: number
  outcome: string | null
  detail: object
  receipt?: string | null
  wire?: WireEvidence
}

type SlotKey = Pick<TakenSlot, 'id' | 'workCode' | 'dueAt' | 'attempt' | 'leaseToken' | 'channel'>

async function addEvidence(
  tx: Sql,
  { id, workCode, dueAt, attempt, leaseToken, channel }: SlotKey,
  { step, at, outcome, detail, receipt = null, wire }: Step,
): Promise<void> {
  await tx.query(
    `insert into submissions
       (slot_id, work_code, due_at, attempt, lease_token, step, at, channel, outcome, detail, receipt, request,
        http_status, answer)
     values ($1, $2, to_timestamp($3::float8 / 1000), $4, $5, $6, to_timestamp($7::float8 / 1000), $8, $9, $10::jsonb,
       $11, $12, $13, $14)`,
    [
      ...[id, workCode, dueAt, attempt, leaseToken, step, at, channel, outcome],
      ...[JSON.stringify(detail), receipt, wire?.request ?? null, wire?.status ?? null, wire?.answer ?? null],
    ],
  )
}

/**
 * Keeps the answer to an attempt and settles the slot. False when the slot was taken from us meanwhile: the evidence is
 * kept all the same, and settles it when it is next taken.
 */
export function finishAttempt(
  db: Database,
  slot: TakenSlot,
  {
    submission,
    wire,
    change,
    now,
  }: { submission: Submission; wire: WireEvidence; change: SlotChange; now: number },
): Promise<boolean> {
  return db.transaction(async tx => {
    const receipt = 'receipt' in submission ? (submission.receipt ?? null) : null
    const outcome = submission.kind
    await addEvidence(tx, slot, { step: 'answered', at: now, outcome, detail: submission, receipt, wire })
    const ours = await changeSlot(tx, slot, change, now)
    if (change.stop !== undefined) await stop(tx, slot, change.stop, now)
    // From the answer on, not from the question: the next one is spaced whatever this one took.
    await tx.query(
      `update works set busy_until = null,
         last_backlog_at = case when $3 then to_timestamp($2::float8 / 1000) else last_backlog_at end
       where code = $1`,
      [slot.workCode, now, slot.isBacklog],
    )
    return ours
  })
}

async function changeSlot(
  tx: Sql,
  { id, leaseToken }: { id: number; leaseToken: number },
  change: SlotChange,
  now: number,
): Promise<boolean> {
  const rows = await tx.query(
    `update slots set state = $3, reason = $4, next_attempt_at = to_timestamp($5::float8 / 1000),
       receipt = coalesce($6, receipt), recovered = $7, accepted_at = to_timestamp($8::float8 / 1000),
       next_verify_at = to_timestamp($9::float8 / 1000), attempts = attempts - $10, lease_until = null,
       state_at = to_timestamp($11::float8 / 1000)
     where id = $1 and lease_token = $2 and state in ('ready', 'sending') returning id`,
    [
      ...[
        id,
        leaseToken,
        change.state,
        change.reason,
        change.nextAttemptAt,
        change.receipt,
        change.recovered,
      ],
      ...[change.acceptedAt, change.nextVerifyAt, change.isAttemptSpared ? 1 : 0, now],
    ],
  )
  return rows.length === 1
}

async function stop(
  tx: Sql,
  { workCode, informantId }: TakenSlot,
  { what, reason }: { what: 'work' | 'informant'; reason: string },
  now: number,
): Promise<void> {
  const set = `set status = 'blocked', reason = $2, status_at = to_timestamp($3::float8 / 1000)`
  if (what === 'work') await tx.query(`update works ${set} where code = $1`, [workCode, reason, now])
  else await tx.query(`update informants ${set} where id = $1`, [informantId, reason, now])
}

const ABANDONED_MAX = 100

/** Settles slots that a process took and did not come back from. Returns them as they were. */
export function recoverAbandoned(
  db: Database,
  now: number,
  settle: (earlier: EarlierOutcome | undefined, takenAt: number) => SlotChange,
): Promise<SlotKey[]> {
  return db.transaction(async tx => {
    const found = await tx.query<SlotKey & { takenAt: number }>(
      `select s.id, s.work_code as "workCode", s.due_at as "dueAt", s.attempts as attempt,
         s.lease_token as "leaseToken", o.terms->>'channel' as channel, s.state_at as "takenAt"
       from slots s join obligations o on o.id = s.obligation_id
       where s.state = 'sending' and s.lease_until <= to_timestamp($1::float8 / 1000)
       order by s.id limit ${ABANDONED_MAX} for update of s skip locked`,
      [now],
    )
    for (const slot of found) {
      const earlier = await selectAcceptance(tx, slot)
      const change = settle(earlier, slot.takenAt)
      await addEvidence(tx, slot, {
        step: 'abandoned',
        at: now,
        outcome: null,
        detail: { settledAs: change.state },
      })
      await changeSlot(tx, slot, change, now)
      await tx.query('update works set busy_until = null where code = $1', [slot.workCode])
    }
    return found
  })
}

/** A slot whose receipt is to be verified. */
export interface SlotToVerify extends SlotKey {
  declaration: Declaration
  receipt: string
  verifyAttempts: number
}

/** When and how many receipts are taken, and over which ways they are not asked after. */
export interface TakeVerificationRules {
  now: number
  againAt: number
  closed: readonly string[]
  limit: number
}

/** Takes slots whose receipt is to be verified; nobody else is given them before `againAt`. */
export function takeVerifications(
  sql: Sql,
  { now, againAt, closed, limit }: TakeVerificationRules,
): Promise<SlotToVerify[]> {
  return sql.query<SlotToVerify>(
    `with taken as (
       update slots set next_verify_at = to_timestamp($2::float8 / 1000), verify_attempts = verify_attempts + 1
       where id in (
         select s.id from slots s join obligations o on o.id = s.obligation_id
         where s.next_verify_at <= to_timestamp($1::float8 / 1000)
           and not array[o.terms->>'channel', ${ENDPOINT}] && $4::text[]
           and exists (select from compliance_switch where sending)
         order by s.next_verify_at limit $3 for update of s skip locked)
       returning *)
     select t.id, t.work_code as "workCode", t.due_at as "dueAt", t.attempts as attempt, t.lease_token as "leaseToken",
       o.terms->>'channel' as channel, t.declaration, t.receipt, t.verify_attempts as "verifyAttempts"
     from taken t join obligations o on o.id = t.obligation_id order by t.id`,
    [now, againAt, limit, closed],
  )
}

/** Keeps what a verification said, and what follows for the slot. */
export function finishVerification(
  db: Database,
  slot: SlotToVerify,
  {
    verification,
    wire,
    change,
    now,
  }: {
    verification: Verification
    wire: WireEvidence
    change: { state: 'sent' | 'review'; reason: string | null; nextVerifyAt: number | null }
    now: number
  },
): Promise<void> {
  return db.transaction(async tx => {
    const { kind } = verification
    await addEvidence(tx, slot, {
      step: 'verified',
      at: now,
      outcome: kind,
      detail: verification,
      receipt: slot.receipt,
      wire,
    })
    await tx.query(
      `update slots set verification = $2, verified_at = case when $2 = 'match' then to_timestamp($3::float8 / 1000) end,
         state = $4, reason = $5, next_verify_at = to_timestamp($6::float8 / 1000),
         state_at = case when state = $4 then state_at else to_timestamp($3::float8 / 1000) end
       where id = $1 and state = 'sent'`,
      [slot.id, kind, now, change.state, change.reason, change.nextVerifyAt],
    )
  })
}

/** Notes why a receipt could not be verified, and when it is asked after again. */
export async function postponeVerification(
  sql: Sql,
  { id }: { id: number },
  { reason, nextVerifyAt }: { reason: string; nextVerifyAt: number | null },
): Promise<void> {
  await sql.query(
    `update slots set reason = $2, next_verify_at = to_timestamp($3::float8 / 1000) where id = $1 and state = 'sent'`,
    [id, reason, nextVerifyAt],
  )
}
