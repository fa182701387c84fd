-- What people look after besides what is measured. Archived is what is not in use any more: it is not shown among the rest, and
-- nothing that was measured, declared or decided with it goes.

alter table clients add column address text, add column phone text, add column email text, add column note text,
  add column archived_at timestamptz;
alter table projects add column code text, add column note text, add column archived_at timestamptz;
-- What the meter showed when it was put in: d6 of the old records.
alter table points add column meter_initial_m3 float8, add column note text, add column archived_at timestamptz;
alter table gateways add column name text, add column place text, add column note text, add column archived_at timestamptz;

-- How a variable of a point is shown: under which name, with how many decimals, where among the others, or not at all.
alter table series add column label text, add column decimals smallint check (decimals between 0 and 6),
  add column place smallint, add column hidden boolean not null default false;

-- Documents of a point: resolutions, plans, photographs. The bytes stand apart, so that lists do not read them.
create table documents (
  id bigint generated always as identity primary key,
  point_id int not null references points,
  name text not null,
  title text not null,
  kind text not null check (kind in ('resolution', 'plan', 'photo', 'report', 'certificate', 'contract', 'other')),
  media_type text not null,
  size int not null,
  digest bytea not null,
  note text,
  uploaded_by text not null,
  uploaded_at timestamptz not null,
  archived_at timestamptz
);
create index documents_of on documents (point_id, id);
create table document_bytes (
  document_id bigint primary key references documents,
  bytes bytea not null
);
alter table document_bytes alter column bytes set storage external;

-- Whom to call about a point.
create table contacts (
  id bigint generated always as identity primary key,
  point_id int not null references points,
  name text not null,
  role text,
  phone text,
  email text,
  note text,
  created_at timestamptz not null default now()
);
create index contacts_of on contacts (point_id, id);

select keep_audit('documents', 'document');
select keep_audit('contacts', 'contact');

-- The same for rows of incidents, and of what is reported to SMA.
create or replace function audit_subject(entity text, r jsonb, out client int, out point int, out name text)
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
      when r->>'incident_id' ~ '^\d{1,18}$' then (select i.point_id from incidents i where i.id = (r->>'incident_id')::bigint)
      when r->>'slot_id' ~ '^\d{1,18}$' then (select s.point_id from slots s where s.id = (r->>'slot_id')::bigint) end;
    if point is not null then
      select c.id, c.slug || '.' || pr.slug || '.' || p.slug into client, name
        from points p join projects pr on pr.id = p.project_id join clients c on c.id = pr.client_id where p.id = point;
    elsif r->>'incident_id' ~ '^\d{1,18}$' then
      select c.id, i.subject into client, name from incidents i join gateways g on g.id = i.gateway_id
        join projects pr on pr.id = g.project_id join clients c on c.id = pr.client_id where i.id = (r->>'incident_id')::bigint;
    elsif r->>'gateway_id' ~ '^\d{1,9}$' then
      select c.id, g.slug into client, name from gateways g
        join projects pr on pr.id = g.project_id join clients c on c.id = pr.client_id where g.id = (r->>'gateway_id')::int;
    elsif r->>'client_id' ~ '^\d{1,9}$' then
      select c.id, c.slug into client, name from clients c where c.id = (r->>'client_id')::int;
    elsif r ? 'work_code' or entity = 'sending' then
      select c.id, w.code into client, name from works w join clients c on c.id = w.client_id
        where w.code = coalesce(r->>'work_code', r->>'key');
    end if;
    if client is null and r->>'key' like 'SMA %' then
      select p.client_id into client from sma_processes p where p.key = r->>'key';
    end if;
    if client is null and r->>'report_id' ~ '^\d{1,18}$' then
      select p.client_id, p.key into client, name from sma_reports s join sma_processes p on p.key = s.key
        where s.id = (r->>'report_id')::bigint;
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

select keep_audit('incident_events', 'incident_event', '', false);
