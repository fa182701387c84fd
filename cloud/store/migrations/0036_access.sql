-- How people prove who they are besides by a password, and how they are let in and kept out.

alter table auth.users add column two_factor_enabled boolean not null default false;
-- Where a list of users goes on.
alter table auth.users add column number int generated always as identity;
-- Set: whatever they know or have, they are not let in.
alter table auth.users add column disabled_at timestamptz;

-- A second factor of who signs in with a password: better-auth's table. Secret and recovery codes are sealed with the
-- key that signs cookies.
create table auth.two_factors (
  id text primary key,
  user_id text not null unique references auth.users on delete cascade,
  secret text not null,
  backup_codes text not null,
  verified boolean not null default true,
  failed_verification_count int not null default 0,
  locked_until timestamptz
);

-- Codes that somebody has signed in with: none is taken twice (RFC 6238, 5.2). Kept for as long as they would be valid.
create table auth.used_codes (
  user_id text not null references auth.users on delete cascade,
  code text not null,
  used_at timestamptz not null,
  primary key (user_id, code)
);

-- Keys that a person's machine holds. `id` is the credential's, base64url; `counter` only ever grows, where it counts.
create table auth.passkeys (
  id text primary key,
  user_id text not null references auth.users on delete cascade,
  name text not null,
  public_key bytea not null,
  counter bigint not null,
  transports text[] not null,
  created_at timestamptz not null,
  last_used_at timestamptz
);
create index passkeys_user on auth.passkeys (user_id);

-- What was asked of a browser and must come back within minutes, once: challenges of passkeys, sign-ins by an issuer.
create table auth.challenges (
  hash bytea primary key,
  kind text not null,
  value jsonb not null,
  expires_at timestamptz not null
);
create index challenges_expire on auth.challenges (expires_at);

-- Links that let somebody choose a password, once: an invitation, or a recovery. `hash` is the SHA-256 of what the link
-- holds.
create table auth.links (
  hash bytea primary key,
  kind text not null check (kind in ('invitation', 'recovery')),
  user_id text not null references auth.users on delete cascade,
  created_by text not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz
);
create index links_user on auth.links (user_id, kind);

-- A key is somebody's, or, without, the installation's. Somebody's own does what they themselves may, and no more.
alter table auth.api_tokens add column user_id text references auth.users on delete cascade;
alter table auth.api_tokens add column requests_per_minute int not null default 600
  check (requests_per_minute between 1 and 100000);
alter table auth.api_tokens drop constraint api_tokens_name_key;
create unique index api_tokens_name on auth.api_tokens (coalesce(user_id, ''), name);

select keep_audit('auth.two_factors', 'second_factor', 'failed_verification_count,locked_until');
select keep_audit('auth.passkeys', 'passkey', 'counter,last_used_at');
select keep_audit('auth.links', 'link');
