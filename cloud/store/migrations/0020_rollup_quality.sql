-- What a bucket says of the quality of its values: how many there are of each quality that is not good ({"3": 2}, by the
-- codes of protocol/reading.ts), and of each flag ({"2": 5}, by the bits of cloud/flags.ts); null where there are none.
-- `first_at` and `through_at` are the instants of the first and the last value, whatever their quality. `late` counts
-- readings that came when those of the bucket were no longer kept: they are not in its figures.
alter table rollups_hour add column qualities jsonb, add column flags jsonb, add column first_at timestamptz,
  add column through_at timestamptz, add column late int not null default 0;
alter table rollups_day add column qualities jsonb, add column flags jsonb, add column first_at timestamptz,
  add column through_at timestamptz, add column late int not null default 0;
alter table rollups_month add column qualities jsonb, add column flags jsonb, add column first_at timestamptz,
  add column through_at timestamptz, add column late int not null default 0;

-- How often each number is there; null for none.
create function tally(int[]) returns jsonb language sql immutable parallel safe as
  'select jsonb_object_agg(n, times) from (select n, count(*) as times from unnest($1) as n group by n) as t';

-- How often each bit is set; null for none.
create function tally_bits(int[]) returns jsonb language sql immutable parallel safe as
  'select jsonb_object_agg(bit, times)
   from (select bit, count(*) as times from unnest($1) as n, generate_series(0, 30) as bit
         where n & (1 << bit) <> 0 group by bit) as t';

create function sum_tallies(jsonb[]) returns jsonb language sql immutable parallel safe as
  'select jsonb_object_agg(key, times)
   from (select key, sum(value::int) as times from unnest($1) as t, jsonb_each_text(t) group by key) as t';
