-- Who is to be told of an incident, and what the provider said: one message for each recipient, however often it comes back.
create table deliveries (
  id bigint generated always as identity primary key,
  incident_id bigint not null references incidents on delete cascade,
  channel text not null check (channel in ('email')),
  recipient text not null,
  -- notified: the provider has taken it. failed: it never will, or was asked too often.
  state text not null default 'pending' check (state in ('pending', 'notified', 'failed')),
  attempts int not null default 0,
  created_at timestamptz not null,
  due_at timestamptz not null,
  state_at timestamptz not null,
  -- What the provider said last, or why it could not be asked.
  answer text,
  unique (incident_id, channel, recipient)
);
create index deliveries_due on deliveries (due_at) where state = 'pending';
