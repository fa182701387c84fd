-- What a recomputation would change, as somebody was shown it. `fingerprint` is of the rules and of every value that would
-- change up to `through_at` (null: none would): where it comes out differently, the world is not what it was.
create table recomputation_previews (
  id bigint generated always as identity primary key,
  point_id int not null references points,
  from_at timestamptz not null,
  to_at timestamptz not null,
  asked_by text not null,
  asked_at timestamptz not null,
  through_at timestamptz,
  fingerprint text not null,
  outcome jsonb not null,
  executed_at timestamptz
);

-- Every execution that was asked for: of which preview, why, and what came of it: an outcome, or why it was refused.
alter table recomputations
  add column preview_id bigint references recomputation_previews,
  add column why text,
  add column refused text,
  alter column outcome drop not null,
  add constraint recomputations_end check ((outcome is null) <> (refused is null));
create index recomputations_of on recomputations (point_id, id);
create trigger recomputations_stay before update or delete on recomputations
  for each row execute function refuse_change();
