// Clients, projects, points and gateways as people look after them: read, made, changed, archived, and deleted where
// nothing rests on them.

import type { Sql } from './database.ts'
import type { ClientIds } from './queries.ts'
import type { Columns } from './rows.ts'

/** Which are meant: those in use, those that are archived, or both. */
export type Archived = 'false' | 'true' | 'all'

/** `$n` is an Archived. */
const among = (column: string, place: number): string =>
  `($${place}::text = 'all' or (${column} is null) = ($${place}::text = 'false'))`

/** A client. */
export interface ClientRow {
  id: number
  client: string
  name: string
  rut: string | null
  address: string | null
  phone: string | null
  email: string | null
  note: string | null
  archivedAt: number | null
  createdAt: number
  projects: number
  points: number
}

/** Fields of a client and their columns. */
export const CLIENT_COLUMNS = {
  ...{
    client: 'slug',
    name: 'name',
    rut: 'rut',
    address: 'address',
    phone: 'phone',
    email: 'email',
    note: 'note',
  },
} satisfies Columns

const CLIENT = `select c.id, c.slug as client, c.name, c.rut, c.address, c.phone, c.email, c.note,
  c.archived_at as "archivedAt", c.created_at as "createdAt",
  (select count(*)::int from projects p where p.client_id = c.id and p.archived_at is null) as projects,
  (select count(*)::int from points p join projects pr on pr.id = p.project_id
   where pr.client_id = c.id and p.archived_at is null) as points
from clients c`

/** Clients that may be seen, ordered by number. */
export function selectClients(
  sql: Sql,
  clientIds: ClientIds,
  { afterId, limit, archived }: { afterId: number; limit: number; archived: Archived },
): Promise<ClientRow[]> {
  return sql.query<ClientRow>(
    `${CLIENT} where c.id > $2::bigint and ($1::int[] is null or c.id = any($1)) and ${among('c.archived_at', 4)}
     order by c.id limit $3`,
    [clientIds, afterId, limit, archived],
  )
}

/** The client of this name, if it may be seen; with `isHeld` until the transaction ends. */
export async function selectClient(
  sql: Sql,
  clientIds: ClientIds,
  client: string,
  { isHeld = false } = {},
): Promise<ClientRow | undefined> {
  const [row] = await sql.query<ClientRow>(
    `${CLIENT} where c.slug = $2 and ($1::int[] is null or c.id = any($1)) ${isHeld ? 'for update of c' : ''}`,
    [clientIds, client],
  )
  return row
}

/** A project. */
export interface ProjectRow {
  id: number
  clientId: number
  client: string
  project: string
  name: string
  code: string | null
  note: string | null
  archivedAt: number | null
  clientArchivedAt: number | null
  createdAt: number
  points: number
  gateways: number
}

/** Fields of a project and their columns. */
export const PROJECT_COLUMNS = {
  ...{ clientId: 'client_id', project: 'slug', name: 'name', code: 'code', note: 'note' },
} satisfies Columns

const PROJECT = `select pr.id, c.id as "clientId", c.slug as client, pr.slug as project, pr.name, pr.code, pr.note,
  pr.archived_at as "archivedAt", c.archived_at as "clientArchivedAt", pr.created_at as "createdAt",
  (select count(*)::int from points p where p.project_id = pr.id and p.archived_at is null) as points,
  (select count(*)::int from gateways g where g.project_id = pr.id and g.kind = 'device' and g.archived_at is null) as gateways
from projects pr join clients c on c.id = pr.client_id`

/** Projects that may be seen, ordered by number. */
export function selectProjects(
  sql: Sql,
  clientIds: ClientIds,
  {
    afterId,
    limit,
    archived,
    client,
  }: { afterId: number; limit: number; archived: Archived; client: string | null },
): Promise<ProjectRow[]> {
  return sql.query<ProjectRow>(
    `${PROJECT} where pr.id > $2::bigint and ($1::int[] is null or c.id = any($1)) and ${among('pr.archived_at', 4)}
       and ($5::text is null or c.slug = $5)
     order by pr.id limit $3`,
    [clientIds, afterId, limit, archived, client],
  )
}

/** The project of this name, if it may be seen; with `isHeld` until the transaction ends. */
export async function selectProjectRow(
  sql: Sql,
  clientIds: ClientIds,
  { client, project }: { client: string; project: string },
  { isHeld = false } = {},
): Promise<ProjectRow | undefined> {
  const [row] = await sql.query<ProjectRow>(
    `${PROJECT} where c.slug = $2 and pr.slug = $3 and ($1::int[] is null or c.id = any($1))
     ${isHeld ? 'for update of pr' : ''}`,
    [clientIds, client, project],
  )
  return row
}

/** Fields of a point and their columns. */
export const POINT_COLUMNS = {
  ...{ projectId: 'project_id', point: 'slug', name: 'name', kind: 'kind', origin: 'origin', note: 'note' },
  ...{ latitude: 'latitude', longitude: 'longitude', wellDepthM: 'well_depth_m', pumpDepthM: 'pump_depth_m' },
  ...{ sensorDepthM: 'sensor_depth_m', dischargeDiameterIn: 'discharge_diameter_in' },
  ...{ meterDiameterIn: 'meter_diameter_in', meterInitialM3: 'meter_initial_m3' },
} satisfies Columns

/** Holds a point until the transaction ends. */
export async function lockPoint(tx: Sql, id: number): Promise<void> {
  await tx.query('select from points where id = $1 for update', [id])
}

/** Works that are owed of a point at an instant or later, also where it is one of several. */
export async function selectOwedWorks(sql: Sql, pointId: number, now: number): Promise<string[]> {
  const rows = await sql.query<{ workCode: string }>(
    `select distinct o.work_code as "workCode" from obligations o
     where (o.point_id = $1 or o.terms->'alsoPointIds' @> to_jsonb($1::int)) and o.terms->>'mode' <> 'off'
       and (o.valid_to is null or o.valid_to > to_timestamp($2::float8 / 1000))
       and not exists (select from obligations later where later.work_code = o.work_code
         and later.valid_from > o.valid_from and later.valid_from <= to_timestamp($2::float8 / 1000))
     order by 1`,
    [pointId, now],
  )
  return rows.map(({ workCode }) => workCode)
}

/** Fields of a gateway and their columns. */
export const GATEWAY_COLUMNS = {
  ...{ projectId: 'project_id', gateway: 'slug', name: 'name', place: 'place', note: 'note' },
  tokenHash: 'token_hash',
} satisfies Columns

/** What people say of a gateway. */
export interface GatewaySettingsRow {
  id: number
  gateway: string
  client: string
  project: string
  name: string | null
  place: string | null
  note: string | null
  hasToken: boolean
  /** What it last said of its state. */
  state: unknown
  archivedAt: number | null
  projectArchivedAt: number | null
  createdAt: number
}

/** The gateway of this name, if it may be seen; with `isHeld` until the transaction ends. */
export async function selectGatewaySettings(
  sql: Sql,
  clientIds: ClientIds,
  gateway: string,
  { isHeld = false } = {},
): Promise<GatewaySettingsRow | undefined> {
  const [row] = await sql.query<GatewaySettingsRow>(
    `select g.id, g.slug as gateway, c.slug as client, pr.slug as project, g.name, g.place, g.note,
       g.token_hash is not null as "hasToken", g.state, g.archived_at as "archivedAt",
       pr.archived_at as "projectArchivedAt", g.created_at as "createdAt"
     from gateways g join projects pr on pr.id = g.project_id join clients c on c.id = pr.client_id
     where g.kind = 'device' and g.slug = $2 and ($1::int[] is null or c.id = any($1))
     ${isHeld ? 'for update of g' : ''}`,
    [clientIds, gateway],
  )
  return row
}

/** A device as its gateway last told of it. `key` orders them. */
export interface DeviceRow {
  key: number
  gateway: string
  client: string
  project: string
  toldAt: number | null
  device: unknown
}

/** More than a gateway has. */
const DEVICES_MAX = 1_024

/** Devices of the gateways that may be seen and are in use, after `afterKey`. */
export function selectDevices(
  sql: Sql,
  clientIds: ClientIds,
  { afterKey, limit, gateway }: { afterKey: number; limit: number; gateway: string | null },
): Promise<DeviceRow[]> {
  return sql.query<DeviceRow>(
    `select g.id::bigint * ${DEVICES_MAX} + d.place as key, g.slug as gateway, c.slug as client, pr.slug as project,
       g.health_at as "toldAt", d.device
     from gateways g join projects pr on pr.id = g.project_id join clients c on c.id = pr.client_id,
       jsonb_array_elements(case jsonb_typeof(g.health->'devices') when 'array' then g.health->'devices' else '[]' end)
         with ordinality as d(device, place)
     where g.kind = 'device' and g.archived_at is null and g.id >= $2::bigint / ${DEVICES_MAX}
       and g.id::bigint * ${DEVICES_MAX} + d.place > $2::bigint
       and ($1::int[] is null or c.id = any($1)) and ($4::text is null or g.slug = $4)
     order by g.id, d.place limit $3`,
    [clientIds, afterKey, limit, gateway],
  )
}

/** What rests on an entity, by the words that people know it by. */
const RESTING = {
  client: {
    projects: 'select from projects where client_id = $1',
    informants: 'select from informants where client_id = $1',
    works: 'select from works where client_id = $1',
    'alert rules': 'select from alert_rules where client_id = $1',
    'users with a role': 'select from auth.grants where client_id = $1',
    tokens: 'select from auth.api_tokens where client_id = $1',
  },
  project: {
    points: 'select from points where project_id = $1',
    gateways: 'select from gateways where project_id = $1',
  },
  point: {
    readings: 'select from series where point_id = $1',
    obligations: `select from obligations where point_id = $1 or terms->'alsoPointIds' @> to_jsonb($1::int)`,
    'processing rules': 'select from calibrations where point_id = $1',
    'meter events': 'select from meter_events where point_id = $1',
    imports: 'select from imports where point_id = $1',
    'sensor faults': 'select from sensor_faults where point_id = $1',
    'alert rules': 'select from alert_rules where point_id = $1',
    incidents: 'select from incidents where point_id = $1',
    documents: 'select from documents where point_id = $1',
    contacts: 'select from contacts where point_id = $1',
  },
  gateway: {
    readings: 'select from batches where gateway_id = $1',
    messages: 'select from dead_letters where gateway_id = $1',
    commands: 'select from commands where gateway_id = $1',
    incidents: 'select from incidents where gateway_id = $1',
    'what it said of itself':
      'select from gateways where id = $1 and (state is not null or health is not null)',
  },
} as const

/** What can be deleted where nothing rests on it. */
export type Deletable = keyof typeof RESTING

const TABLES = { client: 'clients', project: 'projects', point: 'points', gateway: 'gateways' } as const

/** What rests on it, in words; empty when it may be deleted. */
export async function whatRestsOn(tx: Sql, entity: Deletable, id: number): Promise<string[]> {
  const tests = Object.entries(RESTING[entity]) as [string, string][]
  const [row] = await tx.query<{ found: string[] }>(
    `select array_remove(array[${tests
      .map(([, test], index) => `case when exists (${test}) then $${index + 2} end`)
      .join(', ')}]::text[], null) as found`,
    [id, ...tests.map(([words]) => words)],
  )
  return row?.found ?? []
}

/** Deletes it. Throws DatabaseRefused when something refers to it. */
export async function deleteEntity(tx: Sql, entity: Deletable, id: number): Promise<void> {
  await tx.query(`delete from ${TABLES[entity]} where id = $1`, [id])
}
