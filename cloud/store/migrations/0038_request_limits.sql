-- Programs may be quicker than people: a hundred requests a second unless somebody says otherwise.
alter table auth.api_tokens drop constraint api_tokens_requests_per_minute_check;
alter table auth.api_tokens add check (requests_per_minute between 1 and 10000000);
alter table auth.api_tokens alter column requests_per_minute set default 6000;
update auth.api_tokens set requests_per_minute = 6000 where requests_per_minute = 600;
