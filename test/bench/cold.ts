// Bytes that a reading takes on disk with all its indexes: in rows, on PostgreSQL and on TimescaleDB, and in columns, which is
// how TimescaleDB keeps what is older than a week.
//
// Ten wells of four variables each minute for 18 days, as gateways send them: batches of 500, by the collector's own statements.

import { commitBatches, type IncomingBatch } from '../../cloud/store/batches.ts'
import type { Database } from '../../cloud/store/database.ts'
import { migrate } from '../../cloud/store/migrate.ts'
import { openSeriesIds } from '../../cloud/store/series.ts'
import { compressOlderThan } from '../../cloud/store/timescale.ts'
import { BATCH_READINGS_MAX } from '../../protocol/batch.ts'
import { systemClock as clock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { addGateway } from '../cloud/collector/site.ts'
import { startEmbeddedServer, startTimescaleServer, type TestServer } from '../doubles/servers.ts'
import type { Figure } from './figure.ts'
import { measurementsOfWells, PER_MINUTE, tableOfWells } from './wells.ts'

const GOAL_BYTES = 20
const MINUTES = 18 * 24 * 60
const READINGS = MINUTES * PER_MINUTE
const GROUP = 10

/** Bytes a reading. */
export async function benchCold(): Promise<Figure[]> {
  const plain = await onServer(startEmbeddedServer, bytesInRows)
  const { rows, columns, seconds } = await onServer(startTimescaleServer, async db => {
    const before = await bytesInRows(db)
    const began = clock.monotonic()
    await compressOlderThan(db, 0)
    return { rows: before, columns: await bytesOf(db), seconds: (clock.monotonic() - began) / 1000 }
  })
  const figure = (name: string, bytes: number): Figure => ({
    ...{ name: `a reading on disk, ${name}`, value: bytes / READINGS, unit: 'B' },
    ...{ ratio: bytes / READINGS / GOAL_BYTES, peer: `goal of ${GOAL_BYTES} B when cold` },
  })
  return [
    figure('in rows, PostgreSQL', plain),
    figure('in rows, TimescaleDB', rows),
    figure('in columns, TimescaleDB', columns),
    { name: 'readings turned into columns', value: READINGS / seconds, unit: '/s' },
  ]
}

async function onServer<T>(start: () => Promise<TestServer>, work: (db: Database) => Promise<T>): Promise<T> {
  const server = await start()
  const { db, close } = await server.create()
  try {
    await migrate(db, { log: silentLog })
    return await work(db)
  } finally {
    await close()
    await server.close()
  }
}

async function bytesInRows(db: Database): Promise<number> {
  await store(db)
  return bytesOf(db)
}

/** Of the table or of all chunks of it, columns and indexes included. */
async function bytesOf(db: Database): Promise<number> {
  const [{ count } = { count: 0 }] = await db.query<{ count: number }>('select count(*) from readings')
  if (count !== READINGS) throw new Error(`${READINGS} readings were stored, ${count} are there`)
  const [hyper] = await db.query(`select 1 from pg_proc where proname = 'hypertable_size'`)
  const size = hyper === undefined ? 'pg_total_relation_size' : 'hypertable_size'
  const [row] = await db.query<{ bytes: number }>(`select ${size}('readings') as bytes`)
  return row?.bytes ?? Number.NaN
}

async function store(db: Database): Promise<void> {
  const table = tableOfWells('gw-cold')
  await addGateway(db, table.gateway)
  const [gateway] = await db.query<{ gatewayId: number; projectId: number }>(
    'select id as "gatewayId", project_id as "projectId" from gateways',
  )
  if (gateway === undefined) throw new Error('The gateway is not there')
  const measurements = measurementsOfWells(MINUTES)
  const series = openSeriesIds(db)
  const group: IncomingBatch[] = []
  for (let from = 0; from < READINGS; from += BATCH_READINGS_MAX) {
    const readings = measurements
      .slice(from, from + BATCH_READINGS_MAX)
      .map((measurement, index) => ({ ...measurement, seq: from + index + 1 }))
    const batch = {
      ...{ table, epoch: 1, first: from + 1, last: from + readings.length, configVersion: 0 },
      ...{ clock: { quality: 'synced' as const }, readings, missing: [] },
    }
    group.push({ ...gateway, lane: 'live', batch })
    if (group.length < GROUP && from + BATCH_READINGS_MAX < READINGS) continue
    await commitBatches({ db, series, clock }, group.splice(0))
  }
}
