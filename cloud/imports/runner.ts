// What is done for imports, one step at a time: read, store, take out again. Whoever dies in between, the next one goes on.
//
// Invariants:
//   J1. A file is read to its end, and found without a mistake, before anything of it is stored.
//   J2. A stretch of it that is stored twice is stored once: it is a batch like any other, numbered by its place in the file.
//   J3. An import is done when everything that follows from it is written.

import { gunzipSync } from 'node:zlib'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { MetricHelp, Metrics } from '../../protocol/runtime/metrics.ts'
import { VARIABLES } from '../../protocol/variables.ts'
import { commitBatches, commitWithoutPoison } from '../store/batches.ts'
import { type Database, DatabaseRefused } from '../store/database.ts'
import { selectPreviewFacts } from '../store/import-facts.ts'
import {
  type ClaimedImport,
  claimImport,
  compareWithStored,
  countImported,
  ensureImportGateway,
  type ImportRow,
  moveImport,
  restImport,
  saveProgress,
  saveReading,
  selectImport,
} from '../store/imports.ts'
import { openSeriesIds } from '../store/series.ts'
import { keepWorking } from '../work-loop.ts'
import { previewOf } from './preview.ts'
import { type FileReading, type ReadFile, readFile } from './read-file.ts'
import { undoImport } from './undo.ts'
import { warningsOf } from './warnings.ts'

/** What imports count. */
export const IMPORT_METRICS: readonly MetricHelp[] = [
  { name: 'imports_steps_total', type: 'counter', help: 'What was done for imports, by step and outcome' },
  {
    name: 'imports_readings_total',
    type: 'counter',
    help: 'Readings of imports that were given to the store',
  },
]

/** What imports work with. */
export interface ImportDeps {
  db: Database
  clock: Clock
  log: Log
  metrics: Metrics
}

const POLL_MS = 1_000

/** Works on imports until the signal aborts. */
export function runImports(
  deps: ImportDeps,
  signal: AbortSignal,
  { pollMs = POLL_MS }: { pollMs?: number } = {},
): Promise<void> {
  return keepWorking(deps, { pollMs }, () => stepImport(deps, undefined, signal), signal)
}

/** Does the next thing for an import, or for one of all. False when there is nothing to do, or only to wait. */
export async function stepImport(deps: ImportDeps, id?: number, signal?: AbortSignal): Promise<boolean> {
  const claimed = await claimImport(deps.db, id)
  if (claimed === undefined) return false
  const row = await selectImport(deps.db, null, claimed.id)
  if (row === undefined) return false
  try {
    return await work(deps, row, claimed, signal)
  } catch (error) {
    if (!(error instanceof DatabaseRefused) || !error.isAboutData) throw error
    // One import that the database cannot take holds up no other.
    await moveImport(deps.db, row.id, {
      from: ['uploaded', 'confirmed'],
      to: row.state === 'uploaded' ? 'refused' : 'undoing',
      now: deps.clock.now(),
      reason: `The database refused it: ${error.message}`,
    })
    deps.log.error('import refused by the database', { importId: row.id, reason: error.message })
    return true
  }
}

async function work(
  deps: ImportDeps,
  row: ImportRow,
  claimed: ClaimedImport,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (row.state === 'uploaded') return read(deps, row, claimed)
  if (row.state === 'confirmed') return store(deps, row, claimed, signal)
  return takeOut(deps, row)
}

function readAgain({ clock }: ImportDeps, row: ImportRow, { bytes }: ClaimedImport): Promise<ReadFile> {
  if (bytes === null) throw new Error(`The bytes of import ${row.id} are gone`)
  const key = `${row.client}.${row.project}.${row.point}`
  return readFile(gunzipSync(bytes), row.settings, { point: row.point, key, now: clock.now() })
}

async function read(deps: ImportDeps, row: ImportRow, claimed: ClaimedImport): Promise<boolean> {
  const { db, clock, log, metrics } = deps
  const file = await readAgain(deps, row, claimed)
  const variables = []
  const overlaps = []
  for (const [variable, ofIt] of Map.groupBy(file.readings, reading => reading.variable)) {
    const series = { pointId: row.pointId, variable: VARIABLES[variable].code }
    // While the database answers, others have their turn.
    overlaps.push({ variable, ...(await compareWithStored(db, series, ofIt)) })
    variables.push(...previewOf(ofIt))
  }
  const facts = await selectPreviewFacts(db, row.pointId)
  const { format, rows, repeated, stale } = file
  const warnings = warningsOf({ variables, overlaps, stale, facts, format })
  const state = file.mistakesCount === 0 ? 'previewed' : 'refused'
  await saveReading(db, row.id, {
    ...{ state, format, preview: { rows, repeated, stale, variables, overlaps, warnings } },
    ...{ mistakes: file.mistakes, mistakesCount: file.mistakesCount },
    ...{ readingsTotal: file.readings.length, now: clock.now() },
  })
  metrics.count('imports_steps_total', { step: 'read', outcome: state })
  log.info('import read', {
    importId: row.id,
    state,
    readings: file.readings.length,
    mistakes: file.mistakesCount,
  })
  return true
}

/** So many readings are stored in one transaction. */
const CHUNK = 2_000

/** So long the processor is left to its work before an import looks again. */
const PROCESSING_LOOK_MS = 1_000

async function store(
  deps: ImportDeps,
  row: ImportRow,
  claimed: ClaimedImport,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { db, clock, log, metrics } = deps
  const gatewayId = await ensureImportGateway(db, row.projectId)
  if (row.readingsDone < (row.readingsTotal ?? 0)) {
    const { readings } = await readAgain(deps, row, claimed)
    for (let start = row.readingsDone; start < readings.length; start += CHUNK) {
      signal?.throwIfAborted()
      const chunk = readings.slice(start, start + CHUNK)
      await storeChunk(deps, { row, gatewayId, start, chunk })
      metrics.count('imports_readings_total', {}, chunk.length)
      if (!(await saveProgress(db, row.id, start + chunk.length))) {
        await restImport(db, row.id, 0)
        return true
      }
    }
  }
  const counts = await countImported(db, { id: row.id, gatewayId })
  if (counts.waiting > 0) {
    await restImport(db, row.id, PROCESSING_LOOK_MS)
    return false
  }
  const { inserted, revised, rejected } = counts
  const duplicate = (row.readingsTotal ?? 0) - inserted - revised - rejected
  const result = { inserted, revised, duplicate, rejected }
  await moveImport(db, row.id, { from: ['confirmed'], to: 'done', now: clock.now(), result })
  metrics.count('imports_steps_total', { step: 'store', outcome: 'done' })
  log.info('import done', { importId: row.id, ...result })
  return true
}

/** A stretch of a file as a batch of the backlog: its numbers are places in the file, its epoch is the import. */
async function storeChunk(
  { db, clock }: ImportDeps,
  {
    row,
    gatewayId,
    start,
    chunk,
  }: { row: ImportRow; gatewayId: number; start: number; chunk: readonly FileReading[] },
): Promise<void> {
  const { id, client, project, point, projectId } = row
  const readings = chunk.map(({ variable, at, value, quality }, index) => ({
    ...{ seq: start + index + 1, point, variable, at, value, quality, timeQuality: 'device' as const },
  }))
  const table = { gateway: `~import-${projectId}`, client, project, series: [] }
  const numbers = { epoch: id, first: start + 1, last: start + chunk.length, configVersion: 0 }
  const batch = { table, ...numbers, clock: { quality: 'device' as const }, readings, missing: [] }
  const incoming = { gatewayId, projectId, lane: 'backlog' as const, batch }
  const deps = { db, clock, series: openSeriesIds(db) }
  try {
    await commitBatches(deps, [incoming])
  } catch (error) {
    if (!(error instanceof DatabaseRefused) || !error.isAboutData) throw error
    await commitWithoutPoison(deps, incoming)
  }
}

async function takeOut(deps: ImportDeps, row: ImportRow): Promise<boolean> {
  const { db, clock, log, metrics } = deps
  const gatewayId = await ensureImportGateway(db, row.projectId)
  try {
    const result = await undoImport(deps, { id: row.id, gatewayId, pointId: row.pointId })
    await moveImport(db, row.id, { from: ['undoing'], to: 'undone', now: clock.now(), result })
    metrics.count('imports_steps_total', { step: 'undo', outcome: 'undone' })
    log.info('import undone', { importId: row.id, ...result })
  } catch (error) {
    if (!(error instanceof Rejected) && !(error instanceof RangeError)) throw error
    const reason = `Cannot be undone: ${error.message}`
    await moveImport(db, row.id, { from: ['undoing'], to: 'done', now: clock.now(), reason })
    metrics.count('imports_steps_total', { step: 'undo', outcome: 'refused' })
    log.warn('import not undone', { importId: row.id, reason: error.message })
  }
  return true
}
