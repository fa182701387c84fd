// Commands and what came of them: who asked what of which gateway, when, and with what result. They are kept for good.

import type { Sql } from './database.ts'

/** Commands of one gateway that may wait: without a result, and not expired. */
export const COMMANDS_WAITING_MAX = 100

/** Whether `k` waits at the instant that the parameter says. */
export const waitsAt = (now: `$${number}`): string =>
  `k.result is null and (k.document->>'expiresAt')::float8 > ${now}::float8`

/** A command, and what is known of it. `document` is what the gateway is sent, `result` what it said first. */
export interface CommandRow {
  number: number
  id: string
  document: unknown
  createdAt: number
  sentAt: number | null
  result: unknown
  resultAt: number | null
}

const COMMAND = `select k.number, k.id, k.document, k.created_at as "createdAt", k.sent_at as "sentAt", k.result,
  k.result_at as "resultAt"
from commands k`

/** Commands of a gateway, newest first, before a given number. */
export function selectCommands(
  sql: Sql,
  gatewayId: number,
  { beforeNumber, limit }: { beforeNumber: number; limit: number },
): Promise<CommandRow[]> {
  return sql.query<CommandRow>(
    `${COMMAND} where k.gateway_id = $1 and k.number < $2::bigint order by k.number desc limit $3`,
    [gatewayId, beforeNumber, limit],
  )
}

/** The command of this id. */
export async function selectCommand(
  sql: Sql,
  gatewayId: number,
  id: string,
): Promise<CommandRow | undefined> {
  const [row] = await sql.query<CommandRow>(`${COMMAND} where k.gateway_id = $1 and k.id = $2`, [
    gatewayId,
    id,
  ])
  return row
}

/**
 * Writes a command unless its gateway has one of this id, or as many wait for it as may. Says whether it did. Of those that
 * are given at the same instant a few more may find room.
 */
export async function insertCommand(
  sql: Sql,
  { gatewayId, id, document }: { gatewayId: number; id: string; document: unknown },
  { now }: { now: number },
): Promise<boolean> {
  const rows = await sql.query(
    `insert into commands (gateway_id, id, document)
     select $1::int, $2::text, $3::jsonb
     where (select count(*) from commands k where k.gateway_id = $1 and ${waitsAt('$4')}) < $5
     on conflict (gateway_id, id) do nothing returning number`,
    [gatewayId, id, JSON.stringify(document), now, COMMANDS_WAITING_MAX],
  )
  return rows.length === 1
}
