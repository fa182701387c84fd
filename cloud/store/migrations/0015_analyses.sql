-- What the analytics keep of a point's days, and what they found out of its pattern. Everything here can be computed again
-- from the rollups.

-- Civil days of points whose rollups have changed since they were looked at, and since when.
create table analyses_due (
  point_id int not null,
  day date not null,
  since timestamptz not null default now(),
  primary key (point_id, day)
);
create index analyses_due_since on analyses_due (since);

-- The facts of a civil day (DayFacts of cloud/analytics/facts.ts), and what was judged of it by the days before.
create table point_days (
  point_id int not null references points,
  day date not null,
  facts jsonb not null,
  verdicts jsonb not null,
  -- Whether the day was over when it was judged.
  is_whole boolean not null,
  computed_at timestamptz not null,
  primary key (point_id, day)
);
create index point_days_half on point_days (day, point_id) where not is_whole;

-- Anomalies: days in a row of which the same was found. `evidence` are the numbers of the day on which it was worst.
--   open       the last day that could be judged has it
--   closed     a whole day since did not have it
--   withdrawn  late data, or a calibration, has shown that there was none
create table anomalies (
  id bigint generated always as identity primary key,
  point_id int not null references points,
  kind text not null check (kind in ('night_flow', 'stuck_counter', 'drawdown', 'flow_against_volume')),
  first_day date not null,
  last_day date not null,
  days int not null,
  state text not null check (state in ('open', 'closed', 'withdrawn')),
  worst_day date not null,
  score float8 not null,
  evidence jsonb not null,
  opened_at timestamptz not null,
  -- When `state` became what it is.
  state_at timestamptz not null
);
create index anomalies_of_point on anomalies (point_id, kind, first_day);
create index anomalies_open on anomalies (id) where state = 'open';
