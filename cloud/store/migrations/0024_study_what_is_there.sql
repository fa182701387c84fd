-- Days from before the analytics looked for anomalies are looked at once.
insert into analyses_due (point_id, day)
select distinct s.point_id, (d.at at time zone 'America/Santiago')::date
from rollups_day d join series s on s.id = d.series_id
where s.variable in (1, 3, 64, 65)
on conflict do nothing;
