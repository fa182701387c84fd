-- Of a derived value that is the newest: its flags. Those of a measured one stand in `judgements`.
alter table latest add column flags int not null default 0;

-- A rule is never changed: another one begins.
create trigger calibrations_stay before update or delete on calibrations
  for each row execute function refuse_change();
