-- Kill switches: everything, a work, an informant. Who turned one, when and why is kept for good.

alter table informants add column sending boolean not null default true;

create table sending_turns (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  what text not null check (what in ('all', 'work', 'informant')),
  -- The work's code, or the informant's RUT; '' for everything.
  key text not null,
  sending boolean not null,
  reason text not null,
  by text not null
);
create index sending_turns_of on sending_turns (what, key, id);
create trigger sending_turns_stay before update or delete on sending_turns
  for each row execute function refuse_change();
create trigger sending_turns_all_stay before truncate on sending_turns
  for each statement execute function refuse_change();
