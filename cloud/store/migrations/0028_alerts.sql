-- What people want to be told of, how far each rule has come, and who said so.

-- `rule`: AlertRule of cloud/alerts/rule.ts. `point_id` null: every point of the client.
create table alert_rules (
  id bigint generated always as identity primary key,
  client_id int not null references clients on delete cascade,
  point_id int references points on delete cascade,
  rule jsonb not null,
  version int not null default 1,
  changed_at timestamptz not null,
  changed_by text not null,
  deleted_at timestamptz
);
create index alert_rules_of on alert_rules (client_id, id) where deleted_at is null;

-- How rules came to say what they say. Rows are only ever added.
create table alert_rule_changes (
  id bigint generated always as identity primary key,
  rule_id bigint not null,
  at timestamptz not null,
  by text not null,
  -- Null: it was made, or deleted.
  before jsonb,
  after jsonb
);
create index alert_rule_changes_of on alert_rule_changes (rule_id, id);
create trigger alert_rule_changes_stay before update or delete on alert_rule_changes
  for each row execute function refuse_change();
create trigger alert_rule_changes_all_stay before truncate on alert_rule_changes
  for each statement execute function refuse_change();

-- How far a rule has come at a point: Progress of cloud/alerts/evaluate.ts. That of an earlier version says nothing.
create table alert_progress (
  rule_id bigint not null references alert_rules on delete cascade,
  point_id int not null references points on delete cascade,
  version int not null,
  progress jsonb not null,
  primary key (rule_id, point_id)
);
