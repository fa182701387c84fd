// The ledger: of every number that a gateway gave to a reading, on which civil day that was and where the reading is.
//
// Nothing is counted up as it passes. A gateway tells with which number each of its days begins, which number is next, and
// which ones are not answered; the batches say which numbers came, and which never will. So a batch that comes twice counts
// once, and whatever dies in between, the next look finds the same.

import type { GatewayLedger } from '../../protocol/status.ts'
import type { Sql } from './database.ts'
import type { ClientIds } from './queries.ts'

/** Keeps the days that a gateway tells. What was told of the same number before is replaced. */
export async function saveLedgerDays(
  tx: Sql,
  gatewayId: number,
  { epoch, days }: GatewayLedger,
): Promise<void> {
  if (days.length === 0) return
  await lockLedger(tx, gatewayId)
  await tx.query(
    `insert into ledger_stretches as l (gateway_id, epoch, first, day, told, lost, next, settled)
     select $1, $2::bigint, first, day::date, true, lost, first, first
     from unnest($3::bigint[], $4::text[], $5::int[]) as t(first, day, lost)
     on conflict (gateway_id, epoch, first) do update set day = excluded.day, told = true,
       lost = greatest(l.lost, excluded.lost), counted_at = null
     where (l.day, l.told, l.lost) is distinct from (excluded.day, true, greatest(l.lost, excluded.lost))`,
    [
      gatewayId,
      epoch,
      days.map(({ first }) => first),
      days.map(({ day }) => day),
      days.map(({ lost }) => lost),
    ],
  )
  await countCutAnew(tx, gatewayId)
}

const LOCK = 7_201_420

/** Until the transaction ends nobody else writes the ledger of a gateway. */
async function lockLedger(tx: Sql, gatewayId: number): Promise<void> {
  await tx.query('select pg_advisory_xact_lock($1, $2)', [LOCK, gatewayId])
}

/** A stretch that ends earlier than was known, because a day had begun, is counted from its beginning. */
async function countCutAnew(tx: Sql, gatewayId: number): Promise<void> {
  await tx.query(
    `update ledger_stretches l set next = first, settled = first, settled_stored = 0, settled_rejected = 0,
       settled_evicted = 0, settled_damaged = 0, counted_at = null
     where gateway_id = $1 and exists (select from ledger_stretches n
       where (n.gateway_id, n.epoch) = (l.gateway_id, l.epoch) and n.first > l.first and n.first < l.next)`,
    [gatewayId],
  )
}

/** Numbers have been stored that were refused before: the stretches that they are in are counted from their beginning. */
export async function countStretchesAnew(
  tx: Sql,
  gatewayId: number,
  { epoch, first, last }: { epoch: number; first: number; last: number },
): Promise<void> {
  await lockLedger(tx, gatewayId)
  await tx.query(
    `update ledger_stretches l set settled = first, settled_stored = 0, settled_rejected = 0, settled_evicted = 0,
       settled_damaged = 0, counted_at = null
     where gateway_id = $1 and epoch = $2::bigint and first <= $4::bigint and not exists (
       select from ledger_stretches n
       where (n.gateway_id, n.epoch) = (l.gateway_id, l.epoch) and n.first > l.first and n.first <= $3::bigint)`,
    [gatewayId, epoch, first, last],
  )
}

/** A gateway whose ledger is to be looked at. */
export interface LedgerGateway {
  id: number
  slug: string
}

/** Gateways of which something came, by number. */
export function selectLedgerGateways(
  sql: Sql,
  { afterId, limit }: { afterId: number; limit: number },
): Promise<LedgerGateway[]> {
  return sql.query<LedgerGateway>(
    `select id, slug from gateways g
     where id > $1 and kind = 'device' and (health_at is not null or exists (select from batches b where b.gateway_id = g.id))
     order by id limit $2`,
    [afterId, limit],
  )
}

/**
 * Begins a day for a gateway that does not tell any, with the first number that came since it began. Numbers that came
 * before it was first looked at are in no ledger.
 */
export async function beginUntoldDay(
  tx: Sql,
  gatewayId: number,
  { day, from }: { day: string; from: number },
): Promise<void> {
  await lockLedger(tx, gatewayId)
  await tx.query(
    `insert into ledger_stretches (gateway_id, epoch, first, day, told, next, settled)
     select $1, b.epoch, b.first, $2::date, false, b.first, b.first
     from (select b.epoch, min(b.first) as first from batches b
           where b.gateway_id = $1 and b.received_at >= to_timestamp($3::float8 / 1000)
             and b.last > coalesce((select max(o.last) from batches o where o.gateway_id = $1 and o.epoch = b.epoch
                                      and o.received_at < to_timestamp($3::float8 / 1000)), 0)
           group by b.epoch) b
     where not exists (select from gateways g where g.id = $1 and g.health ? 'ledger')
       and not exists (select from ledger_stretches l where l.gateway_id = $1 and l.epoch = b.epoch
                       and (l.day = $2::date or l.first >= b.first))
     on conflict do nothing`,
    [gatewayId, day, from],
  )
  await countCutAnew(tx, gatewayId)
}

/** Where the numbers of one stretch are; what it says is of one moment. */
const COUNT = `
  with told as (
    select (health->'ledger'->>'epoch')::bigint as epoch, (health->'ledger'->>'next')::bigint as next,
           numbers_of(health->'ledger'->'unanswered') as unanswered, numbers_of(health->'ledger'->'underWay') as under_way
    from gateways where id = $1
  ), stretches as (
    select l.*, lead(first, 1, 9007199254740991) over (partition by epoch order by first) as until
    from ledger_stretches l where gateway_id = $1
  ), open as (
    select s.*, s.told and t.epoch is not null as tells,
           case when t.epoch = s.epoch then t.unanswered else '{}' end as unanswered,
           case when t.epoch = s.epoch then t.under_way else '{}' end as under_way,
           case when t.epoch = s.epoch then t.next else 0 end as told_next
    from stretches s cross join told t
    where s.counted_at is null or s.settled < s.until
  ), came as (
    select o.first as stretch, o.epoch,
           coalesce((select range_agg(int8range((r->>'seq')::bigint, (r->>'seq')::bigint, '[]'))
                     from jsonb_array_elements(b.rejected) as r), '{}') as refused,
           int8multirange(int8range(greatest(b.first, o.settled), least(b.last + 1, o.until))) as numbers,
           numbers_gone(b.missing, 'evicted') as evicted, numbers_gone(b.missing, 'damaged') as damaged
    from open o join batches b on b.gateway_id = $1 and b.epoch = o.epoch and b.last >= o.settled and b.first < o.until
  ), by_stretch as (
    select stretch, epoch, coalesce(range_agg(numbers), '{}') as seen,
           coalesce(range_agg(numbers - evicted - damaged), '{}') as brought,
           coalesce(range_agg(numbers - evicted - damaged - refused), '{}') as stored,
           coalesce(range_agg(numbers * refused), '{}') as refused,
           coalesce(range_agg(numbers * evicted), '{}') as evicted,
           coalesce(range_agg(numbers * damaged), '{}') as damaged
    from came group by 1, 2
  ), letters as (
    select epoch, range_agg(int8range(first, last, '[]')) as numbers from dead_letters
    where gateway_id = $1 and first is not null and replayed_at is null group by 1
  ), counted as (
    select o.*, coalesce(b.seen, '{}') as seen, coalesce(d.numbers, '{}') as set_aside,
           greatest(o.next, o.first, coalesce(upper(b.seen), 0), least(o.told_next, o.until)) as through,
           o.settled_evicted + numbers_in(coalesce(b.evicted - b.brought, '{}')) as all_evicted,
           o.settled_damaged + numbers_in(coalesce(b.damaged - b.brought - b.evicted, '{}')) as all_damaged,
           -- What one batch brought in vain, another may have brought since.
           o.settled_rejected + numbers_in(coalesce(b.refused - b.stored, '{}')) as all_rejected,
           o.settled_stored + numbers_in(coalesce(b.stored, '{}')) as all_stored
    from open o left join by_stretch b on (b.stretch, b.epoch) = (o.first, o.epoch)
    left join letters d on d.epoch = o.epoch
  ), placed as (
    select c.*, int8multirange(int8range(settled, through)) - seen as absent from counted c
  )`

const SETTLE = `
  update ledger_stretches l set
    next = p.through,
    stored = p.all_stored, evicted = p.all_evicted, damaged = p.all_damaged,
    rejected = p.all_rejected + numbers_in(p.absent * p.set_aside),
    buffered = case when p.tells then numbers_in((p.absent - p.set_aside) * p.unanswered)
                    else numbers_in(p.absent - p.set_aside) end,
    sent = p.all_stored + p.all_rejected + numbers_in(p.absent * (p.set_aside + p.under_way)),
    difference = case when p.tells then numbers_in(p.absent - p.set_aside - p.unanswered) else 0 end,
    difference_since = case when p.tells and not isempty(p.absent - p.set_aside - p.unanswered)
                            then coalesce(l.difference_since, to_timestamp($2::float8 / 1000)) end,
    counted_at = to_timestamp($2::float8 / 1000),
    settled = case when isempty(p.absent) then p.through else l.settled end,
    settled_stored = case when isempty(p.absent) then p.all_stored else l.settled_stored end,
    settled_rejected = case when isempty(p.absent) then p.all_rejected else l.settled_rejected end,
    settled_evicted = case when isempty(p.absent) then p.all_evicted else l.settled_evicted end,
    settled_damaged = case when isempty(p.absent) then p.all_damaged else l.settled_damaged end
  from placed p where l.gateway_id = $1 and l.epoch = p.epoch and l.first = p.first`

/** Counts anew what is not settled of a gateway's stretches. */
export async function countLedger(tx: Sql, gatewayId: number, now: number): Promise<void> {
  await lockLedger(tx, gatewayId)
  await tx.query(`${COUNT} ${SETTLE}`, [gatewayId, now])
}

/** A gateway's numbers that are nowhere, for so long. */
export interface LedgerDifference {
  gatewayId: number
  gateway: string
  difference: number
  since: number
  days: { day: string; difference: number }[]
}

/** Gateways of which some numbers are nowhere, and were so at `since` already. */
export function selectDifferences(sql: Sql, since: number): Promise<LedgerDifference[]> {
  return sql.query<LedgerDifference>(
    `select g.id as "gatewayId", g.slug as gateway, sum(d.difference)::float8 as difference, min(d.since) as since,
       jsonb_agg(jsonb_build_object('day', d.day, 'difference', d.difference) order by d.day) as days
     from (select gateway_id, day, sum(difference)::bigint as difference, min(difference_since) as since
           from ledger_stretches where difference_since <= to_timestamp($1::float8 / 1000) group by 1, 2) d
     join gateways g on g.id = d.gateway_id group by g.id order by g.id`,
    [since],
  )
}

/** A gateway's civil day. `polled` is null where the gateway does not tell. */
export interface LedgerDayRow {
  key: number
  day: string
  gateway: string
  client: string
  project: string
  polled: number | null
  buffered: number
  sent: number
  stored: number
  rejected: number
  evicted: number
  damaged: number
  lost: number
  difference: number
  differenceSince: number | null
  countedAt: number | null
  toldAt: number | null
}

/** What stands between the days of a key and the numbers of gateways. */
const KEY = `((d.day - date '1970-01-01')::bigint * 2147483648 + d.gateway_id)`

/** Days that may be seen, newest first. */
export function selectLedgerDays(
  sql: Sql,
  clientIds: ClientIds,
  {
    beforeKey,
    limit,
    gateway,
    from,
    to,
  }: { beforeKey: number; limit: number; gateway?: string | undefined; from: string; to: string },
): Promise<LedgerDayRow[]> {
  return sql.query<LedgerDayRow>(
    `select ${KEY} as key, d.day::text, g.slug as gateway, c.slug as client, pr.slug as project, d.polled::float8,
       d.buffered::float8, d.sent::float8, d.stored::float8, d.rejected::float8, d.evicted::float8, d.damaged::float8,
       d.lost::float8, d.difference::float8, d.since as "differenceSince", d.counted_at as "countedAt",
       case when d.told then g.health_at end as "toldAt"
     from (select day, gateway_id, bool_and(told) as told,
             case when bool_and(told) then sum(next - first + lost) end as polled, sum(buffered) as buffered,
             sum(sent) as sent, sum(stored) as stored, sum(rejected) as rejected, sum(evicted) as evicted,
             sum(damaged) as damaged, sum(lost) as lost, sum(difference) as difference,
             min(difference_since) as since, min(counted_at) as counted_at
           from ledger_stretches where day >= $4::date and day < $5::date
           group by day, gateway_id) d
     join gateways g on g.id = d.gateway_id join projects pr on pr.id = g.project_id join clients c on c.id = pr.client_id
     where ${KEY} < $2::bigint and ($1::int[] is null or c.id = any($1)) and ($6::text is null or g.slug = $6)
     order by d.day desc, d.gateway_id desc limit $3`,
    [clientIds, beforeKey, limit, from, to, gateway ?? null],
  )
}
