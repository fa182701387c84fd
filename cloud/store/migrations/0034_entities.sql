-- What people look after besides what is measured. Archived is what is not in use any more: it is not shown among the rest, and
-- nothing that was measured, declared or decided with it goes.

alter table clients add column address text, add column phone text, add column email text, add column note text,
  add column archived_at timestamptz;
alter table projects add column code text, add column note text, add column archived_at timestamptz;
-- What the meter showed when it was put in: d6 of the old records.
alter table points add column meter_initial_m3 float8, add column note text, add column archived_at timestamptz;
alter table gateways add column name text, add column place text, add column note text, add column archived_at timestamptz;

-- How a variable of a point is shown: under which name, with how many decimals, where among the others, or not at all.
alter table series add column label text, add column decimals smallint check (decimals between 0 and 6),
  add column place smallint, add column hidden boolean not null default false;

-- Documents of a point: resolutions, plans, photographs. The bytes stand apart, so that lists do not read them.
create table documents (
  id bigint generated always as identity primary key,
  point_id int not null references points,
  name text not null,
  title text not null,
  kind text not null check (kind in ('resolution', 'plan', 'photo', 'report', 'certificate', 'contract', 'other')),
  media_type text not null,
  size int not null,
  digest bytea not null,
  note text,
  uploaded_by text not null,
  uploaded_at timestamptz not null,
  archived_at timestamptz
);
create index documents_of on documents (point_id, id);
create table document_bytes (
  document_id bigint primary key references documents,
  bytes bytea not null
);
alter table document_bytes alter column bytes set storage external;

-- Whom to call about a point.
create table contacts (
  id bigint generated always as identity primary key,
  point_id int not null references points,
  name text not null,
  role text,
  phone text,
  email text,
  note text,
  created_at timestamptz not null default now()
);
create index contacts_of on contacts (point_id, id);

select keep_audit('documents', 'document');
select keep_audit('contacts', 'contact');
