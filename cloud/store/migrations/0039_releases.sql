-- Releases of the gateway's program, the bytes of their parts, and how they are rolled out.

create table releases (
  id int generated always as identity primary key,
  version text not null unique,
  -- The very text that is signed.
  manifest text not null,
  note text not null,
  created_at timestamptz not null,
  created_by text not null
);
create trigger releases_stay before update or delete on releases for each row execute function refuse_change();
select keep_audit('releases', 'release', 'manifest');

-- Chunks of parts, under the hash of their part: two releases may share one.
create table release_chunks (
  part text not null check (part ~ '^[0-9a-f]{64}$'),
  place int not null check (place >= 0),
  bytes bytea not null,
  primary key (part, place)
);

-- One at a time. The stage is 0 to 2: the first few gateways, some more, all.
create table rollouts (
  id int generated always as identity primary key,
  release_id int not null references releases,
  project_id int references projects,
  state text not null check (state in ('running', 'halted', 'done')),
  stage int not null check (stage between 0 and 2),
  -- Why it was halted.
  reason text,
  created_at timestamptz not null,
  created_by text not null,
  ended_at timestamptz
);
create unique index rollouts_running on rollouts (state) where state = 'running';
select keep_audit('rollouts', 'rollout');

create table rollout_gateways (
  rollout_id int not null references rollouts,
  gateway_id int not null references gateways,
  stage int not null check (stage between 0 and 2),
  state text not null check (state in ('waiting', 'asked', 'kept', 'settled', 'failed')),
  tries int not null default 0,
  command_id text,
  asked_at timestamptz,
  kept_at timestamptz,
  -- What it was when it was asked: the devices that failed, and when a release was given up last.
  failing_before int not null default 0,
  failed_before double precision,
  reason text,
  primary key (rollout_id, gateway_id)
);
create index rollout_gateways_of on rollout_gateways (gateway_id);
select keep_audit('rollout_gateways', 'rollout_gateway', 'tries,command_id,failing_before,failed_before');
