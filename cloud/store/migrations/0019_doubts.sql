-- Doubts about what is declared, what persons decide about them, and obligations that change.

-- What older obligations say where newer ones say more; cloud/compliance/obligation.ts has the same.
update obligations set terms = jsonb_build_object(
    'resolution', null, 'required', null, 'exemptions', '[]'::jsonb, 'alsoPointIds', '[]'::jsonb, 'levelPointId', null,
    'checks', jsonb_build_object('severity', '{}'::jsonb)) || terms;

-- not_measured  a sensor was declared faulty for its instant    rejected   a person said that it is not declared
-- withdrawn     an obligation was changed: it is not owed any more
alter table slots drop constraint slots_state_check;
alter table slots add constraint slots_state_check check (state in
  ('pending', 'no_data', 'ready', 'sending', 'sent', 'review', 'shadow', 'not_measured', 'rejected', 'withdrawn'));
-- `findings`: Finding[] of cloud/compliance/validation.ts. `person`: PersonValues of cloud/compliance/review.ts, declared
-- instead of what is in `chosen`, which stays. `decided_at`: when a person last decided something about the slot.
alter table slots add column findings jsonb not null default '[]', add column person jsonb, add column decided_at timestamptz;
create index slots_in_doubt on slots (due_at, id) where state in ('review', 'no_data', 'not_measured', 'rejected');

-- What persons decided about slots. Rows are only ever added.
create table slot_decisions (
  id bigint generated always as identity primary key,
  slot_id bigint not null references slots,
  at timestamptz not null,
  by text not null,
  action text not null check (action in ('approve', 'replace', 'reject', 'reopen', 'hold', 'settle')),
  reason text not null,
  -- What the slot said before, and what it says since: state, findings, values.
  before jsonb not null,
  after jsonb not null
);
create index slot_decisions_of on slot_decisions (slot_id, id);
create trigger slot_decisions_stay before update or delete on slot_decisions
  for each row execute function refuse_change();
create trigger slot_decisions_all_stay before truncate on slot_decisions
  for each statement execute function refuse_change();

-- A sensor that measures wrongly, or not at all: its quantity is not declared from `from_at` to (not including) `until_at`.
create table sensor_faults (
  id bigint generated always as identity primary key,
  point_id int not null references points,
  quantity text not null check (quantity in ('flow', 'total', 'level')),
  from_at timestamptz not null,
  -- Not after `from_at`: it was a mistake.
  until_at timestamptz not null,
  reason text not null,
  declared_by text not null,
  declared_at timestamptz not null,
  -- When it was said that it had come to its end unmended.
  raised_at timestamptz,
  -- A person has ended it: mended, or it was a mistake.
  ended_at timestamptz,
  ended_by text,
  ended_reason text
);
create index sensor_faults_of on sensor_faults (point_id, until_at);
create index sensor_faults_open on sensor_faults (until_at) where raised_at is null and ended_at is null;

-- How obligations came to say what they say. Rows are only ever added.
create table obligation_changes (
  id bigint generated always as identity primary key,
  work_code text not null references works,
  valid_from timestamptz not null,
  at timestamptz not null,
  by text not null,
  reason text not null,
  before jsonb,
  after jsonb not null,
  effect jsonb not null
);
create index obligation_changes_of on obligation_changes (work_code, id);
create trigger obligation_changes_stay before update or delete on obligation_changes
  for each row execute function refuse_change();
create trigger obligation_changes_all_stay before truncate on obligation_changes
  for each statement execute function refuse_change();
