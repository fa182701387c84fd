// The fleet: its authorities and its signing key, claims, certificates, who was revoked, what happened.

import type { Sql } from './database.ts'
import type { ClientIds } from './queries.ts'

/** An authority; its private key is sealed. */
export interface AuthorityRow {
  id: number
  rootId: number | null
  certificate: string
  sealedKey: Uint8Array
  keyId: string
  notAfter: number
  createdAt: number
  retiredAt: number | null
}

const AUTHORITY = `select id, root_id as "rootId", certificate, sealed_key as "sealedKey", key_id as "keyId",
  not_after as "notAfter", created_at as "createdAt", retired_at as "retiredAt" from fleet_authorities`

const LOCK = 7_201_430

/** Whoever changes the authorities or the signing key takes turns. In a transaction. */
export async function lockFleet(tx: Sql): Promise<void> {
  await tx.query(`select pg_advisory_xact_lock(${LOCK})`)
}

/** All authorities that are not past their end, oldest first. */
export function selectAuthorities(sql: Sql, now: number): Promise<AuthorityRow[]> {
  return sql.query<AuthorityRow>(
    `${AUTHORITY} where not_after > to_timestamp($1::float8 / 1000) order by id`,
    [now],
  )
}

/** Adds an authority; returns its id. */
export async function insertAuthority(tx: Sql, row: Omit<AuthorityRow, 'id' | 'retiredAt'>): Promise<number> {
  const [added] = await tx.query<{ id: number }>(
    `insert into fleet_authorities (root_id, certificate, sealed_key, key_id, not_after, created_at)
     values ($1, $2, $3, $4, to_timestamp($5::float8 / 1000), to_timestamp($6::float8 / 1000)) returning id`,
    [row.rootId, row.certificate, row.sealedKey, row.keyId, row.notAfter, row.createdAt],
  )
  if (added === undefined) throw new Error('An authority was not written')
  return added.id
}

/** These issue no more. */
export async function retireAuthorities(tx: Sql, ids: readonly number[], now: number): Promise<void> {
  await tx.query(
    `update fleet_authorities set retired_at = to_timestamp($2::float8 / 1000)
     where id = any($1) and retired_at is null`,
    [ids, now],
  )
}

/** The key that signs; its private half is sealed. */
export interface FleetKeyRow {
  id: number
  publicKey: string
  sealedKey: Uint8Array
  keyId: string
}

/** The signing keys, newest first. */
export function selectFleetKeys(sql: Sql): Promise<FleetKeyRow[]> {
  return sql.query<FleetKeyRow>(
    `select id, public_key as "publicKey", sealed_key as "sealedKey", key_id as "keyId" from fleet_keys order by id desc`,
    [],
  )
}

/** Adds a signing key. */
export async function insertFleetKey(tx: Sql, row: Omit<FleetKeyRow, 'id'>, now: number): Promise<void> {
  await tx.query(
    `insert into fleet_keys (public_key, sealed_key, key_id, created_at)
     values ($1, $2, $3, to_timestamp($4::float8 / 1000))`,
    [row.publicKey, row.sealedKey, row.keyId, now],
  )
}

/** Writes a sealed key again, in another envelope. */
export async function updateSealedKey(
  tx: Sql,
  table: 'fleet_authorities' | 'fleet_keys',
  { id, sealedKey, keyId }: { id: number; sealedKey: Uint8Array; keyId: string },
): Promise<void> {
  await tx.query(`update ${table} set sealed_key = $2, key_id = $3 where id = $1`, [id, sealedKey, keyId])
}

/** A gateway, as enrolment sees it. */
export interface EnrolledRow {
  id: number
  slug: string
  projectId: number
  project: string
  client: string
  clientId: number
  enrolledKey: Uint8Array | null
  revokedAt: number | null
}

const ENROLLED = `select g.id, g.slug, g.project_id as "projectId", p.slug as project, c.slug as client,
  c.id as "clientId", g.enrolled_key as "enrolledKey", g.revoked_at as "revokedAt"
from gateways g join projects p on p.id = g.project_id join clients c on c.id = p.client_id`

/** The gateway of a name; `undefined` when there is none, or it stands for imports. */
export async function findEnrolled(sql: Sql, slug: string): Promise<EnrolledRow | undefined> {
  const [row] = await sql.query<EnrolledRow>(`${ENROLLED} where g.kind = 'device' and g.slug = $1`, [slug])
  return row
}

/** Gateways by their names, of those whose rows may be seen. */
export function selectEnrolled(
  sql: Sql,
  slugs: readonly string[],
  clientIds: ClientIds,
): Promise<EnrolledRow[]> {
  return sql.query<EnrolledRow>(
    `${ENROLLED} where g.kind = 'device' and g.slug = any($1) and ($2::int[] is null or c.id = any($2)) order by g.slug`,
    [slugs, clientIds],
  )
}

/** The gateway of an id, which nobody else changes until the transaction ends. */
export async function lockEnrolled(tx: Sql, id: number): Promise<EnrolledRow> {
  const [row] = await tx.query<EnrolledRow>(`${ENROLLED} where g.id = $1 for update of g`, [id])
  if (row === undefined) throw new Error('A gateway that was found is not there')
  return row
}

/** Gives a gateway the key that it is known by from now on. What it was known by before ends. */
export async function setEnrolledKey(
  tx: Sql,
  { gatewayId, keyHash, now }: { gatewayId: number; keyHash: Uint8Array; now: number },
): Promise<void> {
  await endKey(tx, gatewayId)
  await tx.query(
    `update gateways set enrolled_key = $2, enrolled_at = to_timestamp($3::float8 / 1000), token_hash = null,
       revoked_at = null where id = $1`,
    [gatewayId, keyHash, now],
  )
}

/**
 * A gateway may connect no more, by key or by token. Returns whether it might before. The instant is the database's, by whose
 * clock collectors look for it: whoever revokes may have another.
 */
export async function revokeKey(tx: Sql, gatewayId: number): Promise<boolean> {
  await endKey(tx, gatewayId)
  const rows = await tx.query(
    `update gateways set enrolled_key = null, token_hash = null, revoked_at = now()
     where id = $1 and revoked_at is null returning id`,
    [gatewayId],
  )
  return rows.length > 0
}

async function endKey(tx: Sql, gatewayId: number): Promise<void> {
  await tx.query(
    `insert into fleet_ended_keys (gateway_id, key_hash, ended_at)
     select id, enrolled_key, now() from gateways where id = $1 and enrolled_key is not null
     on conflict (gateway_id, key_hash) do update set ended_at = excluded.ended_at`,
    [gatewayId],
  )
}

/** Whether a key was a gateway's, and is not any more. */
export async function hasEnded(sql: Sql, keyHash: Uint8Array): Promise<boolean> {
  const rows = await sql.query('select from fleet_ended_keys where key_hash = $1', [keyHash])
  return rows.length > 0
}

/** Who may connect no more since lately: a gateway, by whatever it shows, or by one key alone. */
export interface Cut {
  gateway: string
  /** Hexadecimal; null: the gateway was revoked. */
  key: string | null
}

/** Who was cut off within the last `withinMs`, by the clock of the database. */
export function selectCuts(sql: Sql, withinMs: number): Promise<Cut[]> {
  return sql.query<Cut>(
    `select slug as gateway, null as key from gateways
     where revoked_at is not null and revoked_at > now() - $1 * interval '1 ms'
     union all
     select g.slug, encode(e.key_hash, 'hex') from fleet_ended_keys e join gateways g on g.id = e.gateway_id
     where e.ended_at > now() - $1 * interval '1 ms'`,
    [withinMs],
  )
}

/** A certificate that a gateway was given. */
export interface CertificateRow {
  gatewayId: number
  claimId: number | null
  keyHash: Uint8Array
  serial: string
  certificate: string
  notAfter: number
  issuedAt: number
}

/** Keeps a certificate. */
export async function insertCertificate(tx: Sql, row: CertificateRow): Promise<void> {
  await tx.query(
    `insert into fleet_certificates (gateway_id, claim_id, key_hash, serial, certificate, not_after, issued_at)
     values ($1, $2, $3, $4, $5, to_timestamp($6::float8 / 1000), to_timestamp($7::float8 / 1000))`,
    [row.gatewayId, row.claimId, row.keyHash, row.serial, row.certificate, row.notAfter, row.issuedAt],
  )
}

/** The newest certificate of a key; `undefined` when it never had one. */
export async function newestCertificate(sql: Sql, keyHash: Uint8Array): Promise<CertificateRow | undefined> {
  const [row] = await sql.query<CertificateRow>(
    `select gateway_id as "gatewayId", claim_id as "claimId", key_hash as "keyHash", serial, certificate,
       not_after as "notAfter", issued_at as "issuedAt"
     from fleet_certificates where key_hash = $1 order by id desc limit 1`,
    [keyHash],
  )
  return row
}

/** Something that happened to the fleet, or was refused. */
export interface FleetEvent {
  kind: string
  gateway?: string
  /** Who did it, or from where somebody tried. */
  by: string
  details?: object
}

/** Writes down what happened. */
export async function insertFleetEvent(sql: Sql, event: FleetEvent, now: number): Promise<void> {
  const { kind, gateway = null, by, details = {} } = event
  await sql.query(
    `insert into fleet_events (at, kind, gateway_id, gateway, by, details)
     values (to_timestamp($1::float8 / 1000), $2, (select id from gateways where slug = $3), $3, $4, $5::jsonb)`,
    [now, kind, gateway, by, JSON.stringify(details)],
  )
}

/** What happened, as it is shown. */
export interface FleetEventRow {
  id: number
  at: number
  kind: string
  gateway: string | null
  by: string
  details: unknown
}

/** What happened, newest first; of nobody's gateway only to who may see all. */
export function selectFleetEvents(
  sql: Sql,
  clientIds: ClientIds,
  { gateway, beforeId, limit }: { gateway: string | undefined; beforeId: number; limit: number },
): Promise<FleetEventRow[]> {
  return sql.query<FleetEventRow>(
    `select e.id, e.at, e.kind, e.gateway, e.by, e.details
     from fleet_events e left join gateways g on g.id = e.gateway_id left join projects p on p.id = g.project_id
     where e.id < $1 and ($2::text is null or e.gateway = $2) and ($3::int[] is null or p.client_id = any($3))
     order by e.id desc limit $4`,
    [beforeId, gateway ?? null, clientIds, limit],
  )
}

/** By what a gateway is known. */
export interface EnrolmentState {
  hasKey: boolean
  hasToken: boolean
  enrolledAt: number | null
  revokedAt: number | null
  certificateEndsAt: number | null
  claimExpiresAt: number | null
}

/** By what a gateway is known now. */
export async function selectEnrolmentState(
  sql: Sql,
  gatewayId: number,
  now: number,
): Promise<EnrolmentState> {
  const [row] = await sql.query<EnrolmentState>(
    `select g.enrolled_key is not null as "hasKey", g.token_hash is not null as "hasToken",
       g.enrolled_at as "enrolledAt", g.revoked_at as "revokedAt",
       (select not_after from fleet_certificates c where c.gateway_id = g.id order by c.id desc limit 1) as "certificateEndsAt",
       (select max(expires_at) from fleet_claims k where k.gateway_id = g.id and k.uses_left > 0
          and k.withdrawn_at is null and k.expires_at > to_timestamp($2::float8 / 1000)) as "claimExpiresAt"
     from gateways g where g.id = $1`,
    [gatewayId, now],
  )
  if (row === undefined) throw new Error('A gateway that was found is not there')
  return row
}
