// Alert rules: whose they are, what they say, and how they came to say it.

import type { AlertRule } from '../alerts/rule.ts'
import type { Sql } from './database.ts'
import type { ClientIds } from './queries.ts'

/** A rule as it is kept. */
export interface AlertRuleRow {
  id: number
  client: string
  clientId: number
  /** `client.project.point`; null: every point of the client. */
  point: string | null
  pointId: number | null
  rule: AlertRule
  version: number
  changedAt: number
  changedBy: string
}

/** One change of a rule. `before` is null where it was made, `after` where it was deleted. */
export interface AlertRuleChange {
  at: number
  by: string
  before: object | null
  after: object | null
}

/** The most rules of one client. */
export const ALERT_RULES_MAX = 500

const RULE = `select r.id, c.slug as client, r.client_id as "clientId", r.point_id as "pointId", r.rule, r.version,
  c.slug || '.' || pr.slug || '.' || p.slug as point, r.changed_at as "changedAt", r.changed_by as "changedBy"
from alert_rules r join clients c on c.id = r.client_id
left join points p on p.id = r.point_id left join projects pr on pr.id = p.project_id
where r.deleted_at is null`

/** Rules that may be seen, oldest first. */
export function selectAlertRules(
  sql: Sql,
  clientIds: ClientIds,
  { afterId, limit, pointId }: { afterId: number; limit: number; pointId: number | null },
): Promise<AlertRuleRow[]> {
  return sql.query<AlertRuleRow>(
    `${RULE} and ($1::int[] is null or r.client_id = any($1)) and r.id > $2::bigint
       and ($4::int is null or r.point_id = $4 or (r.point_id is null and r.client_id = (
         select client_id from projects where id = (select project_id from points where id = $4))))
     order by r.id limit $3`,
    [clientIds, afterId, limit, pointId],
  )
}

/** A rule that may be seen; in a transaction nobody else changes it. */
export async function lockAlertRule(
  sql: Sql,
  clientIds: ClientIds,
  id: number,
): Promise<AlertRuleRow | undefined> {
  const [row] = await sql.query<AlertRuleRow>(
    `${RULE} and ($1::int[] is null or r.client_id = any($1)) and r.id = $2::bigint for update of r`,
    [clientIds, id],
  )
  return row
}

/** How a rule came to say what it says, newest first. */
export function selectAlertRuleChanges(sql: Sql, id: number, limit: number): Promise<AlertRuleChange[]> {
  return sql.query<AlertRuleChange>(
    'select at, by, before, after from alert_rule_changes where rule_id = $1::bigint order by id desc limit $2',
    [id, limit],
  )
}

/** Makes a rule. `undefined` when its client has as many as there may be. */
export async function insertAlertRule(
  tx: Sql,
  {
    clientId,
    pointId,
    rule,
    by,
    now,
  }: { clientId: number; pointId: number | null; rule: AlertRule; by: string; now: number },
): Promise<number | undefined> {
  await tx.query('select from clients where id = $1 for update', [clientId])
  const [made] = await tx.query<{ id: number }>(
    `insert into alert_rules (client_id, point_id, rule, changed_at, changed_by)
     select $1, $2, $3::jsonb, to_timestamp($5::float8 / 1000), $4
     where (select count(*) from alert_rules where client_id = $1 and deleted_at is null) < $6 returning id`,
    [clientId, pointId, JSON.stringify(rule), by, now, ALERT_RULES_MAX],
  )
  if (made !== undefined) await noteChange(tx, { id: made.id, by, now, before: null, after: rule })
  return made?.id
}

/** Changes a rule that was locked. What it had found begins anew. */
export async function updateAlertRule(
  tx: Sql,
  { id, rule: before }: AlertRuleRow,
  { rule, by, now }: { rule: AlertRule; by: string; now: number },
): Promise<void> {
  await tx.query(
    `update alert_rules set rule = $2::jsonb, version = version + 1, changed_at = to_timestamp($4::float8 / 1000),
       changed_by = $3
     where id = $1::bigint`,
    [id, JSON.stringify(rule), by, now],
  )
  await noteChange(tx, { id, by, now, before, after: rule })
}

/** Deletes a rule that was locked; what was changed of it stays to be read. */
export async function deleteAlertRule(
  tx: Sql,
  { id, rule: before }: AlertRuleRow,
  { by, now }: { by: string; now: number },
): Promise<void> {
  await tx.query(
    'update alert_rules set deleted_at = to_timestamp($2::float8 / 1000) where id = $1::bigint',
    [id, now],
  )
  await noteChange(tx, { id, by, now, before, after: null })
}

async function noteChange(
  tx: Sql,
  change: { id: number; by: string; now: number; before: AlertRule | null; after: AlertRule | null },
): Promise<void> {
  const { id, by, now, before, after } = change
  await tx.query(
    `insert into alert_rule_changes (rule_id, at, by, before, after)
     values ($1::bigint, to_timestamp($2::float8 / 1000), $3, $4::jsonb, $5::jsonb)`,
    [id, now, by, before && JSON.stringify(before), after && JSON.stringify(after)],
  )
}
