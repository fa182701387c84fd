-- A message that comes again is kept once and counted, and the oldest of a gateway can be found.
delete from dead_letters later using dead_letters earlier
where later.id > earlier.id and later.topic = earlier.topic and later.bytes = earlier.bytes
  and later.gateway_id is not distinct from earlier.gateway_id;
alter table dead_letters
  add column digest bytea not null generated always as (sha256(bytes)) stored,
  add column times int not null default 1;
create unique index dead_letters_once on dead_letters (gateway_id, topic, digest) nulls not distinct;
create index dead_letters_of on dead_letters (gateway_id, id);
