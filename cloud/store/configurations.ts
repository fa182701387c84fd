// Configurations of gateways: what each should run with, and what it said that it runs with. Nothing of it is ever changed.

import type { ReportedConfig } from '../../protocol/configuration.ts'
import type { Sql } from './database.ts'
import { saveGatewayStatus } from './gateways.ts'

/** A configuration that a gateway should have, or should have had. */
export interface ConfigurationRow {
  version: number
  document: string
  hash: string
  createdAt: number
  by: string
  note: string
  copyOf: number | null
  isAdopted: boolean
}

const CONFIGURATION = `select version, document, hash, created_at as "createdAt", created_by as "by", note,
  copy_of as "copyOf", is_adopted as "isAdopted" from gateway_configurations`

/** Versions of a gateway, newest first, below a given one. */
export function selectConfigurations(
  sql: Sql,
  gatewayId: number,
  { beforeVersion, limit }: { beforeVersion: number; limit: number },
): Promise<ConfigurationRow[]> {
  return sql.query<ConfigurationRow>(
    `${CONFIGURATION} where gateway_id = $1 and version < $2::bigint order by version desc limit $3`,
    [gatewayId, beforeVersion, limit],
  )
}

/** One version; the newest where none is named. */
export async function selectConfiguration(
  sql: Sql,
  gatewayId: number,
  version?: number,
): Promise<ConfigurationRow | undefined> {
  const [row] = await sql.query<ConfigurationRow>(
    `${CONFIGURATION} where gateway_id = $1 and ($2::int is null or version = $2) order by version desc limit 1`,
    [gatewayId, version ?? null],
  )
  return row
}

/** Whoever writes a version of a gateway takes turns. In a transaction. */
export async function lockConfigurations(tx: Sql, gatewayId: number): Promise<void> {
  await tx.query('select 1 from gateways where id = $1 for update', [gatewayId])
}

/** Writes a version. */
export async function insertConfiguration(
  tx: Sql,
  gatewayId: number,
  row: ConfigurationRow & { signature: string },
): Promise<void> {
  await tx.query(
    `insert into gateway_configurations
       (gateway_id, version, document, hash, signature, created_at, created_by, note, copy_of, is_adopted)
     values ($1, $2, $3, $4, $5, to_timestamp($6::float8 / 1000), $7, $8, $9, $10)`,
    [
      ...[gatewayId, row.version, row.document, row.hash, row.signature, row.createdAt],
      ...[row.by, row.note, row.copyOf, row.isAdopted],
    ],
  )
}

/** What a gateway last said of its configuration, as it said it, and when. */
export interface ReportedRow {
  reported: unknown
  reportedAt: number | null
}

/** The same of one gateway. */
export async function selectReported(sql: Sql, gatewayId: number): Promise<ReportedRow> {
  const [row] = await sql.query<ReportedRow>(
    'select reported, reported_at as "reportedAt" from gateways where id = $1',
    [gatewayId],
  )
  return row ?? { reported: null, reportedAt: null }
}

/** Something that a gateway said of its configuration and that was news. */
export interface ReportRow {
  id: number
  at: number
  version: number
  hash: string
  onProbation: boolean
  refused: unknown
}

/** The same, newest first, before a given one. */
export function selectReports(
  sql: Sql,
  gatewayId: number,
  { beforeId, limit }: { beforeId: number; limit: number },
): Promise<ReportRow[]> {
  return sql.query<ReportRow>(
    `select id, at, version, hash, on_probation as "onProbation", refused from gateway_reports
     where gateway_id = $1 and id < $2::bigint order by id desc limit $3`,
    [gatewayId, beforeId, limit],
  )
}

/** Keeps what a gateway says of its configuration; what is news also in its story. Says whether it was. In a transaction. */
export async function saveReported(
  tx: Sql,
  gatewayId: number,
  reported: ReportedConfig,
  way: 'mqtt' | 'nats',
): Promise<boolean> {
  const { version, hash, probationUntil, refused } = reported
  const told = refused === undefined ? null : JSON.stringify(refused)
  const rows = await tx.query(
    `insert into gateway_reports (gateway_id, at, version, hash, on_probation, refused)
     select $1::int, now(), $2::int, $3::text, $4::boolean, $5::jsonb
     where not exists (
       select 1 from (select * from gateway_reports where gateway_id = $1 order by id desc limit 1) as last
       where version = $2 and hash = $3 and on_probation = $4
         and (refused - '{at}'::text[]) is not distinct from ($5::jsonb - '{at}'::text[]))
     returning id`,
    [gatewayId, version, hash, probationUntil !== undefined, told],
  )
  await saveGatewayStatus(tx, gatewayId, 'reported', reported, way)
  return rows.length > 0
}

/** A configuration on its way. */
export interface WantedRow {
  gateway: string
  version: number
  document: string
  signature: string
}

/**
 * The newest configurations of these gateways, of those that have said neither that they run with it nor why not. A gateway
 * that has never said with what it runs does not know of such things.
 */
export function selectUnsettled(sql: Sql, gateways: readonly string[]): Promise<WantedRow[]> {
  return sql.query<WantedRow>(
    `select g.slug as gateway, c.version, c.document, c.signature
     from gateways g cross join lateral (
       select * from gateway_configurations k where k.gateway_id = g.id order by version desc limit 1) c
     where g.slug = any($1) and g.reported is not null
       and ((g.reported->>'version')::bigint, g.reported->>'hash') is distinct from (c.version::bigint, c.hash)
       and ((g.reported->'refused'->>'version')::bigint, g.reported->'refused'->>'hash')
         is distinct from (c.version::bigint, c.hash)`,
    [gateways],
  )
}

/** The points of the project that a gateway belongs to. */
export async function pointsBeside(sql: Sql, gatewayId: number): Promise<string[]> {
  const rows = await sql.query<{ slug: string }>(
    `select p.slug from points p join gateways g on g.project_id = p.project_id where g.id = $1 order by p.slug`,
    [gatewayId],
  )
  return rows.map(({ slug }) => slug)
}
