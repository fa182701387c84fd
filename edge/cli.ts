#!/usr/bin/env node
// smarthydro-edge: the gateway's program.

import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { systemClock } from '../protocol/runtime/clock.ts'
import { ConfigError, EXIT_CONFIG, reasonOf } from '../protocol/runtime/errors.ts'
import { LEVELS, type Level, openLog } from '../protocol/runtime/log.ts'
import { describePlan } from './check.ts'
import { readGatewayConfig } from './config.ts'
import { runGateway } from './gateway.ts'
import { askSystemd } from './time-quality.ts'

/** Something that may be otherwise the next time: a supervisor starts the gateway again. */
const EXIT_FAILED = 1
/** The command line was wrong (EX_USAGE of sysexits.h). */
const EXIT_USAGE = 64

const USAGE = `smarthydro-edge: reads a site's instruments and sends what they measure, losing nothing

  smarthydro-edge run --config FILE     run the gateway until it is told to stop
  smarthydro-edge check FILE            say what is wrong with a configuration, or what it will do
  smarthydro-edge --version

Environment: LOG_LEVEL (debug, info, warn, error), and the variables that the configuration names with { env: NAME }.
Exit status: 0 stopped or fine, 1 failed (its log says why), 64 wrong command line, 78 wrong configuration.
`

process.exitCode = await main(process.argv.slice(2))

async function main(args: string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { config: { type: 'string' }, help: { type: 'boolean' }, version: { type: 'boolean' } },
    })
    const [command, file, ...rest] = positionals
    if (values.help) return say(USAGE)
    if (values.version) return say(`${readVersion()}\n`)
    if (command === 'run' && file === undefined && values.config !== undefined)
      return await run(values.config)
    if (command === 'check' && file !== undefined && rest.length === 0) return check(file)
  } catch (error) {
    if (error instanceof ConfigError) {
      process.stderr.write(`${error.message}\n`)
      return EXIT_CONFIG
    }
    if (!(error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')))
      throw error
    process.stderr.write(`${error.message}\n\n`)
  }
  process.stderr.write(USAGE)
  return EXIT_USAGE
}

async function run(file: string): Promise<number> {
  const level = readLevel(process.env.LOG_LEVEL ?? 'info')
  const log = openLog({ clock: systemClock, write: line => process.stderr.write(`${line}\n`) }, { level })
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      // A second time means at once: stopping is no better than losing power, only tidier.
      if (stop.signal.aborted) process.exit(1)
      stop.abort(new Error(name))
    })
  }
  const config = readGatewayConfig(file, process.env)
  const deps = {
    clock: systemClock,
    log,
    random: Math.random,
    askClock: config.clock === 'trusted' ? async () => true : askSystemd,
  }
  try {
    await runGateway(deps, config, { version: readVersion() }, stop.signal)
  } catch (error) {
    if (error instanceof ConfigError) throw error
    log.error('gateway failed', { reason: reasonOf(error), error })
    return EXIT_FAILED
  }
  log.info('gateway stopped', {})
  return 0
}

function readLevel(name: string): Level {
  const level = LEVELS.find(each => each === name)
  if (level !== undefined) return level
  const message = `"${name}" is none of ${LEVELS.join(', ')}`
  throw new ConfigError('the environment', [{ path: 'LOG_LEVEL', message }])
}

function check(file: string): number {
  return say(describePlan(readGatewayConfig(file, process.env)))
}

function say(text: string): number {
  process.stdout.write(text)
  return 0
}

function readVersion(): string {
  const here = new URL('../package.json', import.meta.url)
  return (JSON.parse(readFileSync(here, 'utf8')) as { version: string }).version
}
