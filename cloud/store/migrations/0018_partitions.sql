-- Collectors that share the gateways which come over NATS, and which of them has which partition. After a crash of the
-- database nobody has any, as after none: they are taken anew.
create unlogged table collectors (
  id text primary key,
  seen_at timestamptz not null
);

create unlogged table collector_partitions (
  partition int primary key,
  holder text,
  held_until timestamptz not null default '-infinity'
);

-- By which way a gateway was heard last when it said something of itself.
alter table gateways add column way text check (way in ('mqtt', 'nats'));
