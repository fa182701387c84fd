// The API as a service: port 8004.

import { Hono } from 'hono'
import type { MetricHelp } from '../../protocol/runtime/metrics.ts'
import { openScope } from '../../protocol/runtime/scope.ts'
import type { UplinkFacts } from '../fleet/enrol.ts'
import { runRollouts } from '../fleet/rollout.ts'
import { type RunningService, serveService } from '../service.ts'
import { selectVersion } from '../store/queries.ts'
import { type ApiDeps, openApi, routeOf } from './app.ts'
import { type LiveHub, openLiveHub } from './live-hub.ts'

/** What the API counts. */
export const API_METRICS: readonly MetricHelp[] = [
  { name: 'api_requests_total', type: 'counter', help: 'Requests by route and status' },
  { name: 'api_request_seconds_total', type: 'counter', help: 'Time spent on answering, by route' },
  {
    name: 'fleet_refused_total',
    type: 'counter',
    help: 'Gateways that asked for a certificate and were refused, by why.',
  },
]

/** What startApi() is told. */
export interface ApiServiceOptions {
  host: string
  port: number
  version: string
  publicUrl: string
  trustedProxies: readonly string[]
  uplink: UplinkFacts
}

/** Starts the API. */
export async function startApi(
  { live, ...used }: Omit<ApiDeps, 'live'> & { live?: LiveHub },
  { host, port, ...options }: ApiServiceOptions,
): Promise<RunningService> {
  const { version } = options
  const hub = live ?? openLiveHub({ ...used, db: used.accountsDb })
  const deps: ApiDeps = { ...used, live: hub }
  const checks = { database: async () => ({ version: await selectVersion(deps.db) }) }
  const { clock, log, metrics } = deps
  const routes = new Hono()
  routes.use(async (context, next) => {
    const begun = clock.monotonic()
    await next()
    // Not the path: whoever asks for a thousand that do not exist must not make a thousand counters.
    const route = routeOf(context) ?? 'none'
    metrics.count('api_requests_total', { route, status: String(context.res.status) })
    metrics.count('api_request_seconds_total', { route }, (clock.monotonic() - begun) / 1000)
  })
  routes.route('/', openApi(deps, options))
  const scope = openScope()
  const service = await serveService(
    { clock, log, metrics },
    { name: 'api', host, port, version, checks, routes },
  )
  scope.use(service)
  scope.use(hub)
  // Nobody asks here: what the API sees of rows for who asks would be none.
  const { accountsDb: db, authority } = deps
  scope.run(signal => runRollouts({ db, clock, log, signer: authority }, options, signal))
  return { ...service, failed: scope.finished(), close: () => scope[Symbol.asyncDispose]() }
}
