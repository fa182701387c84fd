-- The fleet's own authority, the claims by which gateways are enrolled, and what became of them.

-- Roots, and those that issue below one. One that is retired issues no more; what it issued is believed until its end.
create table fleet_authorities (
  id int generated always as identity primary key,
  root_id int references fleet_authorities,
  certificate text not null,
  sealed_key bytea not null,
  key_id text not null,
  not_after timestamptz not null,
  created_at timestamptz not null,
  retired_at timestamptz
);

-- What configurations and releases are signed with: Ed25519. Gateways are given the public half when they are enrolled.
create table fleet_keys (
  id int generated always as identity primary key,
  public_key text not null,
  sealed_key bytea not null,
  key_id text not null,
  created_at timestamptz not null
);

-- The SHA-256 of the public key by which a gateway is known; null while it has none. Who was revoked has neither key nor token.
alter table gateways add column enrolled_key bytea unique;
alter table gateways add column enrolled_at timestamptz;
alter table gateways add column revoked_at timestamptz;
create index gateways_revoked on gateways (revoked_at) where revoked_at is not null;

-- What a gateway shows once to be enrolled. Without a gateway it is for any of the project, as many as uses_left says.
create table fleet_claims (
  id int generated always as identity primary key,
  code_hash bytea not null unique,
  project_id int not null references projects,
  gateway_id int references gateways,
  uses_left int not null check (uses_left between 0 and 10000),
  created_at timestamptz not null,
  created_by text not null,
  expires_at timestamptz not null,
  withdrawn_at timestamptz
);
create index fleet_claims_of on fleet_claims (gateway_id, id);

-- Every certificate that a gateway was given.
create table fleet_certificates (
  id int generated always as identity primary key,
  gateway_id int not null references gateways,
  claim_id int references fleet_claims,
  key_hash bytea not null,
  serial text not null unique,
  certificate text not null,
  not_after timestamptz not null,
  issued_at timestamptz not null
);
create index fleet_certificates_of on fleet_certificates (gateway_id, id);
create index fleet_certificates_key on fleet_certificates (key_hash, id);

-- Keys that are no gateway's any more, and since when: each collector looks for the newest every second.
create table fleet_ended_keys (
  gateway_id int not null references gateways,
  key_hash bytea not null,
  ended_at timestamptz not null,
  primary key (gateway_id, key_hash)
);
create index fleet_ended_keys_at on fleet_ended_keys (ended_at);

-- What happened to the fleet, and what was refused. Rows are only ever added.
create table fleet_events (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  kind text not null,
  gateway_id int references gateways,
  gateway text,
  by text not null,
  details jsonb not null
);
create index fleet_events_of on fleet_events (gateway_id, id);
create trigger fleet_events_stay before update or delete on fleet_events
  for each row execute function refuse_change();
create trigger fleet_events_all_stay before truncate on fleet_events
  for each statement execute function refuse_change();

-- The processes that spoke as a gateway: when each was first heard, and until when, by its own clock. One that is heard
-- again after another began is a second machine with the same identity.
create table gateway_instances (
  gateway_id int not null references gateways,
  started_at timestamptz not null,
  first_at timestamptz not null,
  last_at timestamptz not null,
  heard_at timestamptz not null,
  contradicted_at timestamptz,
  primary key (gateway_id, started_at)
);
create index gateway_instances_contradicted on gateway_instances (contradicted_at) where contradicted_at is not null;

select keep_audit('fleet_authorities', 'fleet_authority', 'sealed_key');
select keep_audit('fleet_keys', 'fleet_key', 'sealed_key');
select keep_audit('fleet_claims', 'claim', 'code_hash');
