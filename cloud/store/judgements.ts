// Judgements: what the processor found out about readings, beside them (cloud/flags.ts).

import type { Sql } from './database.ts'
import { literal } from './literal.ts'

/** What is judged of a reading. */
export interface Judgement {
  seriesId: number
  at: number
  /** The bits of cloud/flags.ts. */
  flags: number
  /** The value in force where it is not the measured one. */
  adjusted: number | null
}

const ROWS_MAX = 5_000

/**
 * Writes judgements, each series and instant once; one that says nothing takes away what stood there. Returns the
 * readings that are judged otherwise than before.
 */
export async function writeJudgements(
  tx: Sql,
  judgements: readonly Judgement[],
): Promise<{ seriesId: number; at: number }[]> {
  const sorted = judgements.toSorted((a, b) => a.seriesId - b.seriesId || a.at - b.at)
  const changed: { seriesId: number; at: number }[] = []
  for (let start = 0; start < sorted.length; start += ROWS_MAX) {
    const some = sorted.slice(start, start + ROWS_MAX)
    changed.push(
      ...(await tx.query<{ seriesId: number; at: number }>(WRITE, [
        literal(some, ({ seriesId }) => seriesId),
        literal(some, ({ at }) => at),
        literal(some, ({ flags }) => flags),
        literal(some, ({ adjusted }) => adjusted),
      ])),
    )
  }
  return changed
}

const WRITE = `with judged as materialized (
    select series_id, to_timestamp(at_ms / 1000) as at, flags, adjusted
    from unnest($1::int[], $2::float8[], $3::int[], $4::float8[]) as t(series_id, at_ms, flags, adjusted)
  ), cleared as (
    delete from judgements j using judged t
    where t.flags = 0 and t.adjusted is null and j.series_id = t.series_id and j.at = t.at
    returning j.series_id, j.at
  ), written as (
    insert into judgements as j (series_id, at, flags, adjusted)
    select series_id, at, flags, adjusted from judged where flags <> 0 or adjusted is not null
    on conflict (series_id, at) do update set flags = excluded.flags, adjusted = excluded.adjusted
    where (j.flags, j.adjusted) is distinct from (excluded.flags, excluded.adjusted)
    returning series_id, at
  )
  select series_id as "seriesId", at from written union all select series_id, at from cleared`

/** A reading to be judged, with what is judged of it so far. */
export interface JudgeableReading {
  at: number
  value: number | null
  quality: number
  timeQuality: number
  /** When the batch came that brought it; null for one that no batch brought. */
  receivedAt: number | null
  flags: number
  adjusted: number | null
}

/** Readings of a series from an instant on, in time's order; both ends included. */
export function selectToJudge(
  tx: Sql,
  { seriesId, from, to, limit }: { seriesId: number; from: number; to: number; limit: number },
): Promise<JudgeableReading[]> {
  return tx.query<JudgeableReading>(
    `select r.at, r.value, r.quality, r.time_quality as "timeQuality", b.received_at as "receivedAt",
            coalesce(j.flags, 0) as flags, j.adjusted
     from readings r
     left join batches b on b.id = r.batch_id
     left join judgements j on j.series_id = r.series_id and j.at = r.at
     where r.series_id = $1 and r.at >= to_timestamp($2::float8 / 1000) and r.at <= to_timestamp($3::float8 / 1000)
     order by r.at limit $4`,
    [seriesId, from, to, limit],
  )
}
