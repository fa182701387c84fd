#!/usr/bin/env node
// smarthydro-edge: the gateway's program.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { UNIT_MAX } from '../protocol/bus-config.ts'
import { Duration } from '../protocol/config-fields.ts'
import type { Architecture } from '../protocol/release.ts'
import { systemClock } from '../protocol/runtime/clock.ts'
import { ConfigError, EXIT_CONFIG, Rejected, reasonOf, Unavailable } from '../protocol/runtime/errors.ts'
import { LEVELS, type Level, type Log, openLog, silentLog } from '../protocol/runtime/log.ts'
import { describePlan } from './check.ts'
import { type RunnableConfig, readGatewayConfig } from './config.ts'
import { openConfiguration } from './configuration.ts'
import { findingText } from './doctor/finding.ts'
import { examine } from './doctor.ts'
import { type EnrollOptions, enroll } from './enrolment/enroll.ts'
import { type Ended, runGateway } from './gateway.ts'
import { type Bus, openBus } from './modbus/bus.ts'
import { scanBus } from './modbus/scan.ts'
import { showDevice } from './modbus/show.ts'
import { showRemote } from './providers/show.ts'
import { openPulse } from './pulse.ts'
import { launch } from './release/launch.ts'
import { openReleases, type Releases } from './release/releases.ts'
import { openShelf, type Shelf } from './release/shelf.ts'
import { askMachine } from './time-quality.ts'
import { openSupervision, openWatchdog } from './watchdog.ts'

/** Something that may be otherwise the next time: a supervisor starts the gateway again. */
const EXIT_FAILED = 1
/** The command line was wrong (EX_USAGE of sysexits.h). */
const EXIT_USAGE = 64

/** How Node calls the machines that releases are for. */
const ARCHITECTURES: Partial<Record<string, Architecture>> = { x64: 'amd64', arm64: 'arm64' }

const USAGE = `smarthydro-edge: reads a site's instruments and sends what they measure, losing nothing

  smarthydro-edge run --config FILE     run the gateway until it is told to stop
  smarthydro-edge launch --config FILE  the same with the release that is to run: for systemd, of an installed package
  smarthydro-edge check FILE            say what is wrong with a configuration, or what it will do
  smarthydro-edge scan --config FILE --bus BUS [--units 1-247]
                                        say who answers on a bus; no gateway may be using it
  smarthydro-edge read --config FILE DEVICE [--every 2s]
                                        show what a device, or its provider, gives now, once or again and again
  smarthydro-edge doctor --config FILE  say why a well is silent, and what to do about it
  smarthydro-edge enroll --code CODE [--identity FOLDER] [--name GATEWAY] [--ca FILE] https://CLOUD
                                        make this gateway's key and have the cloud certify it; the code is on its label
  smarthydro-edge --version

Environment: LOG_LEVEL (debug, info, warn, error), and the variables that the configuration names with { env: NAME }.
Exit status: 0 stopped or fine, 1 failed (its log says why), 64 wrong command line, 78 wrong configuration.
`

// Where nobody reads any more, or the disk under a log is full, work goes on; who only prints has nothing left to do.
process.stderr.on('error', () => {})
process.stdout.on('error', () => process.exit(EXIT_FAILED))
process.exitCode = await main(process.argv.slice(2))

async function main(args: string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        ...{ config: { type: 'string' }, bus: { type: 'string' }, units: { type: 'string' } },
        ...{
          code: { type: 'string' },
          identity: { type: 'string' },
          name: { type: 'string' },
          ca: { type: 'string' },
        },
        ...{ every: { type: 'string' }, help: { type: 'boolean' }, version: { type: 'boolean' } },
      },
    })
    const [command, file, ...rest] = positionals
    const { config, bus, units = `1-${UNIT_MAX}`, every } = values
    if (values.help) return say(USAGE)
    if (values.version) return say(`${readVersion()}\n`)
    if (command === 'run' && file === undefined && values.config !== undefined)
      return await run(values.config)
    if (command === 'launch' && file === undefined && config !== undefined) return await launchRelease(config)
    if (command === 'doctor' && file === undefined && config !== undefined) return await doctor(config)
    if (command === 'scan' && file === undefined && config !== undefined && bus !== undefined) {
      const range = readRange(units)
      if (range !== undefined) return await scan(config, bus, range)
    }
    if (command === 'read' && file !== undefined && rest.length === 0 && config !== undefined) {
      const everyMs = every === undefined ? undefined : Duration.safeParse(every)
      if (everyMs?.success !== false) return await read(config, file, everyMs?.data)
    }
    if (command === 'enroll' && file !== undefined && rest.length === 0 && values.code !== undefined) {
      const { code, identity: folder = './identity', name: gateway, ca: caPath } = values
      return await enrollHere({ url: file, code, folder, gateway, caPath })
    }
    if (command === 'check' && file !== undefined && rest.length === 0) return check(file)
  } catch (error) {
    if (error instanceof ConfigError) {
      process.stderr.write(`${error.message}\n`)
      return EXIT_CONFIG
    }
    if (error instanceof Unavailable || error instanceof Rejected) {
      process.stderr.write(`${error.message}\n`)
      return EXIT_FAILED
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
  const options = { path: file, environment: process.env }
  const configuration = await openConfiguration({ clock: systemClock, log }, options)
  const pulse = openPulse({ clock: systemClock })
  const releases = await releasesOf(log, file)
  const deps = { clock: systemClock, log, random: Math.random, configuration, pulse, releases }
  const watchdog = openWatchdog({ clock: systemClock, log, pulse }, openSupervision(process.env))
  const { onReady } = watchdog
  try {
    for (let ended: Ended = 'again'; ended === 'again'; ) {
      const config = configuration.config()
      const askClock = config.clock === 'trusted' ? async () => true : askMachine
      ended = await runGateway(
        { ...deps, askClock },
        config,
        { version: readVersion(), onReady },
        stop.signal,
      )
    }
  } catch (error) {
    if (error instanceof ConfigError) throw error
    log.error('gateway failed', { reason: reasonOf(error), error })
    return EXIT_FAILED
  } finally {
    watchdog.close()
  }
  log.info('gateway stopped', {})
  return 0
}

/** Says who the gateway is now, and what is left to do. */
async function enrollHere(options: EnrollOptions): Promise<number> {
  const { gateway, client, project, uplinkUrl } = await enroll(options)
  const url = uplinkUrl ?? 'mqtts://…'
  return say(
    [
      `this is ${gateway} of ${client}.${project}; its identity is in ${options.folder}`,
      'a configuration for it begins with',
      `  gateway: ${gateway}\n  client: ${client}\n  project: ${project}`,
      `  uplink: { url: "${url}", credentials: ${options.folder} }\n`,
    ].join('\n'),
  )
}

/** Where the package's program and systemd say that releases are. */
async function shelfOf(log: Log): Promise<Shelf | undefined> {
  const { SMARTHYDRO_PACKAGE: packagedFolder, STATE_DIRECTORY: state } = process.env
  if (packagedFolder === undefined || state === undefined) return undefined
  return await openShelf({ clock: systemClock, log }, { folder: join(state, 'releases'), packagedFolder })
}

async function releasesOf(log: Log, configFile: string): Promise<Releases | undefined> {
  const shelf = await shelfOf(log)
  const architecture = ARCHITECTURES[process.arch]
  const deps = { clock: systemClock, log, random: Math.random, shelf }
  if (shelf === undefined) return undefined
  return openReleases({ ...deps, shelf }, { version: readVersion(), configFile, architecture })
}

/** Starts the release that is to run. */
async function launchRelease(file: string): Promise<number> {
  const log = openLog(
    { clock: systemClock, write: line => process.stderr.write(`${line}\n`) },
    { level: 'info' },
  )
  const shelf = await shelfOf(log)
  if (shelf === undefined) return await run(file)
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stop.abort(new Error(name)))
  const become = (program: string, args: readonly string[]) =>
    process.execve?.(program, [program, ...args], process.env)
  const options = { flags: process.execArgv, args: ['run', '--config', file] }
  return await launch({ clock: systemClock, log, shelf, become }, options, stop.signal)
}

/** A mistake in the configuration is a finding like any other, and the only one: nothing runs with it. */
async function doctor(file: string): Promise<number> {
  let config: RunnableConfig
  try {
    config = readGatewayConfig(file, process.env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const found = `wrong, so that no gateway starts with it:\n${error.message}`
    const todo = 'mend each line named; `smarthydro-edge check FILE` looks again'
    say(findingText({ state: 'wrong', subject: 'configuration', found, tried: `reading ${file}`, todo }))
    return EXIT_FAILED
  }
  say(`ok    configuration: ${file} is right\n`)
  const deps = { clock: systemClock, random: Math.random, askClock: askMachine }
  let wrong = 0
  for await (const finding of examine(deps, config, untilStopped())) {
    if (finding.state === 'wrong') wrong += 1
    say(findingText(finding))
  }
  say(wrong === 0 ? 'nothing wrong was found\n' : `${wrong} wrong\n`)
  return wrong === 0 ? 0 : EXIT_FAILED
}

async function scan(file: string, id: string, units: { first: number; last: number }): Promise<number> {
  const config = readGatewayConfig(file, process.env)
  await using bus = openOne(config, file, id)
  say(`bus ${id}: asking units ${units.first} to ${units.last}\n`)
  let count = 0
  for await (const { unit, answers, text } of scanBus({ bus }, config.devices, units, untilStopped())) {
    if (answers) count += 1
    const isConfigured = config.devices.some(device => device.bus === id && device.unit === unit)
    if (answers || isConfigured) say(`unit ${unit} ${text}\n`)
  }
  return say(`${count} answer\n`)
}

async function read(file: string, id: string, everyMs: number | undefined): Promise<number> {
  const config = readGatewayConfig(file, process.env)
  const device = config.devices.find(one => one.id === id)
  const remote = config.providers.find(one => one.id === id)
  if (remote !== undefined)
    return await showAgain(signal => showRemote({ clock: systemClock }, remote, signal), everyMs)
  if (device === undefined) {
    const known = [...config.devices, ...config.providers].map(one => one.id).join(', ')
    throw new ConfigError(file, [
      { path: 'devices', message: `no device is named "${id}"; there are ${known}` },
    ])
  }
  await using bus = openOne(config, file, device.bus)
  return await showAgain(signal => showDevice({ bus, clock: systemClock }, device, signal), everyMs)
}

async function showAgain(
  show: (signal: AbortSignal) => Promise<{ text: string; failure: string | undefined }>,
  everyMs: number | undefined,
): Promise<number> {
  const signal = untilStopped()
  for (;;) {
    const { text, failure } = await show(signal)
    say(text)
    if (everyMs === undefined) return failure === undefined ? 0 : EXIT_FAILED
    await systemClock.sleep(everyMs, signal)
  }
}

/** One bus of a configuration, by itself. */
function openOne(config: RunnableConfig, file: string, id: string): Bus & AsyncDisposable {
  const found = config.buses.find(one => one.id === id)
  if (found === undefined) {
    const known = config.buses.map(one => one.id).join(', ')
    throw new ConfigError(file, [{ path: 'buses', message: `no bus is named "${id}"; there are ${known}` }])
  }
  const bus = openBus({ clock: systemClock, log: silentLog, random: Math.random }, found)
  return { ...bus, [Symbol.asyncDispose]: async () => await bus.close() }
}

/** Ends the program at once when it is told to: it has nothing to lose. */
function untilStopped(): AbortSignal {
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => process.exit(0))
  return new AbortController().signal
}

/** `3` or `1-32`. */
function readRange(text: string): { first: number; last: number } | undefined {
  const [, from, to] = /^(\d{1,3})(?:-(\d{1,3}))?$/.exec(text) ?? []
  const [first, last] = [Number(from), Number(to ?? from)]
  return first >= 1 && first <= last && last <= UNIT_MAX ? { first, last } : undefined
}

function readLevel(name: string): Level {
  const level = LEVELS.find(each => each === name)
  if (level !== undefined) return level
  const message = `"${name}" is none of ${LEVELS.join(', ')}`
  throw new ConfigError('the environment', [{ path: 'LOG_LEVEL', message }])
}

function check(file: string): number {
  return say(describePlan(readGatewayConfig(file, process.env), file))
}

function say(text: string): number {
  process.stdout.write(text)
  return 0
}

function readVersion(): string {
  const here = new URL('../package.json', import.meta.url)
  return (JSON.parse(readFileSync(here, 'utf8')) as { version: string }).version
}
