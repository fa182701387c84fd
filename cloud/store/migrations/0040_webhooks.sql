-- Who is told of what happens, at which address, and what came of each message.

create table webhooks (
  id bigint generated always as identity primary key,
  -- Null: of the installation, told of every client.
  client_id int references clients on delete cascade,
  url text not null,
  events text[] not null check (events <> '{}' and events <@ array['readings', 'incidents', 'slots', 'receipts']),
  -- Sealed (cloud/compliance/secrets.ts); the former one signs too until its time.
  secret_key_id text,
  secret bytea,
  former_secret_key_id text,
  former_secret bytea,
  former_until timestamptz,
  -- Why nothing is sent any more; null: it is.
  disabled_reason text,
  -- Grows with each change, and with each message that is to be sent again.
  version int not null default 1,
  changed_at timestamptz not null,
  changed_by text not null,
  deleted_at timestamptz
);
create index webhooks_of on webhooks (client_id, id) where deleted_at is null;

create table webhook_messages (
  id bigint generated always as identity primary key,
  webhook_id bigint not null references webhooks on delete cascade,
  type text not null,
  -- What happened; of readings the batch, whose values are read when it is sent for the first time.
  data jsonb not null,
  at timestamptz not null default now(),
  -- What was sent, the same each time.
  body text,
  state text not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
  attempts int not null default 0,
  -- Null: at once.
  due_at timestamptz,
  state_at timestamptz not null default now(),
  answer text
);
create index webhook_messages_due on webhook_messages (webhook_id, due_at) where state = 'pending';
create index webhook_messages_of on webhook_messages (webhook_id, id);
create index webhook_messages_old on webhook_messages (state_at) where state <> 'pending';

-- Whoever changes a row need not be one who may write messages.
create function tell_webhooks(event text, of_client int, type text, data jsonb) returns void
language sql security definer set search_path from current as $$
  insert into webhook_messages (webhook_id, type, data)
  select w.id, tell_webhooks.type, tell_webhooks.data from webhooks w
  where event = any(w.events) and w.deleted_at is null and w.disabled_reason is null
    and (w.client_id is null or w.client_id = of_client)
$$;

create function instant_text(at timestamptz) returns text language sql stable as $$
  select to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;

create function tell_incident(i incidents) returns void language sql security definer set search_path from current as $$
  select tell_webhooks('incidents',
    (select pr.client_id from projects pr where pr.id = coalesce(
      (select project_id from gateways where id = i.gateway_id), (select project_id from points where id = i.point_id))),
    case when i.closed_at is null then 'incident.opened' else 'incident.closed' end,
    jsonb_build_object('id', i.id, 'kind', i.kind, 'subject', i.subject, 'openedAt', instant_text(i.opened_at),
      'closedAt', instant_text(i.closed_at), 'details', i.details))
$$;

create function tell_incidents() returns trigger language plpgsql security definer set search_path from current as $$
begin
  if exists (select from webhooks where 'incidents' = any(events) and deleted_at is null) then
    perform tell_incident(new);
  end if;
  return null;
end
$$;
create trigger webhooks_of_new after insert on incidents for each row execute function tell_incidents();
create trigger webhooks_of_changed after update on incidents for each row
  when ((old.closed_at is null) <> (new.closed_at is null)) execute function tell_incidents();

create function tell_slots() returns trigger language plpgsql security definer set search_path from current as $$
begin
  if exists (select from webhooks where events && array['slots', 'receipts'] and deleted_at is null) then
    perform tell_webhooks(event, pr.client_id, event || case event when 'slots' then '.' || new.state else '.issued' end,
      jsonb_build_object('id', new.id, 'point', c.slug || '.' || pr.slug || '.' || p.slug, 'work', new.work_code,
        'dueAt', instant_text(new.due_at), 'state', new.state, 'reason', new.reason, 'receipt', new.receipt,
        'acceptedAt', instant_text(new.accepted_at)))
    from points p join projects pr on pr.id = p.project_id join clients c on c.id = pr.client_id,
      unnest(array['slots', 'receipts']) event
    where p.id = new.point_id
      and ((event = 'slots' and new.state is distinct from old.state)
        or (event = 'receipts' and new.receipt is not null and old.receipt is null));
  end if;
  return null;
end
$$;
create trigger webhooks_of_changed after update on slots for each row
  when (new.state is distinct from old.state or new.receipt is distinct from old.receipt) execute function tell_slots();

create function tell_batches() returns trigger language plpgsql security definer set search_path from current as $$
begin
  if exists (select from webhooks where 'readings' = any(events) and deleted_at is null) then
    perform tell_webhooks('readings', pr.client_id, 'readings.stored',
      jsonb_build_object('batch', new.id, 'gateway', g.slug, 'projectId', pr.id,
        'from', instant_text(new.oldest_at), 'to', instant_text(new.newest_at), 'count', new.readings))
    from gateways g join projects pr on pr.id = g.project_id where g.id = new.gateway_id;
  end if;
  return null;
end
$$;
create trigger webhooks_of_processed after update on batches for each row
  when (old.processed_at is null and new.processed_at is not null) execute function tell_batches();

select keep_audit('webhooks', 'webhook');
