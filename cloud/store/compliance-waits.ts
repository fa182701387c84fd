// What slots and works wait for, held against the clock.
//
// Promises:
//   W1. Nothing waits longer than its longest wait. What lies further ahead was written by a clock that ran ahead, and is
//       drawn back: what is only looked at, and what has never reached DGA, to now; all else to its longest wait from now,
//       so that nothing is tried sooner than it may be.
//   W2. A slot without data is looked at up to its maximum lag: one that was given up earlier was so by such a clock.
//   W3. A slot that is not due yet is left alone until it is: it may as well be this clock that is behind.
//   W4. No slot changes its state: what was sent stays sent.
//   W5. When a mistake was mended, what met it goes at once if DGA was not asked, and on the regulator's next day if it was.

import { regulatorDay } from '../compliance/calendar.ts'
import type { Database, Sql } from './database.ts'

/** The longest that each kind of instant lies ahead of the moment in which it is written. */
export interface LongestWaits {
  checkMs: number
  attemptMs: number
  verifyMs: number
  leaseMs: number
}

/** The request in the evidence of an attempt that ended before DGA was asked. */
export const NOT_ASKED = 'not sent'

/** Draws back what lies too far ahead. Returns of how many slots and works. */
export function drawBackWaits(db: Database, now: number, longest: LongestWaits): Promise<number> {
  return db.transaction(async tx => {
    let count = 0
    for (const draw of [drawBackChecks, reopen, drawBackAttempts, drawBackVerifications, drawBackLeases]) {
      count += await draw(tx, now, longest)
    }
    return count + (await drawBackWorks(tx, now, longest))
  })
}

type Draw = (tx: Sql, now: number, longest: LongestWaits) => Promise<number>

const NOW = 'to_timestamp($1::float8 / 1000)'
const LIMIT = 'to_timestamp(($1::float8 + $2::float8) / 1000)'

/** Whether an attempt for slot `s` came so far that DGA may know of it. */
const MAY_HAVE_REACHED = `exists (
  select from submissions e
  where e.work_code = s.work_code and e.due_at = s.due_at and e.step in ('answered', 'abandoned')
    and e.outcome is distinct from 'not_sent' and e.request is distinct from '${NOT_ASKED}')`

const drawBackChecks: Draw = async (tx, now, { checkMs }) => {
  const rows = await tx.query(
    `update slots set next_check_at = ${NOW}
     where next_check_at > ${LIMIT} and due_at <= ${NOW} and state in ('pending', 'no_data', 'review') returning id`,
    [now, checkMs],
  )
  return rows.length
}

const reopen: Draw = async (tx, now) => {
  const rows = await tx.query(
    `update slots s set next_check_at = ${NOW} from obligations o
     where o.id = s.obligation_id and s.state = 'no_data' and s.next_check_at is null and s.due_at <= ${NOW}
       and s.due_at > ${NOW} - make_interval(secs => (o.terms->>'maxLagMs')::float8 / 1000)
       and s.due_at > ${NOW} - make_interval(
         secs => (select max((terms->>'maxLagMs')::float8) from obligations) / 1000)
     returning s.id`,
    [now],
  )
  return rows.length
}

const drawBackAttempts: Draw = async (tx, now, { attemptMs }) => {
  const rows = await tx.query(
    `update slots s set next_attempt_at = case when ${MAY_HAVE_REACHED} then ${LIMIT} else ${NOW} end
     where s.state = 'ready' and s.next_attempt_at > ${LIMIT} and s.due_at <= ${NOW} returning s.id`,
    [now, attemptMs],
  )
  return rows.length
}

const drawBackVerifications: Draw = async (tx, now, { verifyMs }) => {
  const rows = await tx.query(
    `update slots set next_verify_at = ${LIMIT}
     where next_verify_at > ${LIMIT} and due_at <= ${NOW} returning id`,
    [now, verifyMs],
  )
  return rows.length
}

const drawBackLeases: Draw = async (tx, now, { leaseMs }) => {
  const rows = await tx.query(
    `update slots set lease_until = ${LIMIT}
     where state = 'sending' and lease_until > ${LIMIT} and due_at <= ${NOW} returning id`,
    [now, leaseMs],
  )
  return rows.length
}

const drawBackWorks: Draw = async (tx, now, { leaseMs }) => {
  const rows = await tx.query(
    `update works set busy_until = least(busy_until, ${LIMIT}), last_backlog_at = least(last_backlog_at, ${NOW}),
       last_attempt_at = least(last_attempt_at, ${NOW})
     where busy_until > ${LIMIT} or last_backlog_at > ${NOW} or last_attempt_at > ${NOW} returning code`,
    [now, leaseMs],
  )
  return rows.length
}

/** Whose mistake was mended. */
export type Mended = { informantId: number } | { workCode: string }

/** Lets go on what met a mistake of configuration that a person has mended now. */
export async function hasten(sql: Sql, mended: Mended, now: number): Promise<void> {
  const today = regulatorDay(now)
  await sql.query(
    `update slots s set next_attempt_at = least(s.next_attempt_at,
       case when ${MAY_HAVE_REACHED} and s.state_at >= to_timestamp($2::float8 / 1000)
         then to_timestamp($3::float8 / 1000) else ${NOW} end)
     from obligations o
     where o.id = s.obligation_id and s.state = 'ready' and s.next_attempt_at > ${NOW}
       and (o.informant_id = $4 or s.work_code = $5)
       and (select e.outcome from submissions e
            where e.work_code = s.work_code and e.due_at = s.due_at and e.step in ('answered', 'abandoned')
            order by e.id desc limit 1) = 'configuration_error'`,
    [
      ...[now, today.from, today.to],
      ...('informantId' in mended ? [mended.informantId, null] : [null, mended.workCode]),
    ],
  )
}
