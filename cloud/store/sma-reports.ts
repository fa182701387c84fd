// What the API shows of reports to SMA, and what persons decide of them.

import type { SmaValue } from '../compliance/sma/report.ts'
import type { SmaTerms } from '../compliance/sma/settings.ts'
import type { Sql } from './database.ts'
import type { ClientIds } from './queries.ts'
import type { SmaState } from './sma.ts'

/** How a process stands. */
export interface SmaProcessState {
  /** Of its newest terms: what pages go by. */
  id: number
  client: string
  uf: string
  process: string
  user: string
  terms: SmaTerms
  /** Names of the points of its devices, in their order. */
  points: string[]
  sending: boolean
  /** Why nothing is sent, when a block is the reason. */
  blockedBecause: string | null
  lastAcceptedAt: number | null
  states: Partial<Record<SmaState, number>>
}

/** Processes after one, by their newest terms, at most `limit`. */
export function selectSmaProcesses(
  sql: Sql,
  { clientIds, afterId, limit }: { clientIds: ClientIds; afterId: number; limit: number },
): Promise<SmaProcessState[]> {
  return sql.query<SmaProcessState>(
    `select t.id, c.slug as client, p.uf, p.process, h.user_name as "user", t.terms, p.sending,
       (select array_agg(k.slug || '.' || pr.slug || '.' || pt.slug order by d.place)
        from jsonb_array_elements(t.terms->'devices') with ordinality d(device, place)
        join points pt on pt.id = (d.device->>'pointId')::int join projects pr on pr.id = pt.project_id
        join clients k on k.id = pr.client_id) as points,
       case when h.status = 'blocked' then coalesce(h.reason, '') when p.status = 'blocked' then coalesce(p.reason, '') end
         as "blockedBecause",
       (select max(at) from sma_reports r where r.key = p.key and r.accepted_at is not null) as "lastAcceptedAt",
       (select coalesce(jsonb_object_agg(state, count), '{}') from (
          select state, count(*) from sma_reports r where r.key = p.key group by state) s) as states
     from sma_processes p join clients c on c.id = p.client_id join sma_holders h on h.id = p.holder_id
     join lateral (select * from sma_terms t where t.key = p.key order by valid_from desc limit 1) t on true
     where t.id > $1::bigint and ($2::int[] is null or p.client_id = any($2::int[])) order by t.id limit $3`,
    [afterId, clientIds, limit],
  )
}

/** A report as it is shown. */
export interface SmaReportRow {
  id: number
  uf: string
  process: string
  at: number
  clock: SmaTerms['clock']
  state: SmaState
  reason: string | null
  values: SmaValue[]
  attempts: number
  nextAttemptAt: number | null
  verification: string | null
  acceptedAt: number | null
  decision: { at: number; by: string; decision: 'send' | 'close'; reason: string } | null
}

const REPORT = `r.id, p.uf, p.process, r.at, t.terms->>'clock' as clock, r.state, r.reason, r.chosen as values, r.attempts,
  r.next_attempt_at as "nextAttemptAt", r.verification, r.accepted_at as "acceptedAt",
  (select jsonb_build_object('at', extract(epoch from d.at) * 1000, 'by', d.by, 'decision', d.decision, 'reason', d.reason)
   from sma_decisions d where d.report_id = r.id order by d.id desc limit 1) as decision`

const FROM = `from sma_reports r join sma_processes p on p.key = r.key join sma_terms t on t.id = r.terms_id`

/** What is asked for: reports before one, newest first. */
export interface SmaReportQuery {
  clientIds: ClientIds
  key: string | null
  state: SmaState | null
  beforeId: number
  limit: number
}

/** Reports, those that were made last first. */
export function selectSmaReports(
  sql: Sql,
  { clientIds, key, state, beforeId, limit }: SmaReportQuery,
): Promise<SmaReportRow[]> {
  return sql.query<SmaReportRow>(
    `select ${REPORT} ${FROM}
     where r.id < $1 and ($2::int[] is null or p.client_id = any($2::int[])) and ($3::text is null or r.key = $3)
       and ($4::text is null or r.state = $4) order by r.id desc limit $5`,
    [beforeId, clientIds, key, state, limit],
  )
}

/** A report, locked, where the caller may see it. */
export async function lockSmaReport(
  tx: Sql,
  clientIds: ClientIds,
  id: number,
): Promise<SmaReportRow | undefined> {
  const [row] = await tx.query<SmaReportRow>(
    `select ${REPORT} ${FROM} where r.id = $1 and ($2::int[] is null or p.client_id = any($2::int[])) for update of r`,
    [id, clientIds],
  )
  return row
}

/** Keeps what a person decided, and does it. */
export async function decideSmaReport(
  tx: Sql,
  { id, state }: Pick<SmaReportRow, 'id' | 'state'>,
  { decision, reason, by, at }: { decision: 'send' | 'close'; reason: string; by: string; at: number },
): Promise<void> {
  await tx.query(
    `insert into sma_decisions (client_id, report_id, at, by, decision, reason, was)
     select p.client_id, r.id, to_timestamp($2::float8 / 1000), $3, $4, $5, $6
     from sma_reports r join sma_processes p on p.key = r.key where r.id = $1`,
    [id, at, by, decision, reason, state],
  )
  await tx.query(
    `update sma_reports set state = $2, state_at = to_timestamp($3::float8 / 1000), next_check_at = null,
       next_attempt_at = case when $2 = 'ready' then to_timestamp($3::float8 / 1000) end
     where id = $1`,
    [id, decision === 'send' ? 'ready' : 'closed', at],
  )
}

/** How far a process has been reported. */
export interface Reported {
  key: string
  everyMs: number
  owedFrom: number
  acceptedAt: number | null
  heldBecause: string | null
}

/** Of every process that is reported at an instant: the last time stamp that SMA took. */
export function selectLastReported(sql: Sql, now: number): Promise<Reported[]> {
  return sql.query<Reported>(
    `select p.key, (t.terms->>'everyMs')::float8 as "everyMs", greatest(t.valid_from, t.created_at) as "owedFrom",
       (select max(at) from sma_reports r where r.key = p.key and r.accepted_at is not null) as "acceptedAt",
       case when sw.sending is not true then 'all sending is switched off' when not p.sending then 'the process is switched off'
         when p.status = 'blocked' then p.reason when h.status = 'blocked' then h.reason end as "heldBecause"
     from sma_processes p join sma_holders h on h.id = p.holder_id
     join lateral (select * from sma_terms t where t.key = p.key and t.valid_from <= to_timestamp($1::float8 / 1000)
       order by valid_from desc limit 1) t on true
     left join compliance_switch sw on true
     where t.terms->>'mode' = 'send' order by p.key`,
    [now],
  )
}
