-- The evidence of each work is a chain: every row holds a hash over itself and the hash before it, so that a row that is
-- altered, missing or elsewhere is found by who computes the hashes again (cloud/compliance/chain.ts).

-- Where each chain ends: without it nobody could tell that the last rows are gone.
create table evidence_heads (
  work_code text primary key,
  seq bigint not null,
  hash bytea not null
);

alter table submissions add column seq bigint, add column hash bytea;

-- A field in the text that is hashed: its length in bytes, a colon, itself; or a hyphen where there is none.
create function chained(field text) returns bytea language sql immutable as $$
  select coalesce(convert_to(octet_length(convert_to(field, 'UTF8')) || ':' || field, 'UTF8'), '-'::bytea)
$$;

create function chained(field timestamptz) returns bytea language sql immutable as $$
  select chained((extract(epoch from field) * 1000000)::bigint::text)
$$;

create function evidence_hash(before bytea, e submissions) returns bytea
language sql stable set search_path from current as $$
  select sha256(before || chained(e.seq::text) || chained(e.id::text) || chained(e.slot_id::text)
    || chained(e.work_code) || chained(e.due_at) || chained(e.attempt::text) || chained(e.lease_token::text)
    || chained(e.step) || chained(e.at) || chained(e.channel) || chained(e.outcome) || chained(e.detail::text)
    || chained(e.receipt) || chained(e.request) || chained(e.http_status::text) || chained(e.answer))
$$;

do $$
declare
  e submissions;
  head evidence_heads;
begin
  alter table submissions disable trigger submissions_stay;
  for e in select * from submissions order by id loop
    insert into evidence_heads values (e.work_code, 0, '') on conflict do nothing;
    select * into head from evidence_heads where work_code = e.work_code;
    e.seq := head.seq + 1;
    e.hash := evidence_hash(head.hash, e);
    update submissions set seq = e.seq, hash = e.hash where id = e.id;
    update evidence_heads set seq = e.seq, hash = e.hash where work_code = e.work_code;
  end loop;
  alter table submissions enable trigger submissions_stay;
end
$$;

alter table submissions alter column seq set not null, alter column hash set not null;
create unique index submissions_chain on submissions (work_code, seq);

-- Who may only insert writes the heads through this function alone.
create function chain_evidence() returns trigger language plpgsql security definer set search_path from current as $$
declare
  head evidence_heads;
begin
  insert into evidence_heads values (new.work_code, 0, '') on conflict do nothing;
  select * into head from evidence_heads where work_code = new.work_code for update;
  new.seq := head.seq + 1;
  new.hash := evidence_hash(head.hash, new);
  update evidence_heads set seq = new.seq, hash = new.hash where work_code = new.work_code;
  return new;
end
$$;
create trigger submissions_chain before insert on submissions for each row execute function chain_evidence();

create trigger evidence_heads_stay before delete on evidence_heads
  for each row execute function refuse_change();
create trigger evidence_heads_all_stay before truncate on evidence_heads
  for each statement execute function refuse_change();
