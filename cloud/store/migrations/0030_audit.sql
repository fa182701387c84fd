-- Who changed what, from what to what, when, from where and by which key or session. Triggers write it, so that nothing
-- that changes a row can go around it: the API, a command, a service, or somebody with a login of their own.
create table audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  entity text not null,
  entity_id text not null,
  -- Its name as people know it, at that time.
  subject text not null,
  -- Whose it is; null: the installation's. No reference: the audit outlives what it is about.
  client_id int,
  point_id int,
  action text not null check (action in ('created', 'changed', 'deleted')),
  -- Of a change: what differs. What is secret is there as three dots.
  before jsonb,
  after jsonb,
  -- Actor of cloud/store/acting.ts.
  actor_kind text not null,
  actor_id text not null,
  actor_name text not null,
  session text,
  address text,
  request_id text,
  route text
);
create index audit_of_client on audit (client_id, id);
create index audit_of_point on audit (point_id, id) where point_id is not null;
create index audit_of_entity on audit (entity, entity_id, id);
create index audit_by_actor on audit (actor_name, id);
create index audit_by_time on audit (at, id);
create trigger audit_stays before update or delete on audit for each row execute function refuse_change();
create trigger audit_all_stays before truncate on audit for each statement execute function refuse_change();

-- A document without what is secret in it, however deep.
create function audit_shown(document jsonb) returns jsonb language plpgsql immutable set search_path from current as $$
begin
  case jsonb_typeof(document)
    when 'object' then
      return (select coalesce(jsonb_object_agg(key, case
        when value <> 'null' and key ~* '(password|secret|token|hash|backup_code|authorization|private)' then '"•••"'
        else audit_shown(value) end), '{}') from jsonb_each(document));
    when 'array' then
      return (select coalesce(jsonb_agg(audit_shown(value) order by place), '[]')
        from jsonb_array_elements(document) with ordinality as e(value, place));
    else return document;
  end case;
end
$$;

-- The same of a row of a table: bytes are told by their number.
create function audit_shown(of_table oid, document jsonb) returns jsonb language sql stable set search_path from current as $$
  select audit_shown(document || coalesce((
    select jsonb_object_agg(attname, format('(%s bytes)', (length(document->>attname) - 2) / 2))
    from pg_attribute where attrelid = of_table and atttypid = 'bytea'::regtype and document->>attname is not null), '{}'))
$$;

-- Whose a row is, and by which name people know it: found by the columns that it has.
create function audit_subject(entity text, r jsonb, out client int, out point int, out name text)
language plpgsql stable set search_path from current as $$
declare
  found_project int := case when entity in ('point', 'gateway') then (r->>'project_id')::int end;
begin
  if entity = 'client' then
    client := (r->>'id')::int; name := r->>'slug';
  elsif entity = 'project' then
    select c.id, c.slug || '.' || (r->>'slug') into client, name from clients c where c.id = (r->>'client_id')::int;
  elsif entity in ('point', 'gateway') then
    select c.id, case entity when 'gateway' then r->>'slug' else c.slug || '.' || p.slug || '.' || (r->>'slug') end
      into client, name from projects p join clients c on c.id = p.client_id where p.id = found_project;
    if entity = 'point' then point := (r->>'id')::int; end if;
  else
    point := case when r->>'point_id' ~ '^\d{1,9}$' then (r->>'point_id')::int
      when r->>'slot_id' ~ '^\d{1,18}$' then (select s.point_id from slots s where s.id = (r->>'slot_id')::bigint) end;
    if point is not null then
      select c.id, c.slug || '.' || pr.slug || '.' || p.slug into client, name
        from points p join projects pr on pr.id = p.project_id join clients c on c.id = pr.client_id where p.id = point;
    elsif r->>'gateway_id' ~ '^\d{1,9}$' then
      select c.id, g.slug into client, name from gateways g
        join projects pr on pr.id = g.project_id join clients c on c.id = pr.client_id where g.id = (r->>'gateway_id')::int;
    elsif r->>'client_id' ~ '^\d{1,9}$' then
      select c.id, c.slug into client, name from clients c where c.id = (r->>'client_id')::int;
    elsif r ? 'work_code' or entity = 'sending' then
      select c.id, w.code into client, name from works w join clients c on c.id = w.client_id
        where w.code = coalesce(r->>'work_code', r->>'key');
    end if;
    if entity in ('work', 'obligation') then name := coalesce(r->>'work_code', r->>'code', name); end if;
    if r->>'user_id' is not null then
      name := coalesce((select u.email from auth.users u where u.id = r->>'user_id'), name);
    elsif r->>'email' is not null and client is null then name := r->>'email';
    end if;
  end if;
  name := coalesce(name, r->>'name', r->>'slug', r->>'key', '');
end
$$;

-- `audit_row(entity, columns)`: the columns, with commas between, are those of which no account is kept.
create function audit_row() returns trigger language plpgsql security definer set search_path from current as $$
declare
  actor jsonb := coalesce(nullif(current_setting('smarthydro.actor', true), ''), '{}')::jsonb;
  left_out text[] := string_to_array(tg_argv[1], ',');
  was jsonb; became jsonb; whole jsonb; subject record;
begin
  if tg_op <> 'INSERT' then was := to_jsonb(old) - left_out; end if;
  if tg_op <> 'DELETE' then became := to_jsonb(new) - left_out; end if;
  whole := coalesce(became, was);
  if tg_op = 'UPDATE' then
    select jsonb_object_agg(key, value), jsonb_object_agg(key, became->key) into was, became
      from jsonb_each(was) where value is distinct from became->key;
  end if;
  subject := audit_subject(tg_argv[0], whole);
  insert into audit (entity, entity_id, subject, client_id, point_id, action, before, after,
    actor_kind, actor_id, actor_name, session, address, request_id, route)
  values (tg_argv[0], coalesce(whole->>'id', whole->>'code', whole->>'point_id', whole->>'key', ''), subject.name, subject.client, subject.point,
    case tg_op when 'INSERT' then 'created' when 'UPDATE' then 'changed' else 'deleted' end,
    audit_shown(tg_relid, was), audit_shown(tg_relid, became),
    coalesce(actor->>'kind', 'service'), coalesce(actor->>'id', ''),
    coalesce(actor->>'name', session_user || ' (' || current_setting('application_name') || ')'),
    actor->>'session', actor->>'address', actor->>'requestId', actor->>'route');
  return null;
end
$$;

-- Keeps an audit of a table. `always` false: only of what somebody does, for tables that services write all the time.
create function keep_audit(of_table regclass, entity text, left_out text default '', always boolean default true)
returns void language plpgsql set search_path from current as $$
declare
  acted constant text := case when always then 'true'
    else $when$ coalesce(current_setting('smarthydro.actor', true), '') <> '' $when$ end;
begin
  execute format('create trigger audit_rows after insert or delete on %s for each row when (%s) execute function audit_row(%L, %L)',
    of_table, acted, entity, left_out);
  execute format('create trigger audit_changes after update on %s for each row
      when (%s and (to_jsonb(old) - %L::text[]) is distinct from (to_jsonb(new) - %L::text[])) execute function audit_row(%L, %L)',
    of_table, acted, string_to_array(left_out, ','), string_to_array(left_out, ','), entity, left_out);
end
$$;

select keep_audit('clients', 'client');
select keep_audit('projects', 'project');
select keep_audit('points', 'point');
select keep_audit('series', 'variable', '', false);
select keep_audit('gateways', 'gateway', 'state,state_at,health,health_at,reported,reported_at,way');
select keep_audit('calibrations', 'processing_rule');
select keep_audit('meter_events', 'meter_event');
select keep_audit('informants', 'informant');
select keep_audit('works', 'work', 'last_attempt_at,last_backlog_at,busy_until');
select keep_audit('obligations', 'obligation', 'created_through');
select keep_audit('compliance_switch', 'sending');
select keep_audit('sending_turns', 'sending_turn', '', false);
select keep_audit('slot_decisions', 'slot_decision', '', false);
select keep_audit('sensor_faults', 'sensor_fault', 'raised_at');
select keep_audit('alert_rules', 'alert_rule');
select keep_audit('incidents', 'incident', 'last_seen_at,count', false);
select keep_audit('commands', 'command', 'sent_at,result,result_at', false);
select keep_audit('dead_letters', 'dead_letter', 'bytes', false);
select keep_audit('imports', 'import', 'bytes,preview,mistakes,readings_done,lease_until', false);
select keep_audit('recomputation_previews', 'recomputation_preview', 'outcome', false);
select keep_audit('recomputations', 'recomputation', 'outcome', false);
select keep_audit('auth.users', 'user', 'updated_at');
select keep_audit('auth.accounts', 'sign_in_way', 'updated_at');
select keep_audit('auth.sessions', 'session', 'updated_at,expires_at', false);
select keep_audit('auth.grants', 'grant');
select keep_audit('auth.api_tokens', 'api_token', 'last_used_at');

-- What a POST with an `Idempotency-Key` did, and its answer: written in the transaction of what it did, sealed with the
-- key itself, of which only a hash is kept (cloud/api/idempotency.ts).
create table idempotency_keys (
  owner text not null,
  key_hash bytea not null,
  request_hash bytea not null,
  answer bytea not null,
  at timestamptz not null,
  primary key (owner, key_hash)
);
create index idempotency_keys_by_time on idempotency_keys (at);
