-- What is owed to DGA, what was declared, and the proof of it.

-- Those who declare. The password is sealed (AES-256-GCM in an envelope, cloud/compliance/secrets.ts).
create table informants (
  id int generated always as identity primary key,
  client_id int not null references clients,
  rut text not null check (rut ~ '^[1-9][0-9]{0,8}-[0-9K]$'),
  name text not null,
  control_centre_rut text not null check (control_centre_rut ~ '^[1-9][0-9]{0,8}-[0-9K]$'),
  secret_key_id text not null,
  secret bytea not null,
  -- 'blocked' by DGA's answer that their credentials are wrong, until a person changes them.
  status text not null default 'active' check (status in ('active', 'blocked')),
  reason text,
  status_at timestamptz,
  created_at timestamptz not null default now(),
  unique (client_id, rut)
);

-- Works as DGA knows them. A row is locked while one of its slots is taken for sending, so that a work is declared by
-- one process at a time.
create table works (
  code text primary key check (code ~ '^O[BR]-(0[1-9]|1[0-6])[0-9]{2}-[1-9][0-9]*$'),
  client_id int not null references clients,
  -- The kill switch of a work.
  sending boolean not null default true,
  -- 'blocked' by DGA's answer about this work, until a person changes something.
  status text not null default 'active' check (status in ('active', 'blocked')),
  reason text,
  status_at timestamptz,
  last_attempt_at timestamptz,
  last_backlog_at timestamptz,
  busy_until timestamptz,
  created_at timestamptz not null default now()
);

-- The kill switch of the installation: one row.
create table compliance_switch (
  is_all boolean primary key default true check (is_all),
  sending boolean not null default true,
  reason text,
  changed_at timestamptz
);
insert into compliance_switch default values;

-- What is owed of a work from an instant on, until the next row of the same work begins or this one ends. `terms` is
-- ObligationTerms of cloud/compliance/obligation.ts.
create table obligations (
  id int generated always as identity primary key,
  work_code text not null references works,
  point_id int not null references points,
  informant_id int not null references informants,
  valid_from timestamptz not null,
  valid_to timestamptz,
  terms jsonb not null,
  -- Slots are owed from here on, and exist up to (not including) `created_through`.
  owed_from timestamptz not null,
  created_through timestamptz not null,
  created_at timestamptz not null default now(),
  unique (work_code, valid_from)
);

-- One declaration that is owed.
--   pending   values are not picked yet                 ready     may be sent when `next_attempt_at` comes
--   no_data   nothing good was measured; reopened when  sending   a process has it, until `lease_until`
--             something comes before the maximum lag    sent      DGA holds it and its receipt is known
--   review    a person must look, `reason` says why     shadow    everything was done but sending
create table slots (
  id bigint generated always as identity primary key,
  obligation_id int not null references obligations,
  work_code text not null references works,
  point_id int not null,
  due_at timestamptz not null,
  state text not null default 'pending'
    check (state in ('pending', 'no_data', 'ready', 'sending', 'sent', 'review', 'shadow')),
  state_at timestamptz not null,
  reason text,
  -- ChosenValues and Declaration of cloud/compliance/declaration.ts.
  chosen jsonb,
  declaration jsonb,
  -- Null: not looked at any more.
  next_check_at timestamptz,
  next_attempt_at timestamptz,
  attempts int not null default 0,
  -- Grows with each taking: a process that was overtaken cannot write.
  lease_token bigint not null default 0,
  lease_until timestamptz,
  receipt text,
  -- The receipt was told by a duplicate's message, not by the acceptance.
  recovered boolean not null default false,
  accepted_at timestamptz,
  verification text check (verification in ('match', 'mismatch', 'not_found', 'no_answer')),
  verified_at timestamptz,
  verify_attempts int not null default 0,
  next_verify_at timestamptz,
  created_at timestamptz not null default now(),
  unique (obligation_id, due_at),
  unique (work_code, due_at)
);
create index slots_to_check on slots (next_check_at) where next_check_at is not null;
create index slots_ready on slots (work_code, due_at) where state = 'ready';
create index slots_sending on slots (lease_until) where state = 'sending';
create index slots_to_verify on slots (next_verify_at) where next_verify_at is not null;
create index slots_of_point on slots (point_id, due_at);
create index slots_by_time on slots (due_at, id);

-- The evidence: every step of every submission. Rows are only ever added.
create table submissions (
  id bigint generated always as identity primary key,
  slot_id bigint not null references slots,
  work_code text not null,
  due_at timestamptz not null,
  attempt int not null,
  lease_token bigint not null,
  step text not null check (step in ('begun', 'answered', 'abandoned', 'verified')),
  at timestamptz not null,
  channel text not null check (channel in ('rest', 'soap')),
  -- Of 'begun': the declaration. Of the others: the kind of Submission or Verification, and all it says.
  outcome text,
  detail jsonb not null,
  receipt text,
  -- What went over the wire, the password replaced.
  request text,
  http_status int,
  answer text
);
create index submissions_of_slot on submissions (work_code, due_at, id);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'rows of % are evidence and are only ever added', tg_table_name using errcode = '23001';
end
$$;
create trigger submissions_stay before update or delete on submissions
  for each row execute function refuse_change();
create trigger submissions_all_stay before truncate on submissions
  for each statement execute function refuse_change();
