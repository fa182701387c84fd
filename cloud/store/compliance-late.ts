// How far each work has been declared.

import type { Declared } from '../compliance/late.ts'
import type { Sql } from './database.ts'

const WORKS_MAX = 100_000

/** Of every work that is declared at an instant: its terms, and the last slot that DGA accepted. */
export function selectLastAccepted(sql: Sql, now: number): Promise<Declared[]> {
  return sql.query<Declared>(
    `select o.work_code as "workCode", o.point_id as "pointId", o.terms->'frequency' as frequency,
       (o.terms->>'deadlineMs')::float8 as "deadlineMs", greatest(o.owed_from, o.valid_from) as "owedFrom",
       (select max(due_at) from slots s where s.work_code = o.work_code and s.accepted_at is not null)
         as "acceptedDueAt",
       case when sw.sending is not true then 'all sending is switched off' when not w.sending then 'the work is switched off'
         when not i.sending then 'the informant is switched off' when w.status = 'blocked' then w.reason
         when i.status = 'blocked' then i.reason end as "heldBecause"
     from (
       select distinct on (work_code) * from obligations where valid_from <= to_timestamp($1::float8 / 1000)
       order by work_code, valid_from desc) o
     join works w on w.code = o.work_code join informants i on i.id = o.informant_id
     left join compliance_switch sw on true
     where o.terms->>'mode' = 'send' and (o.valid_to is null or o.valid_to > to_timestamp($1::float8 / 1000))
     order by o.work_code limit ${WORKS_MAX}`,
    [now],
  )
}
