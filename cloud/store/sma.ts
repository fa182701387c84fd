// Who reports to SMA, what of which process, and what becomes of each report until it is taken for sending.

import { Rejected } from '../../protocol/runtime/errors.ts'
import type { Candidate } from '../compliance/selection.ts'
import type { SmaCheck, SmaValue } from '../compliance/sma/report.ts'
import type { SmaTerms } from '../compliance/sma/settings.ts'
import { selectCandidates } from './compliance-slots.ts'
import type { Database, Sql } from './database.ts'
import { literal } from './literal.ts'
import type { Written } from './sites.ts'

/** Where a report stands. `closed`: a person decided that it is not sent. */
export const SMA_STATES = [
  ...(['pending', 'no_data', 'ready', 'sending', 'sent', 'review', 'shadow', 'closed'] as const),
] as const

/** Where a report stands. */
export type SmaState = (typeof SMA_STATES)[number]

/** Names a process, among works too. */
export const smaKey = (uf: string, process: string): string => `SMA ${uf}/${process}`

/** Somebody who signs in at SMA, as sealed. */
export interface SealedHolder {
  id: number
  client: string
  user: string
  secretKeyId: string
  secret: Uint8Array
}

const HOLDER = `h.id, c.slug as client, h.user_name as "user", h.secret_key_id as "secretKeyId", h.secret`

/** The holder of a client with this user name. */
export async function selectSmaHolder(
  sql: Sql,
  { clientId, user }: { clientId: number; user: string },
): Promise<SealedHolder | undefined> {
  const [row] = await sql.query<SealedHolder>(
    `select ${HOLDER} from sma_holders h join clients c on c.id = h.client_id where h.client_id = $1 and h.user_name = $2`,
    [clientId, user],
  )
  return row
}

/** Writes a holder, and lifts its block: a person has changed something. */
export async function writeSmaHolder(
  sql: Sql,
  row: { clientId: number; user: string; secretKeyId: string; secret: Uint8Array },
): Promise<Written> {
  const [written] = await sql.query<{ id: number; created: boolean }>(
    `insert into sma_holders (client_id, user_name, secret_key_id, secret) values ($1, $2, $3, $4)
     on conflict (client_id, user_name) do update set secret_key_id = excluded.secret_key_id, secret = excluded.secret,
       status = 'active', reason = null, status_at = now()
     returning id, xmax = 0 as created`,
    [row.clientId, row.user, row.secretKeyId, row.secret],
  )
  if (written === undefined) throw new Error(`Holder ${row.user} was not written`)
  return { id: written.id, change: written.created ? 'created' : 'changed' }
}

/** A process as it is written. */
export interface SmaProcessRow {
  clientId: number
  holderId: number
  uf: string
  process: string
  validFrom: number
  terms: SmaTerms
}

/**
 * Writes a process and its terms from an instant on, within a transaction. Reports that were made already, and for which
 * nothing was found yet, are made anew by what holds now. Reports are owed from now on. Throws Rejected when the process is
 * another client's.
 */
export async function writeSmaProcess(tx: Sql, row: SmaProcessRow, now: number): Promise<Written> {
  const key = smaKey(row.uf, row.process)
  const [process] = await tx.query<{ changed: boolean }>(
    `with before as (select holder_id from sma_processes where key = $1)
     insert into sma_processes (key, client_id, holder_id, uf, process) values ($1, $2, $3, $4, $5)
     on conflict (key) do update set holder_id = excluded.holder_id where sma_processes.client_id = excluded.client_id
     returning (select holder_id from before) is distinct from holder_id as changed`,
    [key, row.clientId, row.holderId, row.uf, row.process],
  )
  if (process === undefined)
    throw new Rejected(`Process ${row.process} of unit ${row.uf} belongs to another client`)
  const [terms] = await tx.query<{ id: number; created: boolean }>(
    `insert into sma_terms as t (key, client_id, valid_from, terms, created_through)
     values ($1, $5, to_timestamp($2::float8 / 1000), $3::jsonb, to_timestamp(greatest($2::float8, $4::float8) / 1000))
     on conflict (key, valid_from) do update set terms = excluded.terms,
       created_through = case when t.terms->>'mode' = 'off' then excluded.created_through else t.created_through end
     where t.terms <> excluded.terms
     returning id, xmax = 0 as created`,
    [key, row.validFrom, JSON.stringify(row.terms), now, row.clientId],
  )
  if (terms !== undefined) await makeAnew(tx, key, row.validFrom)
  if (terms === undefined && !process.changed) return { id: 0, change: undefined }
  await tx.query(
    `update sma_processes set status = 'active', reason = null, status_at = now() where key = $1 and status = 'blocked'`,
    [key],
  )
  return { id: terms?.id ?? 0, change: terms?.created === true ? 'created' : 'changed' }
}

/** Takes back what nothing was found for yet and is still looked for, from where the terms changed on. */
async function makeAnew(tx: Sql, key: string, from: number): Promise<void> {
  await tx.query(
    `with gone as (
       delete from sma_reports where key = $1 and at >= to_timestamp($2::float8 / 1000)
         and state in ('pending', 'no_data') and attempts = 0 and next_check_at is not null returning at)
     update sma_terms t set created_through = least(created_through, (select min(at) from gone))
     where t.key = $1 and (select min(at) from gone) is not null and t.valid_from = (
       select max(valid_from) from sma_terms where key = $1 and valid_from <= (select min(at) from gone))`,
    [key, from],
  )
}

/** Terms some of whose reports may not have been made yet. `until` is where the next ones begin. */
export interface OwingTerms {
  id: number
  key: string
  terms: SmaTerms
  createdThrough: number
  until: number | null
}

/** Terms whose reports are made up to an instant before now, after one, at most `limit`. */
export function selectOwingTerms(
  sql: Sql,
  now: number,
  afterId: number,
  limit: number,
): Promise<OwingTerms[]> {
  return sql.query<OwingTerms>(
    `select * from (
       select id, key, terms, greatest(created_through, valid_from) as "createdThrough",
         lead(valid_from) over (partition by key order by valid_from) as until from sma_terms) owing
     where id > $2 and "createdThrough" <= to_timestamp($1::float8 / 1000)
       and (until is null or "createdThrough" < until) and terms->>'mode' <> 'off'
     order by id limit $3`,
    [now, afterId, limit],
  )
}

/** Makes reports, once each, and moves on where the terms stand. Returns how many were not there before. */
export function createReports(
  db: Database,
  { id, key, createdThrough }: OwingTerms,
  { ats, through, now }: { ats: readonly number[]; through: number; now: number },
): Promise<number> {
  return db.transaction(async tx => {
    const made = await tx.query(
      `insert into sma_reports (key, terms_id, at, state_at, next_check_at)
       select $1, $2, to_timestamp(t / 1000), to_timestamp($4::float8 / 1000), to_timestamp(t / 1000)
       from unnest($3::float8[]) t on conflict do nothing returning id`,
      [key, id, literal(ats, at => at), now],
    )
    await tx.query(
      `update sma_terms set created_through = to_timestamp($2::float8 / 1000)
       where id = $1 and greatest(created_through, valid_from) = to_timestamp($3::float8 / 1000)`,
      [id, through, createdThrough],
    )
    return made.length
  })
}

/** A report whose values are to be looked for. */
export interface ReportToCheck {
  id: number
  key: string
  at: number
  state: 'pending' | 'no_data'
  terms: SmaTerms
}

/** Takes reports that are to be looked at, by process and time; nobody else is given them before `againAt`. */
export function takeReportChecks(
  sql: Sql,
  { now, againAt, limit }: { now: number; againAt: number; limit: number },
): Promise<ReportToCheck[]> {
  return sql.query<ReportToCheck>(
    `with taken as (
       update sma_reports set next_check_at = to_timestamp($2::float8 / 1000) where id in (
         select id from sma_reports where next_check_at <= to_timestamp($1::float8 / 1000)
         order by (state = 'pending') desc, next_check_at limit $3 for update skip locked)
       returning id, key, at, state, terms_id)
     select r.id, r.key, r.at, r.state, t.terms from taken r join sma_terms t on t.id = r.terms_id order by r.key, r.at`,
    [now, againAt, limit],
  )
}

/** Readings and derived values near reports. */
export async function selectReportCandidates(
  sql: Sql,
  reports: readonly ReportToCheck[],
): Promise<Map<number, Candidate[]>> {
  const reaches = reports.flatMap(({ id, at, terms }) =>
    [...new Set(terms.devices.map(({ pointId }) => pointId))].map(pointId => ({
      ...{ slotId: id, pointId, dueAt: at, reachMs: terms.withinMs },
    })),
  )
  const found = new Map<number, Candidate[]>(reports.map(({ id }) => [id, []]))
  for (const { slotId, ...candidate } of await selectCandidates(sql, reaches))
    found.get(slotId)?.push(candidate)
  return found
}

/** The values of the last report of a process before an instant that was sent or waits to be. */
export async function selectValuesBefore(sql: Sql, key: string, at: number): Promise<readonly SmaValue[]> {
  const [row] = await sql.query<{ chosen: SmaValue[] }>(
    `select chosen from sma_reports where key = $1 and at < to_timestamp($2::float8 / 1000)
       and state in ('ready', 'sending', 'sent', 'shadow') order by at desc limit 1`,
    [key, at],
  )
  return row?.chosen ?? []
}

/** Writes what came of looking at reports, where nobody else was faster. Returns the ids that were written. */
export async function writeReportChecks(
  sql: Sql,
  now: number,
  reports: readonly (SmaCheck & { id: number })[],
): Promise<number[]> {
  const rows = await sql.query<{ id: number }>(
    `update sma_reports r set state = t.state, reason = nullif(t.reason, ''), chosen = t.chosen::jsonb,
       next_check_at = to_timestamp(t.next_check / 1000),
       next_attempt_at = case when t.state = 'ready' then to_timestamp($1::float8 / 1000) end,
       state_at = case when r.state = t.state then r.state_at else to_timestamp($1::float8 / 1000) end
     from unnest($2::float8[], $3::text[], $4::text[], $5::text[], $6::float8[]) as t(id, state, reason, chosen, next_check)
     where r.id = t.id::bigint and r.state in ('pending', 'no_data') returning r.id`,
    [
      now,
      literal(reports, ({ id }) => id),
      reports.map(({ state }) => state),
      reports.map(({ reason }) => reason ?? ''),
      reports.map(({ values }) => JSON.stringify(values)),
      literal(reports, ({ nextCheckAt }) => nextCheckAt),
    ],
  )
  return rows.map(({ id }) => id)
}
