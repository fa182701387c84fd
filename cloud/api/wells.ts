// /wells: a well brought live, step by step: what its gateway would run with, what its instrument gives, and then all at once.

import { randomUUID } from 'node:crypto'
import { createRoute, z } from '@hono/zod-openapi'
import { type Command, TRY_LENGTH_MAX, tryText } from '../../protocol/command.ts'
import { ReportedConfig } from '../../protocol/configuration.ts'
import { profileSignals } from '../../protocol/modbus/profile.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { ConfigError, type ConfigMistake } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { withEntries } from '../../protocol/yaml.ts'
import { STANDARDS } from '../compliance/obligation.ts'
import { Rut } from '../compliance/rut.ts'
import { checkDocument, effectOf } from '../fleet/configurations.ts'
import type { FleetSigner } from '../fleet/signing.ts'
import { bringLive } from '../fleet/wells.ts'
import { type FieldProblem, Problem } from '../problem.ts'
import { insertCommand, selectCommand } from '../store/commands.ts'
import { selectConfiguration, selectReported } from '../store/configurations.ts'
import type { Database } from '../store/database.ts'
import { selectInformantNames } from '../store/informants.ts'
import type { ClientIds } from '../store/queries.ts'
import { Given, toGiven, tooManyWait } from './commands.ts'
import * as doc from './configuration-document.ts'
import { etagOf, want } from './configurations.ts'
import { nameOf } from './decisions.ts'
import { IfMatch } from './entity.ts'
import { NoQuery, SlugText } from './fields.ts'
import { type Found, findOwner } from './gateway-owner.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } })
const bodyOf = <Schema extends z.ZodType>(schema: Schema) => ({ required: true, content: json(schema) })
const Params = z.strictObject({ gateway: SlugText.openapi({ param: { name: 'gateway', in: 'path' } }) })
const common = { tags: ['gateways'] }
const TRY_LIFE_MS = 60_000

const Entry = z.record(z.string().max(60), z.unknown())
const DraftAsked = z
  .strictObject({
    bus: Entry.optional().openapi({
      description: 'as in the file; absent: the device is on a bus that is there',
    }),
    device: Entry.openapi({ description: 'as in the file' }),
  })
  .openapi('DeviceAsked')

const Draft = z
  .strictObject({
    document: z.string().openapi({ description: 'what the gateway should run with now, and this besides' }),
    etag: z.string().openapi({ description: 'what `If-Match` must name when it is wanted' }),
    mistakes: doc.Check.shape.mistakes,
    effect: doc.Check.shape.effect,
  })
  .openapi('ConfigurationWithDevice')

const draftRoute = createRoute({
  ...common,
  method: 'post',
  path: '/gateways/{gateway}/configuration/device',
  summary: 'What a gateway would run with if it had this device besides; nothing is written',
  request: { query: NoQuery, params: Params, body: bodyOf(DraftAsked) },
  responses: {
    200: { description: 'the document', content: json(Draft) },
    ...problemResponses(400, 401, 403, 404, 409, 413, 415),
  },
})

const tryRoute = createRoute({
  ...common,
  method: 'post',
  path: '/gateways/{gateway}/trials',
  summary: 'Have a gateway read one device of a configuration that is not in force, once',
  description:
    'It is a command like others: ask for it until it has a result. Its values are in the units of the variables, to be compared with ' +
    'the display of the instrument. Nothing is stored, and nothing of the gateway changes.',
  request: {
    query: NoQuery,
    params: Params,
    body: bodyOf(
      z
        .strictObject({ document: z.string().min(1).max(TRY_LENGTH_MAX), device: SlugText })
        .openapi('TrialAsked'),
    ),
  },
  responses: {
    201: { description: 'it is on its way', content: json(Given) },
    ...problemResponses(400, 401, 403, 404, 413, 415, 429),
  },
})

const Depth = z.number().positive().max(2000).nullable().default(null)

const WellAsked = z
  .strictObject({
    gateway: SlugText,
    document: z
      .string()
      .min(1)
      .max(TRY_LENGTH_MAX)
      .openapi({ description: 'what the gateway should run with' }),
    note: z.string().trim().max(500).default(''),
    point: z.strictObject({
      id: SlugText,
      name: z
        .string()
        .trim()
        .min(1)
        .max(200)
        .regex(/^\P{Cc}*$/u, 'must have no control characters'),
      kind: z.enum(['groundwater', 'surface_pipe', 'surface_channel']).default('groundwater'),
      wellDepthM: Depth,
      pumpDepthM: Depth,
      sensorDepthM: Depth,
    }),
    device: SlugText.openapi({ description: 'the one that gives its values' }),
    litresPerPulse: z.number().positive().max(1_000_000).nullable().default(null),
    obligation: z
      .strictObject({
        workCode: z.string().openapi({ description: 'código de obra', example: 'OB-0602-9' }),
        standard: z.enum(Object.keys(STANDARDS) as [string, ...string[]]),
        channel: z.enum(['rest', 'soap']).default('rest'),
        informant: z.string().openapi({ example: '12345678-5' }).pipe(Rut),
        rights: z
          .array(
            z.strictObject({ flowLps: z.number().positive(), yearlyM3: z.number().positive().optional() }),
          )
          .max(50)
          .default([]),
      })
      .nullable()
      .default(null)
      .openapi({
        description: 'what it owes, in shadow: chosen and checked, and not declared; null: nothing',
      }),
  })
  .openapi('WellAsked')

const wellRoute = createRoute({
  tags: ['points'],
  method: 'post',
  path: '/wells',
  summary:
    'Bring a well live: its point, its rules, its gateway’s configuration and what it owes, all or nothing',
  description: 'Nothing is declared of it: its obligation is in shadow until PUT …/obligations says `send`.',
  request: { query: NoQuery, headers: IfMatch, body: bodyOf(WellAsked) },
  responses: {
    201: {
      description: 'it is made',
      content: json(
        z
          .strictObject({ point: z.string(), changes: z.array(z.string()), configuration: doc.Version })
          .openapi('WellMade'),
      ),
    },
    ...problemResponses(400, 401, 403, 404, 409, 412, 413, 415, 422, 428),
  },
})

const informantsRoute = createRoute({
  tags: ['compliance'],
  method: 'get',
  path: '/compliance/informants',
  summary: 'Who may declare, by name; never with what they declare with',
  request: { query: NoQuery },
  responses: {
    200: {
      description: 'all of them',
      content: json(
        z
          .strictObject({
            items: z.array(
              z.strictObject({ client: SlugText, rut: z.string(), name: z.string() }).openapi('Informant'),
            ),
          })
          .openapi('InformantList'),
      ),
    },
    ...problemResponses(400, 401, 403),
  },
})

interface Deps {
  db: Database
  clock: Clock
  log: Log
  authority: FleetSigner
}

/** `/wells`, `/gateways/{gateway}/trials`, `/gateways/{gateway}/configuration/device`, `/compliance/informants`. */
export function wells(deps: Deps) {
  const { db } = deps
  return openRouter()
    .openapi(informantsRoute, async context =>
      context.json({ items: await selectInformantNames(db, context.get('clientIds')) }, 200),
    )
    .openapi(draftRoute, async context => {
      const gateway = await findOwner(db, context.get('clientIds'), context.req.valid('param').gateway)
      return context.json(await draftOf(db, gateway, context.req.valid('json')), 200)
    })
    .openapi(tryRoute, async context => {
      const gateway = await findOwner(db, context.get('clientIds'), context.req.valid('param').gateway)
      const by = nameOf(context.get('principal')).slice(0, 200)
      return context.json(await askToTry(deps, gateway, context.req.valid('json'), by), 201)
    })
    .openapi(wellRoute, async context => {
      const clientIds = context.get('clientIds')
      const asked = context.req.valid('json')
      const gateway = await findOwner(db, clientIds, asked.gateway)
      const who = { clientIds, by: nameOf(context.get('principal')) }
      const { made, etag } = await makeWell(
        deps,
        gateway,
        asked,
        who,
        context.req.valid('header')['if-match'],
      )
      return context.json(made, 201, { etag })
    })
}

async function draftOf(
  db: Database,
  gateway: Found,
  { bus, device }: z.output<typeof DraftAsked>,
): Promise<z.infer<typeof Draft>> {
  const { text, version } = await baseOf(db, gateway)
  const entries = [
    ...(bus === undefined ? [] : [{ list: 'buses', entry: bus }]),
    { list: 'devices', entry: device },
  ]
  const document = withEntries(text, entries)
  if (document === undefined) throw noBase(gateway)
  // The point is made together with it.
  const points = [...gateway.points, String(device.point)]
  const checked = checkDocument(document, { ...gateway, points })
  const before = checkDocument(text, gateway)
  const effect =
    'config' in checked ? effectOf('config' in before ? before.config : undefined, checked.config) : null
  const mistakes = 'mistakes' in checked ? checked.mistakes.map(doc.toMistake) : []
  return { document, etag: etagOf(version), mistakes, effect }
}

async function askToTry(
  { db, clock, log, authority }: Deps,
  { id: gatewayId, gateway }: Found,
  { document, device }: { document: string; device: string },
  by: string,
): Promise<z.infer<typeof Given>> {
  const id = `try-${randomUUID()}`
  const signed = await authority.sign(tryText(gateway, { id, device, document }))
  const now = clock.now()
  const command: Command = {
    ...{ v: 1, id, by, expiresAt: now + TRY_LIFE_MS, kind: 'try', device, document },
    signature: Buffer.from(signed).toString('base64'),
  }
  await insertCommand(db, { gatewayId, id, document: command }, { now })
  const row = await selectCommand(db, gatewayId, id)
  if (row === undefined) throw tooManyWait(gateway)
  log.info('device to be tried', { gateway, id, device, by })
  return toGiven(gateway, row, now)
}

async function makeWell(
  deps: Deps,
  gateway: Found,
  { document, note, obligation, device, point, litresPerPulse }: z.output<typeof WellAsked>,
  { clientIds, by }: { clientIds: ClientIds; by: string },
  ifMatch: string | undefined,
) {
  if (gateway.points.includes(point.id)) {
    const detail = `${gateway.project} has a point ${point.id}`
    throw new Problem(409, 'There is such a point already', { detail })
  }
  const { client, project } = gateway
  const well = {
    ...{ client, project, point, sensorDepthM: point.sensorDepthM, litresPerPulse },
    variables: variablesOf(document, gateway, device, point.id),
    obligation: obligation ?? undefined,
  }
  // No secret of an informant is brought in here.
  const provisionDeps = { ...deps, secretKey: new Uint8Array(32), environment: {} }
  try {
    const { configuration, changes } = await bringLive(
      provisionDeps,
      well,
      { document, note, by },
      async wanted => want(deps, await findOwner(deps.db, clientIds, gateway.gateway), wanted, ifMatch),
    )
    const made = {
      point: `${client}.${project}.${point.id}`,
      ...{ changes, configuration: doc.toVersion(configuration) },
    }
    return { made, etag: etagOf(configuration.version) }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    throw new Problem(422, 'The well cannot be made so', { errors: error.mistakes.map(toFieldProblem) })
  }
}

const PARTS: Readonly<Record<string, string>> = {
  points: 'point',
  obligations: 'obligation',
  calibrations: 'point',
}

function toFieldProblem({ path, message }: ConfigMistake): FieldProblem {
  const name = path.replace(/^(\w+)\[\d+\]/, (_, list: string) => PARTS[list] ?? list)
  return { in: 'body', name, detail: message }
}

/** What a gateway should run with now, as text. */
async function baseOf(db: Database, gateway: Found): Promise<{ text: string; version: number }> {
  const desired = await selectConfiguration(db, gateway.id)
  if (desired !== undefined) return { text: desired.document, version: desired.version }
  const { reported } = await selectReported(db, gateway.id)
  const text = ReportedConfig.safeParse(reported).data?.document
  if (text === undefined) throw noBase(gateway)
  return { text, version: 0 }
}

const noBase = ({ gateway }: Found): Problem =>
  new Problem(409, 'It is not known what the gateway runs with', {
    detail: `${gateway} has told no file of its own that holds no secret, and nothing else is wanted of it`,
  })

function variablesOf(document: string, gateway: Found, device: string, point: string): string[] {
  const checked = checkDocument(document, { ...gateway, points: [...gateway.points, point] })
  if ('mistakes' in checked) return []
  const found = checked.config.devices.find(({ id }) => id === device)
  const signals =
    found?.signals ?? (found?.profile === undefined ? [] : (profileSignals(found.profile) ?? []))
  return signals.map(({ variable }) => variable)
}
