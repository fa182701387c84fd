// What the gateways of random schedules measure: a reading for each number, the same for whoever asks.

import { createHash } from 'node:crypto'
import type { Database } from '../../cloud/store/database.ts'
import type { SeriesTable } from '../../protocol/batch.ts'
import type { Measurement } from '../../protocol/reading.ts'

const SINCE = Date.parse('2026-01-01T00:00:00Z')

/** A count, and a hash of all of it in order. */
export interface Sum {
  count: number
  hash: string
}

const instantOf = (number: number): number => SINCE + number * 1_000
const pointOf = (gateway: string): string => `${gateway}-well`

/** The one series of a gateway. */
export const tableOf = (gateway: string): SeriesTable => ({
  ...{ gateway, client: 'campo', project: 'los-aromos' },
  series: [{ point: pointOf(gateway), variable: 'flow', scale: 0 }],
})

/** The reading of a number. */
export function readingNumber(gateway: string, number: number): Measurement {
  return {
    ...{ point: pointOf(gateway), variable: 'flow', at: instantOf(number), value: (number * 7_919) % 10_007 },
    ...{ quality: 'good', timeQuality: 'synced' },
  }
}

/** What was measured from one number to another, both included. */
export function producedSum(gateway: string, first: number, last: number): Sum {
  const count = last - first + 1
  const lines = Array.from({ length: count }, (_, index) => {
    const { at, value } = readingNumber(gateway, first + index)
    return `${at} ${value}`
  })
  return { count, hash: createHash('md5').update(lines.join(',')).digest('hex') }
}

/** What is stored of it. */
export async function storedSum(db: Database, gateway: string, first: number, last: number): Promise<Sum> {
  const [sum] = await db.query<Sum>(
    `select count(*)::int as count,
            md5(string_agg((extract(epoch from at) * 1000)::bigint || ' ' || value::bigint, ',' order by at)) as hash
     from readings
     where series_id = (select s.id from series s join points p on p.id = s.point_id where p.slug = $1)
       and at between to_timestamp($2::float8 / 1000) and to_timestamp($3::float8 / 1000)`,
    [pointOf(gateway), instantOf(first), instantOf(last)],
  )
  return sum ?? { count: 0, hash: '' }
}
