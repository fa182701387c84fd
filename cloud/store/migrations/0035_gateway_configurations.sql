-- What each gateway should run with, by version, as it was signed; and what gateways said that they run with.
create table gateway_configurations (
  gateway_id int not null references gateways,
  version int not null check (version > 0),
  document text not null,
  hash text not null,
  signature text not null,
  created_at timestamptz not null,
  created_by text not null,
  note text not null,
  -- The version whose document was taken again.
  copy_of int,
  -- The gateway's own file was taken over.
  is_adopted boolean not null default false,
  primary key (gateway_id, version)
);
create trigger gateway_configurations_stay before update or delete on gateway_configurations
  for each row execute function refuse_change();
select keep_audit('gateway_configurations', 'gateway_configuration', 'document,signature');

-- What a gateway said of its configuration, when that was news. A refusal is found here, and in the audit.
create table gateway_reports (
  id bigint generated always as identity primary key,
  gateway_id int not null references gateways,
  at timestamptz not null,
  version int not null,
  hash text not null,
  on_probation boolean not null,
  refused jsonb
);
create index gateway_reports_of on gateway_reports (gateway_id, id);
create trigger gateway_reports_stay before update or delete on gateway_reports
  for each row execute function refuse_change();
select keep_audit('gateway_reports', 'gateway_report');
