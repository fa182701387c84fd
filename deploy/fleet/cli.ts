#!/usr/bin/env node
// npm run fleet -- sites.csv --url https://cloud.example: sites, configurations, claims and labels from one table.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { ConfigError, EXIT_CONFIG, Rejected, reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import { openAsk } from './ask.ts'
import { COLUMNS, readTable } from './csv.ts'
import { bringIn, type FleetOutcome } from './provision.ts'

const [EXIT_FAILED, EXIT_USAGE, EXIT_UNAVAILABLE] = [1, 64, 69]
const BAR = 30

const USAGE = `npm run fleet -- TABLE.csv --url https://cloud.example [--uplink mqtts://cloud.example:8883]
  [--out FOLDER] [--days D] [--dry-run]

Makes what the table says, through the API: clients, projects, points, gateways, what they owe; with --uplink the gateways'
configurations; a claim code for each gateway; labels to print, in FOLDER (./fleet). A second time changes nothing.
Columns: ${Object.keys(COLUMNS).join(', ')}; the first row names them, in any order. deploy/fleet/sites.example.csv is one.
Environment: SMARTHYDRO_TOKEN, a token of an operator with the scopes read and write.
Exit status: 0 all is so, 1 some rows were refused (report.csv says why), 64 wrong command line, 69 no answer, 78 wrong table.
`

process.exitCode = await main(process.argv.slice(2))

async function main(args: string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        ...{ url: { type: 'string' }, uplink: { type: 'string' }, out: { type: 'string' } },
        ...{ days: { type: 'string' }, 'dry-run': { type: 'boolean' }, help: { type: 'boolean' } },
      },
    })
    const { url, uplink, out = './fleet', days = '30' } = values
    const [file] = positionals
    if (values.help) return say(USAGE)
    const token = process.env.SMARTHYDRO_TOKEN
    if (file === undefined || positionals.length > 1 || url === undefined || !URL.canParse(url))
      return usage()
    if (token === undefined || token === '') return usage('The environment has no SMARTHYDRO_TOKEN')
    if (!/^[1-9]\d{0,2}$/.test(days)) return usage('--days must be a number of days')
    const rows = readTable(readText(file), file)
    const begun = systemClock.monotonic()
    const options = { url, uplinkUrl: uplink, out, days: Number(days), dryRun: values['dry-run'] ?? false }
    const deps = { ask: openAsk({ url, token }), clock: systemClock, onProgress: openBar() }
    const outcome = await bringIn(deps, rows, options)
    return report(outcome, file, options, systemClock.monotonic() - begun)
  } catch (error) {
    if (error instanceof ConfigError) return complain(error.message, EXIT_CONFIG)
    if (error instanceof Rejected) return complain(error.message, EXIT_FAILED)
    if (error instanceof Unavailable) return complain(error.message, EXIT_UNAVAILABLE)
    if (
      error instanceof TypeError &&
      String((error as { code?: unknown }).code).startsWith('ERR_PARSE_ARGS')
    ) {
      return usage(error.message)
    }
    throw error
  }
}

function report(
  { rows, gateways, changes, configured, claimed, failures, labels }: FleetOutcome,
  file: string,
  { out, dryRun }: { out: string; dryRun: boolean },
  tookMs: number,
): number {
  const would = dryRun ? 'would be ' : ''
  for (const { line, column, message } of failures) {
    process.stderr.write(`${file}:${line}: ${column === undefined ? '' : `${column}: `}${message}\n`)
  }
  say(`${rows} rows, ${gateways} gateways, ${(tookMs / 1000).toFixed(1)} s\n`)
  say(
    changes.length + configured + claimed === 0
      ? 'nothing to change\n'
      : `${changes.length} ${would}made, ${configured} configurations ${would}written, ${claimed} codes ${would}drawn\n`,
  )
  if (dryRun) for (const change of changes) say(`  ${change}\n`)
  if (labels !== undefined)
    say(`labels are in ${labels}, codes in ${join(out, 'codes.csv')}: keep them to yourself\n`)
  if (failures.length === 0) return 0
  if (!dryRun) {
    const lines = failures.map(({ line, column, message }) =>
      [String(line), column ?? '', `"${message.replaceAll('"', '""')}"`].join(','),
    )
    writeFileSync(join(out, 'report.csv'), `line,column,why\n${lines.join('\n')}\n`)
  }
  say(`${failures.length} not made${dryRun ? '' : `: ${join(out, 'report.csv')} says why`}\n`)
  return EXIT_FAILED
}

/** A bar where somebody looks; else a line for each tenth. */
function openBar(): (step: string, done: number, all: number) => void {
  let said = ''
  return (step, done, all) => {
    const share = all === 0 ? 1 : done / all
    if (process.stderr.isTTY) {
      const filled = Math.round(share * BAR)
      const bar = `${'█'.repeat(filled)}${'░'.repeat(BAR - filled)}`
      process.stderr.write(`\r${step.padEnd(15)} ${bar} ${done}/${all}${done === all ? '\n' : ''}`)
      return
    }
    const line = `${step} ${Math.floor(share * 10) * 10} %`
    if (line === said) return
    said = line
    process.stderr.write(`${line}\n`)
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new ConfigError(file, [{ path: '', message: `cannot be read: ${reasonOf(error)}` }])
  }
}

function usage(why?: string): number {
  return complain(why === undefined ? USAGE : `${why}\n\n${USAGE}`, EXIT_USAGE)
}

function complain(text: string, status: number): number {
  process.stderr.write(`${text}\n`)
  return status
}

function say(text: string): number {
  process.stdout.write(text)
  return 0
}
