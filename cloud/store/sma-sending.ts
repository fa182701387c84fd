// Reports to SMA from being ready to being settled: with one program at a time, their evidence first.
//
// Promises are those of compliance-sending.ts: who was overtaken cannot settle, what SMA has taken once is not sent again,
// and evidence is added in one transaction with what it changes.

import type { WireEvidence } from '../compliance/dga/client.ts'
import type { SmaChange, SmaOutcome } from '../compliance/sma/outcome.ts'
import type { SmaValue } from '../compliance/sma/report.ts'
import type { SmaTerms } from '../compliance/sma/settings.ts'
import type { Database, Sql } from './database.ts'

/** A report that this process has for sending. */
export interface TakenReport {
  id: number
  key: string
  uf: string
  process: string
  at: number
  attempt: number
  leaseToken: number
  terms: SmaTerms
  values: SmaValue[]
  holderId: number
  user: string
  secretKeyId: string
  secret: Uint8Array
}

/** What becomes of a report that was answered, or of which no answer is known. */
export type Settle = (answered: SmaOutcome | undefined, terms: SmaTerms) => SmaChange

/** When reports are taken. */
export interface ReportTakeRules {
  now: number
  leaseUntil: number
  /** What is for after this goes before what is for before it. */
  freshAfter: number
}

const NEXT = `
  select r.*, p.uf, p.process, h.id as "holderId", h.user_name as "user", h.secret_key_id as "secretKeyId", h.secret
  from sma_processes p
  join sma_holders h on h.id = p.holder_id
  join lateral (
    select r.id, r.key, r.at, r.attempts as attempt, r.lease_token as "leaseToken", r.chosen as values, t.terms
    from sma_reports r join sma_terms t on t.id = r.terms_id
    where r.key = p.key and r.state = 'ready' and r.next_attempt_at <= to_timestamp($1::float8 / 1000)
      and t.terms->>'mode' = 'send'
    order by r.at > to_timestamp($2::float8 / 1000) desc, r.at limit 1) r on true
  where p.sending and p.status = 'active' and h.status = 'active' and exists (select from compliance_switch where sending)
    and (p.busy_until is null or p.busy_until <= to_timestamp($1::float8 / 1000))
  order by p.last_attempt_at nulls first, r.at limit 1 for update of p skip locked`

/** A report that was taken, one that the evidence has settled instead, or nothing that may be sent now. */
export type ReportTaking = { kind: 'taken'; report: TakenReport } | { kind: 'settled' } | { kind: 'none' }

/** Takes the report whose turn it is: of the process that was served longest ago, fresh ones first. */
export function takeReport(
  db: Database,
  { now, leaseUntil, freshAfter }: ReportTakeRules,
  settle: Settle,
): Promise<ReportTaking> {
  return db.transaction(async (tx): Promise<ReportTaking> => {
    const [found] = await tx.query<TakenReport>(NEXT, [now, freshAfter])
    if (found === undefined) return { kind: 'none' }
    // The report was read before its process was locked: somebody may have settled it in between.
    const taken = await tx.query(
      `update sma_reports set state = 'sending', attempts = attempts + 1, lease_token = lease_token + 1,
         lease_until = to_timestamp($4::float8 / 1000), state_at = to_timestamp($3::float8 / 1000), next_attempt_at = null
       where id = $1 and state = 'ready' and lease_token = $2 returning id`,
      [found.id, found.leaseToken, now, leaseUntil],
    )
    if (taken.length === 0) return { kind: 'none' }
    const report = { ...found, attempt: found.attempt + 1, leaseToken: found.leaseToken + 1 }
    const answered = await selectAnswer(tx, report)
    if (answered !== undefined) {
      await changeReport(tx, report, settle(answered, report.terms), now)
      return { kind: 'settled' }
    }
    await tx.query(
      `update sma_processes set busy_until = to_timestamp($2::float8 / 1000), last_attempt_at = to_timestamp($3::float8 / 1000)
       where key = $1`,
      [found.key, leaseUntil, now],
    )
    await addEvidence(tx, report, { step: 'begun', at: now, outcome: null, detail: report.values })
    return { kind: 'taken', report }
  })
}

type ReportKey = Pick<TakenReport, 'id' | 'key' | 'at' | 'attempt' | 'leaseToken'>

async function addEvidence(
  tx: Sql,
  { id, key, at, attempt, leaseToken }: ReportKey,
  step: {
    step: 'begun' | 'answered' | 'abandoned'
    at: number
    outcome: string | null
    detail: object
    receipt?: string | null
    wire?: WireEvidence
  },
): Promise<void> {
  const { wire } = step
  await tx.query(
    `insert into submissions
       (slot_id, work_code, due_at, attempt, lease_token, step, at, channel, outcome, detail, receipt, request, http_status, answer)
     values ($1, $2, to_timestamp($3::float8 / 1000), $4, $5, $6, to_timestamp($7::float8 / 1000), 'sma', $8, $9::jsonb, $10,
       $11, $12, $13)`,
    [
      ...[id, key, at, attempt, leaseToken, step.step, step.at, step.outcome, JSON.stringify(step.detail)],
      ...[step.receipt ?? null, wire?.request ?? null, wire?.status ?? null, wire?.answer ?? null],
    ],
  )
}

/** What the answer to an attempt was, and what follows. */
export interface ReportAnswer {
  outcome: SmaOutcome
  wire: WireEvidence
  change: SmaChange
  now: number
}

/** Keeps the answer to an attempt and settles the report. False when it was taken from us: the evidence is kept all the same. */
export function finishReport(
  db: Database,
  report: TakenReport,
  { outcome, wire, change, now }: ReportAnswer,
): Promise<boolean> {
  return db.transaction(async tx => {
    const receipt = outcome.kind === 'accepted' ? outcome.verification : null
    const step = { step: 'answered', at: now, outcome: outcome.kind, detail: outcome, receipt, wire } as const
    await addEvidence(tx, report, step)
    const ours = await changeReport(tx, report, change, now)
    const halt = change.stop ?? (await stopAfterRefusals(tx, report.key, outcome))
    if (halt !== undefined) await stop(tx, report, halt, now)
    await tx.query('update sma_processes set busy_until = null where key = $1', [report.key])
    return ours
  })
}

/**
 * Settles a report. One that was given up is settled by its answer all the same, while nobody else has taken it and no person
 * has closed it.
 */
async function changeReport(
  tx: Sql,
  { id, leaseToken }: Pick<ReportKey, 'id' | 'leaseToken'>,
  change: SmaChange,
  now: number,
): Promise<boolean> {
  const rows = await tx.query(
    `update sma_reports set state = $3, reason = $4, next_attempt_at = to_timestamp($5::float8 / 1000),
       accepted_at = to_timestamp($6::float8 / 1000), verification = $7, lease_until = null,
       state_at = to_timestamp($8::float8 / 1000)
     where id = $1 and lease_token = $2 and state in ('sending', 'ready', 'review') returning id`,
    [
      ...[id, leaseToken, change.state, change.reason, change.nextAttemptAt],
      ...[change.acceptedAt, change.verification, now],
    ],
  )
  return rows.length === 1
}

async function stop(
  tx: Sql,
  { key, holderId }: TakenReport,
  { what, reason }: NonNullable<SmaChange['stop']>,
  now: number,
): Promise<void> {
  const set = `set status = 'blocked', reason = $2, status_at = to_timestamp($3::float8 / 1000)`
  if (what === 'process') await tx.query(`update sma_processes ${set} where key = $1`, [key, reason, now])
  else await tx.query(`update sma_holders ${set} where id = $1`, [holderId, reason, now])
}

/** So many refusals in a row say that it is the process that is wrong, and not a report. */
const REFUSALS_MAX = 3

async function stopAfterRefusals(tx: Sql, key: string, outcome: SmaOutcome): Promise<SmaChange['stop']> {
  if (outcome.kind !== 'refused') return undefined
  const [row] = await tx.query<{ refused: number }>(
    `select count(*) filter (where outcome = 'refused')::int as refused from (
       select outcome from submissions where work_code = $1 and step = 'answered' order by id desc limit ${REFUSALS_MAX}) e`,
    [key],
  )
  if ((row?.refused ?? 0) < REFUSALS_MAX) return undefined
  return {
    what: 'process',
    reason: `${REFUSALS_MAX} reports in a row were refused, the last with ${outcome.reason}`,
  }
}

const ABANDONED_MAX = 100

/** Settles reports that a program took and did not come back from: by the answer that the evidence has, else by `settle`. */
export function recoverReports(db: Database, now: number, settle: Settle): Promise<ReportKey[]> {
  return db.transaction(async tx => {
    const found = await tx.query<ReportKey & { terms: SmaTerms }>(
      `select r.id, r.key, r.at, r.attempts as attempt, r.lease_token as "leaseToken", t.terms
       from sma_reports r join sma_terms t on t.id = r.terms_id
       where r.state = 'sending' and r.lease_until <= to_timestamp($1::float8 / 1000)
       order by r.id limit ${ABANDONED_MAX} for update of r skip locked`,
      [now],
    )
    for (const report of found) {
      const change = settle(await selectAnswer(tx, report), report.terms)
      const detail = { settledAs: change.state }
      await addEvidence(tx, report, { step: 'abandoned', at: now, outcome: null, detail })
      await changeReport(tx, report, change, now)
      await tx.query('update sma_processes set busy_until = null where key = $1', [report.key])
    }
    return found
  })
}

/** What SMA took, whoever asked. */
async function selectAnswer(tx: Sql, { key, at }: ReportKey): Promise<SmaOutcome | undefined> {
  const [row] = await tx.query<{ detail: SmaOutcome }>(
    `select detail from submissions where work_code = $1 and due_at = to_timestamp($2::float8 / 1000)
       and step = 'answered' and outcome = 'accepted' order by id limit 1`,
    [key, at],
  )
  return row?.detail
}
