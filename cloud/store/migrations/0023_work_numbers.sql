-- The order in which works came, so that they can be listed page by page.
alter table works add column number int generated always as identity;
create unique index works_in_order on works (number);
