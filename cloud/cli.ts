#!/usr/bin/env node
// smarthydro-cloud: the cloud's program.

import { existsSync, readFileSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import { parseArgs } from 'node:util'
import { SLUG } from '../protocol/ids.ts'
import { systemClock } from '../protocol/runtime/clock.ts'
import { ConfigError, EXIT_CONFIG, Rejected, Unavailable } from '../protocol/runtime/errors.ts'
import { type Log, openLog } from '../protocol/runtime/log.ts'
import { aborted } from '../protocol/runtime/scope.ts'
import { endToken, makePassword, makeToken, makeUser } from './api/cli.ts'
import {
  type CommandDeps,
  switchSending,
  tellEvidence,
  tellRewrapped,
  tellSending,
  toTurn,
  writePack,
} from './compliance/cli.ts'
import { openSecrets } from './compliance/secrets.ts'
import { type CloudConfig, readConfig } from './config.ts'
import { openAuthority, openFleetSecrets } from './fleet/authority.ts'
import { commandFleet } from './fleet/cli.ts'
import { tellHealth } from './health-command.ts'
import { commandImport, type ImportCommand } from './imports/command.ts'
import { readImportCommand } from './imports/command-line.ts'
import { followUsers } from './nats-follow.ts'
import { natsCertificateUsers, natsUsers } from './nats-users.ts'
import { openDatabase } from './open-database.ts'
import { execute, stretchOf, tellPreview } from './processor/cli.ts'
import { giveGatewayToken, provision } from './provision.ts'
import { SERVICE_NAMES, type ServiceName } from './service.ts'
import { startCloud } from './services.ts'
import { smoke } from './smoke/command.ts'
import { listSubscribers } from './store/accounts.ts'
import { type Actor, actAs } from './store/acting.ts'
import type { Database } from './store/database.ts'
import { listConnecting } from './store/gateways.ts'
import { grafanaScript } from './store/grafana.ts'
import { tellTrace } from './tracing/cli.ts'
import { USAGE } from './usage.ts'
import { listOf, needed, UsageError } from './usage-error.ts'

/** The command line was wrong (EX_USAGE of sysexits.h). */
const EXIT_USAGE = 64

/** The database was not there (EX_UNAVAILABLE). */
const EXIT_UNAVAILABLE = 69

const OPTIONS = {
  services: { type: 'string' },
  email: { type: 'string' },
  name: { type: 'string' },
  role: { type: 'string' },
  client: { type: 'string' },
  scopes: { type: 'string' },
  days: { type: 'string' },
  work: { type: 'string' },
  informant: { type: 'string' },
  reason: { type: 'string' },
  month: { type: 'string' },
  out: { type: 'string' },
  pack: { type: 'string' },
  point: { type: 'string' },
  from: { type: 'string' },
  to: { type: 'string' },
  mqtt: { type: 'boolean' },
  certificates: { type: 'boolean' },
  follow: { type: 'boolean' },
  pid: { type: 'string' },
  json: { type: 'boolean' },
  replace: { type: 'boolean' },
  uses: { type: 'string' },
  labels: { type: 'string' },
  wait: { type: 'string' },
  delimiter: { type: 'string' },
  decimal: { type: 'string' },
  dates: { type: 'string' },
  zone: { type: 'string' },
  time: { type: 'string' },
  accept: { type: 'string' },
  broker: { type: 'string' },
  at: { type: 'string' },
  otlp: { type: 'string' },
  api: { type: 'string' },
  help: { type: 'boolean' },
  version: { type: 'boolean' },
} as const

type Options = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values']

async function main(args: string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({ args, allowPositionals: true, options: OPTIONS })
    if (values.help) return say(USAGE)
    if (values.version) return say(`${readVersion()}\n`)
    const [command, ...rest] = positionals
    if (command === undefined) throw new UsageError('Say what to do')
    return await obey(command, rest, values)
  } catch (error) {
    return explain(error)
  }
}

async function obey(command: string, rest: readonly string[], options: Options): Promise<number> {
  switch (`${command} ${rest.length}`) {
    case 'run 0':
      return run(servicesOf(options.services))
    case 'health 0': {
      const places = settings()
      return tellHealth(servicesOf(options.services), places, line => void say(`${line}\n`))
    }
    case 'trace 0':
      return withDatabase(tellTrace(options, { say, version: readVersion() }))
    case 'smoke 0':
      return runSmoke(options)
    case 'migrate 0':
      return withDatabase(async () => say('the database has the shape that this version needs\n'))
    case 'verify-evidence 0':
      return checkEvidence(options.pack)
    case 'grafana-role 0':
      return say(grafanaScript(clientOf(options)))
    case 'pack 0':
      return compliance(deps => writePack(deps, options))
    case 'secrets 1':
      if (rest[0] !== 'rewrap') break
      return withDatabase((db, secretKey) => {
        const former = settings().formerSecretKeys
        const authority = openAuthority({
          ...{ db, clock: systemClock },
          secrets: openFleetSecrets(secretKey, former),
        })
        return tellRewrapped(
          { db, clock: systemClock, say },
          openSecrets(secretKey, former),
          authority.rewrap,
        )
      })
    case 'sending 0':
      return compliance(tellSending)
    case 'sending 1':
      if (rest[0] === 'on' || rest[0] === 'off') return turnSwitch(rest[0] === 'on', options)
      break
    case 'recompute 0':
      return recompute(options)
    case 'recompute 1':
      return executePreview(rest[0] as string, needed('reason', options.reason))
    case 'provision 1':
      return provisionFile(rest[0] as string)
    case 'user 1':
      if (rest[0] === 'create') return withDatabase(makeUser(options, say))
      if (rest[0] === 'reset-password') return withDatabase(makePassword(options, say))
      break
    case 'token 1':
      if (rest[0] === 'create') return withDatabase(makeToken(options, { clock: systemClock, say }))
      if (rest[0] === 'revoke') return withDatabase(endToken(options, say))
      break
    case 'gateway 2':
      if (rest[0] === 'token') {
        const gateway = rest[1] as string
        return withDatabase(async db => say(`${await giveGatewayToken(db, gateway)}\n`))
      }
      break
    case 'import 1':
    case 'import 2':
      return importHistory(readImportCommand(rest, options, readBytes))
    case 'nats 1':
      if (rest[0] !== 'users') break
      return tellNatsUsers(options)
  }
  if (command === 'fleet') return fleet(rest, options)
  throw new UsageError(`No such command: ${[command, ...rest].join(' ')}`)
}

function fleet(words: readonly string[], options: Options): Promise<number> {
  return withDatabase((db, secretKey) => {
    const { formerSecretKeys, publicUrl } = settings()
    const secrets = openFleetSecrets(secretKey, formerSecretKeys)
    const authority = openAuthority({ db, clock: systemClock, secrets })
    return commandFleet({ db, clock: systemClock, authority, say, publicUrl }, words, options)
  })
}

/** Prints the users of a nats-server once, or keeps a file as they are. */
function tellNatsUsers({ mqtt = false, certificates, out, follow, pid }: Options): Promise<number> {
  return withDatabase(async db => {
    const users = async () => {
      const gateways = await listConnecting(db)
      if (certificates) return natsCertificateUsers(gateways, { mqtt })
      const names = gateways.flatMap(({ gateway, enrolledKey }) => (enrolledKey === null ? [gateway] : []))
      return natsUsers(names, await listSubscribers(db, systemClock.now()), { mqtt })
    }
    if (!follow) return say(await users())
    const deps = { clock: systemClock, log: openCliLog(settings()), users }
    const stop = stopSignal()
    await followUsers(deps, { file: needed('out', out), pidFile: pid }, stop).catch((error: unknown) => {
      if (!stop.aborted) throw error
    })
    return 0
  })
}

function runSmoke({ broker, api }: Options): Promise<number> {
  const { mqtt, ports } = settings()
  const places = {
    mqtt: broker ?? `mqtt://127.0.0.1:${mqtt.port}`,
    api: api ?? `http://127.0.0.1:${ports.api}`,
  }
  const told = (line: string) => void say(`${line}\n`)
  return withDatabase((db, secretKey) =>
    smoke({ db, clock: systemClock, secretKey, fetch, say: told }, places),
  )
}

function importHistory(command: ImportCommand): Promise<number> {
  return withDatabase(async db => {
    const log = openCliLog(settings())
    await commandImport({ db, clock: systemClock, log, say: line => void say(`${line}\n`) }, command)
    return 0
  })
}

async function run(services: readonly ServiceName[]): Promise<number> {
  const config = settings()
  const log = openCliLog(config)
  const stop = stopSignal()
  const deps = { clock: systemClock, log, random: Math.random }
  const cloud = await startCloud(deps, { config, services, version: readVersion() })
  try {
    await Promise.race([aborted(stop), cloud.failed])
  } finally {
    await cloud.close()
  }
  log.info('cloud stopped', {})
  return 0
}

/** A first signal stops in order; a second one at once: stopping is no better than losing power, only tidier. */
function stopSignal(): AbortSignal {
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(1)
      stop.abort(new Error(name))
    })
  }
  return stop.signal
}

function provisionFile(file: string): Promise<number> {
  const text = readText(file)
  return withDatabase(async (db, secretKey) => {
    const deps = { db, clock: systemClock, secretKey, environment: process.env }
    const { changes, tokens } = await provision(deps, text, file)
    for (const change of changes) say(`${change}\n`)
    for (const { gateway, token } of tokens) say(`token of gateway ${gateway}, shown once: ${token}\n`)
    return say(
      changes.length === 0
        ? 'nothing to change\n'
        : `${changes.length} change${changes.length === 1 ? '' : 's'}\n`,
    )
  })
}

function compliance(work: (deps: CommandDeps) => Promise<number>): Promise<number> {
  return withDatabase(db => work({ db, clock: systemClock, say }))
}

function turnSwitch(sending: boolean, options: Options): Promise<number> {
  const turn = toTurn(sending, options)
  return compliance(deps => switchSending(deps, turn))
}

function checkEvidence(pack: string | undefined): Promise<number> {
  const text = pack === undefined ? undefined : readText(pack)
  return compliance(deps => tellEvidence(deps, text))
}

function recompute(options: Options): Promise<number> {
  const stretch = stretchOf({ ...options, point: needed('point', options.point) })
  if (typeof stretch === 'string') throw new UsageError(stretch)
  return withDatabase(db => tellPreview({ db, clock: systemClock, say }, stretch))
}

function executePreview(preview: string, why: string): Promise<number> {
  return withDatabase(db => execute({ db, clock: systemClock, say }, preview, why))
}

/** A client's name as it may stand in a script. */
function clientOf({ client }: Options): string | undefined {
  if (client !== undefined && !SLUG.test(client))
    throw new UsageError(`--client ${client}: not the name of a client`)
  return client
}

async function withDatabase(work: (db: Database, secretKey: Uint8Array) => Promise<number>): Promise<number> {
  const config = settings()
  const deps = { clock: systemClock, log: openCliLog(config) }
  const open = await openDatabase(deps, config, { beside: true, withApi: false })
  try {
    return await actAs(commandActor(), () => work(open.db, open.secretKey))
  } finally {
    await open.close()
  }
}

/** Somebody on the machine, for the audit. What follows the command may be secret, and is not kept. */
function commandActor(): Actor {
  const [command = ''] = process.argv.slice(2)
  const name = `${userInfo().username} on ${hostname()}`.slice(0, ACTOR_LENGTH_MAX)
  return { kind: 'command', id: '', name, route: `smarthydro-cloud ${command}`.slice(0, ACTOR_LENGTH_MAX) }
}

const ACTOR_LENGTH_MAX = 200

function settings(): CloudConfig {
  if (existsSync('.env')) process.loadEnvFile('.env')
  return readConfig(process.env)
}

const openCliLog = ({ logLevel: level }: CloudConfig): Log =>
  openLog({ clock: systemClock, write: line => process.stderr.write(`${line}\n`) }, { level })

function servicesOf(text: string | undefined): ServiceName[] {
  return listOf('services', text ?? SERVICE_NAMES.join(','), SERVICE_NAMES)
}

const readText = (file: string): string => readBytes(file).toString('utf8')

function readBytes(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new ConfigError(file, [{ path: '', message }])
  }
}

/** The operator's mistakes in words; a bug keeps its stack. */
function explain(error: unknown): number {
  if (error instanceof ConfigError) return complain(error.message, EXIT_CONFIG)
  if (error instanceof Rejected) return complain(error.message, 1)
  if (error instanceof Unavailable) return complain(error.message, EXIT_UNAVAILABLE)
  const parse =
    error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
  if (parse || error instanceof UsageError) return complain(`${error.message}\n\n${USAGE}`, EXIT_USAGE)
  throw error
}

function complain(text: string, status: number): number {
  process.stderr.write(`${text}\n`)
  return status
}

function say(text: string): number {
  process.stdout.write(text)
  return 0
}

function readVersion(): string {
  const here = new URL('../package.json', import.meta.url)
  return (JSON.parse(readFileSync(here, 'utf8')) as { version: string }).version
}

// Where nobody reads any more, or the disk under a log is full, work goes on.
process.stderr.on('error', () => {})
process.stdout.on('error', () => {})
process.exitCode = await main(process.argv.slice(2))
