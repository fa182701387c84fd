// Deliveries: who is to be told of an incident, by which channel, and what came of it.

import type { Way } from '../alerts/addressing.ts'
import type { Sql } from './database.ts'
import { type IncidentKind, insertIncidentEvent } from './incidents.ts'
import type { ClientIds } from './queries.ts'

/** Somebody who is to be told of the open incident of a subject. */
export interface Addressee extends Way {
  kind: IncidentKind
  subject: string
  /** 0: when it begins. Above: when nobody has acknowledged it for so long. */
  step: number
  afterMs: number
}

/** A step of escalation that was taken. */
export interface Escalated {
  incidentId: number
  step: number
}

/**
 * Notes who is to be told, and takes the steps of escalation whose time has come. Who was told of a step before, or is about
 * to be, is not told again; of what another incident explains, and of what is snoozed, nobody is.
 */
export async function insertDeliveries(
  tx: Sql,
  addressees: readonly Addressee[],
  now: number,
): Promise<Escalated[]> {
  if (addressees.length === 0) return []
  const escalated = await takeSteps(tx, addressees, now)
  await tx.query(
    `insert into deliveries (incident_id, channel, channel_id, recipient, person, step, language, digest, created_at, due_at,
       state_at)
     select i.id, t.channel, t.channel_id, t.recipient, t.person, t.step, t.language, t.digest, n.at,
       greatest(to_timestamp(t.due_ms / 1000), n.at), n.at
     from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::int[], $8::text[],
         $9::boolean[], $10::float8[])
       with ordinality as t(kind, subject, channel, channel_id, recipient, person, step, language, digest, due_ms, place)
     join incidents i on i.kind = t.kind and i.subject = t.subject and i.closed_at is null and i.parent_id is null
     cross join (select to_timestamp($11::float8 / 1000)) as n(at)
     where t.step <= i.escalated and (i.snoozed_until is null or i.snoozed_until <= n.at)
       and not exists (select from deliveries d where d.incident_id = i.id and d.step = t.step and d.person = t.person)
     order by place
     on conflict do nothing`,
    [
      addressees.map(({ kind }) => kind),
      addressees.map(({ subject }) => subject),
      addressees.map(({ channel }) => channel),
      addressees.map(({ channelId }) => channelId),
      addressees.map(({ recipient }) => recipient),
      addressees.map(({ person }) => person),
      addressees.map(({ step }) => step),
      addressees.map(({ language }) => language),
      addressees.map(({ digest }) => digest),
      addressees.map(one => one.dueAt),
      now,
    ],
  )
  return escalated
}

/** Takes the steps whose time has come of incidents that nobody has acknowledged, and notes how many there are. */
async function takeSteps(tx: Sql, addressees: readonly Addressee[], now: number): Promise<Escalated[]> {
  const stepped = addressees.filter(({ step }) => step > 0)
  if (stepped.length === 0) return []
  const taken = await tx.query<{ id: number; before: number; step: number }>(
    `with asked as (
       select i.id, i.escalated as before, max(t.step) as steps, max(t.step) filter (
           where i.acknowledged_at is null and (i.snoozed_until is null or i.snoozed_until <= n.at)
             and i.opened_at + make_interval(secs => t.after_ms / 1000) <= n.at) as due
       from unnest($1::text[], $2::text[], $3::int[], $4::float8[]) as t(kind, subject, step, after_ms)
       join incidents i on i.kind = t.kind and i.subject = t.subject and i.closed_at is null and i.parent_id is null
       cross join (select to_timestamp($5::float8 / 1000)) as n(at)
       group by i.id
     )
     update incidents i set steps = a.steps, escalated = greatest(i.escalated, coalesce(a.due, 0)),
       version = i.version + (coalesce(a.due, 0) > i.escalated)::int
     from asked a where a.id = i.id and (i.steps <> a.steps or coalesce(a.due, 0) > i.escalated)
     returning i.id, a.before, i.escalated as step`,
    [
      stepped.map(({ kind }) => kind),
      stepped.map(({ subject }) => subject),
      stepped.map(({ step }) => step),
      stepped.map(({ afterMs }) => afterMs),
      now,
    ],
  )
  const escalated = taken.filter(({ before, step }) => step > before)
  for (const { id, step } of escalated) {
    await insertIncidentEvent(tx, id, { kind: 'escalated', by: null, details: { step }, now })
  }
  return escalated.map(({ id, step }) => ({ incidentId: id, step }))
}

/** Notes a message that only shows that its way leads to somebody. Returns its id. */
export async function insertTestDelivery(tx: Sql, way: Omit<Way, 'digest'>): Promise<number> {
  const [made] = await tx.query<{ id: number }>(
    `insert into deliveries (channel, channel_id, recipient, person, language, created_at, due_at, state_at)
     select $1, $2::bigint, $3, $4, $5, n.at, n.at, n.at from (select to_timestamp($6::float8 / 1000)) as n(at) returning id`,
    [way.channel, way.channelId, way.recipient, way.person, way.language, way.dueAt],
  )
  if (made === undefined) throw new Error('A delivery that was inserted came back without its id')
  return made.id
}

/** A message that is to be sent. */
export interface DueDelivery
  extends Pick<Way, 'channel' | 'channelId' | 'recipient' | 'language' | 'digest'> {
  id: number
  /** How often it was tried, this time included. */
  attempts: number
  step: number
  /** Absent: it is a test. */
  incident: {
    id: number
    kind: string
    subject: string
    openedAt: number
    closedAt: number | null
    details: unknown
  } | null
}

/** Of messages that go together, at most so many are one. */
const DIGEST_MAX = 200

/**
 * Takes messages that are due, longest waiting first, and with each that is part of a digest the others of it. Nobody else
 * gets them before `leaseUntil`; who dies while sending one leaves it to be sent again then.
 */
export async function takeDeliveries(
  sql: Sql,
  { now, leaseUntil, limit }: { now: number; leaseUntil: number; limit: number },
): Promise<DueDelivery[]> {
  const rows = await sql.query<
    DueDelivery & {
      incidentId: number | null
      kind: string
      subject: string
      openedAt: number
      closedAt: number | null
      details: unknown
    }
  >(
    `with first as (
       select id, digest, channel, channel_id, recipient, language from deliveries
       where state = 'pending' and due_at <= to_timestamp($1::float8 / 1000)
       order by due_at, id limit $3 for update skip locked
     ), others as (
       select d.id from deliveries d where d.state = 'pending' and d.digest and d.due_at <= to_timestamp($1::float8 / 1000)
         and exists (select from first f where f.digest and f.channel = d.channel and f.recipient = d.recipient
           and f.channel_id is not distinct from d.channel_id and f.language = d.language)
       order by d.id limit ${DIGEST_MAX} for update skip locked
     ), taken as (
       update deliveries d set attempts = d.attempts + 1, due_at = to_timestamp($2::float8 / 1000)
       where d.id in (select id from first union select id from others)
       returning d.*
     )
     select t.id, t.channel, t.channel_id as "channelId", t.recipient, t.language, t.digest, t.attempts, t.step,
       i.id as "incidentId", i.kind, i.subject, i.opened_at as "openedAt", i.closed_at as "closedAt", i.details
     from taken t left join incidents i on i.id = t.incident_id order by t.id`,
    [now, leaseUntil, limit],
  )
  return rows.map(({ incidentId, kind, subject, openedAt, closedAt, details, ...row }) => ({
    ...row,
    incident: incidentId === null ? null : { id: incidentId, kind, subject, openedAt, closedAt, details },
  }))
}

/** What has become of a message. */
export type DeliveryState = 'pending' | 'notified' | 'failed'

/** What came of one try. */
export interface DeliveryTry {
  at: number
  outcome: 'accepted' | 'refused' | 'unanswered'
  answer: string
}

/** Notes what came of an attempt. A message that stays pending is due again at `dueAt`. */
export async function finishDelivery(
  sql: Sql,
  id: number,
  {
    state,
    outcome,
    answer,
    dueAt,
    now,
  }: {
    state: DeliveryState
    outcome: DeliveryTry['outcome']
    answer: string
    dueAt: number
    now: number
  },
): Promise<void> {
  await sql.query(
    `with tried as (
       insert into delivery_tries (delivery_id, at, outcome, answer)
       select id, to_timestamp($5::float8 / 1000), $6, $3 from deliveries where id = $1::bigint
     )
     update deliveries set state = $2, answer = $3, due_at = to_timestamp($4::float8 / 1000),
       state_at = to_timestamp($5::float8 / 1000)
     where id = $1::bigint and state = 'pending'`,
    [id, state, answer, dueAt, now, outcome],
  )
}

/** A message as it is shown. */
export interface DeliveryRow {
  id: number
  incidentId: number | null
  channel: Way['channel']
  /** What the channel is called; null for mail. */
  channelName: string | null
  recipient: string
  step: number
  state: DeliveryState
  attempts: number
  createdAt: number
  dueAt: number
  stateAt: number
  answer: string | null
  tries: DeliveryTry[]
}

const DELIVERY = `select d.id, d.incident_id as "incidentId", d.channel, c.name as "channelName", d.recipient, d.step, d.state,
  d.attempts, d.created_at as "createdAt", d.due_at as "dueAt", d.state_at as "stateAt", d.answer,
  coalesce((select jsonb_agg(jsonb_build_object('at', extract(epoch from t.at) * 1000, 'outcome', t.outcome, 'answer', t.answer)
    order by t.id) from delivery_tries t where t.delivery_id = d.id), '[]') as tries
from deliveries d left join alert_channels c on c.id = d.channel_id`

/** Who was told of an incident that may be seen, first the first; `undefined` when there is no such incident. */
export async function selectDeliveries(
  sql: Sql,
  clientIds: ClientIds,
  incidentId: number,
  limit: number,
): Promise<DeliveryRow[] | undefined> {
  const [seen] = await sql.query(
    `select from incidents i left join gateways g on g.id = i.gateway_id left join points p on p.id = i.point_id
     left join projects pr on pr.id = coalesce(g.project_id, p.project_id)
     where i.id = $2::bigint and ($1::int[] is null or pr.client_id = any($1))`,
    [clientIds, incidentId],
  )
  if (seen === undefined) return undefined
  return sql.query<DeliveryRow>(`${DELIVERY} where d.incident_id = $1::bigint order by d.id limit $2`, [
    incidentId,
    limit,
  ])
}

/** What somebody was sent, newest first. */
export function selectDeliveriesTo(sql: Sql, person: string, limit: number): Promise<DeliveryRow[]> {
  return sql.query<DeliveryRow>(`${DELIVERY} where d.person = $1 order by d.id desc limit $2`, [
    person,
    limit,
  ])
}

/** How many messages wait, and how many will never arrive. */
export async function countDeliveries(sql: Sql): Promise<{ pending: number; failed: number }> {
  const [row] = await sql.query<{ pending: number; failed: number }>(
    `select count(*) filter (where state = 'pending')::int as pending,
       count(*) filter (where state = 'failed')::int as failed from deliveries`,
    [],
  )
  return row ?? { pending: 0, failed: 0 }
}
