// smarthydro-cloud fleet …: the fleet, for people who live in a terminal. Tables, or with --json one document.

import { randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CommandRequest } from '../../protocol/command.ts'
import { reasonsOf } from '../../protocol/mistakes.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import { GatewayHealth, GatewayState } from '../../protocol/status.ts'
import { insertCommand, selectCommand } from '../store/commands.ts'
import type { Database } from '../store/database.ts'
import { type EnrolledRow, selectEnrolled, selectEnrolmentState, selectFleetEvents } from '../store/fleet.ts'
import { selectGateway, selectGateways } from '../store/queries.ts'
import { needed, UsageError } from '../usage-error.ts'
import type { Authority } from './authority.ts'
import { CLAIM_DAYS, CLAIM_DAYS_MAX, claimGateways, claimProject } from './claims.ts'
import { revoke } from './enrol.ts'
import { enrolCommand, toLabels } from './labels.ts'
import { commandRelease } from './release-cli.ts'
import { instantOf, table } from './text-table.ts'

/** What the commands use. */
export interface FleetCliDeps {
  db: Database
  clock: Clock
  authority: Authority
  say: (text: string) => number
  publicUrl: string
}

/** What was said on the command line. */
export interface FleetOptions {
  json?: boolean | undefined
  reason?: string | undefined
  days?: string | undefined
  uses?: string | undefined
  labels?: string | undefined
  out?: string | undefined
  replace?: boolean | undefined
  wait?: string | undefined
}

const BY = 'command line'
const LIST_MAX = 100_000
const LOGS = 50

/** Does what `fleet VERB …` says. Throws UsageError and Rejected. */
export async function commandFleet(
  deps: FleetCliDeps,
  [verb, ...rest]: readonly string[],
  options: FleetOptions,
): Promise<number> {
  switch (verb) {
    case 'key':
      if (rest.length === 0) return deps.say(await deps.authority.fleetKey())
      break
    case 'list':
      if (rest.length === 0) return list(deps, options)
      break
    case 'show':
      if (rest.length === 1) return show(deps, rest[0] as string, options)
      break
    case 'logs':
      if (rest.length <= 1) return logs(deps, rest[0], options)
      break
    case 'command':
      if (rest.length === 2) return command(deps, rest as [string, string], options)
      break
    case 'claim':
      if (rest.length >= 1) return claim(deps, rest, options)
      break
    case 'revoke':
      if (rest.length >= 1) return revokeAll(deps, rest, options)
      break
    case 'release':
      return commandRelease(deps, rest, options)
    case 'certificate':
      if (rest.length >= 1) return certificate(deps, rest, options)
      break
    case 'rotate':
      if (rest[0] === 'issuing' || rest[0] === 'root') {
        await deps.authority.rotate(rest[0])
        return deps.say('from now on another authority issues; what was issued is believed until its end\n')
      }
      break
  }
  throw new UsageError(`No such command: fleet ${[verb ?? '', ...rest].join(' ')}`)
}

async function list({ db, say }: FleetCliDeps, { json }: FleetOptions): Promise<number> {
  const rows = await selectGateways(db, null, { afterId: 0, limit: LIST_MAX })
  const found = rows.map(({ gateway, client, project, state, health, healthAt, lastBatchAt }) => {
    const { data: said } = GatewayState.safeParse(state)
    const { data: told } = GatewayHealth.safeParse(health)
    return {
      ...{ gateway, client, project, state: said?.state ?? 'unknown', version: said?.version ?? null },
      ...{
        readings: told?.buffer.readings ?? null,
        heardAt: instantOf(Math.max(healthAt ?? 0, lastBatchAt ?? 0)),
      },
    }
  })
  if (json) return say(`${JSON.stringify(found, null, 2)}\n`)
  return say(
    table(
      ['gateway', 'project', 'state', 'version', 'on disk', 'heard'],
      found.map(row => [
        ...[row.gateway, `${row.client}.${row.project}`, row.state, row.version ?? '-'],
        ...[String(row.readings ?? '-'), row.heardAt ?? 'never'],
      ]),
    ),
  )
}

async function show(
  { db, clock, say }: FleetCliDeps,
  gateway: string,
  { json }: FleetOptions,
): Promise<number> {
  const { id } = await gatewayOf(db, gateway)
  const row = await selectGateway(db, null, gateway)
  const { data: health } = GatewayHealth.safeParse(row?.health)
  const { data: state } = GatewayState.safeParse(row?.state)
  const enrolment = await selectEnrolmentState(db, id, clock.now())
  if (json) return say(`${JSON.stringify({ gateway, state, health, enrolment }, null, 2)}\n`)
  const known = enrolment.hasKey ? 'certificate' : enrolment.hasToken ? 'token' : undefined
  const lines: [string, string][] = [
    ['gateway', `${gateway} of ${row?.client}.${row?.project}`],
    ['state', state === undefined ? 'never heard' : `${state.state} since ${instantOf(state.since)}`],
    ['version', state?.version ?? '-'],
    ['known by', known ?? (enrolment.revokedAt === null ? 'nothing yet' : 'nothing: revoked')],
    ['certificate until', (enrolment.hasKey && instantOf(enrolment.certificateEndsAt)) || '-'],
    ['claim until', instantOf(enrolment.claimExpiresAt) ?? '-'],
    [
      'on disk',
      health === undefined ? '-' : `${health.buffer.readings} readings, ${health.buffer.bytes} bytes`,
    ],
    ['clock', health?.clock.quality ?? '-'],
    ...(health?.devices ?? []).map(({ id: device, ok, failed, lastFailure }): [string, string] => [
      ...([
        `device ${device}`,
        `${ok} polls with values, ${failed} without${lastFailure ? `: ${lastFailure}` : ''}`,
      ] as const),
    ]),
  ]
  return say(lines.map(([name, value]) => `${name.padEnd(18)} ${value}\n`).join(''))
}

async function logs(
  { db, say }: FleetCliDeps,
  gateway: string | undefined,
  { json }: FleetOptions,
): Promise<number> {
  if (gateway !== undefined) await gatewayOf(db, gateway)
  const asked = { gateway, beforeId: Number.MAX_SAFE_INTEGER, limit: LOGS }
  const events = (await selectFleetEvents(db, null, asked)).reverse()
  const shown = events.map(({ at, id: _, ...event }) => ({ at: instantOf(at), ...event }))
  if (json) return say(`${JSON.stringify(shown, null, 2)}\n`)
  return say(
    table(
      ['at', 'what', 'gateway', 'by', ''],
      shown.map(({ at, kind, gateway: of, by, details }) => [
        ...[at ?? '', kind, of ?? '-', by, JSON.stringify(details) === '{}' ? '' : JSON.stringify(details)],
      ]),
    ),
  )
}

const COMMAND_FOR_MS = 10 * 60_000
const LOOK_EVERY_MS = 200
const WAIT_S = 30

/** Gives a command and waits for what comes of it. */
async function command(
  { db, clock, say }: FleetCliDeps,
  [gateway, text]: [string, string],
  { wait = String(WAIT_S) }: FleetOptions,
): Promise<number> {
  const { id: gatewayId } = await gatewayOf(db, gateway)
  const request = CommandRequest.safeParse(jsonOf(text))
  if (!request.success) throw new UsageError(`The command: ${reasonsOf(request.error)}`)
  const now = clock.now()
  const id = `cli-${randomUUID().slice(0, 18)}`
  const document = { ...request.data, v: 1 as const, id, by: BY, expiresAt: now + COMMAND_FOR_MS }
  if (!(await insertCommand(db, { gatewayId, id, document }, { now }))) {
    throw new Rejected(`Too many commands wait for ${gateway}`)
  }
  const until = clock.monotonic() + numberOf('wait', wait, { max: 600 }) * 1000
  while (clock.monotonic() < until) {
    const row = await selectCommand(db, gatewayId, id)
    if (row?.result != null) {
      say(`${JSON.stringify(row.result, null, 2)}\n`)
      return (row.result as { status?: unknown }).status === 'done' ? 0 : 1
    }
    await clock.sleep(LOOK_EVERY_MS)
  }
  say(`no answer within ${wait} s; ${gateway} is asked for ten minutes, as ${id}\n`)
  return 1
}

/** Claims for gateways; or, for `client.project` and --uses, one for many. */
async function claim(deps: FleetCliDeps, names: readonly string[], options: FleetOptions): Promise<number> {
  const { db, clock, say, publicUrl } = deps
  const days = numberOf('days', options.days ?? String(CLAIM_DAYS), { max: CLAIM_DAYS_MAX })
  const asked = { clientIds: null, by: BY, days }
  if (options.uses !== undefined) {
    const [client = '', project = '', ...more] = (names[0] ?? '').split('.')
    if (names.length > 1 || project === '' || more.length > 0) {
      throw new UsageError('fleet claim --uses N takes one CLIENT.PROJECT')
    }
    const uses = numberOf('uses', options.uses, { max: 1_000 })
    const { code, expiresAt } = await claimProject({ db, clock }, { client, project }, { ...asked, uses })
    return say(`${code} for ${uses} gateways of ${client}.${project} until ${instantOf(expiresAt)}\n`)
  }
  const claims = await claimGateways({ db, clock }, names, { ...asked, replace: options.replace ?? false })
  if (options.labels !== undefined) {
    const drawn = claims.flatMap(({ gateway, code }) =>
      code === null ? [] : [{ gateway, code, client: '', place: '' }],
    )
    if (drawn.length > 0) {
      const bytes = await toLabels(drawn, { url: publicUrl, now: clock.now() })
      writeFileSync(options.labels, bytes, { mode: 0o600 })
    }
  }
  if (options.json) return say(`${JSON.stringify(claims, null, 2)}\n`)
  const words = {
    open: 'has a claim already: --replace draws another',
    enrolled: 'is enrolled: --replace draws a claim all the same',
  }
  for (const { gateway, state, code } of claims) {
    if (state === 'drawn' && code !== null) say(`${gateway}: ${enrolCommand(code, publicUrl)}\n`)
    else say(`${gateway} ${state === 'unknown' ? 'is no gateway' : words[state as keyof typeof words]}\n`)
  }
  return claims.some(({ state }) => state === 'unknown') ? 1 : 0
}

async function revokeAll(
  { db, clock, say }: FleetCliDeps,
  names: readonly string[],
  options: FleetOptions,
): Promise<number> {
  const reason = needed('reason', options.reason)
  const found = await selectEnrolled(db, names, null)
  for (const name of names)
    if (!found.some(({ slug }) => slug === name)) throw new Rejected(`There is no gateway ${name}`)
  const revoked = await revoke({ db, clock }, found, { by: BY, reason })
  for (const name of names)
    say(`${name} ${revoked.includes(name) ? 'may connect no more' : 'was revoked before'}\n`)
  return 0
}

/** A certificate for a server or a service of the cloud, by its names: a broker, nats-server, the collector at nats-server. */
async function certificate(
  { authority, say }: FleetCliDeps,
  names: readonly string[],
  { out = '.' }: FleetOptions,
): Promise<number> {
  const { chain, key, notAfter } = await authority.issueServer(names)
  mkdirSync(out, { recursive: true, mode: 0o700 })
  writeFileSync(join(out, 'key.pem'), key, { mode: 0o600 })
  writeFileSync(join(out, 'cert.pem'), chain)
  writeFileSync(join(out, 'ca.pem'), await authority.roots())
  return say(
    `cert.pem, key.pem and ca.pem are in ${out}, for ${names.join(', ')} until ${instantOf(notAfter)}\n`,
  )
}

async function gatewayOf(db: Database, gateway: string): Promise<EnrolledRow> {
  const [row] = await selectEnrolled(db, [gateway], null)
  if (row === undefined) throw new Rejected(`There is no gateway ${gateway}`)
  return row
}

function numberOf(name: string, text: string, { max }: { max: number }): number {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN
  if (value >= 1 && value <= max) return value
  throw new UsageError(`--${name} must be a number from 1 to ${max}`)
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new UsageError(`The command is no JSON, such as {"kind":"restart"}: ${text}`)
  }
}
