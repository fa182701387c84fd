-- Reports to SMA: who signs in, which process is reported and how, and each report that is owed.

create table sma_holders (
  id int generated always as identity primary key,
  client_id int not null references clients,
  user_name text not null,
  secret_key_id text not null,
  secret bytea not null,
  -- 'blocked' by SMA's answer that they are not let in, until a person changes them.
  status text not null default 'active' check (status in ('active', 'blocked')),
  reason text,
  status_at timestamptz,
  created_at timestamptz not null default now(),
  unique (client_id, user_name)
);

-- A process of a unit (UF). `key` is 'SMA uf/process': so its evidence is named among that of works. A row is locked while
-- one of its reports is taken, so that a process is reported by one program at a time.
create table sma_processes (
  key text primary key check (key ~ '^SMA [A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$'),
  client_id int not null references clients,
  holder_id int not null references sma_holders,
  uf text not null,
  process text not null,
  sending boolean not null default true,
  status text not null default 'active' check (status in ('active', 'blocked')),
  reason text,
  status_at timestamptz,
  last_attempt_at timestamptz,
  busy_until timestamptz,
  created_at timestamptz not null default now()
);
create index sma_processes_of_client on sma_processes (client_id);

-- What is reported of a process from an instant on, until the next row of it begins. `terms` is SmaTerms of
-- cloud/compliance/sma/settings.ts. Reports exist up to (not including) `created_through`.
create table sma_terms (
  id int generated always as identity primary key,
  client_id int not null references clients,
  key text not null references sma_processes,
  valid_from timestamptz not null,
  terms jsonb not null,
  created_through timestamptz not null,
  created_at timestamptz not null default now(),
  unique (key, valid_from)
);

-- One report: all parameters of a process at one time stamp. States as of slots (migration 0002); `closed`: a person decided
-- that it is not sent.
create table sma_reports (
  id bigint generated always as identity primary key,
  key text not null references sma_processes,
  terms_id int not null references sma_terms,
  at timestamptz not null,
  state text not null default 'pending'
    check (state in ('pending', 'no_data', 'ready', 'sending', 'sent', 'review', 'shadow', 'closed')),
  state_at timestamptz not null,
  reason text,
  -- SmaValue[] of cloud/compliance/sma/report.ts.
  chosen jsonb not null default '[]',
  next_check_at timestamptz,
  next_attempt_at timestamptz,
  attempts int not null default 0,
  lease_token bigint not null default 0,
  lease_until timestamptz,
  -- SMA's IdVerificacion.
  verification text,
  accepted_at timestamptz,
  created_at timestamptz not null default now(),
  unique (key, at)
);
create index sma_reports_to_check on sma_reports (next_check_at) where next_check_at is not null;
create index sma_reports_ready on sma_reports (key, at) where state = 'ready';
create index sma_reports_sending on sma_reports (lease_until) where state = 'sending';
create index sma_reports_by_state on sma_reports (state, at, id);

-- What persons decided of reports.
create table sma_decisions (
  id bigint generated always as identity primary key,
  client_id int not null references clients,
  report_id bigint not null references sma_reports,
  at timestamptz not null,
  by text not null,
  decision text not null check (decision in ('send', 'close')),
  reason text not null,
  was text not null
);
create index sma_decisions_of on sma_decisions (report_id);
create trigger sma_decisions_stay before update or delete on sma_decisions
  for each row execute function refuse_change();
create trigger sma_decisions_all_stay before truncate on sma_decisions
  for each statement execute function refuse_change();

-- The evidence of reports stands among that of declarations, in chains of its own: `work_code` is the process's key, and
-- `slot_id` the report's id.
alter table submissions drop constraint submissions_slot_id_fkey;
alter table submissions drop constraint submissions_channel_check;
alter table submissions add constraint submissions_channel_check check (channel in ('rest', 'soap', 'sma'));

select keep_audit('sma_holders', 'sma_holder');
select keep_audit('sma_processes', 'sma_process', 'last_attempt_at,busy_until');
select keep_audit('sma_terms', 'sma_terms', 'created_through');
select keep_audit('sma_decisions', 'sma_decision', '', false);

alter table sending_turns drop constraint sending_turns_what_check;
alter table sending_turns add constraint sending_turns_what_check
  check (what in ('all', 'work', 'informant', 'sma_process'));
