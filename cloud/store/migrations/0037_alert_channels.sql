-- Who is told, when and by which way, and what came of each try.

-- How many steps of escalation the rules of an incident have.
alter table incidents add column steps int not null default 0;

-- Ways to people besides mail: a webhook, or a provider of SMS or chat that is asked over HTTP. `client_id` null: of the
-- installation, for everybody's rules. `settings`: ChannelSettings of cloud/alerts/channel.ts.
create table alert_channels (
  id bigint generated always as identity primary key,
  client_id int references clients on delete cascade,
  name text not null,
  settings jsonb not null,
  -- Sealed (cloud/compliance/secrets.ts), where the provider wants one.
  secret_key_id text,
  secret bytea,
  version int not null default 1,
  changed_at timestamptz not null,
  changed_by text not null,
  deleted_at timestamptz
);
create index alert_channels_of on alert_channels (client_id, id) where deleted_at is null;

-- What people have asked for of messages to them: Preferences of cloud/alerts/preferences.ts.
create table notification_preferences (
  user_id text primary key references auth.users on delete cascade,
  preferences jsonb not null,
  version int not null default 1,
  changed_at timestamptz not null
);

-- Maintenance: rules of these points say nothing from `starts_at` until before `ends_at`. `point_id` null: every point of the client.
create table alert_pauses (
  id bigint generated always as identity primary key,
  client_id int not null references clients on delete cascade,
  point_id int references points on delete cascade,
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  reason text not null,
  created_at timestamptz not null,
  created_by text not null,
  -- It was ended, or given up, before its time.
  ended_by text,
  check (ends_at >= starts_at)
);
create index alert_pauses_of on alert_pauses (client_id, id);
create index alert_pauses_ending on alert_pauses (ends_at);

alter table deliveries
  drop constraint deliveries_channel_check,
  drop constraint deliveries_incident_id_channel_recipient_key,
  alter column incident_id drop not null,
  -- Whom the rule names; `recipient` is where they are reached.
  add column person text,
  add column channel_id bigint references alert_channels on delete cascade,
  add column step int not null default 0,
  add column language text not null default 'es' check (language in ('es', 'en')),
  -- It may be told together with others to the same recipient.
  add column digest boolean not null default false,
  add constraint deliveries_channel_check check (channel in ('email', 'webhook', 'http'));
update deliveries set person = recipient;
alter table deliveries alter column person set not null;
create unique index deliveries_once on deliveries (incident_id, step, channel, coalesce(channel_id, 0), recipient);
create index deliveries_of_person on deliveries (person, id);

-- Each try of a message, and what the provider said.
create table delivery_tries (
  id bigint generated always as identity primary key,
  delivery_id bigint not null references deliveries on delete cascade,
  at timestamptz not null,
  outcome text not null check (outcome in ('accepted', 'refused', 'unanswered')),
  answer text not null
);
create index delivery_tries_of on delivery_tries (delivery_id, id);

select keep_audit('alert_channels', 'alert_channel');
select keep_audit('alert_pauses', 'maintenance');
select keep_audit('notification_preferences', 'notification_preferences');
