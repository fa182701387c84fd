// Releases, the chunks of their parts, and rollouts.

import type { ReleaseHealth } from '../../protocol/status.ts'
import type { Sql } from './database.ts'

/** A release. */
export interface ReleaseRow {
  id: number
  version: string
  manifest: string
  note: string
  createdAt: number
  by: string
}

const RELEASE = `select id, version, manifest, note, created_at as "createdAt", created_by as "by" from releases`

/** All releases, newest first. */
export function selectReleases(sql: Sql, limit: number): Promise<ReleaseRow[]> {
  return sql.query<ReleaseRow>(`${RELEASE} order by id desc limit $1`, [limit])
}

/** The release of this version. */
export async function selectRelease(sql: Sql, version: string): Promise<ReleaseRow | undefined> {
  const [row] = await sql.query<ReleaseRow>(`${RELEASE} where version = $1`, [version])
  return row
}

/** Writes a release. False when there is one of this version. */
export async function insertRelease(sql: Sql, row: Omit<ReleaseRow, 'id'>): Promise<boolean> {
  const rows = await sql.query(
    `insert into releases (version, manifest, note, created_at, created_by)
     values ($1, $2, $3, to_timestamp($4::float8 / 1000), $5) on conflict (version) do nothing returning id`,
    [row.version, row.manifest, row.note, row.createdAt, row.by],
  )
  return rows.length === 1
}

/** Which chunks of these parts are there. */
export function selectChunkPlaces(
  sql: Sql,
  parts: readonly string[],
): Promise<{ part: string; place: number }[]> {
  return sql.query<{ part: string; place: number }>(
    'select part, place from release_chunks where part = any($1) order by part, place',
    [parts],
  )
}

/** Keeps a chunk; again without harm. */
export async function insertChunk(
  sql: Sql,
  { part, place, bytes }: { part: string; place: number; bytes: Uint8Array },
): Promise<void> {
  await sql.query(
    'insert into release_chunks (part, place, bytes) values ($1, $2, $3) on conflict do nothing',
    [part, place, bytes],
  )
}

/** The bytes of a chunk. */
export async function selectChunk(sql: Sql, part: string, place: number): Promise<Uint8Array | undefined> {
  const [row] = await sql.query<{ bytes: Uint8Array }>(
    'select bytes from release_chunks where part = $1 and place = $2',
    [part, place],
  )
  return row?.bytes
}

/** How long a part is of which all is there; `undefined` when there is none of this name. */
export async function selectPartSize(sql: Sql, part: string): Promise<number | undefined> {
  const [row] = await sql.query<{ size: number | null }>(
    'select sum(length(bytes))::float8 as size from release_chunks where part = $1',
    [part],
  )
  return row?.size ?? undefined
}

/** The states of a rollout. */
export type RolloutState = 'running' | 'halted' | 'done'

/** A rollout. */
export interface RolloutRow {
  id: number
  version: string
  manifest: string
  project: string | null
  state: RolloutState
  stage: number
  reason: string | null
  createdAt: number
  by: string
  endedAt: number | null
}

const ROLLOUT = `select o.id, r.version, r.manifest, c.slug || '.' || p.slug as project, o.state, o.stage, o.reason,
  o.created_at as "createdAt", o.created_by as "by", o.ended_at as "endedAt"
from rollouts o join releases r on r.id = o.release_id
left join projects p on p.id = o.project_id left join clients c on c.id = p.client_id`

/** Rollouts, newest first. */
export function selectRollouts(sql: Sql, limit: number): Promise<RolloutRow[]> {
  return sql.query<RolloutRow>(`${ROLLOUT} order by o.id desc limit $1`, [limit])
}

/** One rollout. */
export async function selectRollout(sql: Sql, id: number): Promise<RolloutRow | undefined> {
  const [row] = await sql.query<RolloutRow>(`${ROLLOUT} where o.id = $1`, [id])
  return row
}

/** The rollout that runs, when nobody else has it in hand. In a transaction. */
export async function takeRunningRollout(tx: Sql): Promise<RolloutRow | undefined> {
  const [row] = await tx.query<RolloutRow>(
    `${ROLLOUT} where o.state = 'running' for update of o skip locked`,
    [],
  )
  return row
}

/** Begins a rollout. `undefined` when one runs already. In a transaction. */
export async function insertRollout(
  tx: Sql,
  { version, projectId, by, now }: { version: string; projectId: number | null; by: string; now: number },
): Promise<number | undefined> {
  const [row] = await tx.query<{ id: number }>(
    `insert into rollouts (release_id, project_id, state, stage, created_at, created_by)
     select id, $2::int, 'running', 0, to_timestamp($3::float8 / 1000), $4 from releases where version = $1
     on conflict (state) where state = 'running' do nothing returning id`,
    [version, projectId, now, by],
  )
  return row?.id
}

/** A gateway that takes releases: those that have told how they stand with them. */
export interface ReleasableGateway {
  id: number
  gateway: string
  isConnected: boolean
}

/** Gateways that take releases, of a project or of all. */
export function selectReleasable(sql: Sql, projectId: number | null): Promise<ReleasableGateway[]> {
  return sql.query<ReleasableGateway>(
    `select id, slug as gateway, coalesce(state->>'state' = 'ready', false) as "isConnected" from gateways
     where health ? 'release' and ($1::int is null or project_id = $1) order by slug`,
    [projectId],
  )
}

/** Writes who is in a rollout. */
export async function insertMembers(
  tx: Sql,
  rolloutId: number,
  members: readonly { gatewayId: number; stage: number }[],
): Promise<void> {
  await tx.query(
    `insert into rollout_gateways (rollout_id, gateway_id, stage, state)
     select $1, gateway_id, stage, 'waiting' from unnest($2::int[], $3::int[]) as t(gateway_id, stage)`,
    [rolloutId, members.map(({ gatewayId }) => gatewayId), members.map(({ stage }) => stage)],
  )
}

/** The states of a gateway in a rollout. */
export type MemberState = 'waiting' | 'asked' | 'kept' | 'settled' | 'failed'

/** A gateway in a rollout, and what is known of it now. */
export interface MemberRow {
  gatewayId: number
  gateway: string
  stage: number
  state: MemberState
  tries: number
  askedAt: number | null
  keptAt: number | null
  failingBefore: number
  failedBefore: number | null
  reason: string | null
  /** `ready`, `lost` and so on, with when that began. */
  presence: string | null
  presenceAt: number | null
  /** What it says of itself, and when it came. */
  version: string | null
  release: ReleaseHealth | null
  healthAt: number | null
  /** Devices whose last poll failed, and readings that were rejected since it started. */
  failing: number
  rejected: number
  /** What came of the command. */
  result: { status: string; reason?: string } | null
  resultAt: number | null
  commandExpiresAt: number | null
}

/** The gateways of a rollout. */
export function selectMembers(sql: Sql, rolloutId: number): Promise<MemberRow[]> {
  return sql.query<MemberRow>(
    `select m.gateway_id as "gatewayId", g.slug as gateway, m.stage, m.state, m.tries, m.asked_at as "askedAt",
       m.kept_at as "keptAt", m.failing_before as "failingBefore", m.failed_before as "failedBefore", m.reason,
       g.state->>'state' as presence, g.state_at as "presenceAt", g.health->>'version' as version,
       g.health->'release' as release, g.health_at as "healthAt",
       (select count(*) from jsonb_array_elements(coalesce(g.health->'devices', '[]')) d where d ? 'lastFailure')::int as failing,
       coalesce((g.health->'readings'->>'rejected')::float8, 0) as rejected, k.result, k.result_at as "resultAt",
       (k.document->>'expiresAt')::float8 as "commandExpiresAt"
     from rollout_gateways m join gateways g on g.id = m.gateway_id
     left join commands k on k.gateway_id = m.gateway_id and k.id = m.command_id
     where m.rollout_id = $1 order by m.stage, g.slug`,
    [rolloutId],
  )
}

/** What a gateway of a rollout is from now on. */
export interface MemberChange {
  gatewayId: number
  state: MemberState
  reason?: string | undefined
}

/** Writes what gateways of a rollout have become. */
export async function updateMembers(
  tx: Sql,
  rolloutId: number,
  changes: readonly MemberChange[],
  now: number,
): Promise<void> {
  await tx.query(
    `update rollout_gateways m set state = t.state, reason = t.reason,
       kept_at = case when t.state = 'kept' then to_timestamp($2::float8 / 1000) else m.kept_at end
     from unnest($3::int[], $4::text[], $5::text[]) as t(gateway_id, state, reason)
     where m.rollout_id = $1 and m.gateway_id = t.gateway_id`,
    [
      rolloutId,
      now,
      changes.map(({ gatewayId }) => gatewayId),
      changes.map(({ state }) => state),
      changes.map(({ reason }) => reason ?? null),
    ],
  )
}

/** Writes that gateways are asked by these commands. */
export async function markAsked(
  tx: Sql,
  rolloutId: number,
  asked: readonly { gatewayId: number; commandId: string; failing: number; failedAt: number | null }[],
  now: number,
): Promise<void> {
  await tx.query(
    `update rollout_gateways m set state = 'asked', tries = tries + 1, command_id = t.command_id, reason = null,
       asked_at = to_timestamp($2::float8 / 1000),
       failing_before = case when m.tries = 0 then t.failing else m.failing_before end,
       failed_before = case when m.tries = 0 then t.failed_at else m.failed_before end
     from unnest($3::int[], $4::text[], $5::int[], $6::float8[]) as t(gateway_id, command_id, failing, failed_at)
     where m.rollout_id = $1 and m.gateway_id = t.gateway_id`,
    [
      rolloutId,
      now,
      asked.map(({ gatewayId }) => gatewayId),
      asked.map(({ commandId }) => commandId),
      asked.map(({ failing }) => failing),
      asked.map(({ failedAt }) => failedAt),
    ],
  )
}

/** Writes how far a rollout is. */
export async function updateRollout(
  tx: Sql,
  id: number,
  { state, stage, reason }: { state: RolloutState; stage: number; reason: string | null },
  now: number,
): Promise<void> {
  await tx.query(
    `update rollouts set state = $2, stage = $3, reason = $4,
       ended_at = case when $2 = 'running' then null else to_timestamp($5::float8 / 1000) end
     where id = $1`,
    [id, state, stage, reason, now],
  )
}
