-- Who does something about an incident, and its story.

alter table incidents
  -- Grows with what people do: two who act on what they saw at the same time are told apart by it.
  add column version int not null default 1,
  add column assigned_to text,
  add column snoozed_until timestamptz,
  -- How many steps of escalation were taken.
  add column escalated int not null default 0,
  -- The incident that explains this one; nobody is told of this one while it does.
  add column parent_id bigint references incidents on delete set null;
create index incidents_parent on incidents (parent_id) where parent_id is not null;

-- What was done about incidents and what became of them. Rows are only ever added.
create table incident_events (
  id bigint generated always as identity primary key,
  incident_id bigint not null,
  at timestamptz not null,
  -- Null: the cloud itself.
  by text,
  kind text not null check (kind in ('opened', 'reopened', 'closed', 'silenced', 'unsilenced', 'acknowledged', 'assigned',
    'snoozed', 'commented', 'escalated')),
  details jsonb not null default '{}'
);
create index incident_events_of on incident_events (incident_id, id);
create trigger incident_events_stay before update or delete on incident_events
  for each row execute function refuse_change();
create trigger incident_events_all_stay before truncate on incident_events
  for each statement execute function refuse_change();
