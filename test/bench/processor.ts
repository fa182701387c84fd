// How many readings a second one processor takes from committed to derived and rolled up.
//
// Ten wells of four variables each minute, a day of them in batches of 500, from five gateways; held against committing
// the same batches, in the same run on the same database.

import { processRound } from '../../cloud/processor/round.ts'
import { commitBatches, type IncomingBatch } from '../../cloud/store/batches.ts'
import type { Database } from '../../cloud/store/database.ts'
import { migrate } from '../../cloud/store/migrate.ts'
import { openSeriesIds } from '../../cloud/store/series.ts'
import { BATCH_READINGS_MAX } from '../../protocol/batch.ts'
import type { Reading } from '../../protocol/reading.ts'
import { systemClock as clock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { startEmbeddedServer } from '../doubles/servers.ts'
import type { Figure } from './figure.ts'

const GATEWAYS = 5
const WELLS = 10
const MINUTES = 6 * 60
const BEGAN_AT = Date.parse('2026-01-15T00:00:00Z')
const LIMITS = { gatewaysMax: 8, batchesEachMax: 8, readingsMax: 50_000 }

/** Readings a second through one processor. */
export async function benchProcessor(): Promise<Figure[]> {
  const server = await startEmbeddedServer()
  try {
    const database = await server.create()
    try {
      return await measure(database.db)
    } finally {
      await database.close()
    }
  } finally {
    await server.close()
  }
}

async function measure(db: Database): Promise<Figure[]> {
  await migrate(db, { log: silentLog })
  const incoming = await incomingOf(db)
  const readings = incoming.reduce((sum, { batch }) => sum + batch.readings.length, 0)
  const series = openSeriesIds(db)
  const committing = await secondsOf(async () => {
    for (let start = 0; start < incoming.length; start += GATEWAYS) {
      await commitBatches({ db, series, clock }, incoming.slice(start, start + GATEWAYS))
    }
  })
  await calibrateAll(db)
  let derived = 0
  const processing = await secondsOf(async () => {
    for (;;) {
      const outcome = await processRound({ db, clock }, LIMITS)
      if (outcome.batches === 0) return
      derived += outcome.derived
    }
  })
  return [
    {
      name: 'readings processed, one processor',
      value: readings / processing,
      unit: '1/s',
      ratio: committing / processing,
      peer: 'committing the same batches',
    },
    { name: 'values derived from them', value: derived / processing, unit: '1/s' },
  ]
}

async function incomingOf(db: Database): Promise<IncomingBatch[]> {
  const [client] = await db.query<{ id: number }>(
    `insert into clients (slug, name) values ('bench', 'bench') returning id`,
    [],
  )
  const perGateway: IncomingBatch[][] = []
  for (let index = 0; index < GATEWAYS; index += 1) {
    const slug = `gw-${index}`
    const [project] = await db.query<{ id: number }>(
      'insert into projects (client_id, slug, name) values ($1, $2, $2) returning id',
      [client?.id ?? 0, slug],
    )
    const [gateway] = await db.query<{ id: number }>(
      'insert into gateways (project_id, slug) values ($1, $2) returning id',
      [project?.id ?? 0, slug],
    )
    perGateway.push(batchesOf(slug, gateway?.id ?? 0, project?.id ?? 0))
  }
  const longest = Math.max(...perGateway.map(({ length }) => length))
  return Array.from({ length: longest }, (_, index) =>
    perGateway.flatMap(batches => batches[index] ?? []),
  ).flat()
}

function batchesOf(slug: string, gatewayId: number, projectId: number): IncomingBatch[] {
  const all = Array.from({ length: MINUTES }, (_, minute) => readingsOf(minute)).flat()
  const readings = all.map((reading, index) => ({ ...reading, seq: index + 1 }))
  const batches: IncomingBatch[] = []
  for (let start = 0; start < readings.length; start += BATCH_READINGS_MAX) {
    const some = readings.slice(start, start + BATCH_READINGS_MAX)
    const batch = {
      table: { gateway: slug, client: 'bench', project: slug, series: [] },
      epoch: 1,
      first: start + 1,
      last: start + some.length,
      configVersion: 0,
      clock: { quality: 'synced' as const },
      readings: some,
      missing: [],
    }
    batches.push({ gatewayId, projectId, lane: 'live', batch })
  }
  return batches
}

function readingsOf(minute: number): Reading[] {
  const at = BEGAN_AT + minute * 60_000
  const base = { at, quality: 'good', timeQuality: 'synced', seq: 0 } as const
  return Array.from({ length: WELLS }, (_, well): Reading[] => [
    { ...base, point: `pozo-${well}`, variable: 'flow', value: 12 + ((minute * 7 + well) % 50) / 10 },
    { ...base, point: `pozo-${well}`, variable: 'total', value: 1000 + minute * 0.75 },
    { ...base, point: `pozo-${well}`, variable: 'level', value: 30 + (minute % 90) / 10 },
    { ...base, point: `pozo-${well}`, variable: 'pulses', value: 5000 + minute * 7 },
  ]).flat()
}

async function calibrateAll(db: Database): Promise<void> {
  for (const [rule, params] of [
    ['total_to_volume', '{}'],
    ['level_to_water_table', '{"sensorDepthM": 80}'],
  ]) {
    await db.query(
      `insert into calibrations (point_id, rule, params, valid_from, created_by)
       select id, $1, $2::jsonb, '2026-01-01', 'bench' from points`,
      [rule ?? '', params ?? ''],
    )
  }
}

async function secondsOf(work: () => Promise<void>): Promise<number> {
  const began = clock.monotonic()
  await work()
  return (clock.monotonic() - began) / 1000
}
