// Brings a site in: what a site.yaml describes is made so, all of it or nothing, and a second time changes nothing.
//
// What the file does not mention stays as it is; nothing is ever deleted.

import { createHash, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { Secret } from '../protocol/config-fields.ts'
import { type PointPath, pointKey, Slug } from '../protocol/ids.ts'
import type { Clock } from '../protocol/runtime/clock.ts'
import { ConfigError, type ConfigMistake, Rejected } from '../protocol/runtime/errors.ts'
import { parseYaml } from '../protocol/yaml.ts'
import { InformantSettings, ObligationSettings } from './compliance/obligation.ts'
import { upsertInformant, upsertObligation } from './compliance/provisioning.ts'
import { Rut } from './compliance/rut.ts'
import { openSecrets } from './compliance/secrets.ts'
import { PARAMS } from './processor/rules/calibration.ts'
import { clientIdOf } from './store/accounts.ts'
import type { Database, Sql } from './store/database.ts'
import {
  type Change,
  findProject,
  findProvisionedPoint,
  insertCalibration,
  replaceGatewayToken,
  upsertClient,
  upsertGateway,
  upsertPoint,
  upsertProject,
} from './store/sites.ts'

const Name = z.string().trim().min(1).max(200)
const Instant = z.iso.datetime({ offset: true }).transform(text => Date.parse(text))
const Depth = z.number().positive().max(2000).nullable().default(null)
const Diameter = z.number().positive().max(200).nullable().default(null)

/** `client.project.point`. */
const PointName = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9-]{0,62}(\.[a-z0-9][a-z0-9-]{0,62}){2}$/,
    'must be a point such as campo.los-aromos.pozo-7',
  )
  .transform(text => {
    const [client = '', project = '', point = ''] = text.split('.')
    return { client, project, point } satisfies PointPath
  })

const Point = z.strictObject({
  client: Slug,
  project: Slug,
  id: Slug,
  name: Name,
  kind: z.enum(['groundwater', 'surface_pipe', 'surface_channel']),
  latitude: z.number().min(-90).max(90).nullable().default(null),
  longitude: z.number().min(-180).max(180).nullable().default(null),
  wellDepthM: Depth,
  pumpDepthM: Depth,
  sensorDepthM: Depth,
  dischargeDiameterIn: Diameter,
  meterDiameterIn: Diameter,
})

const TOKEN_LENGTH_MIN = 20

const Gateway = z.strictObject({ client: Slug, project: Slug, id: Slug, token: Secret.optional() })

const since = { point: PointName, from: Instant }

const Calibration = z.discriminatedUnion('rule', [
  z.strictObject({ ...since, rule: z.literal('pulses_to_volume'), ...PARAMS.pulses_to_volume.shape }),
  z.strictObject({ ...since, rule: z.literal('total_to_volume'), ...PARAMS.total_to_volume.shape }),
  z.strictObject({ ...since, rule: z.literal('level_to_water_table'), ...PARAMS.level_to_water_table.shape }),
])

const Informant = InformantSettings.extend({ client: Slug, password: Secret })

const Obligation = ObligationSettings.safeExtend({ point: PointName })

const listOf = <Item extends z.ZodType>(item: Item) => z.array(item).max(10_000).default([])

const Site = z.strictObject({
  clients: listOf(z.strictObject({ id: Slug, name: Name, rut: Rut.nullable().default(null) })),
  projects: listOf(z.strictObject({ client: Slug, id: Slug, name: Name })),
  points: listOf(Point),
  gateways: listOf(Gateway),
  calibrations: listOf(Calibration),
  informants: listOf(Informant),
  obligations: listOf(Obligation),
})

type Site = z.output<typeof Site>

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
  const site = parseYaml(text, source, Site)
  return deps.db.transaction(async tx => {
    const work = openWork(deps, tx)
    await writeOwners(work, site)
    await writeGateways(work, site)
    await writeCalibrations(work, site)
    await writeDeclaring(work, site)
    if (work.mistakes.length > 0) throw new ConfigError(source, work.mistakes)
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
  mistakes: ConfigMistake[]
  note(what: string, change: Change): void
  /** A mistake at a place, for what the file refers to and is not there. */
  miss(path: string, message: string): void
  secretOf(secret: Secret, path: string): string | undefined
}

function openWork({ clock, secretKey, environment }: ProvisionDeps, tx: Sql): Work {
  const work: Work = {
    ...{ tx, clock, secretKey, mistakes: [], changes: [], tokens: [] },
    note(what, change) {
      if (change !== undefined) work.changes.push(`${what}: ${change}`)
    },
    miss: (path, message) => void work.mistakes.push({ path, message }),
    secretOf(secret, path) {
      if (typeof secret === 'string') return secret
      const value = environment[secret.env]
      if (value !== undefined && value !== '') return value
      work.miss(path, `the environment has no ${secret.env}`)
      return undefined
    },
  }
  return work
}

async function writeOwners(work: Work, { clients, projects, points }: Site): Promise<void> {
  const { tx } = work
  for (const { id: slug, name, rut } of clients) {
    work.note(`client ${slug}`, (await upsertClient(tx, { slug, name, rut })).change)
  }
  for (const [index, { client, id: slug, name }] of projects.entries()) {
    const clientId = await clientIdOf(tx, client)
    if (clientId === undefined) work.miss(`projects[${index}].client`, `there is no client ${client}`)
    else {
      const { change } = await upsertProject(tx, { clientId, slug, name })
      work.note(`project ${client}.${slug}`, change)
    }
  }
  for (const [index, { client, project, id: slug, ...point }] of points.entries()) {
    const found = await projectOf(work, `points[${index}].project`, { client, project })
    if (found === undefined) continue
    const { change } = await upsertPoint(tx, found.id, { ...point, slug })
    work.note(`point ${client}.${project}.${slug}`, change)
  }
}

async function projectOf(work: Work, path: string, name: { client: string; project: string }) {
  const found = await findProject(work.tx, name)
  if (found === undefined) work.miss(path, `there is no project ${name.client}.${name.project}`)
  return found
}

async function writeGateways(work: Work, { gateways }: Site): Promise<void> {
  for (const [index, { client, project, id: slug, token }] of gateways.entries()) {
    const path = `gateways[${index}]`
    const found = await projectOf(work, `${path}.project`, { client, project })
    const given = token === undefined ? undefined : work.secretOf(token, `${path}.token`)
    if (given !== undefined && given.length < TOKEN_LENGTH_MIN) {
      work.miss(`${path}.token`, `must have ${TOKEN_LENGTH_MIN} characters or more`)
    }
    if (found === undefined) continue
    const tokenHash = given === undefined ? undefined : hashOf(given)
    const written = await upsertGateway(work.tx, { projectId: found.id, slug, tokenHash })
    if (written === undefined) {
      work.miss(`${path}.id`, `${slug} is a gateway of another project`)
      continue
    }
    work.note(`gateway ${slug}`, written.change)
    if (token !== undefined || written.change !== 'created') continue
    work.tokens.push({ gateway: slug, token: await giveGatewayToken(work.tx, slug) })
  }
}

async function pointOf(work: Work, path: string, name: PointPath) {
  const found = await findProvisionedPoint(work.tx, name)
  if (found === undefined) work.miss(path, `there is no point ${pointKey(name)}`)
  return found
}

async function writeCalibrations(work: Work, { calibrations }: Site): Promise<void> {
  for (const [index, { point: name, from: validFrom, rule, ...params }] of calibrations.entries()) {
    const path = `calibrations[${index}]`
    const point = await pointOf(work, `${path}.point`, name)
    if (point === undefined) continue
    const calibration = { pointId: point.id, rule, params, validFrom, createdBy: 'provisioning' }
    const outcome = await insertCalibration(work.tx, calibration)
    if (outcome === 'different') {
      work.miss(
        path,
        'another one is valid from the same instant, and values were computed with it: give it another from',
      )
    }
    const what = `calibration ${rule} of ${pointKey(name)}`
    work.note(what, outcome === 'created' ? 'created' : undefined)
  }
}

async function writeDeclaring(work: Work, { informants, obligations }: Site): Promise<void> {
  const { tx, clock } = work
  const secrets = openSecrets(work.secretKey)
  for (const [index, { client, password: secret, ...settings }] of informants.entries()) {
    const path = `informants[${index}]`
    const clientId = await clientIdOf(tx, client)
    const password = work.secretOf(secret, `${path}.password`)
    if (clientId === undefined) work.miss(`${path}.client`, `there is no client ${client}`)
    if (clientId === undefined || password === undefined) continue
    const { change } = await upsertInformant({ db: tx, secrets }, { clientId, settings, password })
    work.note(`informant ${settings.rut}`, change)
  }
  for (const [index, { point: name, ...settings }] of obligations.entries()) {
    const path = `obligations[${index}]`
    const point = await pointOf(work, `${path}.point`, name)
    if (point === undefined) continue
    try {
      const { clientId } = point
      const { change } = await upsertObligation({ tx, clock }, { clientId, point, settings })
      work.note(`obligation ${settings.workCode}`, change)
    } catch (error) {
      if (!(error instanceof Rejected)) throw error
      work.miss(path, error.message)
    }
  }
}
