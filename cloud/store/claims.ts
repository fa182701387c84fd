// Claims: what a gateway shows once to be enrolled. Of a code only its hash is kept.

import type { Sql } from './database.ts'

/** A claim. */
export interface ClaimRow {
  id: number
  projectId: number
  project: string
  client: string
  /** Null: for any gateway of the project. */
  gatewayId: number | null
  gateway: string | null
  usesLeft: number
  expiresAt: number
  withdrawnAt: number | null
}

/** A claim to be. */
export interface NewClaim {
  codeHash: Uint8Array
  projectId: number
  gatewayId: number | null
  uses: number
  expiresAt: number
  createdBy: string
  createdAt: number
}

/** Adds claims. */
export async function insertClaims(tx: Sql, claims: readonly NewClaim[]): Promise<void> {
  await tx.query(
    `insert into fleet_claims (code_hash, project_id, gateway_id, uses_left, created_at, created_by, expires_at)
     select decode(code, 'hex'), project, nullif(gateway, 0), uses, to_timestamp(made / 1000), by, to_timestamp(until / 1000)
     from unnest($1::text[], $2::int[], $3::int[], $4::int[], $5::float8[], $6::text[], $7::float8[])
       as t(code, project, gateway, uses, made, by, until)`,
    [
      claims.map(({ codeHash }) => Buffer.from(codeHash).toString('hex')),
      claims.map(({ projectId }) => projectId),
      claims.map(({ gatewayId }) => gatewayId ?? 0),
      claims.map(({ uses }) => uses),
      claims.map(({ createdAt }) => createdAt),
      claims.map(({ createdBy }) => createdBy),
      claims.map(({ expiresAt }) => expiresAt),
    ],
  )
}

/** The claim of a code, which nobody else uses until the transaction ends. */
export async function lockClaim(tx: Sql, codeHash: Uint8Array): Promise<ClaimRow | undefined> {
  const [row] = await tx.query<ClaimRow>(
    `select k.id, k.project_id as "projectId", p.slug as project, c.slug as client, k.gateway_id as "gatewayId",
       g.slug as gateway, k.uses_left as "usesLeft", k.expires_at as "expiresAt", k.withdrawn_at as "withdrawnAt"
     from fleet_claims k join projects p on p.id = k.project_id join clients c on c.id = p.client_id
     left join gateways g on g.id = k.gateway_id
     where k.code_hash = $1 for update of k`,
    [codeHash],
  )
  return row
}

/** One use less. */
export async function useClaim(tx: Sql, id: number): Promise<void> {
  await tx.query('update fleet_claims set uses_left = uses_left - 1 where id = $1', [id])
}

/** Of these gateways, those that have a claim which can be used. */
export async function gatewaysWithClaim(
  sql: Sql,
  gatewayIds: readonly number[],
  now: number,
): Promise<Set<number>> {
  const rows = await sql.query<{ id: number }>(
    `select distinct gateway_id as id from fleet_claims
     where gateway_id = any($1) and uses_left > 0 and withdrawn_at is null and expires_at > to_timestamp($2::float8 / 1000)`,
    [gatewayIds, now],
  )
  return new Set(rows.map(({ id }) => id))
}

/** The claims of these gateways can be used no more. */
export async function withdrawClaims(tx: Sql, gatewayIds: readonly number[], now: number): Promise<void> {
  await tx.query(
    `update fleet_claims set withdrawn_at = to_timestamp($2::float8 / 1000)
     where gateway_id = any($1) and uses_left > 0 and withdrawn_at is null`,
    [gatewayIds, now],
  )
}
