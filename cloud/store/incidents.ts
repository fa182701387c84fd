// Incidents: what is wrong and lasts. One condition is one incident, however often it is seen.
//
// Whoever looks for a condition says each time all subjects that have it now (settleIncidents). What is new is opened,
// what is seen again is counted, what is not seen any more is closed; a condition that comes back soon opens the same
// incident again, so that one which comes and goes is one line to read.

import type { Sql } from './database.ts'

/** What kinds of incidents there are. */
export const INCIDENT_KINDS = [
  'ledger_difference',
  'declaration_late',
  'informant_cannot_declare',
  'sma_late',
  'sensor_fault_expired',
  'gateway_lost',
  'gateway_cloned',
  'webhook_stopped',
  'alert',
  'worker_silent',
  'canary',
  'canary_missing',
] as const

/** A kind of incident. */
export type IncidentKind = (typeof INCIDENT_KINDS)[number]

/** A condition that is there now. */
export interface Condition {
  /** What has it, within the kind: a gateway's name, a point's. */
  subject: string
  gatewayId?: number
  pointId?: number
  details: object
  /** Where it is not REOPEN_WITHIN_MS. */
  reopenWithinMs?: number
  /** An open incident that explains this one: nobody is told of it meanwhile. */
  explainedBy?: { kind: IncidentKind; subject: string } | undefined
}

/** What has become of the incidents of a kind. */
export interface Settled {
  opened: string[]
  closed: string[]
}

/** So soon after it was closed an incident is opened again, instead of a new one. */
export const REOPEN_WITHIN_MS = 60 * 60_000

const LOCK = 7_201_421

/**
 * Brings the incidents of a kind to what is so now: `conditions` are all there are. In a transaction; two that settle the
 * same kind at the same time take turns.
 */
export async function settleIncidents(
  tx: Sql,
  kind: IncidentKind,
  conditions: readonly Condition[],
  now: number,
): Promise<Settled> {
  await tx.query(`select pg_advisory_xact_lock(${LOCK}, hashtext($1))`, [kind])
  const closed = await tx.query<{ subject: string }>(
    `with closed as (
       update incidents set closed_at = to_timestamp($3::float8 / 1000), snoozed_until = null
       where kind = $1 and closed_at is null and subject <> all($2::text[]) returning id, subject, closed_at
     ), told as (insert into incident_events (incident_id, at, kind) select id, closed_at, 'closed' from closed)
     select subject from closed`,
    [kind, conditions.map(({ subject }) => subject), now],
  )
  const opened: string[] = []
  for (const condition of conditions) {
    if (await raise(tx, kind, condition, now)) opened.push(condition.subject)
  }
  return { opened, closed: closed.map(({ subject }) => subject) }
}

/** Counts an incident that is open, opens one again, or opens a new one. Returns whether it was not open before. */
async function raise(
  tx: Sql,
  kind: IncidentKind,
  { subject, gatewayId, pointId, details, reopenWithinMs = REOPEN_WITHIN_MS, explainedBy }: Condition,
  now: number,
): Promise<boolean> {
  const [before] = await tx.query<{ id: number; isOpen: boolean; parentId: number | null }>(
    `select id, closed_at is null as "isOpen", parent_id as "parentId" from incidents
     where kind = $1 and subject = $2 and (closed_at is null or closed_at >= to_timestamp($3::float8 / 1000))
     order by closed_at desc nulls first limit 1`,
    [kind, subject, now - reopenWithinMs],
  )
  const explaining = [explainedBy?.kind ?? null, explainedBy?.subject ?? null]
  if (before === undefined) {
    const [made] = await tx.query<{ id: number; parentId: number | null }>(
      `insert into incidents (kind, subject, gateway_id, point_id, opened_at, last_seen_at, details, parent_id)
       values ($1, $2, $3, $4, to_timestamp($5::float8 / 1000), to_timestamp($5::float8 / 1000), $6::jsonb, ${PARENT('$7', '$8')})
       returning id, parent_id as "parentId"`,
      [kind, subject, gatewayId ?? null, pointId ?? null, now, JSON.stringify(details), ...explaining],
    )
    if (made === undefined) throw new Error('An incident that was inserted came back without its id')
    await insertIncidentEvent(tx, made.id, { kind: 'opened', by: null, now })
    await noteParent(tx, made.id, null, made.parentId, now)
    return true
  }
  const [changed] = await tx.query<{ parentId: number | null }>(
    `update incidents set last_seen_at = to_timestamp($2::float8 / 1000), count = count + 1, details = $3::jsonb,
       reopened = reopened + (closed_at is not null)::int, closed_at = null, parent_id = ${PARENT('$4', '$5')}
     where id = $1 returning parent_id as "parentId"`,
    [before.id, now, JSON.stringify(details), ...explaining],
  )
  if (!before.isOpen) await insertIncidentEvent(tx, before.id, { kind: 'reopened', by: null, now })
  await noteParent(tx, before.id, before.parentId, changed?.parentId ?? null, now)
  return !before.isOpen
}

const PARENT = (kind: string, subject: string): string =>
  `(select e.id from incidents e where e.kind = ${kind} and e.subject = ${subject} and e.closed_at is null)`

async function noteParent(
  tx: Sql,
  id: number,
  before: number | null,
  after: number | null,
  now: number,
): Promise<void> {
  if (before === after) return
  const kind = after === null ? 'unsilenced' : 'silenced'
  await insertIncidentEvent(tx, id, { kind, by: null, details: { incident: after ?? before }, now })
}

/** What happens to an incident, or is done about it. */
export const INCIDENT_EVENT_KINDS = [
  'opened',
  'reopened',
  'closed',
  'silenced',
  'unsilenced',
  'acknowledged',
  'assigned',
  'snoozed',
  'commented',
  'escalated',
] as const

/** What happens to an incident, or is done about it. */
export type IncidentEventKind = (typeof INCIDENT_EVENT_KINDS)[number]

/** Adds to the story of an incident. `by` is null where the cloud itself did it. */
export async function insertIncidentEvent(
  tx: Sql,
  incidentId: number,
  {
    kind,
    by,
    details = {},
    now,
  }: { kind: IncidentEventKind; by: string | null; details?: object; now: number },
): Promise<void> {
  await tx.query(
    `insert into incident_events (incident_id, at, by, kind, details)
     values ($1::bigint, to_timestamp($2::float8 / 1000), $3, $4, $5::jsonb)`,
    [incidentId, now, by, kind, JSON.stringify(details)],
  )
}
