// Gateways: who they are, what they said of themselves, what they are to do.

import { readBatchHead } from '../../protocol/codec.ts'
import type { ProviderName } from '../../protocol/ids.ts'
import { GatewayState } from '../../protocol/status.ts'
import { COMMANDS_WAITING_MAX, waitsAt } from './commands.ts'
import type { Sql } from './database.ts'

/** A gateway, and whose it is. */
export interface GatewayRow {
  id: number
  slug: string
  projectId: number
  project: string
  client: string
  /** SHA-256 of the token it connects with; null while it has none. */
  tokenHash: Uint8Array | null
  /** SHA-256 of the public key that it was enrolled with; null while it was not. Who has neither may not connect. */
  enrolledKey?: Uint8Array | null
}

/** The gateway of that name; `undefined` if there is none. */
export async function findGateway(db: Sql, slug: string): Promise<GatewayRow | undefined> {
  const [row] = await db.query<GatewayRow>(
    `select g.id, g.slug, g.project_id as "projectId", p.slug as project, c.slug as client, g.token_hash as "tokenHash",
            g.enrolled_key as "enrolledKey"
     from gateways g join projects p on p.id = g.project_id join clients c on c.id = p.client_id
     where g.slug = $1`,
    [slug],
  )
  return row
}

/** The bytes of a series table that a gateway sent before; `undefined` when it never did. */
export async function findSeriesTable(
  db: Sql,
  gatewayId: number,
  id: string,
): Promise<Uint8Array | undefined> {
  const [row] = await db.query<{ bytes: Uint8Array }>(
    `select bytes from series_tables where gateway_id = $1 and id = decode($2, 'hex')`,
    [gatewayId, id],
  )
  return row?.bytes
}

/** Keeps what a gateway last said of its state, its health or its configuration. */
export async function saveGatewayStatus(
  db: Sql,
  gatewayId: number,
  kind: 'state' | 'health' | 'reported',
  document: unknown,
  way: 'mqtt' | 'nats' = 'mqtt',
): Promise<void> {
  await db.query(`update gateways set ${kind} = $2::jsonb, ${kind}_at = now(), way = $3 where id = $1`, [
    gatewayId,
    JSON.stringify(document),
    way,
  ])
}

/** Names of the gateways that said something of themselves over NATS last, and lately. */
export async function heardOverNats(db: Sql, withinMs: number): Promise<string[]> {
  const rows = await db.query<{ slug: string }>(
    `select slug from gateways
     where way = 'nats' and greatest(state_at, health_at, reported_at) > now() - $1 * interval '1 ms'`,
    [withinMs],
  )
  return rows.map(({ slug }) => slug)
}

/** A gateway's state, as it said or as it was judged. */
export interface JudgedGateway {
  slug: string
  state: GatewayState
}

/** The last state of every gateway that has one. */
export async function listStates(db: Sql): Promise<JudgedGateway[]> {
  return judged(await db.query('select slug, state from gateways where state is not null order by slug', []))
}

/** Gateways that are said to be there, and of which nothing was heard for so long, are lost from now on. */
export async function markSilentLost(db: Sql, silentMs: number): Promise<JudgedGateway[]> {
  return judged(
    await db.query(
      `update gateways set state = jsonb_set(state, '{state}', '"lost"'), state_at = now()
       where state->>'state' in ('init', 'ready') and greatest(state_at, health_at) < now() - $1 * interval '1 ms'
       returning slug, state`,
      [silentMs],
    ),
  )
}

/** Gateways that are not said to be there, and have told how they are since, are there. */
export async function markHeardReady(db: Sql): Promise<JudgedGateway[]> {
  return judged(
    await db.query(
      `update gateways set state_at = now(), state = jsonb_build_object(
         'v', 1, 'state', 'ready', 'version', health->'version', 'since', health->'at')
       where coalesce(state->>'state', 'unknown') not in ('init', 'ready')
         and health_at > coalesce(state_at, '-infinity')
       returning slug, state`,
      [],
    ),
  )
}

/** The database keeps a document's keys in an order of its own; one of another version is nobody's. */
const judged = (rows: readonly { slug: string; state: unknown }[]): JudgedGateway[] =>
  rows.flatMap(({ slug, state }) => {
    const { data } = GatewayState.safeParse(state)
    return data === undefined ? [] : [{ slug, state: data }]
  })

/** A message that could not be understood, or that the database refused. */
export interface DeadLetter {
  gatewayId: number | null
  topic: string
  bytes: Uint8Array
  reason: string
}

/** A reason quotes what came, which may be anything. */
const REASON_LENGTH_MAX = 2_000

/**
 * Kept of each gateway; beyond it those go first that were taken in again, then what came longest ago. Who has sent so many
 * that nobody could read needs a person.
 */
export const LETTERS_MAX = 10_000

/**
 * Keeps a message that nobody could use, for a person to look at; one that comes again is counted, and is to be looked at
 * again. Must succeed where nothing else does: a gateway that was deleted meanwhile is left out, and so is the one
 * character that the database's text cannot hold. Returns how many older ones of the gateway were lost for it.
 */
export async function setAside(
  db: Sql,
  { gatewayId, topic, bytes, reason }: DeadLetter,
  { lettersMax = LETTERS_MAX }: { lettersMax?: number } = {},
): Promise<{ dropped: number }> {
  const head = readBatchHead(bytes)
  const [kept] = await db.query<{ of: number | null }>(
    `insert into dead_letters as d (gateway_id, topic, bytes, reason, epoch, first, last)
     values ((select id from gateways where id = $1), $2, $3, $4, $5, $6, $7)
     on conflict (gateway_id, topic, digest) do update
     set times = d.times + 1, received_at = now(), receipt = default, replayed_at = null, reason = excluded.reason
     returning gateway_id as of`,
    [
      ...[gatewayId, topic, bytes, reason.replaceAll('\0', '\ufffd').slice(0, REASON_LENGTH_MAX)],
      ...[head?.epoch ?? null, head?.first ?? null, head?.last ?? null],
    ],
  )
  const of = kept?.of ?? null
  const dropped = await db.query<{ lost: boolean }>(
    `delete from dead_letters where id in
       (select id from dead_letters where gateway_id ${of === null ? 'is null' : '= $2'}
        order by (replayed_at is not null), receipt desc offset $1)
     returning replayed_at is null as lost`,
    of === null ? [lettersMax] : [lettersMax, of],
  )
  return { dropped: dropped.filter(({ lost }) => lost).length }
}

/** A message that was set aside; `undefined` when there is none of that number. */
export async function findLetter(
  db: Sql,
  id: number,
): Promise<Pick<DeadLetter, 'gatewayId' | 'topic' | 'bytes'> | undefined> {
  const [row] = await db.query<Pick<DeadLetter, 'gatewayId' | 'topic' | 'bytes'>>(
    `select gateway_id as "gatewayId", topic, bytes from dead_letters where id = $1`,
    [id],
  )
  return row
}

/** Notes that what a message held has been taken in after all. */
export async function markReplayed(db: Sql, id: number, now: number): Promise<void> {
  await db.query('update dead_letters set replayed_at = to_timestamp($2::float8 / 1000) where id = $1', [
    id,
    now,
  ])
}

/** A command that waits for its gateway. */
export interface PendingCommand {
  gateway: string
  id: string
  document: unknown
}

/** Writes a command for each of the gateways but those for which as many wait as may. Returns for how many. */
export async function insertCommands(
  db: Sql,
  commands: readonly { gatewayId: number; id: string; document: unknown }[],
  { now }: { now: number },
): Promise<number> {
  const rows = await db.query(
    `insert into commands (gateway_id, id, document)
     select gateway_id, id, document::jsonb from unnest($1::int[], $2::text[], $3::text[]) as t(gateway_id, id, document)
     where (select count(*) from commands k where k.gateway_id = t.gateway_id and ${waitsAt('$4')}) < $5
     on conflict do nothing returning number`,
    [
      commands.map(({ gatewayId }) => gatewayId),
      commands.map(({ id }) => id),
      commands.map(({ document }) => JSON.stringify(document)),
      now,
      COMMANDS_WAITING_MAX,
    ],
  )
  return rows.length
}

/** Commands of one gateway that are sent at a time: one that does not listen holds nobody up. */
export const COMMANDS_A_LOOK_MAX = 20

/**
 * Commands that wait for the gateways named, in the order in which they were given, the first few of each; again when
 * they were sent long enough ago.
 */
export async function pendingCommands(
  db: Sql,
  gateways: readonly string[],
  { now, resendAfterMs }: { now: number; resendAfterMs: number },
): Promise<PendingCommand[]> {
  return db.query<PendingCommand>(
    `select gateway, id, document from (
       select g.slug as gateway, k.id, k.document, k.number,
         row_number() over (partition by k.gateway_id order by k.number) as place
       from commands k join gateways g on g.id = k.gateway_id
       where g.slug = any($1) and ${waitsAt('$2')}
         and (k.sent_at is null or k.sent_at < to_timestamp(($2::float8 - $3) / 1000))) as waiting
     where place <= $4 order by number`,
    [gateways, now, resendAfterMs, COMMANDS_A_LOOK_MAX],
  )
}

/** Notes that a command went out. */
export async function markCommandSent(db: Sql, gateway: string, id: string, now: number): Promise<void> {
  await db.query(
    `update commands k set sent_at = to_timestamp($3::float8 / 1000)
     from gateways g where g.id = k.gateway_id and g.slug = $1 and k.id = $2`,
    [gateway, id, now],
  )
}

/** Keeps what came of a command. The first result stands. */
export async function saveCommandResult(
  db: Sql,
  gatewayId: number,
  id: string,
  result: unknown,
): Promise<void> {
  await db.query(
    `update commands set result = $3::jsonb, result_at = now() where gateway_id = $1 and id = $2 and result is null`,
    [gatewayId, id, JSON.stringify(result)],
  )
}

/** Gateways whose health last named a device that is read through this provider; without one, every gateway. */
export async function findGatewaysReading(db: Sql, provider: ProviderName | undefined): Promise<number[]> {
  const rows = await db.query<{ id: number }>(
    `select id from gateways
     where kind = 'device'
       and ($1::text is null or health->'devices' @> jsonb_build_array(jsonb_build_object('provider', $1::text)))
     order by id`,
    [provider ?? null],
  )
  return rows.map(({ id }) => id)
}

/** The newest reading of every series, for subscribers that come after a restart. */
export interface RetainedRow {
  client: string
  project: string
  point: string
  variable: number
  at: number
  value: number | null
  quality: number
  timeQuality: number
  seq: number
}

/** The newest measured readings of all series of a client; without one, of all clients. */
export async function newestOfAll(db: Sql, client?: string): Promise<RetainedRow[]> {
  return db.query<RetainedRow>(
    `select c.slug as client, pr.slug as project, p.slug as point, s.variable, l.at, l.value, l.quality,
            l.time_quality as "timeQuality", l.seq
     from latest l join series s on s.id = l.series_id join points p on p.id = s.point_id
     join projects pr on pr.id = p.project_id join clients c on c.id = pr.client_id
     where l.seq is not null and ($1::text is null or c.slug = $1)`,
    [client ?? null],
  )
}

/** Names of the gateways that may connect. */
export async function gatewaysThatConnect(db: Sql): Promise<string[]> {
  return (await listConnecting(db)).map(({ gateway }) => gateway)
}

/** A gateway that may connect, and the key that it shows; null: it has a token. */
export interface ConnectingGateway {
  gateway: string
  enrolledKey: Uint8Array | null
}

/** The gateways that may connect, and by what. */
export function listConnecting(db: Sql): Promise<ConnectingGateway[]> {
  return db.query<ConnectingGateway>(
    `select slug as gateway, enrolled_key as "enrolledKey" from gateways
     where token_hash is not null or enrolled_key is not null order by slug`,
    [],
  )
}
