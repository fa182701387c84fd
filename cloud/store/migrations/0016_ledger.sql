-- From which number on a gateway's readings are of which civil day, and what became of them. A stretch goes on to where
-- the next one of the same epoch begins. `told`: by the gateway; otherwise made here, by when its batches came, for one
-- that does not tell. `next` is the number after the highest that is known to have been given. Below `settled` every
-- number is accounted for by batches, and counted in the columns settled_...; the other counts are of the whole stretch.
create table ledger_stretches (
  gateway_id int not null references gateways,
  epoch bigint not null,
  first bigint not null,
  day date not null,
  told boolean not null,
  lost int not null default 0,
  next bigint not null,
  settled bigint not null,
  settled_stored bigint not null default 0,
  settled_rejected bigint not null default 0,
  settled_evicted bigint not null default 0,
  settled_damaged bigint not null default 0,
  buffered bigint not null default 0,
  sent bigint not null default 0,
  stored bigint not null default 0,
  rejected bigint not null default 0,
  evicted bigint not null default 0,
  damaged bigint not null default 0,
  -- Given a number, and neither in the gateway nor here.
  difference bigint not null default 0,
  difference_since timestamptz,
  counted_at timestamptz,
  primary key (gateway_id, epoch, first)
);
create index ledger_stretches_by_day on ledger_stretches (day, gateway_id);

-- The numbers of a batch from where nothing is settled yet.
create index batches_by_last on batches (gateway_id, epoch, last);

-- The numbers that a message names which was set aside; null where not even those could be read.
alter table dead_letters add column epoch bigint, add column first bigint, add column last bigint;
create index dead_letters_of_numbers on dead_letters (gateway_id, epoch) where first is not null and replayed_at is null;

create function numbers_in(int8multirange) returns bigint language sql immutable parallel safe as
  'select coalesce(sum(upper(r) - lower(r)), 0)::bigint from unnest($1) as r';

-- `[[1,5],[9,9]]` as the numbers from 1 to 5 and 9; null as none.
create function numbers_of(jsonb) returns int8multirange language sql immutable parallel safe as
  $$ select coalesce(range_agg(int8range((p->>0)::bigint, (p->>1)::bigint, '[]')), '{}'::int8multirange)
     from jsonb_array_elements(coalesce($1, '[]')) as p $$;

-- The numbers that a batch says are missing for this reason.
create function numbers_gone(jsonb, text) returns int8multirange language sql immutable parallel safe as
  $$ select coalesce(range_agg(int8range((m->>'first')::bigint, (m->>'last')::bigint, '[]')), '{}'::int8multirange)
     from jsonb_array_elements(coalesce($1, '[]')) as m where m->>'reason' = $2 $$;

-- Something is wrong and lasts: one row for as long as it does. The same again while it is open is counted; the same
-- again soon after it was closed opens it again.
create table incidents (
  id bigint generated always as identity primary key,
  kind text not null,
  -- What it is about, within its kind: a gateway's name, a point's.
  subject text not null,
  gateway_id int references gateways on delete cascade,
  point_id int references points on delete cascade,
  opened_at timestamptz not null,
  last_seen_at timestamptz not null,
  count int not null default 1,
  reopened int not null default 0,
  closed_at timestamptz,
  details jsonb not null,
  acknowledged_at timestamptz,
  acknowledged_by text
);
create unique index incidents_open on incidents (kind, subject) where closed_at is null;
create index incidents_of on incidents (kind, subject, closed_at);
