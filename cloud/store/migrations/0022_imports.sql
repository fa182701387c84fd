-- History that people import from files: one row for each, from its bytes to its result.
--   uploaded    to be read            refused    the file has mistakes: nothing of it is stored
--   previewed   waits for a person    confirmed  is being stored, and then processed
--   done        all of it is there    undoing    to be taken out again
--   undone      nothing of it is      discarded  a person did not want it
create table imports (
  id bigint generated always as identity primary key,
  point_id int not null references points,
  name text not null,
  digest bytea not null,
  -- Compressed by gzip; null once they are not needed any more.
  bytes bytea,
  size int not null,
  asked_by text not null,
  asked_at timestamptz not null,
  -- What somebody said of how the file is written, and how it was read (cloud/imports/format.ts).
  settings jsonb not null,
  format jsonb,
  preview jsonb,
  mistakes jsonb not null default '[]',
  mistakes_count int not null default 0,
  state text not null check (state in
    ('uploaded', 'refused', 'previewed', 'confirmed', 'done', 'undoing', 'undone', 'discarded')),
  state_at timestamptz not null,
  -- Why it is in this state, where that needs words.
  reason text,
  confirmed_by text,
  undone_by text,
  readings_total int,
  readings_done int not null default 0,
  result jsonb,
  -- Somebody works on it, until then.
  lease_until timestamptz
);
create index imports_open on imports (id) where state in ('uploaded', 'confirmed', 'undoing');
create index imports_of_point on imports (point_id, id);
-- The same file for the same point is one import, unless it came to nothing.
create unique index imports_once on imports (point_id, digest) where state in ('uploaded', 'previewed', 'confirmed', 'done', 'undoing');

-- What is imported comes in batches of a gateway of its own for each project, which no gateway can be: its name has a `~`.
-- The epoch of such a batch is the number of the import.
alter table gateways add column kind text not null default 'device' check (kind in ('device', 'import'));
alter table gateways drop constraint gateways_slug_check;
alter table gateways add constraint gateways_slug_check check (
  (kind = 'device' and slug ~ '^[a-z0-9][a-z0-9-]{0,62}$') or (kind = 'import' and slug ~ '^~import-[0-9]+$'));
create unique index gateways_import on gateways (project_id) where kind = 'import';
