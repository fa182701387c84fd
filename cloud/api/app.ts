// The API put together: what every request goes through, then one router per resource.
//
// Promises:
//   P1. A route without a rule answers 403, to everybody (rules.ts).
//   P2. What goes wrong is a problem document with the request's id; what is our mistake is in the log under that id.
//   P3. Nobody is told of rows that they may not see: they are not found.
//   P4. What a request changes is in the audit under who asked for it (acting.ts), and a POST with a key is done once.

import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context, MiddlewareHandler } from 'hono'
import { except } from 'hono/combine'
import { matchedRoutes } from 'hono/route'
import { RELEASE_CHUNK_BYTES } from '../../protocol/release.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'
import type { Outside } from '../alerts/ways.ts'
import type { Authority } from '../fleet/authority.ts'
import type { UplinkFacts } from '../fleet/enrol.ts'
import { FILE_BYTES_MAX } from '../imports/table.ts'
import { answerProblems, limitBody, Problem, refuseUnheldText } from '../problem.ts'
import { openActing } from '../store/acting.ts'
import type { Database } from '../store/database.ts'
import { seeAs, seeOn } from '../store/seeing.ts'
import { requireAllowed } from '../verdict.ts'
import { isForeign } from './access.ts'
import { actAsAsked } from './acting.ts'
import { alertBacktest } from './alert-backtest.ts'
import { alertChannels } from './alert-channels.ts'
import { alertRules } from './alert-rules.ts'
import { analytics, projectAnalytics } from './analytics.ts'
import { audit } from './audit.ts'
import { clients } from './clients.ts'
import { commands } from './commands.ts'
import { configurationHistory } from './configuration-history.ts'
import { configurations } from './configurations.ts'
import { contacts } from './contacts.ts'
import { deadLetters } from './dead-letters.ts'
import { decisions } from './decisions.ts'
import { devices } from './devices.ts'
import { docs, toDocument } from './docs.ts'
import { DOCUMENT_BYTES_MAX, documents } from './documents.ts'
import type { Door } from './door.ts'
import { enrolment } from './enrolment.ts'
import { entry } from './entry.ts'
import { exports } from './exports.ts'
import { showFields } from './fields-seen.ts'
import { fleet } from './fleet.ts'
import { gatewayEnrolment } from './gateway-enrolment.ts'
import { gatewaySettings } from './gateway-settings.ts'
import { gateways } from './gateways.ts'
import { repeatAnswers } from './idempotency.ts'
import { imports } from './imports.ts'
import { incidentActs } from './incident-acts.ts'
import { incidents } from './incidents.ts'
import { keys } from './keys.ts'
import { ledger } from './ledger.ts'
import { lettingIn } from './letting-in.ts'
import { live } from './live.ts'
import type { LiveHub } from './live-hub.ts'
import { maintenance } from './maintenance.ts'
import { overview } from './overview.ts'
import { ownAccount } from './own-account.ts'
import { ownFactors } from './own-factors.ts'
import { ownNotifications } from './own-notifications.ts'
import { pointChanges } from './point-changes.ts'
import { points } from './points.ts'
import { processing } from './processing.ts'
import { profiles } from './profiles.ts'
import { projects } from './projects.ts'
import { limitRequests, tellLimits } from './rate-limit.ts'
import { readings } from './readings.ts'
import { recomputations } from './recomputations.ts'
import { reconciliation } from './reconciliation.ts'
import { releases } from './releases.ts'
import { rollouts } from './rollouts.ts'
import { type ApiEnv, openRouter } from './router.ts'
import { LIVE_RULE, RULES, type Rule } from './rules.ts'
import { sending } from './sending.ts'
import { sensorFaults } from './sensor-faults.ts'
import { STA_PATH, sensorThings } from './sensorthings.ts'
import { series } from './series.ts'
import { session } from './session.ts'
import { sessionWays } from './session-ways.ts'
import { sites } from './sites.ts'
import { slotExport } from './slot-export.ts'
import { slotHours } from './slot-hours.ts'
import { slots } from './slots.ts'
import { sma } from './sma.ts'
import { userAccounts } from './user-accounts.ts'
import { pointVariables, variables } from './variables.ts'
import { WEB_FOLDER, web } from './web.ts'
import { webhooks } from './webhooks.ts'
import { wells } from './wells.ts'
import { works } from './works.ts'

const BODY_BYTES_MAX = 64 * 1024

/** Where files are sent. */
const UPLOADS = '/api/v1/imports'
const DOCUMENTS = '/api/v1/points/:point/documents'
/** Where configurations are sent, and as large as one may be: most of it is lines. */
const CONFIGURATIONS = [
  '/api/v1/gateways/:gateway/configuration',
  '/api/v1/gateways/:gateway/configuration/check',
]
const CONFIGURATION_BYTES_MAX = 512 * 1024
const RELEASE_CHUNKS = '/api/v1/releases/parts/:part/chunks/:place'

/** What the API uses. */
export interface ApiDeps extends Door {
  db: Database
  clock: Clock
  log: Log
  live: LiveHub
  metrics: Metrics
  authority: Authority
  /** What channels of alerts may reach, and what seals their secrets; absent: none are made here. */
  outside?: Outside
}

/** What the API is told. */
export interface ApiOptions {
  publicUrl: string
  trustedProxies: readonly string[]
  version: string
  /** What gateways are told of the way to send readings. */
  uplink: UplinkFacts
  /** Where the built web application is; absent: where it is built to. */
  webFolder?: string
}

/** What lies below `/gateways`. */
const OF_GATEWAYS = [
  gateways,
  gatewaySettings,
  commands,
  gatewayEnrolment,
  configurations,
  configurationHistory,
]

/** The API. `rules` is the table of rules.ts but in the tests of the table itself. */
export function openApi(
  { db, ...rest }: ApiDeps,
  options: ApiOptions,
  rules: Readonly<Record<string, Rule>> = RULES,
): OpenAPIHono<ApiEnv> {
  const deps = { db: openActing(db), ...rest }
  const app = openRouter()
  answerProblems(app, deps)
  app.use(securityHeaders(options))
  app.use(except([UPLOADS, DOCUMENTS, RELEASE_CHUNKS, ...CONFIGURATIONS], limitBody(BODY_BYTES_MAX)))
  app.use(tellLimits())
  app.use(enforceRules(deps, options, rules))
  app.use(limitRequests(deps))
  app.use(showFields({ routeOf, rules, documented: () => document }))
  // Nobody may send a large file who may not send any.
  app.use(UPLOADS, limitBody(FILE_BYTES_MAX))
  app.use(DOCUMENTS, limitBody(DOCUMENT_BYTES_MAX))
  app.use(RELEASE_CHUNKS, limitBody(RELEASE_CHUNK_BYTES))
  for (const path of CONFIGURATIONS) app.use(path, limitBody(CONFIGURATION_BYTES_MAX))
  app.use(refuseUnheldText())
  app.use(actAsAsked({ ...options, routeOf }))
  app.use(repeatAnswers(deps))

  const api = resources(deps, options)
  const lists = () =>
    app.routes
      .filter(({ method, path }) => method === 'GET' && /^\/api\/v1\/[^:]+$/.test(path))
      .map(({ path }) => path.replace(/\/$/, ''))
  api.route('/', entry({ version: options.version, lists: () => [...new Set(lists())] }))
  app.route('/api/v1', api)
  app.route(STA_PATH, sensorThings(deps, options))
  const document = toDocument(app, options)
  app.route('/', docs(document))
  app.route('/', web(options.webFolder ?? WEB_FOLDER))
  return app
}

/** One router per resource. */
function resources(deps: ApiDeps, options: ApiOptions): OpenAPIHono<ApiEnv> {
  const api = openRouter()
  api.route('/', people(deps, options))
  api.route('/overview', overview(deps))
  api.route('/live', live(deps, LIVE_RULE))
  api.route('/clients', clients(deps))
  api.route('/projects', projects(deps))
  api.route('/points', points(deps))
  api.route('/points', pointChanges(deps))
  api.route('/points', pointVariables(deps))
  api.route('/points', contacts(deps))
  api.route('/points', documents(deps))
  api.route('/variables', variables(deps))
  api.route('/points', readings(deps))
  api.route('/points', processing(deps))
  api.route('/points', analytics(deps))
  api.route('/projects', projectAnalytics(deps))
  api.route('/points', series(deps))
  api.route('/points', exports(deps))
  api.route('/points', slotHours(deps))
  api.route('/imports', imports(deps))
  for (const one of OF_GATEWAYS) api.route('/gateways', one(deps))
  api.route('/devices', devices(deps))
  api.route('/fleet', fleet(deps, options))
  api.route('/fleet', sites(deps))
  api.route('/enrolment', enrolment({ ...deps, db: deps.accountsDb }, options))
  api.route('/profiles', profiles())
  api.route('/', wells(deps))
  api.route('/releases', releases(deps))
  api.route('/rollouts', rollouts(deps))
  // To replay one is to store readings, as the collector does.
  api.route('/dead-letters', deadLetters({ ...deps, db: deps.accountsDb }))
  api.route('/compliance/slots', slotExport(deps))
  api.route('/compliance/slots', slots(deps))
  api.route('/compliance/slots', decisions(deps))
  api.route('/compliance/works', works(deps))
  api.route('/compliance/sensor-faults', sensorFaults(deps))
  api.route('/compliance/sma', sma(deps))
  api.route('/ledger', ledger(deps))
  api.route('/audit', audit(deps))
  routeAlerts(api, deps)
  // What is computed is written where the API's role may not write; whose points they are, the routes ask.
  api.route('/recomputations', recomputations({ ...deps, db: deps.accountsDb }))
  api.route('/compliance/sending', sending(deps))
  api.route('/compliance', reconciliation(deps))
  return api
}

/** Who somebody is, how they sign in, and who may. */
function people(deps: ApiDeps, options: ApiOptions): OpenAPIHono<ApiEnv> {
  const api = openRouter()
  api.route('/', session(deps, options))
  api.route('/session', sessionWays(deps, options))
  api.route('/', lettingIn(deps, options))
  api.route('/', ownAccount(deps))
  api.route('/', ownNotifications(deps))
  api.route('/me', ownFactors(deps))
  api.route('/', keys(deps))
  api.route('/users', userAccounts(deps))
  return api
}

function routeAlerts(api: OpenAPIHono<ApiEnv>, deps: ApiDeps): void {
  api.route('/incidents', incidents(deps))
  api.route('/incidents', incidentActs(deps))
  api.route('/alert-rules', alertBacktest(deps))
  api.route('/alert-rules', alertRules(deps))
  api.route('/alert-channels', alertChannels(deps))
  api.route('/webhooks', webhooks(deps))
  api.route('/maintenance', maintenance(deps))
}

/** The route that a request has found, as the API's document names it: `GET /api/v1/points/{point}`. */
export function routeOf(context: Context): string | undefined {
  const found = matchedRoutes(context).find(({ method }) => method !== 'ALL')
  return found === undefined ? undefined : toRouteName(found.method, found.path)
}

/** `GET`, `/points/:point` → `GET /points/{point}`. */
export function toRouteName(method: string, path: string): string {
  return `${method.toUpperCase()} ${path.replace(/:(\w+)/g, '{$1}').replace(/(?<=.)\/$/, '')}`
}

function enforceRules(
  { access, log }: ApiDeps,
  { publicUrl }: ApiOptions,
  rules: Readonly<Record<string, Rule>>,
): MiddlewareHandler<ApiEnv> {
  const origin = new URL(publicUrl).origin
  return async (context, next) => {
    const route = routeOf(context)
    if (route === undefined) return next()
    const rule = rules[route]
    if (rule === undefined) {
      log.error('route without a rule refused', { route })
      throw new Problem(403, 'Not allowed')
    }
    if (rule === 'public') {
      if (isForeign(context.req.raw, origin))
        throw new Problem(403, 'Not allowed', { detail: `Not asked from ${origin}` })
      return next()
    }
    const { principal, clientIds } = requireAllowed(await access.judge(context.req.raw, rule))
    context.set('principal', principal)
    context.set('clientIds', clientIds)
    return seeAs(clientIds, async () => {
      await next()
      // Documents are whole already, and what is live asks nothing itself.
      if (/json|event-stream/.test(context.res.headers.get('content-type') ?? '')) return
      const { body } = context.res
      if (body !== null) context.res = new Response(seeOn(body), context.res)
    })
  }
}

function securityHeaders({ publicUrl }: ApiOptions): MiddlewareHandler<ApiEnv> {
  const fixed: Record<string, string> = {
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'permissions-policy': 'camera=(), geolocation=(), microphone=()',
    ...(publicUrl.startsWith('https:') ? { 'strict-transport-security': 'max-age=31536000' } : {}),
  }
  const defaults = {
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cache-control': 'no-store',
  }
  return async (context, next) => {
    await next()
    const { headers } = context.res
    for (const [name, value] of Object.entries(fixed)) headers.set(name, value)
    for (const [name, value] of Object.entries(defaults)) if (!headers.has(name)) headers.set(name, value)
    // What may be asked for again with If-None-Match may be kept, by the browser of whoever asked alone.
    if (headers.has('etag')) headers.set('cache-control', 'private, no-cache')
  }
}
