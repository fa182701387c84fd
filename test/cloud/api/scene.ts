// The API over HTTP, with two clients who must not see each other, and somebody of every role.

import type { Mailer } from '../../../cloud/alerts/mail.ts'
import { openOutside } from '../../../cloud/alerts/ways.ts'
import type { OidcSettings } from '../../../cloud/api/accounts-oidc.ts'
import type { ApiDeps, ApiOptions } from '../../../cloud/api/app.ts'
import { openDoor } from '../../../cloud/api/door.ts'
import { type LiveHub, openLiveHub } from '../../../cloud/api/live-hub.ts'
import { API_METRICS, startApi } from '../../../cloud/api/service.ts'
import { createToken, createUser } from '../../../cloud/api/users.ts'
import { openSecrets } from '../../../cloud/compliance/secrets.ts'
import { openAuthority, openFleetSecrets } from '../../../cloud/fleet/authority.ts'
import { openApiDatabase } from '../../../cloud/open-database.ts'
import { PROBLEM_TYPE } from '../../../cloud/problem.ts'
import { provision } from '../../../cloud/provision.ts'
import { ROLES, type Role } from '../../../cloud/store/accounts.ts'
import type { Database } from '../../../cloud/store/database.ts'
import { insertReadings, upsertLatest } from '../../../cloud/store/readings.ts'
import { openSeriesIds } from '../../../cloud/store/series.ts'
import { prepareApiRole } from '../../../cloud/store/service-role.ts'
import { findProject } from '../../../cloud/store/sites.ts'
import type { Network } from '../../../cloud/webhooks/address.ts'
import { openLog } from '../../../protocol/runtime/log.ts'
import { openMetrics } from '../../../protocol/runtime/metrics.ts'
import type { Variable } from '../../../protocol/variables.ts'
import { type FakeClock, openFakeClock } from '../../doubles/clock.ts'
import { openTestDatabase } from '../../doubles/databases.ts'
import { mistakesOf, type OpenApiDocument, type OperationObject } from './schema.ts'

/** What an answer was. */
export interface Answered {
  status: number
  headers: Headers
  body: ReturnType<typeof JSON.parse>
}

/** The API, listening. */
export interface ApiScene {
  db: Database
  /** How another role reaches the database. */
  dbUrl: string
  clock: FakeClock
  /** What it was made with, for another one over the same rows. */
  deps: ApiDeps
  options: ApiOptions
  url: string
  document: OpenApiDocument
  /** What the API that listens tells live data with. */
  live: LiveHub
  /** Tokens by role and client: `administrator`, `client_reader of campo`. */
  tokens: Record<string, string>
  /** Everything it logged. */
  lines: string[]
  /** Asks; holds the answer to the document. */
  ask(route: string, options?: { path?: string; token?: string; init?: RequestInit }): Promise<Answered>
  /** Stores readings of a series from an instant on, a second apart. */
  store(point: string, variable: Variable, from: number, values: readonly (number | null)[]): Promise<void>
  close(): Promise<void>
}

/** Where gateways are to go, nobody said. */
const NO_UPLINK = { uplink: { url: undefined, ca: undefined } }

/** The secret of the informant, which no answer may hold. */
export const DGA_PASSWORD = 'una-clave-que-nadie-debe-ver'

const siteOf = (client: string, workNumber: number): string => `
clients: [{ id: ${client}, name: ${client} }]
projects: [{ client: ${client}, id: los-aromos, name: Los Aromos }]
points:
  - { client: ${client}, project: los-aromos, id: pozo-7, name: Pozo 7, kind: groundwater, sensorDepthM: 80 }
  - { client: ${client}, project: los-aromos, id: ${client}-8, name: Pozo 8, kind: groundwater }
gateways: [{ client: ${client}, project: los-aromos, id: gw-${client}, token: un-token-de-gateway-${client} }]
informants: [{ client: ${client}, rut: 12345678-5, name: Ana, controlCentreRut: 76543210-3, password: ${DGA_PASSWORD} }]
obligations:
  - { point: ${client}.los-aromos.pozo-7, from: "2026-01-01T00:00:00Z", standard: mayor, channel: rest, workCode: OB-0602-${workNumber}, informant: 12345678-5 }
`

/** What is unusual about a scene. */
interface SceneOptions {
  port?: number
  mailer?: Mailer
  oidc?: OidcSettings
  /** Private networks that webhooks may reach. */
  networks?: readonly Network[]
}

/** Opens the API with the clients `campo` and `otra`. */
export async function openApiScene({
  port = 0,
  mailer,
  oidc,
  networks = [],
  ...some
}: Partial<ApiOptions> & SceneOptions = {}): Promise<ApiScene> {
  const database = await openTestDatabase()
  const { db } = database
  const clock = openFakeClock()
  const lines: string[] = []
  const log = openLog({ clock, write: line => lines.push(line) }, { level: 'debug' })
  const secretKey = new Uint8Array(32).fill(5)
  for (const [index, client] of ['campo', 'otra'].entries()) {
    await provision({ db, clock, secretKey, environment: {} }, siteOf(client, index + 1), 'site.yaml')
  }
  const options = {
    publicUrl: 'http://localhost:8004',
    trustedProxies: [],
    version: '1.2.3',
    ...NO_UPLINK,
    ...some,
  }
  const door = openDoor({ db, clock, log, mailer }, { secretKey, publicUrl: options.publicUrl, oidc })
  const live = openLiveHub({ db, clock, log })
  const outside = openOutside({ clock, secrets: openSecrets(secretKey) }, networks)
  const authority = openAuthority({ db, clock, secrets: openFleetSecrets(secretKey, []) })
  await prepareApiRole(db, { log })
  const apiDb = openApiDatabase({ log }, { url: database.url, poolMax: 4 })
  const deps = { db: apiDb, clock, log, ...door, live, authority, outside, metrics: openMetrics(API_METRICS) }
  const service = await startApi(deps, { host: '127.0.0.1', port, ...options })
  const url = `http://127.0.0.1:${service.port}`
  const document: OpenApiDocument = JSON.parse(await (await fetch(`${url}/openapi.json`)).text())
  const scene: ApiScene = {
    ...{
      db,
      dbUrl: database.url,
      clock,
      deps,
      live,
      options,
      url,
      document,
      lines,
      tokens: await tokensOf(db),
    },
    ask: (route, asked = {}) => ask(scene, route, asked),
    store: (point, variable, from, values) => store(db, point, variable, from, values),
    async close() {
      await service.close()
      await apiDb.close()
      await database.close()
    },
  }
  return scene
}

/** Roles of all clients, and of one. */
export const isForAll = (role: Role): boolean => role === 'administrator' || role === 'operator'

async function tokensOf(db: Database): Promise<Record<string, string>> {
  const tokens: Record<string, string> = {}
  for (const role of ROLES) {
    for (const client of isForAll(role) ? [undefined] : ['campo', 'otra']) {
      const name = client === undefined ? role : `${role} of ${client}`
      tokens[name] = await createToken(db, {
        ...{ name, role, scopes: ['read', 'write', 'subscribe'], createdBy: 'test' },
        // The clock of the scene stands still: all is asked within one minute.
        requestsPerMinute: 10_000_000,
        ...(client === undefined ? {} : { client }),
      })
    }
  }
  return tokens
}

async function ask(
  { url, document, tokens }: ApiScene,
  route: string,
  {
    path,
    token = tokens.administrator ?? '',
    init = {},
  }: { path?: string; token?: string; init?: RequestInit },
): Promise<Answered> {
  const [method = 'GET', template = ''] = route.split(' ')
  const authorization: Record<string, string> = token === '' ? {} : { authorization: `Bearer ${token}` }
  const headers = { ...authorization, ...(init.headers as Record<string, string>) }
  const response = await fetch(`${url}${path ?? template}`, { ...init, method, headers })
  const type = response.headers.get('content-type') ?? ''
  const text = await (type.startsWith('text/event-stream') ? textUntilReady(response) : response.text())
  const body = type.includes('json') ? JSON.parse(text) : text
  const operation = document.paths[template]?.[method.toLowerCase()]
  const said = operation?.responses[String(response.status)]
  if (operation !== undefined && said === undefined) {
    throw new Error(`${route} answered ${response.status}, of which the document says nothing: ${text}`)
  }
  const mistakes = mistakesOfAnswer(document, said, type.split(';')[0] ?? '', body)
  if (mistakes.length > 0) throw new Error(`${route} ${response.status}: ${mistakes.join('; ')}`)
  return { status: response.status, headers: response.headers, body }
}

/** A stream of events has no end of its own: as much of it as tells what is there. */
async function textUntilReady(response: Response): Promise<string> {
  let text = ''
  for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += piece
    if (text.includes('event: ready')) break
  }
  return text
}

/** An answer of a route that the document does not know must be a problem. */
function mistakesOfAnswer(
  document: OpenApiDocument,
  said: OperationObject['responses'][string] | undefined,
  type: string,
  body: unknown,
): string[] {
  if (said !== undefined && said.content === undefined) return body === '' ? [] : ['no body is documented']
  const content = said?.content ?? { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } }
  const schema = content[type]?.schema
  return schema === undefined ? [`${type} is not documented`] : mistakesOf(document, schema, body)
}

async function store(
  db: Database,
  key: string,
  variable: Variable,
  from: number,
  values: readonly (number | null)[],
): Promise<void> {
  const [client = '', project = '', point = ''] = key.split('.')
  const found = await findProject(db, { client, project })
  const [seriesId = 0] = await openSeriesIds(db).of([{ projectId: found?.id ?? 0, point, variable }])
  const rows = values.map((value, index) => ({
    ...{ seriesId, at: from + index * 1000, value, quality: value === null ? 17 : 0 },
    ...{ timeQuality: 0, batchId: 1, seq: index + 1 },
  }))
  await db.transaction(async tx => {
    await insertReadings(tx, rows)
    await upsertLatest(tx, rows, Infinity)
  })
}

/** Somebody who signs in with a mail address. */
export async function makeUser(db: Database, email: string, role: Role, client?: string): Promise<string> {
  const { password } = await createUser(db, {
    email,
    name: 'Ana',
    role,
    ...(client === undefined ? {} : { client }),
  })
  return password ?? ''
}
