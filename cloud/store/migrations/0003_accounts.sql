-- Who may see and do what. The first four tables are those of better-auth, with its columns in our spelling
-- (cloud/store/accounts.ts translates); the rest is ours.
create schema auth;

create table auth.users (
  id text primary key,
  name text not null,
  email text not null unique check (email = lower(email)),
  email_verified boolean not null default false,
  image text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table auth.sessions (
  id text primary key,
  user_id text not null references auth.users on delete cascade,
  token text not null unique,
  expires_at timestamptz not null,
  ip_address text,
  user_agent text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index sessions_user on auth.sessions (user_id);

-- How a user proves who they are; `provider_id = 'credential'` is a password, as a PHC string of argon2id.
create table auth.accounts (
  id text primary key,
  user_id text not null references auth.users on delete cascade,
  account_id text not null,
  provider_id text not null,
  password text,
  access_token text,
  refresh_token text,
  id_token text,
  access_token_expires_at timestamptz,
  refresh_token_expires_at timestamptz,
  scope text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (provider_id, account_id)
);
create index accounts_user on auth.accounts (user_id);

create table auth.verifications (
  id text primary key,
  identifier text not null,
  value text not null,
  expires_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index verifications_identifier on auth.verifications (identifier);

-- What a user may be: administrator or operator of everything, or something for one client.
create table auth.grants (
  id int generated always as identity primary key,
  user_id text not null references auth.users on delete cascade,
  role text not null
    check (role in ('administrator', 'operator', 'client_manager', 'client_reader', 'regulator_reader')),
  client_id int references clients on delete cascade,
  created_at timestamptz not null default now(),
  unique nulls not distinct (user_id, role, client_id),
  check ((client_id is null) = (role in ('administrator', 'operator')))
);

-- What a program may be. `hash` is the SHA-256 of the token; the token itself is shown once and kept nowhere.
create table auth.api_tokens (
  id int generated always as identity primary key,
  name text not null unique,
  hash bytea not null unique,
  role text not null
    check (role in ('administrator', 'operator', 'client_manager', 'client_reader', 'regulator_reader')),
  client_id int references clients on delete cascade,
  scopes text[] not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz,
  created_by text not null,
  created_at timestamptz not null default now(),
  check ((client_id is null) = (role in ('administrator', 'operator')))
);

-- Failed sign-ins, by address of mail and by address of network, whether or not such a user exists.
create table auth.sign_in_failures (
  key text primary key,
  failures int not null,
  window_began_at timestamptz not null
);

-- The last batch of a gateway, for the API.
create index batches_of_gateway on batches (gateway_id, id);
