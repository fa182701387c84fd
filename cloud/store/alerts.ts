// What alert rules are evaluated over: which points they watch, how far they have come, and the values since.

import type { Episode, Progress, Sample } from '../alerts/evaluate.ts'
import type { AlertRule } from '../alerts/rule.ts'
import { DOUBT } from '../flags.ts'
import type { Sql } from './database.ts'

/** A rule at one of its points. */
export interface AlertTarget {
  ruleId: number
  version: number
  rule: AlertRule
  clientId: number
  pointId: number
  /** `client.project.point`. */
  point: string
  /** The series that the rule looks at: of its variable, or all of the point. */
  seriesIds: number[]
  /** When any of them last had a value. */
  goodAt: number | null
  /** When the rule was made or changed. */
  changedAt: number
  /** The gateway that the newest reading of the point came by, while it is lost, and since when. */
  lostGateway: string | null
  lostSince: number | null
  /** The work of the point of which nothing was accepted for too long, and since when that is known. */
  lateWork: string | null
  lateSince: number | null
  /** Absent: the rule begins. */
  progress: Progress | null
}

/** Rules in force at their points that are in use, by rule and point, after the last of the page before. */
export function selectAlertTargets(
  sql: Sql,
  { after, limit, variables }: { after: readonly [number, number]; limit: number; variables: object },
): Promise<AlertTarget[]> {
  return sql.query<AlertTarget>(
    `with targets as (
       select r.id as rule_id, r.version, r.rule, r.changed_at, r.client_id, p.id as point_id,
         c.slug || '.' || pr.slug || '.' || p.slug as point, r.rule->'condition'->>'kind' as kind,
         ($4::jsonb->>(case when r.rule->'condition'->>'kind' = 'over_right' then 'flow'
           else r.rule->'condition'->>'variable' end))::int2 as variable
       from alert_rules r join clients c on c.id = r.client_id join projects pr on pr.client_id = c.id
       join points p on p.project_id = pr.id and (r.point_id is null or r.point_id = p.id)
       where p.archived_at is null and r.deleted_at is null and (r.rule->>'enabled')::boolean and (r.id, p.id) > ($1::bigint, $2::int)
       order by r.id, p.id limit $3
     )
     select t.rule_id as "ruleId", t.version, t.rule, t.changed_at as "changedAt", t.client_id as "clientId",
       t.point_id as "pointId", t.point, s.ids as "seriesIds", s.good_at as "goodAt", g.slug as "lostGateway",
       g.state_at as "lostSince", w.subject as "lateWork", w.opened_at as "lateSince", a.progress
     from targets t
     cross join lateral (
       select coalesce(array_agg(s.id order by s.id), '{}') as ids, max(l.good_at) as good_at
       from series s left join latest l on l.series_id = s.id
       where s.point_id = t.point_id and (t.variable is null or s.variable = t.variable)
     ) s
     left join lateral (
       select g.slug, g.state_at from series s join latest l on l.series_id = s.id
       join readings r on r.series_id = s.id and r.at = l.at
       join batches b on b.id = r.batch_id join gateways g on g.id = b.gateway_id and g.state->>'state' = 'lost'
       where s.point_id = t.point_id and t.kind in ('no_data', 'gateway_lost', 'dga_late') order by l.at desc limit 1
     ) g on true
     left join lateral (
       select i.subject, i.opened_at from incidents i
       where t.kind = 'dga_late' and i.kind = 'declaration_late' and i.point_id = t.point_id and i.closed_at is null
       order by i.opened_at limit 1
     ) w on true
     left join alert_progress a on a.rule_id = t.rule_id and a.point_id = t.point_id and a.version = t.version
     order by t.rule_id, t.point_id`,
    [after[0], after[1], limit, JSON.stringify(variables)],
  )
}

/** A stretch of a target's values: `from` not included, `to` included. */
export interface SampleStretch {
  seriesIds: readonly number[]
  from: number
  to: number
}

/**
 * Values that can be relied on of each stretch, in order; at most `limit` of each. What the processor has not judged yet is
 * none, and an adjusted value stands for the one that was measured.
 */
export function selectSamples(
  sql: Sql,
  stretches: readonly SampleStretch[],
  limit: number,
): Promise<(Sample & { index: number })[]> {
  return sql.query<Sample & { index: number }>(
    `select t.index, v.at, v.value
     from unnest($1::text[], $2::float8[], $3::float8[]) with ordinality as t(ids, from_ms, to_ms, index)
     cross join lateral (
       select at, value from (
         (select r.at, coalesce(j.adjusted, r.value) as value
          from readings r left join judgements j on j.series_id = r.series_id and j.at = r.at
          join batches b on b.id = r.batch_id and b.processed_at is not null
          where r.series_id = any(t.ids::int[]) and r.value is not null and coalesce(j.flags, 0) & $5 = 0
            and r.at > to_timestamp(t.from_ms / 1000) and r.at <= to_timestamp(t.to_ms / 1000)
          order by r.at limit $4)
         union all
         (select at, value from derived
          where series_id = any(t.ids::int[]) and value is not null and flags & $5 = 0
            and at > to_timestamp(t.from_ms / 1000) and at <= to_timestamp(t.to_ms / 1000)
          order by at limit $4)
       ) both_kinds order by at limit $4
     ) v order by t.index, v.at`,
    [
      stretches.map(({ seriesIds }) => `{${seriesIds.join()}}`),
      stretches.map(({ from }) => from),
      stretches.map(({ to }) => to),
      limit,
      DOUBT,
    ],
  )
}

/** What counters of some series did, as values: each 1. Those that are found late, before what was seen, do not count. */
export function selectEventSamples(
  sql: Sql,
  stretch: SampleStretch & { kinds: readonly string[] },
  limit: number,
): Promise<Sample[]> {
  return sql.query<Sample>(
    `select at, 1::float8 as value from counter_events
     where series_id = any($1::int[]) and kind = any($2::text[]) and at > to_timestamp($3::float8 / 1000)
       and at <= to_timestamp($4::float8 / 1000) group by at order by at limit $5`,
    [stretch.seriesIds, stretch.kinds, stretch.from, stretch.to, limit],
  )
}

/** Keeps how far rules have come. A rule that was changed or deleted meanwhile is left alone. */
export async function saveProgress(
  tx: Sql,
  targets: readonly { ruleId: number; pointId: number; version: number; progress: Progress }[],
): Promise<void> {
  if (targets.length === 0) return
  await tx.query(
    `insert into alert_progress (rule_id, point_id, version, progress)
     select t.rule_id, t.point_id, t.version, t.progress::jsonb
     from unnest($1::bigint[], $2::int[], $3::int[], $4::text[]) as t(rule_id, point_id, version, progress)
     join alert_rules r on r.id = t.rule_id and r.version = t.version and r.deleted_at is null order by 1, 2
     on conflict (rule_id, point_id) do update set version = excluded.version, progress = excluded.progress`,
    [
      targets.map(({ ruleId }) => ruleId),
      targets.map(({ pointId }) => pointId),
      targets.map(({ version }) => version),
      targets.map(({ progress }) => JSON.stringify(progress)),
    ],
  )
}

/** A gateway that is lost. */
export interface LostGateway {
  id: number
  slug: string
  since: number
}

/** The gateways that are lost, and since when. */
export function selectLostGateways(sql: Sql): Promise<LostGateway[]> {
  return sql.query<LostGateway>(
    `select id, slug, state_at as since from gateways where state->>'state' = 'lost' order by slug`,
    [],
  )
}

/** The series of a point that a rule looks at: of one variable, or all. */
export async function selectWatchedSeries(
  sql: Sql,
  pointId: number,
  variable: number | null,
): Promise<number[]> {
  const rows = await sql.query<{ id: number }>(
    'select id from series where point_id = $1 and ($2::int2 is null or variable = $2) order by id',
    [pointId, variable],
  )
  return rows.map(({ id }) => id)
}

const EPISODES_MAX = 10_000

/** What is an incident already, whoever looks for it, at a point: by the incidents that began within a stretch or lasted into it. */
export function selectOtherEpisodes(
  sql: Sql,
  {
    kind,
    pointId,
    from,
    to,
  }: { kind: 'dga_late' | 'gateway_lost'; pointId: number; from: number; to: number },
): Promise<Episode[]> {
  return sql.query<Episode>(
    `select i.opened_at as "from", i.closed_at as "to", i.reopened + 1 as firings, null::float8 as value
     from incidents i
     where i.kind = $1 and i.opened_at < to_timestamp($4::float8 / 1000)
       and (i.closed_at is null or i.closed_at > to_timestamp($3::float8 / 1000))
       and case when $1 = 'declaration_late' then i.point_id = $2 else i.gateway_id = (
         select b.gateway_id from series s join latest l on l.series_id = s.id
         join readings r on r.series_id = s.id and r.at = l.at join batches b on b.id = r.batch_id
         where s.point_id = $2 order by l.at desc limit 1) end
     order by i.opened_at limit ${EPISODES_MAX}`,
    [kind === 'dga_late' ? 'declaration_late' : kind, pointId, from, to],
  )
}
