-- Who owns what, and what was measured.
-- Integer keys inside, slugs outside. Everything here works on plain PostgreSQL 15; timescale.ts turns `readings`
-- and `derived` into hypertables where the extension is available.

create table clients (
  id int generated always as identity primary key,
  slug text not null unique check (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  name text not null,
  rut text,
  created_at timestamptz not null default now()
);

create table projects (
  id int generated always as identity primary key,
  client_id int not null references clients,
  slug text not null check (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  name text not null,
  created_at timestamptz not null default now(),
  unique (client_id, slug)
);

-- A point: a well, a pipe or a canal where water is taken. Depths are metres below ground.
create table points (
  id int generated always as identity primary key,
  project_id int not null references projects,
  slug text not null check (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  name text not null,
  kind text not null default 'groundwater' check (kind in ('groundwater', 'surface_pipe', 'surface_channel')),
  latitude float8 check (latitude between -90 and 90),
  longitude float8 check (longitude between -180 and 180),
  well_depth_m float8,
  pump_depth_m float8,
  sensor_depth_m float8,
  discharge_diameter_in float8,
  meter_diameter_in float8,
  -- 'provisioned' by a person, or 'discovered' in the readings of its project's gateway.
  origin text not null default 'provisioned' check (origin in ('provisioned', 'discovered')),
  created_at timestamptz not null default now(),
  unique (project_id, slug)
);

-- One variable of one point. `variable` is the code of protocol/variables.ts.
create table series (
  id int generated always as identity primary key,
  point_id int not null references points,
  variable smallint not null,
  unique (point_id, variable)
);

-- `token_hash` is the SHA-256 of the token a gateway connects with.
create table gateways (
  id int generated always as identity primary key,
  project_id int not null references projects,
  slug text not null unique check (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  token_hash bytea,
  state jsonb,
  state_at timestamptz,
  health jsonb,
  health_at timestamptz,
  reported jsonb,
  reported_at timestamptz,
  created_at timestamptz not null default now()
);

-- Every series table a gateway has sent, under the first eight bytes of its hash (protocol/codec.ts).
create table series_tables (
  gateway_id int not null references gateways,
  id bytea not null,
  bytes bytea not null,
  first_seen_at timestamptz not null default now(),
  primary key (gateway_id, id)
);

-- Every batch that was committed. A row is written in the transaction of its readings.
create table batches (
  id bigint generated always as identity primary key,
  gateway_id int not null references gateways,
  epoch bigint not null,
  lane smallint not null check (lane in (0, 1)), -- 0 live, 1 backlog
  first bigint not null,
  last bigint not null,
  readings int not null,
  rejected jsonb,
  missing jsonb,
  config_version bigint not null,
  oldest_at timestamptz,
  newest_at timestamptz,
  received_at timestamptz not null default now(),
  -- Set by the processor when everything that follows from the batch is written.
  processed_at timestamptz,
  unique (gateway_id, epoch, first, last)
);
create index batches_unprocessed on batches (id) where processed_at is null;

-- What was measured. Never updated: see revisions.
create table readings (
  at timestamptz not null,
  value float8,
  batch_id bigint not null,
  series_id int not null,
  quality smallint not null,
  time_quality smallint not null,
  primary key (series_id, at)
);

-- The same series and instant came again with another value. The first stands; this says so.
create table revisions (
  id bigint generated always as identity primary key,
  series_id int not null,
  at timestamptz not null,
  value float8,
  quality smallint not null,
  time_quality smallint not null,
  batch_id bigint not null,
  seen_at timestamptz not null default now(),
  unique nulls not distinct (series_id, at, value, quality)
);

-- What follows from what was measured: water table, volume. Written by the processor alone, and rewritten when a
-- calibration changes or late readings come.
create table derived (
  at timestamptz not null,
  value float8,
  series_id int not null,
  quality smallint not null,
  primary key (series_id, at)
);

-- The newest reading of each series, and the newest that has a value. Kept in the transaction of the readings.
create table latest (
  series_id int primary key references series,
  at timestamptz not null,
  value float8,
  quality smallint not null,
  time_quality smallint not null,
  -- Its number in the gateway's buffer; null for what was not measured by one.
  seq bigint,
  good_at timestamptz,
  good_value float8
);

-- How a point's raw values become derived ones, valid from a time on. A row is never changed: a new one begins.
--   pulses_to_volume      {"litresPerPulse": 100, "baseM3": 0}
--   total_to_volume       {"baseM3": 0}
--   level_to_water_table  {"sensorDepthM": 80, "offsetM": 0}
create table calibrations (
  id int generated always as identity primary key,
  point_id int not null references points,
  rule text not null check (rule in ('pulses_to_volume', 'total_to_volume', 'level_to_water_table')),
  params jsonb not null,
  valid_from timestamptz not null,
  created_by text not null,
  created_at timestamptz not null default now(),
  unique (point_id, rule, valid_from)
);

-- Batches and messages that could not be understood: their bytes and why.
create table dead_letters (
  id bigint generated always as identity primary key,
  gateway_id int references gateways,
  topic text not null,
  bytes bytea not null,
  reason text not null,
  received_at timestamptz not null default now(),
  replayed_at timestamptz
);

-- Commands for gateways, and what came of them.
create table commands (
  gateway_id int not null references gateways,
  id text not null,
  document jsonb not null,
  created_at timestamptz not null default now(),
  sent_at timestamptz,
  result jsonb,
  result_at timestamptz,
  primary key (gateway_id, id)
);
