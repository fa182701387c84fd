// Whose wells there are: clients, projects, points, gateways, as a provisioned site writes them.

import type { PointPath } from '../../protocol/ids.ts'
import type { Sql } from './database.ts'

/** What a write did; `undefined` when everything was so already. */
export type Change = 'created' | 'changed' | undefined

/** A row that was written, or was there. */
export interface Written {
  id: number
  change: Change
}

/** Where water is taken; depths are metres below ground. */
export interface PointSettings {
  slug: string
  name: string
  kind: 'groundwater' | 'surface_pipe' | 'surface_channel'
  latitude: number | null
  longitude: number | null
  wellDepthM: number | null
  pumpDepthM: number | null
  sensorDepthM: number | null
  dischargeDiameterIn: number | null
  meterDiameterIn: number | null
}

/** Makes sure that a client is so. */
export function upsertClient(
  sql: Sql,
  { slug, name, rut }: { slug: string; name: string; rut: string | null },
): Promise<Written> {
  return upsert(sql, 'clients', { slug }, { name, rut })
}

/** Makes sure that a project is so. */
export function upsertProject(
  sql: Sql,
  { clientId, slug, name }: { clientId: number; slug: string; name: string },
): Promise<Written> {
  return upsert(sql, 'projects', { client_id: clientId, slug }, { name })
}

/** Makes sure that a point is so. One that was discovered in readings becomes a provisioned one. */
export function upsertPoint(sql: Sql, projectId: number, point: PointSettings): Promise<Written> {
  const { slug, name, kind, latitude, longitude } = point
  return upsert(
    sql,
    'points',
    { project_id: projectId, slug },
    {
      ...{ name, kind, latitude, longitude },
      ...{ well_depth_m: point.wellDepthM, pump_depth_m: point.pumpDepthM },
      ...{ sensor_depth_m: point.sensorDepthM, discharge_diameter_in: point.dischargeDiameterIn },
      ...{ meter_diameter_in: point.meterDiameterIn, origin: 'provisioned' },
    },
  )
}

/**
 * Makes sure that a project has this gateway; `undefined` when another project has it. One that was revoked, or is enrolled, is
 * not given the token again that it had before.
 */
export async function upsertGateway(
  sql: Sql,
  { projectId, slug, tokenHash }: { projectId: number; slug: string; tokenHash: Uint8Array | undefined },
): Promise<Written | undefined> {
  const [row] = await sql.query<{ id: number; projectId: number; hasLeftTokens: boolean }>(
    `select id, project_id as "projectId", revoked_at is not null or enrolled_key is not null as "hasLeftTokens"
     from gateways where slug = $1`,
    [slug],
  )
  if (row !== undefined && row.projectId !== projectId) return undefined
  const values = tokenHash === undefined || row?.hasLeftTokens === true ? {} : { token_hash: tokenHash }
  return upsert(sql, 'gateways', { slug }, { project_id: projectId, ...values })
}

/** Gives a gateway another token; `false` when there is no such gateway. */
export async function replaceGatewayToken(sql: Sql, slug: string, hash: Uint8Array): Promise<boolean> {
  const rows = await sql.query(
    'update gateways set token_hash = $2, revoked_at = null where slug = $1 returning id',
    [slug, hash],
  )
  return rows.length > 0
}

/** The point of that name; `undefined` when there is none. */
export async function findProvisionedPoint(
  sql: Sql,
  { client, project, point }: PointPath,
): Promise<{ id: number; clientId: number; kind: PointSettings['kind'] } | undefined> {
  const [row] = await sql.query<{ id: number; clientId: number; kind: PointSettings['kind'] }>(
    `select p.id, c.id as "clientId", p.kind
     from points p join projects pr on pr.id = p.project_id join clients c on c.id = pr.client_id
     where c.slug = $1 and pr.slug = $2 and p.slug = $3`,
    [client, project, point],
  )
  return row
}

/** The project of that name; `undefined` when there is none. */
export async function findProject(
  sql: Sql,
  { client, project }: { client: string; project: string },
): Promise<{ id: number; clientId: number } | undefined> {
  const [row] = await sql.query<{ id: number; clientId: number }>(
    `select pr.id, c.id as "clientId" from projects pr join clients c on c.id = pr.client_id
     where c.slug = $1 and pr.slug = $2`,
    [client, project],
  )
  return row
}

type Values = Readonly<Record<string, string | number | null | Uint8Array>>

/** Writes a row under its key, and only where something differs. Names are ours, never what somebody sent. */
async function upsert(sql: Sql, table: string, key: Values, values: Values): Promise<Written> {
  const names = [...Object.keys(key), ...Object.keys(values)]
  const changed = Object.keys(values)
  const list = (prefix: string) => changed.map(name => `${prefix}.${name}`).join(', ')
  const [written] = await sql.query<{ id: number; created: boolean }>(
    `insert into ${table} as t (${names.join(', ')}) values (${names.map((_, index) => `$${index + 1}`).join(', ')})
     on conflict (${Object.keys(key).join(', ')}) do update set
       ${changed.map(name => `${name} = excluded.${name}`).join(', ')}
     where (${list('t')}) is distinct from (${list('excluded')})
     returning id, xmax = 0 as created`,
    [...Object.values(key), ...Object.values(values)],
  )
  if (written !== undefined) return { id: written.id, change: written.created ? 'created' : 'changed' }
  const where = Object.keys(key).map((name, index) => `${name} = $${index + 1}`)
  const [same] = await sql.query<{ id: number }>(
    `select id from ${table} where ${where.join(' and ')}`,
    Object.values(key),
  )
  if (same === undefined) throw new Error(`A row of ${table} was not written`)
  return { id: same.id, change: undefined }
}
