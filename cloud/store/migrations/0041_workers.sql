-- Who works, and when they last did: what is declared and does not beat is an incident.
create table workers (
  name text primary key,
  -- Since when it is expected to beat.
  expected_at timestamptz not null,
  beat_at timestamptz
);

-- A made-up condition that goes the whole way once a week: rule, incident, delivery.
create table canaries (
  id bigint generated always as identity primary key,
  begun_at timestamptz not null,
  -- When the provider took its message.
  arrived_at timestamptz,
  -- Nobody is to hear of it any more: it was switched off.
  retired boolean not null default false
);
