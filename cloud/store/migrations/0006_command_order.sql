-- The order in which commands were given, so that what was done to a gateway can be read page by page.
alter table commands add column number bigint generated always as identity;
create unique index commands_in_order on commands (gateway_id, number);
