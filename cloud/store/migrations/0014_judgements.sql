-- What the processor found out about readings. A reading without a row has no flags and is in force as measured.
-- `flags` are the bits of cloud/flags.ts. `adjusted` is the value in force where it is not the measured one: in another
-- unit, or a low flow that is cut off.
create table judgements (
  series_id int not null,
  at timestamptz not null,
  flags int not null,
  adjusted float8,
  primary key (series_id, at)
);

-- Of a derived value: the flags of what it was computed from, and its own.
alter table derived add column flags int not null default 0;

-- Rules that apply to one measured variable name it by its code; the others say themselves what they read.
--   unit_conversion    {"unit": "m³/h"} or {"factor": 0.2778, "offset": 0}
--   checks             {"range": {"min": 0, "max": 150}, "rate": {…}, "stuck": {…}, "sentinels": [65535]}
--   low_flow_cut_off   {"belowLps": 0.5}
--   volume_to_flow     {"maxGapMinutes": 120, "maxConsumptionM3": 500, "maxFlowLps": 150, "overMinutes": 0}
alter table calibrations add column variable smallint;
alter table calibrations drop constraint calibrations_rule_check;
alter table calibrations add constraint calibrations_rule_check check (rule in (
  'pulses_to_volume', 'total_to_volume', 'level_to_water_table',
  'unit_conversion', 'checks', 'low_flow_cut_off', 'volume_to_flow'));
alter table calibrations add constraint calibrations_variable_check
  check ((variable is not null) = (rule in ('unit_conversion', 'checks', 'low_flow_cut_off')));
alter table calibrations drop constraint calibrations_point_id_rule_valid_from_key;
alter table calibrations add constraint calibrations_said_once
  unique nulls not distinct (point_id, rule, variable, valid_from);

-- What people did to a meter: put another in its place, set it back, saw it roll over. `before_count` is what it showed
-- last, `after_count` what it (or the new one) showed first. One that was entered by mistake is withdrawn, not deleted.
create table meter_events (
  id int generated always as identity primary key,
  point_id int not null references points,
  at timestamptz not null,
  kind text not null check (kind in ('replacement', 'reset', 'rollover')),
  before_count float8 check (before_count >= 0),
  after_count float8 not null check (after_count >= 0),
  note text,
  created_by text not null,
  created_at timestamptz not null default now(),
  withdrawn_by text,
  withdrawn_at timestamptz
);
create unique index meter_events_once on meter_events (point_id, at) where withdrawn_at is null;

-- Who changed how a point is processed: what was in force there before, and what is now. Rows are only ever added.
create table processing_changes (
  id bigint generated always as identity primary key,
  point_id int not null references points,
  at timestamptz not null,
  changed_by text not null,
  what text not null check (what in ('rule', 'meter_event')),
  rule text,
  variable smallint,
  valid_from timestamptz not null,
  before jsonb,
  after jsonb
);
create index processing_changes_of on processing_changes (point_id, id);
create trigger processing_changes_stay before update or delete on processing_changes
  for each row execute function refuse_change();
create trigger processing_changes_all_stay before truncate on processing_changes
  for each statement execute function refuse_change();
