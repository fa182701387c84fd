// Brings a table of sites in through the API: sites, configurations, claims, labels. A second time changes nothing, and one that
// was interrupted goes on.
//
// What is known of codes only here stands in the folder `out`: the cloud keeps none. Before codes are asked for, it is written for
// whom; so a run that was cut off between the answer and the disk draws those again, and no others.

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { enrolCommand, toLabels } from '../../cloud/fleet/labels.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import type { Ask } from './ask.ts'
import { type GatewayDocument, type RowMistake, toDocuments } from './configuration.ts'
import { COLUMNS, type Column, type TableRow } from './csv.ts'

/** Rows in a question: of the body that the API takes, two thirds. */
const ROWS_A_TIME = 50
const CLAIMS_A_TIME = 500
/** Questions under way. */
const AT_ONCE = 4

/** What bringing in uses. */
export interface FleetDeps {
  ask: Ask
  clock: Clock
  /** Told how far it is: of this step so many of all are done. */
  onProgress: (step: string, done: number, all: number) => void
}

/** How it is done. */
export interface FleetOptions {
  /** The cloud's address, as gateways and labels name it. */
  url: string
  /** Where gateways send their readings; without it no configurations are written. */
  uplinkUrl: string | undefined
  out: string
  days: number
  dryRun: boolean
}

/** What was done, and what was not. */
export interface FleetOutcome {
  rows: number
  gateways: number
  /** One line for each thing that was made. */
  changes: string[]
  configured: number
  claimed: number
  failures: RowMistake[]
  labels: string | undefined
}

/** Brings the rows in. Throws Rejected and Unavailable. */
export async function bringIn(
  deps: FleetDeps,
  rows: readonly TableRow[],
  options: FleetOptions,
): Promise<FleetOutcome> {
  const { uplinkUrl = '' } = options
  const { documents, mistakes } = toDocuments(rows, { uplinkUrl })
  const wrong = new Set(mistakes.map(({ line }) => line))
  const made = await makeSites(
    deps,
    rows.filter(({ line }) => !wrong.has(line)),
    options,
  )
  const failed = new Set(made.failures.map(({ line }) => line))
  const isWhole = ({ lines }: GatewayDocument) => lines.every(line => !failed.has(line) && !wrong.has(line))
  const wanted = uplinkUrl === '' ? [] : documents.filter(isWhole)
  const configured = options.dryRun ? { count: 0, failures: [] } : await configure(deps, wanted)
  const good = rows.filter(({ line, cells }) => cells.gateway !== '' && !failed.has(line) && !wrong.has(line))
  const gateways = [...new Set(good.map(({ cells }) => cells.gateway))]
  const codes = options.dryRun ? { drawn: 0, known: {} } : await claim(deps, gateways, options)
  const failures = [...mistakes, ...made.failures, ...configured.failures].sort((a, b) => a.line - b.line)
  return {
    ...{ rows: rows.length, gateways: gateways.length, changes: made.changes },
    ...{ configured: configured.count, claimed: codes.drawn, failures },
    labels: codes.drawn === 0 ? undefined : await writeLabels(deps, good, codes.known, options),
  }
}

async function makeSites(
  { ask, onProgress }: FleetDeps,
  rows: readonly TableRow[],
  { dryRun }: FleetOptions,
): Promise<{ changes: string[]; failures: RowMistake[] }> {
  const changes = new Set<string>()
  const failures: RowMistake[] = []
  let done = 0
  // One after the other: rows of one client would wait for each other anyway.
  for (let at = 0; at < rows.length; at += ROWS_A_TIME) {
    const some = rows.slice(at, at + ROWS_A_TIME)
    const body = { dryRun, rows: some.map(({ line, cells }) => ({ line, ...siteFields(cells) })) }
    const answer = await ask('POST', '/fleet/sites', { body })
    for (const { line, changes: made, mistakes } of answer.body.rows) {
      for (const change of made) changes.add(change)
      for (const { field, message } of mistakes) failures.push({ line, column: columnOf(field), message })
    }
    done += some.length
    onProgress('sites', done, rows.length)
  }
  return { changes: [...changes], failures }
}

/** The columns that the API knows; the others are of the gateway's configuration. */
const OF_CONFIGURATION: readonly string[] = ['device', 'profile', 'bus', 'unit', 'every']

function siteFields(cells: TableRow['cells']): Record<string, string> {
  const told = Object.entries(COLUMNS).filter(
    ([column]) => !OF_CONFIGURATION.includes(column) && cells[column as Column] !== '',
  )
  return Object.fromEntries(told.map(([column, field]) => [field, cells[column as Column]]))
}

const columnOf = (field: string | null): Column | undefined =>
  (Object.keys(COLUMNS) as Column[]).find(column => COLUMNS[column] === field)

/** Says what each gateway should run with, where it is something else than now. */
async function configure(
  { ask, onProgress }: FleetDeps,
  documents: readonly GatewayDocument[],
): Promise<{ count: number; failures: RowMistake[] }> {
  const failures: RowMistake[] = []
  let [count, done] = [0, 0]
  await inParallel(documents, async ({ gateway, document, lines }) => {
    const path = `/gateways/${gateway}/configuration`
    try {
      const { headers, body } = await ask('GET', path)
      const etag = headers.get('etag') ?? '"0"'
      if (body.desired?.document !== document) {
        const note = 'deploy/fleet'
        await ask('PUT', path, { body: { document, note }, headers: { 'if-match': etag } })
        count += 1
      }
    } catch (error) {
      if (!(error instanceof Rejected)) throw error
      failures.push({ line: lines[0] ?? 0, column: undefined, message: error.message })
    }
    done += 1
    onProgress('configurations', done, documents.length)
  })
  return { count, failures }
}

interface Codes {
  drawn: number
  known: Record<string, string>
}

/** Draws a code for each gateway that has none and is not enrolled. */
async function claim(
  { ask, onProgress }: FleetDeps,
  gateways: readonly string[],
  { out, days }: FleetOptions,
): Promise<Codes> {
  mkdirSync(out, { recursive: true, mode: 0o700 })
  const [codesFile, askingFile] = [join(out, 'codes.json'), join(out, 'asking.json')]
  const known: Record<string, string> = existsSync(codesFile)
    ? JSON.parse(readFileSync(codesFile, 'utf8'))
    : {}
  const asking: string[] = existsSync(askingFile) ? JSON.parse(readFileSync(askingFile, 'utf8')) : []
  // Their codes were drawn, and nobody has seen them.
  const unseen = new Set(asking.filter(gateway => known[gateway] === undefined))
  let [drawn, done] = [0, 0]
  for (const [replace, these] of [
    [true, gateways.filter(gateway => unseen.has(gateway))],
    [false, gateways.filter(gateway => !unseen.has(gateway))],
  ] as const) {
    for (let at = 0; at < these.length; at += CLAIMS_A_TIME) {
      const some = these.slice(at, at + CLAIMS_A_TIME)
      replaceFile(askingFile, JSON.stringify([...new Set([...unseen, ...some])]))
      const { body } = await ask('POST', '/fleet/claims', { body: { gateways: some, days, replace } })
      for (const { gateway, code } of body.claims) {
        if (code === null) continue
        known[gateway] = code
        drawn += 1
      }
      replaceFile(codesFile, `${JSON.stringify(known, null, 2)}\n`)
      done += some.length
      onProgress('claims', done, gateways.length)
    }
  }
  rmSync(askingFile, { force: true })
  return { drawn, known }
}

/** Labels of all codes that are known here, and the commands as a table. */
async function writeLabels(
  { clock }: FleetDeps,
  rows: readonly TableRow[],
  known: Record<string, string>,
  { out, url }: FleetOptions,
): Promise<string> {
  const seen = new Set<string>()
  const labels = rows.flatMap(({ cells }) => {
    const code = known[cells.gateway]
    if (code === undefined || seen.has(cells.gateway)) return []
    seen.add(cells.gateway)
    const [client, place] = [cells.client_name || cells.client, cells.point_name || cells.point]
    return [{ gateway: cells.gateway, code, client, place }]
  })
  const file = join(out, 'labels.pdf')
  writeFileSync(file, await toLabels(labels, { url, now: clock.now() }), { mode: 0o600 })
  const lines = labels.map(({ gateway, code }) => `${gateway},${code},${enrolCommand(code, url)}\n`)
  replaceFile(join(out, 'codes.csv'), `gateway,code,command\n${lines.join('')}`)
  return file
}

/** Codes are for who prints them. */
function replaceFile(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600, flush: true })
  renameSync(`${file}.new`, file)
}

async function inParallel<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const waiting = items.values()
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const item of waiting) await work(item)
    }),
  )
}
