// `smarthydro-cloud import …`: the same as over the API, with the work done here and now, whether or not the program runs.

import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { openMetrics } from '../../protocol/runtime/metrics.ts'
import { Problem } from '../problem.ts'
import { processRound } from '../processor/round.ts'
import type { Database } from '../store/database.ts'
import { type ImportRow, selectImports } from '../store/imports.ts'
import {
  type Asker,
  confirmImport,
  discardImport,
  findImport,
  requestUndo,
  resetImport,
  uploadImport,
} from './desk.ts'
import type { FormatSettings } from './format.ts'
import { IMPORT_METRICS, stepImport } from './runner.ts'

/** What is asked. */
export type ImportCommand =
  | { verb: 'file'; name: string; bytes: Uint8Array; point: string; settings: FormatSettings }
  | { verb: 'list' }
  | { verb: 'show' | 'undo' | 'discard'; id: number }
  | { verb: 'settings'; id: number; settings: FormatSettings }
  | { verb: 'confirm'; id: number; accept: readonly string[] }

/** What a command works with; `say` takes a line for the person. */
export interface CommandDeps {
  db: Database
  clock: Clock
  log: Log
  say: (line: string) => void
}

/** Who it was, in the row of the import. */
const BY = 'command line'

/** Does what is asked of imports. Throws Rejected when it cannot be. */
export async function commandImport(deps: CommandDeps, command: ImportCommand): Promise<void> {
  try {
    await obey(deps, command)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    const { detail, candidates } = error.facts
    throw new Rejected([error.message, detail, candidates?.join(', ')].filter(Boolean).join(': '))
  }
}

const LISTED_MAX = 100

async function obey(deps: CommandDeps, command: ImportCommand): Promise<void> {
  const { db, clock, say } = deps
  const asker: Asker = { db, clock, clientIds: null, by: BY }
  switch (command.verb) {
    case 'list': {
      const rows = await selectImports(db, null, { beforeId: Number.MAX_SAFE_INTEGER, limit: LISTED_MAX })
      for (const row of rows) say(summaryOf(row))
      return
    }
    case 'show':
      return tell(deps, await findImport(asker, command.id))
    case 'file': {
      const { row } = await uploadImport(asker, command)
      return tellRead(deps, await settle(deps, row.id))
    }
    case 'settings':
      await resetImport(asker, command.id, command.settings)
      return tellRead(deps, await settle(deps, command.id))
    case 'confirm':
      await confirmImport(asker, command.id, command.accept)
      return tell(deps, await settle(deps, command.id))
    case 'undo': {
      await requestUndo(asker, command.id)
      const row = await settle(deps, command.id)
      tell(deps, row)
      if (row.state !== 'undone') throw new Rejected(row.reason ?? `Import ${row.id} is ${row.state}`)
      return
    }
    case 'discard':
      return tell(deps, await discardImport(asker, command.id))
  }
}

const LOOK_MS = 200
const SETTLED = new Set(['refused', 'previewed', 'done', 'undone', 'discarded'])
const ROUND = { gatewaysMax: 8, batchesEachMax: 8, readingsMax: 50_000 }

/** Works until there is nothing to do for an import, and says how far it is. */
async function settle({ db, clock, log, say }: CommandDeps, id: number): Promise<ImportRow> {
  const deps = { db, clock, log, metrics: openMetrics(IMPORT_METRICS) }
  let said = ''
  for (;;) {
    const row = await findImport({ db, clientIds: null }, id)
    if (SETTLED.has(row.state)) return row
    const progress = `${row.state}: ${row.readingsDone} of ${row.readingsTotal ?? '?'} readings stored, ${row.batchesWaiting} batches to process`
    if (progress !== said) say(progress)
    said = progress
    const isBusy = await stepImport(deps, id)
    // The processor may be another process, or none; both take what waits.
    const { batches } = row.batchesWaiting > 0 ? await processRound(deps, ROUND) : { batches: 0 }
    if (!isBusy && batches === 0) await clock.sleep(LOOK_MS)
  }
}

function summaryOf({
  id,
  state,
  client,
  project,
  point,
  name,
  readingsTotal,
  askedBy,
  askedAt,
}: ImportRow): string {
  const readings = readingsTotal === null ? '' : `, ${readingsTotal} readings`
  return `${id}  ${state}  ${client}.${project}.${point}  ${name}${readings}, by ${askedBy} at ${new Date(askedAt).toISOString()}`
}

function tell({ say }: CommandDeps, row: ImportRow): void {
  say(summaryOf(row))
  if (row.reason !== null) say(`  ${row.reason}`)
  for (const { line, column, detail } of row.mistakes) {
    say(`  line ${line}${column === '' ? '' : `, ${column}`}: ${detail}`)
  }
  if (row.mistakesCount > row.mistakes.length)
    say(`  and ${row.mistakesCount - row.mistakes.length} mistakes more`)
  const { format, preview, result } = row
  if (format !== null) {
    const { delimiter, decimal, dates, zone, time, assumed } = format
    say(
      `  written with ${JSON.stringify(delimiter)}, decimal "${decimal}", dates ${dates}, zone ${zone}, time ${time}`,
    )
    if (assumed.length > 0)
      say(`  assumed: ${assumed.join(', ')} (accept them with --accept ${assumed.join(',')})`)
  }
  if (preview !== null) for (const line of previewLines(preview as Preview)) say(`  ${line}`)
  if (result !== null) say(`  result: ${JSON.stringify(result)}`)
  if (row.state === 'previewed') say(`  nothing is stored yet: smarthydro-cloud import confirm ${row.id}`)
}

function tellRead(deps: CommandDeps, row: ImportRow): void {
  tell(deps, row)
  if (row.state === 'refused') throw new Rejected(`Cannot import ${row.name}: ${row.mistakesCount} mistakes`)
}

interface Preview {
  warnings: string[]
  variables: { variable: string; readings: number; from: number; to: number; first: number; last: number }[]
  overlaps: { variable: string; same: number; different: number }[]
}

function previewLines({ warnings, variables, overlaps }: Preview): string[] {
  return [
    ...variables.map(({ variable, readings, from, to, first, last }) => {
      const overlap = overlaps.find(one => one.variable === variable)
      const stored =
        overlap === undefined ? '' : `; stored already: ${overlap.same} same, ${overlap.different} different`
      return `${variable}: ${readings} readings, ${new Date(from).toISOString()} to ${new Date(to).toISOString()}, ${first} to ${last}${stored}`
    }),
    ...warnings.map(warning => `! ${warning}`),
  ]
}
