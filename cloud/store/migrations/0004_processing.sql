-- What the processor and the analytics keep. Everything here can be computed again from readings and calibrations.

-- What passed since the reading before that was counted, m³. Null: not a volume, or not known.
alter table derived add column consumed float8;

-- The batches of a gateway that wait, live ones first.
create index batches_waiting on batches (gateway_id, lane, id) where processed_at is null;

-- Where a counter stood: after the last reading of each hour at which nothing was set aside. From here late readings
-- are computed forward. `series_id` is the derived series.
create table checkpoints (
  series_id int not null,
  hour timestamptz not null,
  at timestamptz not null,
  state jsonb not null,
  primary key (series_id, hour)
);

-- What a counter did besides counting: started again, rolled over, showed what cannot be water.
create table counter_events (
  series_id int not null,
  at timestamptz not null,
  kind text not null,
  count float8 not null,
  baseline_count float8 not null,
  amount_m3 float8,
  primary key (series_id, at, kind)
);

-- Buckets of an hour. `at` is where the bucket begins; `valid` counts good values, and min, max, mean and last are
-- taken over those; `minutes` counts the minutes that have one. `gap_consumption` is the part of consumption of which
-- the bucket is not certain, because it passed while nothing was read. `worst_quality` is the highest code.
create table rollups_hour (
  series_id int not null,
  at timestamptz not null,
  count int not null,
  valid int not null,
  minutes int not null,
  min float8,
  max float8,
  mean float8,
  last float8,
  last_at timestamptz,
  consumption float8,
  gap_consumption float8,
  worst_quality smallint not null,
  primary key (series_id, at)
);

-- Civil days and months, America/Santiago: sums of hours, and sums of days.
create table rollups_day (like rollups_hour including all);
create table rollups_month (like rollups_hour including all);

-- Counters whose recomputation is too long for one transaction go on from here.
create table recomputations_due (
  point_id int primary key references points,
  from_at timestamptz not null
);

-- What could not be processed, and why; the line has moved on. `batch_id` is null when it was not a batch that failed.
create table processing_failures (
  id bigint generated always as identity primary key,
  batch_id bigint,
  point_id int,
  reason text not null,
  failed_at timestamptz not null,
  times int not null default 1,
  unique nulls not distinct (batch_id, point_id, reason)
);

-- Recomputations that somebody asked for, and what they changed.
create table recomputations (
  id bigint generated always as identity primary key,
  point_id int not null references points,
  from_at timestamptz not null,
  to_at timestamptz not null,
  asked_by text not null,
  asked_at timestamptz not null,
  outcome jsonb not null
);

-- Civil days of volumes whose rollup has changed since their balance was computed.
create table balances_due (
  point_id int not null,
  day date not null,
  primary key (point_id, day)
);

-- What a point has taken on a civil day. `expected_per_hour` is how many minutes of an hour have a good value where
-- nothing is missing: as many as the busiest hour of the week up to that day.
create table balances (
  point_id int not null references points,
  day date not null,
  consumption_m3 float8,
  gap_consumption_m3 float8,
  minutes int not null,
  expected_per_hour int not null,
  worst_quality smallint not null,
  computed_at timestamptz not null,
  primary key (point_id, day)
);
