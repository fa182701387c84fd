// Which processes spoke as a gateway: two at the same time are a card that was copied.

import type { Sql } from './database.ts'

/** Of each gateway. Who restarts more often has older ones forgotten. */
const INSTANCES_MAX = 50

/**
 * Notes that a process has spoken as a gateway, and what its clock said. Returns whether another one has meanwhile, which began
 * to be heard later than this one did and is not its successor: for that would be the end of this one.
 */
export async function noteInstance(
  tx: Sql,
  { gatewayId, startedAt, at }: { gatewayId: number; startedAt: number; at: number },
): Promise<boolean> {
  const [noted] = await tx.query<{ isContradicted: boolean }>(
    `with mine as (
       insert into gateway_instances as i (gateway_id, started_at, first_at, last_at, heard_at)
       values ($1, to_timestamp($2::float8 / 1000), to_timestamp($3::float8 / 1000), to_timestamp($3::float8 / 1000), now())
       on conflict (gateway_id, started_at) do update
       set last_at = greatest(i.last_at, excluded.last_at), heard_at = now()
       returning started_at, first_at, last_at
     )
     select exists (
       select from gateway_instances o, mine
       where o.gateway_id = $1 and o.started_at <> mine.started_at
         and o.first_at > mine.first_at and o.first_at < mine.last_at) as "isContradicted"`,
    [gatewayId, startedAt, at],
  )
  if (noted?.isContradicted === true) {
    await tx.query(
      `update gateway_instances set contradicted_at = now()
       where gateway_id = $1 and started_at = to_timestamp($2::float8 / 1000)`,
      [gatewayId, startedAt],
    )
  }
  await tx.query(
    `delete from gateway_instances where gateway_id = $1 and started_at in
       (select started_at from gateway_instances where gateway_id = $1 order by heard_at desc offset $2)`,
    [gatewayId, INSTANCES_MAX],
  )
  return noted?.isContradicted === true
}

/** A gateway that two machines speak as. */
export interface ClonedGateway {
  gatewayId: number
  gateway: string
  /** When each of them that was heard lately began. */
  startedAt: number[]
}

/** Gateways of which a contradiction was heard within `withinMs`. */
export function selectCloned(sql: Sql, withinMs: number): Promise<ClonedGateway[]> {
  return sql.query<ClonedGateway>(
    `select g.id as "gatewayId", g.slug as gateway,
       (select array_agg(extract(epoch from i.started_at)::float8 * 1000 order by i.started_at) from gateway_instances i
        where i.gateway_id = g.id and i.heard_at > now() - $1 * interval '1 ms') as "startedAt"
     from gateways g
     where exists (select from gateway_instances c
       where c.gateway_id = g.id and c.contradicted_at > now() - $1 * interval '1 ms')
     order by g.slug`,
    [withinMs],
  )
}
