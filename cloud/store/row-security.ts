// Whose a row is, for the role that the API works as: it owns nothing, and sees and changes the rows of its caller's clients
// alone (seeing.ts), whatever a statement forgets to ask.
//
// R1. A table's columns tell whose its rows are: its client, project, point, series, gateway, work or user. One that tells by none
//     stands in BY_HAND, or the role has no right to it at all.
// R2. The tables of values have no row security, for the columnstore excludes it: the role has no right to them, and reads them
//     through views that hold the series it may see.
// R3. Of accounts it reads names and addresses of who has a role for its clients. Passwords, sessions, secrets and keys it cannot.
//
// It keeps a condition that somebody forgot from showing what is another's. It is no wall against statements that somebody else
// wrote: whoever logs in can become another role again.
//
// All of it is made anew when a version brings tables or columns, and left alone otherwise: nothing waits for a lock at a start. It is made
// table by table, each in a transaction of its own: other services are at work meanwhile, and who holds one table and wants another
// meets them the other way around.

import { createHash } from 'node:crypto'
import { Unavailable } from '../../protocol/runtime/errors.ts'
import type { Database, Sql } from './database.ts'
import { SEEN_SETTING } from './seeing.ts'

/** The role that the API works as. */
export const API_ROLE = 'smarthydro_api'

/** Where its statements look for tables: views of values first. */
export const API_SEARCH_PATH = 'shown,public'

const HYPERTABLES = ['readings', 'derived']

/** By which column a row is somebody's, the surest first, and the view of what may be seen of those. */
const BY_COLUMN: readonly (readonly [column: string, view: string])[] = [
  ['client_id', 'clients'],
  ['project_id', 'projects'],
  ['point_id', 'points'],
  ['series_id', 'series'],
  ['gateway_id', 'gateways'],
  ['work_code', 'works'],
  ['user_id', 'users'],
]

const ALL = '(select seen.everything())'

/** What a row hangs on that is seen by its own policy. */
const under = (table: string, column: string, parent: string): string =>
  `exists (select from ${parent} parent where parent.id = ${table}.${column})`

/** Whose rows are whose, where no column says it. `true`: nobody's secret, and needed by all. */
const BY_HAND: Readonly<Record<string, string>> = {
  clients: 'id in (select id from seen.clients)',
  // Numbers alone, by which others are joined.
  compliance_switch: 'true',
  // Programs that every gateway may fetch.
  releases: 'true',
  release_chunks: 'true',
  // By who sent it, and only as a hash.
  idempotency_keys: 'true',
  slot_decisions: under('slot_decisions', 'slot_id', 'slots'),
  alert_rule_changes: under('alert_rule_changes', 'rule_id', 'alert_rules'),
  incident_events: under('incident_events', 'incident_id', 'incidents'),
  // Of an incident; or one that tries a channel or an address out.
  deliveries: `case when incident_id is not null then ${under('deliveries', 'incident_id', 'incidents')}
    when channel_id is not null then ${under('deliveries', 'channel_id', 'alert_channels')}
    else person in (select id from seen.users) end`,
  delivery_tries: under('delivery_tries', 'delivery_id', 'deliveries'),
  webhook_messages: under('webhook_messages', 'webhook_id', 'webhooks'),
  document_bytes: under('document_bytes', 'document_id', 'documents'),
  sma_reports: under('sma_reports', 'terms_id', 'sma_terms'),
  sending_turns: `what = 'all' or key in (select id from seen.works) or key in (select i.rut from informants i)
    or key in (select p.key from sma_processes p)`,
}

/** Tables that the role has no right to. */
const NOT_FOR_IT: readonly string[] = [
  ...['migrations', 'collectors', 'collector_partitions', 'workers', 'canaries'],
  ...['fleet_authorities', 'fleet_keys'],
  ...HYPERTABLES,
]

/** A table, and its columns. */
export interface TableColumns {
  name: string
  columns: string[]
}

/** Tables whose rows are nobody's as far as can be told: the role has no right to them. */
export function untold(tables: readonly TableColumns[]): string[] {
  return tables
    .filter(table => !NOT_FOR_IT.includes(table.name) && policyOf(table) === undefined)
    .map(({ name }) => name)
}

/** The tables that there are. */
export function selectTables(sql: Sql): Promise<TableColumns[]> {
  return sql.query<TableColumns>(
    `select c.relname::text as name, array_agg(a.attname::text order by a.attnum) as columns
     from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
     where n.nspname = 'public' and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
     group by c.relname order by 1`,
  )
}

/** Gives the role its rights and every table its policy, unless they are as they should be. `lock` keeps others from doing the same. */
export async function secureRows(db: Database, lock: number): Promise<void> {
  const groups = await groupsOf(db)
  const mark = createHash('sha256').update(groups.flat().join('\n')).digest('hex')
  const [made] = await db.query<{ mark: string | null }>(
    `select obj_description(oid, 'pg_namespace') as mark from pg_namespace where nspname = 'shown'`,
  )
  if (made?.mark === mark) return
  for (const statements of groups) await inItsTurn(db, lock, statements)
  await inItsTurn(db, lock, [`comment on schema shown is '${mark}'`])
}

/** Whoever reads a table for long holds up who wants it alone, and that one everybody else: so it gives way, and asks again. */
const LOCK_TIMEOUT_MS = 2_000
const TRIES_MAX = 30

async function inItsTurn(db: Database, lock: number, statements: readonly string[]): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await db.transaction(async tx => {
        await tx.query(`select pg_advisory_xact_lock(${lock})`)
        await tx.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`)
        for (const statement of statements) await tx.query(statement)
      })
      return
    } catch (error) {
      if (!(error instanceof Unavailable) || tries === TRIES_MAX) throw error
    }
  }
}

/** What a trigger keeps from being changed or removed. */
async function keptTables(sql: Sql): Promise<string[]> {
  const kept = await sql.query<{ name: string }>(
    `select distinct c.relname::text as name from pg_trigger t join pg_proc p on p.oid = t.tgfoid
       join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
     where p.proname = 'refuse_change' and not t.tgisinternal and n.nspname = 'public' order by 1`,
  )
  return kept.map(({ name }) => name)
}

/** What triggers alone write. */
const READ_ONLY: readonly string[] = ['evidence_heads', 'audit']

/** Statements that belong together: first what policies refer to, then each table, then the views. */
async function groupsOf(sql: Sql): Promise<string[][]> {
  const tables = await selectTables(sql)
  const kept = await keptTables(sql)
  const names = tables.map(({ name }) => name)
  const granted = tables.map(table => {
    const name = `public.${table.name}`
    return [
      `revoke all on ${name} from ${API_ROLE}`,
      ...securityOf(table),
      ...(kept.includes(table.name) ? [`revoke update, delete on ${name} from ${API_ROLE}`] : []),
      ...(READ_ONLY.includes(table.name)
        ? [`revoke insert, update, delete on ${name} from ${API_ROLE}`]
        : []),
    ]
  })
  const values = HYPERTABLES.filter(table => names.includes(table))
  return [
    [
      'create schema if not exists seen',
      `grant usage on schema seen, auth, public to ${API_ROLE}`,
      `grant usage on all sequences in schema public to ${API_ROLE}`,
      ...SEEN,
      `grant select on all tables in schema seen to ${API_ROLE}`,
    ],
    ...granted,
    ...ACCOUNTS,
    [
      'drop schema if exists shown cascade',
      'create schema shown',
      ...values.map(
        table =>
          `create view shown.${table} as select * from public.${table} where series_id in (select id from seen.series)`,
      ),
      `grant usage on schema shown to ${API_ROLE}`,
      `grant select on all tables in schema shown to ${API_ROLE}`,
    ],
  ]
}

/** What may be seen, by id: as the owner reads it, so that one policy does not wait for another. */
const SEEN: readonly string[] = [
  `create or replace function seen.everything() returns boolean language sql stable as
     $$ select current_setting('${SEEN_SETTING}', true) = 'all' $$`,
  `create or replace function seen.numbers() returns int[] language sql stable as
     $$ select case when current_setting('${SEEN_SETTING}', true) ~ '^[0-9]+(,[0-9]+)*$'
       then string_to_array(current_setting('${SEEN_SETTING}', true), ',')::int[] else '{}' end $$`,
  `create or replace view seen.clients as
     select id from public.clients where ${ALL} or id = any ((select seen.numbers())::int[])`,
  `create or replace view seen.projects as select id from public.projects where client_id in (select id from seen.clients)`,
  `create or replace view seen.points as select id from public.points where project_id in (select id from seen.projects)`,
  `create or replace view seen.series as select id from public.series where point_id in (select id from seen.points)`,
  `create or replace view seen.gateways as
     select id from public.gateways where project_id in (select id from seen.projects)`,
  `create or replace view seen.works as
     select code as id from public.works where client_id in (select id from seen.clients)`,
  `create or replace view seen.users as
     select user_id as id from auth.grants where ${ALL} or client_id in (select id from seen.clients)`,
]

/** Of accounts, table by table. */
const ACCOUNTS: readonly string[][] = [
  [`revoke all on all tables in schema auth from ${API_ROLE}`],
  [
    `grant select (id, name, email, created_at, disabled_at, number) on auth.users to ${API_ROLE}`,
    ...policy('auth.users', `${ALL} or id in (select id from seen.users)`),
  ],
  [
    `grant select on auth.grants to ${API_ROLE}`,
    ...policy('auth.grants', `${ALL} or client_id in (select id from seen.clients)`),
  ],
  [
    `grant select (id, name, role, client_id, created_at, expires_at, revoked_at) on auth.api_tokens to ${API_ROLE}`,
    ...policy('auth.api_tokens', `${ALL} or client_id in (select id from seen.clients)`),
  ],
]

function securityOf(table: TableColumns): string[] {
  const expression = policyOf(table)
  const name = `public.${table.name}`
  if (NOT_FOR_IT.includes(table.name) || expression === undefined) return []
  if (expression === 'true') return [`grant select, insert, update, delete on ${name} to ${API_ROLE}`]
  return [
    `grant select, insert, update, delete on ${name} to ${API_ROLE}`,
    ...policy(name, `${ALL} or ${expression}`),
  ]
}

function policy(table: string, expression: string): string[] {
  return [
    `alter table ${table} enable row level security`,
    `drop policy if exists api on ${table}`,
    `drop policy if exists others on ${table}`,
    `create policy api on ${table} to ${API_ROLE} using (${expression}) with check (${expression})`,
    // Whoever else works on it is bound by its rights alone.
    `create policy others on ${table} using (current_user <> '${API_ROLE}') with check (current_user <> '${API_ROLE}')`,
  ]
}

function policyOf({ name, columns }: TableColumns): string | undefined {
  const byHand = BY_HAND[name]
  if (byHand !== undefined) return byHand
  const ways = BY_COLUMN.filter(([column]) => columns.includes(column))
  if (ways.length === 0) return undefined
  const cases = ways.map(
    ([column, view]) => `when ${column} is not null then ${column} in (select id from seen.${view})`,
  )
  return ways.length === 1
    ? `${ways[0]?.[0]} in (select id from seen.${ways[0]?.[1]})`
    : `case ${cases.join(' ')} else false end`
}
