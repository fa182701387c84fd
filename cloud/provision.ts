// Brings a site in: what a site.yaml describes is made so, all of it or nothing, and a second time changes nothing.
//
// What the file does not mention stays as it is; nothing is ever deleted. Where parts of the file have mistakes, the rest is
// made all the same, within a transaction that is then given up: so what it refers to is told together with them.

import { createHash, randomBytes } from 'node:crypto'
import type { Secret } from '../protocol/config-fields.ts'
import type { Draft, Sound } from '../protocol/draft.ts'
import { type PointPath, pointKey } from '../protocol/ids.ts'
import type { Place } from '../protocol/mistakes.ts'
import type { Clock } from '../protocol/runtime/clock.ts'
import { Rejected } from '../protocol/runtime/errors.ts'
import { readYaml } from '../protocol/yaml.ts'
import { channelMistake } from './compliance/obligation.ts'
import { upsertInformant, upsertObligation } from './compliance/provisioning.ts'
import { openSecrets } from './compliance/secrets.ts'
import { upsertSmaHolder, upsertSmaProcess } from './compliance/sma/provisioning.ts'
import { enterMeterEvent } from './processor/meter-events.ts'
import { toNewRule } from './processor/rules/rule-settings.ts'
import { entriesOf, maySpeakOf, pointNamed, Site, saidTwice } from './site-file.ts'
import { clientIdOf } from './store/accounts.ts'
import { selectInformant } from './store/compliance.ts'
import type { Database, Sql } from './store/database.ts'
import { insertRule } from './store/rules.ts'
import {
  type Change,
  findProject,
  findProvisionedPoint,
  replaceGatewayToken,
  upsertClient,
  upsertGateway,
  upsertPoint,
  upsertProject,
} from './store/sites.ts'

const TOKEN_LENGTH_MIN = 20

/** What provision() uses. */
export interface ProvisionDeps {
  db: Database
  clock: Clock
  secretKey: Uint8Array
  /** Where `{ env: NAME }` is looked up. */
  environment: Readonly<Record<string, string | undefined>>
}

/** What provision() did. */
export interface Provisioned {
  /** One line for each thing that was made or changed. */
  changes: string[]
  /** Tokens that were drawn for new gateways, to be shown once. */
  tokens: { gateway: string; token: string }[]
}

/** Makes what the text describes. `source` names it in messages. Throws ConfigError with every mistake; then nothing is made. */
export async function provision(deps: ProvisionDeps, text: string, source: string): Promise<Provisioned> {
  const draft = readYaml(text, source, Site)
  return deps.db.transaction(async tx => {
    const work = openWork(deps, tx, draft)
    await writeOwners(work)
    await writeGateways(work)
    await writeCalibrations(work)
    await writeMeterEvents(work)
    await writeInformants(work)
    await writeObligations(work)
    await writeSmaHolders(work)
    await writeSmaProcesses(work)
    draft.settle([...saidTwice(draft), ...work.mistakes])
    return { changes: work.changes, tokens: work.tokens }
  })
}

/** Gives a gateway another token and returns it, once. Throws Rejected when there is no such gateway. */
export async function giveGatewayToken(sql: Sql, gateway: string): Promise<string> {
  const token = drawToken()
  if (await replaceGatewayToken(sql, gateway, hashOf(token))) return token
  throw new Rejected(`There is no gateway ${gateway}`)
}

const drawToken = (): string => `shg_${randomBytes(32).toString('base64url')}`

const hashOf = (token: string): Uint8Array => new Uint8Array(createHash('sha256').update(token).digest())

interface Work extends Provisioned {
  tx: Sql
  clock: Clock
  secretKey: Uint8Array
  draft: Draft<Site>
  mistakes: Place[]
  note(what: string, change: Change): void
  /** A mistake at a place, for what the file refers to and is not there. */
  miss(path: PropertyKey[], message: string): void
  secretOf(secret: Sound<Secret> | undefined, path: PropertyKey[]): string | undefined
}

function openWork({ clock, secretKey, environment }: ProvisionDeps, tx: Sql, draft: Draft<Site>): Work {
  const work: Work = {
    ...{ tx, clock, secretKey, draft, mistakes: [], changes: [], tokens: [] },
    note(what, change) {
      if (change !== undefined) work.changes.push(`${what}: ${change}`)
    },
    miss: (path, message) => void work.mistakes.push({ path, message }),
    secretOf(secret, path) {
      if (typeof secret === 'string' || secret?.env === undefined) return secret as string | undefined
      const value = environment[secret.env]
      if (value !== undefined && value !== '') return value
      work.miss(path, `the environment has no ${secret.env}`)
      return undefined
    },
  }
  return work
}

async function writeOwners(work: Work): Promise<void> {
  const { tx, draft } = work
  for (const { whole } of entriesOf(draft, 'clients')) {
    if (whole === undefined) continue
    const { id: slug, name, rut } = whole
    work.note(`client ${slug}`, (await upsertClient(tx, { slug, name, rut })).change)
  }
  for (const { place, sound, whole } of entriesOf(draft, 'projects')) {
    const clientId = await clientOf(work, place, sound)
    if (clientId === undefined || whole === undefined) continue
    const { client, id: slug, name } = whole
    work.note(`project ${client}.${slug}`, (await upsertProject(tx, { clientId, slug, name })).change)
  }
  for (const { place, sound, whole } of entriesOf(draft, 'points')) {
    const found = await projectOf(work, place, sound)
    if (found === undefined || whole === undefined) continue
    const { client, project, id: slug, ...point } = whole
    const { change } = await upsertPoint(tx, found.id, { ...point, slug })
    work.note(`point ${client}.${project}.${slug}`, change)
  }
}

async function clientOf(
  work: Work,
  place: PropertyKey[],
  { client }: { client?: string | undefined },
): Promise<number | undefined> {
  if (client === undefined) return undefined
  const id = await clientIdOf(work.tx, client)
  if (id === undefined && !maySpeakOf(work.draft, 'clients', client)) {
    work.miss([...place, 'client'], `there is no client ${client}`)
  }
  return id
}

async function projectOf(
  work: Work,
  place: PropertyKey[],
  { client, project }: { client?: string | undefined; project?: string | undefined },
) {
  if (client === undefined || project === undefined) return undefined
  const found = await findProject(work.tx, { client, project })
  if (found === undefined && !maySpeakOf(work.draft, 'projects', `${client}.${project}`)) {
    work.miss([...place, 'project'], `there is no project ${client}.${project}`)
  }
  return found
}

async function writeGateways(work: Work): Promise<void> {
  for (const { place, sound, whole } of entriesOf(work.draft, 'gateways')) {
    const found = await projectOf(work, place, sound)
    const given = work.secretOf(sound.token, [...place, 'token'])
    if (given !== undefined && given.length < TOKEN_LENGTH_MIN) {
      work.miss([...place, 'token'], `must have ${TOKEN_LENGTH_MIN} characters or more`)
    }
    if (found === undefined || whole === undefined) continue
    const { id: slug, token, enrol } = whole
    const tokenHash = given === undefined ? undefined : hashOf(given)
    const written = await upsertGateway(work.tx, { projectId: found.id, slug, tokenHash })
    if (written === undefined) {
      work.miss([...place, 'id'], `${slug} is a gateway of another project`)
      continue
    }
    work.note(`gateway ${slug}`, written.change)
    if (token !== undefined || enrol || written.change !== 'created') continue
    work.tokens.push({ gateway: slug, token: await giveGatewayToken(work.tx, slug) })
  }
}

async function pointOf(
  work: Work,
  place: PropertyKey[],
  { point }: { point?: Sound<PointPath> | undefined },
) {
  const named = pointNamed(point)
  if (named === undefined) return undefined
  const found = await findProvisionedPoint(work.tx, named.name)
  if (found === undefined && !maySpeakOf(work.draft, 'points', named.key)) {
    work.miss([...place, 'point'], `there is no point ${named.key}`)
  }
  return found
}

async function writeCalibrations(work: Work): Promise<void> {
  for (const { place, sound, whole } of entriesOf(work.draft, 'calibrations')) {
    const point = await pointOf(work, place, sound)
    if (point === undefined || whole === undefined) continue
    const { point: name, ...settings } = whole
    const rule = toNewRule(settings)
    const outcome = await insertRule(work.tx, { pointId: point.id, ...rule, createdBy: PROVISIONING })
    if (outcome === 'different') {
      work.miss(
        place,
        'another one is valid from the same instant, and values were computed with it: give it another from',
      )
    }
    const of = 'variable' in settings ? ` of ${settings.variable}` : ''
    const what = `calibration ${settings.rule}${of} of ${pointKey(name)}`
    work.note(what, outcome === 'created' ? 'created' : undefined)
  }
}

async function writeMeterEvents(work: Work): Promise<void> {
  const { tx, clock } = work
  for (const { place, sound, whole } of entriesOf(work.draft, 'meterEvents')) {
    const point = await pointOf(work, place, sound)
    if (point === undefined || whole === undefined) continue
    const { point: name, ...event } = whole
    const entered = await enterMeterEvent(
      { tx, clock },
      { pointId: point.id, ...event, createdBy: PROVISIONING },
    )
    if (entered.kind === 'refused') work.miss([...place, entered.field], entered.reason)
    const what = `meter event ${event.kind} of ${pointKey(name)}`
    work.note(what, entered.kind === 'entered' ? 'created' : undefined)
  }
}

/** Who makes what a site file says. */
const PROVISIONING = 'provisioning'

async function writeInformants(work: Work): Promise<void> {
  const secrets = openSecrets(work.secretKey)
  for (const { place, sound, whole } of entriesOf(work.draft, 'informants')) {
    const clientId = await clientOf(work, place, sound)
    const password = work.secretOf(sound.password, [...place, 'password'])
    if (clientId === undefined || password === undefined || whole === undefined) continue
    const { client: _, password: __, ...settings } = whole
    const { change } = await upsertInformant(
      { db: work.tx, clock: work.clock, secrets },
      { clientId, settings, password },
    )
    work.note(`informant ${settings.rut}`, change)
  }
}

async function writeObligations(work: Work): Promise<void> {
  const { tx, clock, draft } = work
  for (const { place, sound, whole } of entriesOf(draft, 'obligations')) {
    const point = await pointOf(work, place, sound)
    const informant = await informantOf(work, place, sound)
    const kind = draft.isWrong(...place, 'kind') ? undefined : (sound.kind ?? point?.kind)
    if (sound.from !== undefined && sound.to !== undefined && sound.to <= sound.from) {
      work.miss([...place, 'to'], 'must be after from')
    }
    const wrong = channelMistake(sound.channel, kind)
    if (wrong !== undefined) work.miss([...place, 'channel'], wrong)
    if (point === undefined || informant === undefined || wrong !== undefined || whole === undefined) continue
    const { point: _, ...settings } = whole
    try {
      const { change } = await upsertObligation({ tx, clock }, { clientId: point.clientId, point, settings })
      work.note(`obligation ${settings.workCode}`, change)
    } catch (error) {
      if (!(error instanceof Rejected)) throw error
      work.miss(place, error.message)
    }
  }
}

async function informantOf(
  work: Work,
  place: PropertyKey[],
  { point, informant: rut }: { point?: Sound<PointPath> | undefined; informant?: string | undefined },
) {
  const client = point?.client
  if (client === undefined || rut === undefined) return undefined
  const clientId = await clientIdOf(work.tx, client)
  const found = clientId === undefined ? undefined : await selectInformant(work.tx, { clientId, rut })
  const isKnown = clientId !== undefined || maySpeakOf(work.draft, 'clients', client)
  if (found === undefined && isKnown && !maySpeakOf(work.draft, 'informants', `${client}.${rut}`)) {
    work.miss([...place, 'informant'], `client ${client} has no informant ${rut}`)
  }
  return found
}

async function writeSmaHolders(work: Work): Promise<void> {
  const secrets = openSecrets(work.secretKey)
  for (const { place, sound, whole } of entriesOf(work.draft, 'smaHolders')) {
    const clientId = await clientOf(work, place, sound)
    const password = work.secretOf(sound.password, [...place, 'password'])
    if (clientId === undefined || password === undefined || whole === undefined) continue
    const { user } = whole
    const { change } = await upsertSmaHolder({ sql: work.tx, secrets }, { clientId, user, password })
    work.note(`SMA user ${user}`, change)
  }
}

async function writeSmaProcesses(work: Work): Promise<void> {
  const { tx, clock } = work
  for (const { place, sound, whole } of entriesOf(work.draft, 'smaProcesses')) {
    const clientId = await clientOf(work, place, sound)
    if (clientId === undefined || whole === undefined) continue
    const { client: _, ...settings } = whole
    try {
      const { change } = await upsertSmaProcess({ tx, clock }, { clientId, settings })
      work.note(`SMA process ${settings.uf}/${settings.process}`, change)
    } catch (error) {
      if (!(error instanceof Rejected)) throw error
      work.miss(place, error.message)
    }
  }
}
