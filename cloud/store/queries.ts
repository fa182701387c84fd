// What the API reads: points, their latest values, readings, revisions, gateways, dead letters.
//
// Every statement is bounded: by a limit, and, where it reads readings, by time and series. `clientIds` says whose
// rows may be seen; null means everybody's. Pages go on after a key, never after a count.

import type { Sql } from './database.ts'

/** Whose rows may be seen; null: everybody's. */
export type ClientIds = readonly number[] | null

/** A point as the API shows it. */
export interface PointRow {
  id: number
  client: string
  project: string
  point: string
  name: string
  kind: 'groundwater' | 'surface_pipe' | 'surface_channel'
  latitude: number | null
  longitude: number | null
  wellDepthM: number | null
  pumpDepthM: number | null
  sensorDepthM: number | null
  dischargeDiameterIn: number | null
  meterDiameterIn: number | null
  meterInitialM3: number | null
  note: string | null
  archivedAt: number | null
  origin: 'provisioned' | 'discovered'
  createdAt: number
}

const POINT = `select p.id, c.slug as client, pr.slug as project, p.slug as point, p.name, p.kind, p.latitude, p.longitude,
  p.well_depth_m as "wellDepthM", p.pump_depth_m as "pumpDepthM", p.sensor_depth_m as "sensorDepthM",
  p.discharge_diameter_in as "dischargeDiameterIn", p.meter_diameter_in as "meterDiameterIn",
  p.meter_initial_m3 as "meterInitialM3", p.note, p.archived_at as "archivedAt", p.origin, p.created_at as "createdAt"
from points p join projects pr on pr.id = p.project_id join clients c on c.id = pr.client_id`

/** Points that may be seen, ordered by id. */
export function selectPoints(
  sql: Sql,
  clientIds: ClientIds,
  {
    afterId,
    limit,
    client,
    project,
    archived = 'false',
  }: {
    afterId: number
    limit: number
    client?: string | undefined
    project?: string | undefined
    /** Which: those in use, those that are archived, or all. */
    archived?: 'false' | 'true' | 'all'
  },
): Promise<PointRow[]> {
  return sql.query<PointRow>(
    `${POINT}
     where p.id > $2::bigint and ($1::int[] is null or c.id = any($1))
       and ($4::text is null or c.slug = $4) and ($5::text is null or pr.slug = $5)
       and ($6::text = 'all' or (p.archived_at is null) = ($6::text = 'false'))
     order by p.id limit $3`,
    [clientIds, afterId, limit, client ?? null, project ?? null, archived],
  )
}

/** How many candidates are named when a point's short name stands for several. */
const CANDIDATES_MAX = 20

/** Points with this name that may be seen, at most so many as are worth listing. */
export function selectPointsNamed(
  sql: Sql,
  clientIds: ClientIds,
  { client, project, point }: { client?: string; project?: string; point: string },
): Promise<PointRow[]> {
  return sql.query<PointRow>(
    `${POINT}
     where p.slug = $2 and ($1::int[] is null or c.id = any($1))
       and ($3::text is null or c.slug = $3) and ($4::text is null or pr.slug = $4)
     order by p.id limit ${CANDIDATES_MAX}`,
    [clientIds, point, client ?? null, project ?? null],
  )
}

/** The project of this name, if it may be seen. */
export async function selectProject(
  sql: Sql,
  clientIds: ClientIds,
  { client, project }: { client: string; project: string },
): Promise<{ id: number; points: number } | undefined> {
  const [row] = await sql.query<{ id: number; points: number }>(
    `select pr.id, (select count(*)::int from points p where p.project_id = pr.id) as points
     from projects pr join clients c on c.id = pr.client_id
     where c.slug = $2 and pr.slug = $3 and ($1::int[] is null or c.id = any($1))`,
    [clientIds, client, project],
  )
  return row
}

/** The newest reading of a series, and the newest that has a value. */
export interface LatestRow {
  pointId: number
  variable: number
  at: number
  value: number | null
  quality: number
  timeQuality: number
  goodAt: number | null
  goodValue: number | null
  /** The bits of cloud/flags.ts. */
  flags: number
}

/** The newest readings of points. */
export function selectLatest(sql: Sql, pointIds: readonly number[]): Promise<LatestRow[]> {
  return sql.query<LatestRow>(
    `select s.point_id as "pointId", s.variable, l.at, coalesce(j.adjusted, l.value) as value, l.quality,
       l.time_quality as "timeQuality", l.good_at as "goodAt", coalesce(g.adjusted, l.good_value) as "goodValue",
       coalesce(j.flags, l.flags) as flags
     from latest l join series s on s.id = l.series_id
     left join judgements j on j.series_id = l.series_id and j.at = l.at
     left join judgements g on g.series_id = l.series_id and g.at = l.good_at
     where s.point_id = any($1) order by s.point_id, s.variable`,
    [pointIds],
  )
}

/** The series of one variable of a point; `undefined` when nothing of it ever came. */
export async function selectSeriesId(
  sql: Sql,
  pointId: number,
  variable: number,
): Promise<number | undefined> {
  const rows = await sql.query<{ id: number }>(
    `select id from series where point_id = $1 and variable = $2`,
    [pointId, variable],
  )
  return rows[0]?.id
}

/** A stretch of time, its beginning included and its end not, read in one direction. */
export interface Stretch {
  from: number
  to: number
  order: 'asc' | 'desc'
  limit: number
}

/** One reading; a computed one has the instant, and the time quality, of what it was computed from. */
export interface ReadingRow {
  at: number
  /** The one in force. */
  value: number | null
  /** As it was measured; of a computed one the same as `value`. */
  measured: number | null
  quality: number
  timeQuality: number
  /** The bits of cloud/flags.ts. */
  flags: number
}

/** Readings of a series. */
export function selectReadings(sql: Sql, seriesId: number, stretch: Stretch): Promise<ReadingRow[]> {
  return sql.query<ReadingRow>(
    `select r.at, coalesce(j.adjusted, r.value) as value, r.value as measured, r.quality,
            r.time_quality as "timeQuality", coalesce(j.flags, 0) as flags
     from readings r left join judgements j on j.series_id = r.series_id and j.at = r.at
     where r.series_id = $1 and r.at >= to_timestamp($2::float8 / 1000) and r.at < to_timestamp($3::float8 / 1000)
     order by r.at ${direction(stretch)} limit $4`,
    [seriesId, stretch.from, stretch.to, stretch.limit],
  )
}

/** Computed values of a series. */
export function selectDerived(sql: Sql, seriesId: number, stretch: Stretch): Promise<ReadingRow[]> {
  return sql.query<ReadingRow>(
    `select at, value, value as measured, quality, time_quality as "timeQuality", flags from derived
     where series_id = $1 and at >= to_timestamp($2::float8 / 1000) and at < to_timestamp($3::float8 / 1000)
     order by at ${direction(stretch)} limit $4`,
    [seriesId, stretch.from, stretch.to, stretch.limit],
  )
}

/** A reading that came again with another value. */
export interface RevisionRow {
  id: number
  variable: number
  at: number
  value: number | null
  quality: number
  timeQuality: number
  seenAt: number
  /** What stands. */
  standingValue: number | null
  standingQuality: number | null
}

/** Revisions of a point's readings, newest first, before a given id. */
export function selectRevisions(
  sql: Sql,
  pointId: number,
  { from, to, beforeId, limit }: { from: number; to: number; beforeId: number; limit: number },
): Promise<RevisionRow[]> {
  return sql.query<RevisionRow>(
    `select v.id, s.variable, v.at, v.value, v.quality, v.time_quality as "timeQuality", v.seen_at as "seenAt",
       r.value as "standingValue", r.quality as "standingQuality"
     from series s
     join revisions v on v.series_id = s.id
     left join readings r on r.series_id = v.series_id and r.at = v.at
       and r.at >= to_timestamp($2::float8 / 1000) and r.at < to_timestamp($3::float8 / 1000)
     where s.point_id = $1 and v.at >= to_timestamp($2::float8 / 1000) and v.at < to_timestamp($3::float8 / 1000)
       and v.id < $4
     order by v.id desc limit $5`,
    [pointId, from, to, beforeId, limit],
  )
}

/** A gateway as the API shows it. `state` and `health` are what it last said, as it said it. */
export interface GatewayRow {
  id: number
  gateway: string
  client: string
  project: string
  /** What people call it, and where it is. */
  name: string | null
  place: string | null
  archived: boolean
  state: unknown
  stateAt: number | null
  health: unknown
  healthAt: number | null
  /** What it said that it runs with, and what it should run with. */
  reported: unknown
  desiredVersion: number | null
  desiredHash: string | null
  lastBatchAt: number | null
}

const GATEWAY = `select g.id, g.slug as gateway, c.slug as client, pr.slug as project, g.name, g.place,
  g.archived_at is not null as archived, g.state, g.state_at as "stateAt",
  g.health, g.health_at as "healthAt", g.reported, k.version as "desiredVersion", k.hash as "desiredHash",
  (select b.received_at from batches b where b.gateway_id = g.id order by b.id desc limit 1) as "lastBatchAt"
from gateways g join projects pr on pr.id = g.project_id join clients c on c.id = pr.client_id
left join lateral (select version, hash from gateway_configurations w where w.gateway_id = g.id order by version desc limit 1) k
  on true`

/** Gateways that may be seen, ordered by id. */
export function selectGateways(
  sql: Sql,
  clientIds: ClientIds,
  {
    afterId,
    limit,
    archived = 'false',
  }: { afterId: number; limit: number; archived?: 'false' | 'true' | 'all' },
): Promise<GatewayRow[]> {
  return sql.query<GatewayRow>(
    `${GATEWAY} where g.kind = 'device' and g.id > $2::bigint and ($1::int[] is null or c.id = any($1))
       and ($4::text = 'all' or (g.archived_at is null) = ($4::text = 'false'))
     order by g.id limit $3`,
    [clientIds, afterId, limit, archived],
  )
}

/** The gateway of this name, if it may be seen. */
export async function selectGateway(
  sql: Sql,
  clientIds: ClientIds,
  gateway: string,
): Promise<GatewayRow | undefined> {
  const rows = await sql.query<GatewayRow>(
    `${GATEWAY} where g.kind = 'device' and g.slug = $2 and ($1::int[] is null or c.id = any($1))`,
    [clientIds, gateway],
  )
  return rows[0]
}

/** A message that could not be understood. */
export interface DeadLetterRow {
  id: number
  /** Numbers letters in the order in which each came last. */
  receipt: number
  gateway: string | null
  topic: string
  bytes: number
  reason: string
  receivedAt: number
  times: number
  replayedAt: number | null
}

const DEAD_LETTER = `select d.id, d.receipt, g.slug as gateway, d.topic, length(d.bytes) as bytes, d.reason,
  d.received_at as "receivedAt", d.times, d.replayed_at as "replayedAt"`

/** One dead letter with what came; `undefined` when there is none of that number. */
export async function selectDeadLetter(
  sql: Sql,
  id: number,
): Promise<(DeadLetterRow & { content: Uint8Array }) | undefined> {
  const rows = await sql.query<DeadLetterRow & { content: Uint8Array }>(
    `${DEAD_LETTER}, d.bytes as content from dead_letters d left join gateways g on g.id = d.gateway_id where d.id = $1`,
    [id],
  )
  return rows[0]
}

/** Dead letters, what came last first, before a given receipt. */
export function selectDeadLetters(
  sql: Sql,
  { beforeReceipt, limit }: { beforeReceipt: number; limit: number },
): Promise<DeadLetterRow[]> {
  return sql.query<DeadLetterRow>(
    `${DEAD_LETTER} from dead_letters d left join gateways g on g.id = d.gateway_id
     where d.receipt < $1::bigint order by d.receipt desc limit $2`,
    [beforeReceipt, limit],
  )
}

const direction = ({ order }: Stretch): string => (order === 'asc' ? 'asc' : 'desc')

/** Whether the database answers: its version. */
export async function selectVersion(sql: Sql): Promise<string> {
  const rows = await sql.query<{ version: string }>(`select current_setting('server_version') as version`)
  return rows[0]?.version ?? ''
}
