// The evidence as it is checked: rows as the text that was hashed, where chains end, and what slots say against it.

import type { ChainBreak, ChainedRow, ChainHead } from '../compliance/chain.ts'
import type { Sql } from './database.ts'

const MICROSECONDS = (column: string) => `(extract(epoch from ${column}) * 1000000)::bigint::text`

/** The columns of `submissions e` as text, named as in ChainedRow, with the hash. */
const CHAINED_COLUMNS = `e.seq::text, e.id::text, e.slot_id::text as "slotId", e.work_code as "workCode",
  ${MICROSECONDS('e.due_at')} as "dueAt", e.attempt::text, e.lease_token::text as "leaseToken", e.step,
  ${MICROSECONDS('e.at')} as at, e.channel, e.outcome, e.detail::text as detail, e.receipt, e.request,
  e.http_status::text as "httpStatus", e.answer, encode(e.hash, 'hex') as hash`

/** The rows of all works after one, by work and number, at most `limit`. */
export function selectChainedRows(
  sql: Sql,
  after: { workCode: string; seq: number },
  limit: number,
): Promise<(ChainedRow & { hash: string })[]> {
  return sql.query(
    `select ${CHAINED_COLUMNS} from submissions e
     where (e.work_code, e.seq) > ($1, $2) order by e.work_code, e.seq limit $3`,
    [after.workCode, after.seq, limit],
  )
}

/** Where every chain ends. */
export function selectChainHeads(sql: Sql): Promise<ChainHead[]> {
  return sql.query(
    `select work_code as "workCode", seq, encode(hash, 'hex') as hash from evidence_heads order by work_code`,
  )
}

/** One row of a chain; undefined when it is not there. */
export async function selectChainHash(
  sql: Sql,
  { workCode, seq }: { workCode: string; seq: number },
): Promise<string | undefined> {
  const [row] = await sql.query<{ hash: string }>(
    `select encode(hash, 'hex') as hash from submissions where work_code = $1 and seq = $2`,
    [workCode, seq],
  )
  return row?.hash
}

const CONTRADICTIONS_MAX = 1000

/**
 * Slots that say what no evidence says: a receipt that neither an answer nor a person told, a declaration, an attempt. At
 * most a thousand.
 */
export function selectContradictions(sql: Sql): Promise<ChainBreak[]> {
  return sql.query(
    `select s.work_code as "workCode", case
         when not e.begun then 'slot ' || s.id || ' was attempted, and no evidence says so'
         when s.receipt is not null and not e.receipted then 'slot ' || s.id || ' has a receipt that no answer told'
         else 'slot ' || s.id || ' shows another declaration than was sent' end as what
     from slots s
     cross join lateral (
       select coalesce(bool_or(step = 'begun'), false) as begun,
         coalesce(bool_or(step = 'answered' and receipt = s.receipt), false)
           or exists (select from slot_decisions d where d.slot_id = s.id and d.after->>'receipt' = s.receipt)
           as receipted,
         coalesce(bool_or(step = 'begun' and detail = s.declaration), false) as declared
       from submissions where work_code = s.work_code and due_at = s.due_at) e
     where (s.attempts > 0 or s.receipt is not null or s.state in ('sending', 'sent'))
       and not (e.begun and (s.receipt is null or e.receipted) and (s.state <> 'sent' or e.declared))
     order by s.work_code, s.id limit ${CONTRADICTIONS_MAX}`,
  )
}

/** A row with its hash and the one before it. */
export type LinkedRow = ChainedRow & { hash: string; before: string }

const LINKED_MAX = 200_000

/** The evidence of what a work owed in a stretch of time, oldest first. */
export function selectLinkedRows(
  sql: Sql,
  workCode: string,
  { from, to }: { from: number; to: number },
): Promise<LinkedRow[]> {
  return sql.query(
    `select ${CHAINED_COLUMNS},
       coalesce((select encode(b.hash, 'hex') from submissions b where b.work_code = e.work_code and b.seq = e.seq - 1), '')
         as before
     from submissions e
     where e.work_code = $1 and e.due_at >= to_timestamp($2::float8 / 1000)
       and e.due_at < to_timestamp($3::float8 / 1000)
     order by e.seq limit ${LINKED_MAX}`,
    [workCode, from, to],
  )
}
