// Exports: how many values a second each format has, and the memory that it takes at most beside what was there before.
//
// Four variables, each minute of a year: two million values, from an embedded PostgreSQL. The peer is the bare SQL that reads
// the same pieces.

import { STYLES, toCsv } from '../../cloud/exports/csv.ts'
import { toParquet } from '../../cloud/exports/parquet.ts'
import { planExport, readPieces } from '../../cloud/exports/plan.ts'
import { toXlsx } from '../../cloud/exports/xlsx.ts'
import type { Database } from '../../cloud/store/database.ts'
import { migrate } from '../../cloud/store/migrate.ts'
import { systemClock as clock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { openScope } from '../../protocol/runtime/scope.ts'
import { startEmbeddedServer } from '../doubles/servers.ts'
import type { Figure } from './figure.ts'

const MINUTES = 525_600
const FROM = Date.parse('2025-01-01T00:00:00Z')
const VARIABLES = ['flow', 'total', 'level', 'pressure'] as const

/** Values a second and megabytes of each format. */
export async function benchExports(): Promise<Figure[]> {
  const scope = openScope()
  try {
    const server = scope.use(await startEmbeddedServer())
    const { db } = scope.use(await server.create())
    await migrate(db, { log: silentLog })
    await fill(db)
    const span = { from: FROM, to: FROM + MINUTES * 60_000 }
    const ids = VARIABLES.map((_, place) => place + 1)
    const began = clock.monotonic()
    const plan = await planExport(db, ids, span)
    const planned: Figure = {
      ...{ name: `a print of ${plan.count} values`, value: clock.monotonic() - began, unit: 'ms' },
    }
    const columns = VARIABLES.map((variable, place) => ({ id: place + 1, variable, unit: 'x' }))
    const nameOf = () => 'good'
    const pieces = () => readPieces(db, ids, plan)
    const bare = await drain(pieces(), 'reading the pieces', plan.count)
    const formats = {
      csv: () => toCsv(pieces(), { columns, style: STYLES.plain, nameOf }),
      xlsx: () => toXlsx(pieces(), { columns, nameOf, qualities: ['good'] }),
      parquet: () => toParquet(pieces(), { columns, nameOf }),
    }
    const figures = [planned, ...bare.figures]
    for (const [name, bytes] of Object.entries(formats)) {
      const { figures: own } = await drain(bytes(), name, plan.count, bare.perSecond)
      figures.push(...own)
    }
    return figures
  } finally {
    await scope[Symbol.asyncDispose]()
  }
}

async function drain(
  pieces: AsyncIterable<unknown>,
  name: string,
  count: number,
  peer?: number,
): Promise<{ perSecond: number; figures: Figure[] }> {
  const before = process.memoryUsage.rss()
  let most = before
  const began = clock.monotonic()
  for await (const _ of pieces) most = Math.max(most, process.memoryUsage.rss())
  const perSecond = (count * 1_000) / (clock.monotonic() - began)
  const figures: Figure[] = [
    {
      ...{ name, value: perSecond, unit: 'values/s' },
      ...(peer === undefined ? {} : { ratio: perSecond / peer, peer: 'reading the pieces' }),
    },
    { name: `${name}, memory more`, value: (most - before) / 1_048_576, unit: 'MB' },
  ]
  return { perSecond, figures }
}

async function fill(db: Database): Promise<void> {
  await db.script(`
    insert into readings (at, value, batch_id, series_id, quality, time_quality)
      select to_timestamp(${FROM / 1000} + 60 * m), 12.5 + m % 1440 * 0.25, 1, s, 0, 0
      from generate_series(1, ${VARIABLES.length}) s, generate_series(0, ${MINUTES - 1}) m;
    analyze readings;`)
}
