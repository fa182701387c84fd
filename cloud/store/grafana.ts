// What Grafana may read: a schema of views and functions with bounds, and a role that sees nothing else.
//
// All of it is a script that an administrator runs, and runs again after an upgrade; it is no migration, for it makes a role
// for the whole server. Functions keep no hold of the tables they read, so that a later migration is free to change them.
//
//   G1. The role reads the schema `grafana` alone, changes nothing, and no statement of it runs longer than 15 seconds.
//   G2. No answer has more rows than its function says.
//   G3. A role for one client sees the points, gateways, slots and incidents of that client alone.

import { QUALITIES, QUALITY_NAMES } from '../../protocol/reading.ts'
import { VARIABLE_NAMES, VARIABLES } from '../../protocol/variables.ts'

/** The role that sees every client. */
export const GRAFANA_ROLE = 'smarthydro_grafana'

/** How many steps a series has, at most. */
export const STEPS_MAX = 5_000
const ROWS_MAX = 20_000

/** The role of one client, or of all. */
export const grafanaRole = (client?: string): string =>
  client === undefined ? GRAFANA_ROLE : `${GRAFANA_ROLE}_${client.replaceAll('-', '_')}`

/** The script that makes the schema and a role. */
export function grafanaScript(client?: string): string {
  const role = grafanaRole(client)
  return [
    HEAD,
    names('variables', '(code smallint, variable text, unit text)', variables),
    names('qualities', '(code smallint, quality text)', qualities),
    client === undefined ? '' : seesOnly(role, client),
    FUNCTIONS,
    VIEWS,
    rights(role),
  ].join('\n')
}

const HEAD = `-- What Grafana may read of SmartHydro. Run as who owns the database; running it again changes what has changed.
begin;
create schema if not exists grafana;
create table if not exists grafana.of_client (role name primary key, client text not null);

-- Whether the role that is signed in may see a client: all of them, unless it is the role of one.
create or replace function grafana.may_see(client text) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select coalesce((select o.client = may_see.client from grafana.of_client o where o.role = session_user), true)
$$;
`

const variables = VARIABLE_NAMES.map(
  name => `(${VARIABLES[name].code}, '${name}', '${VARIABLES[name].unit}')`,
)
const qualities = QUALITY_NAMES.map(name => `(${QUALITIES[name].code}, '${name}')`)

const names = (table: string, columns: string, rows: readonly string[]): string => `
create table if not exists grafana.${table} ${columns};
delete from grafana.${table};
insert into grafana.${table} values
  ${rows.join(',\n  ')};
`

const seesOnly = (role: string, client: string): string => `
insert into grafana.of_client values ('${role}', '${client}') on conflict (role) do update set client = excluded.client;
`

const DEFINER = `language sql stable security definer set search_path = public, pg_temp`

const KEY = `c.slug || '.' || pr.slug || '.' || p.slug`
const POINT = `points p join projects pr on pr.id = p.project_id join clients c on c.id = pr.client_id`

const FUNCTIONS = `
create or replace function grafana.all_points()
returns table (key text, client text, project text, point text, name text, kind text, latitude float8, longitude float8, last_at timestamptz, state text)
${DEFINER} as $$
  select ${KEY}, c.slug, pr.slug, p.slug, p.name, p.kind, p.latitude, p.longitude, l.at,
    case when l.at is null then 'none' when l.at > now() - interval '15 minutes' then 'live'
         when l.at > now() - interval '6 hours' then 'late' else 'lost' end
  from ${POINT}
  left join lateral (select max(x.at) as at from series s join latest x on x.series_id = s.id where s.point_id = p.id) l on true
  where grafana.may_see(c.slug) order by 1 limit ${ROWS_MAX}
$$;

create or replace function grafana.all_latest()
returns table (key text, client text, variable text, unit text, at timestamptz, value float8, quality text, good_at timestamptz, good_value float8)
${DEFINER} as $$
  select ${KEY}, c.slug, v.variable, v.unit, l.at, l.value, coalesce(q.quality, 'unknown'), l.good_at, l.good_value
  from ${POINT} join series s on s.point_id = p.id join latest l on l.series_id = s.id
  join grafana.variables v on v.code = s.variable left join grafana.qualities q on q.code = l.quality
  where grafana.may_see(c.slug) order by 1, s.variable limit ${ROWS_MAX}
$$;

create or replace function grafana.all_gateways()
returns table (gateway text, client text, project text, state text, since timestamptz, last_batch_at timestamptz, buffered bigint)
${DEFINER} as $$
  select g.slug, c.slug, pr.slug, coalesce(g.state->>'state', 'unknown'), g.state_at,
    (select b.received_at from batches b where b.gateway_id = g.id order by b.id desc limit 1),
    (g.health->'buffer'->>'readings')::bigint
  from gateways g join projects pr on pr.id = g.project_id join clients c on c.id = pr.client_id
  where g.kind = 'device' and grafana.may_see(c.slug) order by 1 limit ${ROWS_MAX}
$$;

create or replace function grafana.all_incidents()
returns table (kind text, subject text, client text, opened_at timestamptz, closed_at timestamptz, times int, acknowledged_by text)
${DEFINER} as $$
  select i.kind, i.subject, c.slug, i.opened_at, i.closed_at, i.count, i.acknowledged_by
  from incidents i left join gateways g on g.id = i.gateway_id left join points p on p.id = i.point_id
  left join projects pr on pr.id = coalesce(g.project_id, p.project_id) left join clients c on c.id = pr.client_id
  where grafana.may_see(c.slug) order by i.id desc limit 1000
$$;

-- A variable of a point in at most ${STEPS_MAX} steps: the least, greatest and mean value of each.
create or replace function grafana.series(of_point text, of_variable text, since timestamptz, until timestamptz, steps int default 1000)
returns table ("time" timestamptz, min float8, mean float8, max float8, readings bigint)
${DEFINER} as $$
  with one as (
    select s.id, v.code from ${POINT} join series s on s.point_id = p.id join grafana.variables v on v.code = s.variable
    where ${KEY} = of_point and v.variable = of_variable and grafana.may_see(c.slug)
  ), step as (
    select make_interval(secs => greatest(1, extract(epoch from until - since) / least(greatest(steps, 1), ${STEPS_MAX}))) as width
  ), found as (
    select r.at, coalesce(j.adjusted, r.value) as value from readings r
    left join judgements j on j.series_id = r.series_id and j.at = r.at where r.series_id = (select id from one where code < 64) and r.at >= since and r.at < until
    union all
    select d.at, d.value from derived d where d.series_id = (select id from one where code >= 64) and d.at >= since and d.at < until
  )
  select date_bin(step.width, at, since), min(value), avg(value), max(value), count(*) from found, step
  group by 1 order by 1 limit ${STEPS_MAX} + 1
$$;

-- What a point took, by civil day.
create or replace function grafana.consumption(of_point text, since timestamptz, until timestamptz)
returns table ("time" timestamptz, m3 float8)
${DEFINER} as $$
  select d.day::timestamp at time zone 'America/Santiago', d.m3 from (
    select b.day, b.consumption_m3 as m3
    from balances b join ${POINT} on p.id = b.point_id
    where ${KEY} = of_point and grafana.may_see(c.slug) and b.day >= since::date - 1 and b.day <= until::date
  ) d order by 1 limit ${ROWS_MAX}
$$;

create or replace function grafana.slots(since timestamptz, until timestamptz, max_rows int default 5000)
returns table ("time" timestamptz, client text, key text, work_code text, state text, reason text, receipt text, accepted_at timestamptz, attempts int)
${DEFINER} as $$
  select s.due_at, c.slug, ${KEY}, s.work_code, s.state, s.reason, s.receipt, s.accepted_at, s.attempts
  from slots s join points p on p.id = s.point_id join projects pr on pr.id = p.project_id join clients c on c.id = pr.client_id
  where s.due_at >= since and s.due_at < until and grafana.may_see(c.slug)
  order by s.due_at desc, s.id desc limit least(greatest(max_rows, 0), ${ROWS_MAX})
$$;

-- How many slots of each day are in each state.
create or replace function grafana.slot_days(since timestamptz, until timestamptz)
returns table ("time" timestamptz, client text, state text, slots bigint)
${DEFINER} as $$
  select date_trunc('day', s.due_at, 'Etc/GMT+4'), c.slug, s.state, count(*)
  from slots s join points p on p.id = s.point_id join projects pr on pr.id = p.project_id join clients c on c.id = pr.client_id
  where s.due_at >= since and s.due_at < until and grafana.may_see(c.slug)
  group by 1, 2, 3 order by 1 limit ${ROWS_MAX}
$$;
`

const VIEWS = ['points', 'latest', 'gateways', 'incidents']
  .map(name => `create or replace view grafana.${name} as select * from grafana.all_${name}();`)
  .join('\n')

const VIEWS_OF = [
  'grafana.points',
  'grafana.latest',
  'grafana.gateways',
  'grafana.incidents',
  'grafana.variables',
]

const rights = (role: string): string => `
do $$ begin
  if not exists (select from pg_roles where rolname = '${role}') then create role ${role} login; end if;
end $$;
alter role ${role} set default_transaction_read_only = on;
alter role ${role} set statement_timeout = '15s';
alter role ${role} set search_path = grafana;
alter role ${role} connection limit 20;
revoke all on schema grafana from public;
grant usage on schema grafana to ${role};
revoke all on all tables in schema grafana from ${role};
grant select on ${VIEWS_OF.join(', ')} to ${role};
revoke all on all functions in schema grafana from public;
grant execute on all functions in schema grafana to ${role};
commit;
`
