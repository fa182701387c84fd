// What every service has: its port, GET /health, GET /metrics.

import { type ServerType, serve } from '@hono/node-server'
import { type Env, Hono } from 'hono'
import type { Clock } from '../protocol/runtime/clock.ts'
import { cannotListen, reasonOf } from '../protocol/runtime/errors.ts'
import type { Log } from '../protocol/runtime/log.ts'
import { type Metrics, toMetricsAnswer } from '../protocol/runtime/metrics.ts'
import type { Closable } from '../protocol/runtime/scope.ts'
import { answerProblems, type NamedRequests } from './problem.ts'

/** The five services of the cloud, with the ports they listen on unless told otherwise. */
export const SERVICE_PORTS = {
  collector: 8001,
  compliance: 8002,
  processor: 8003,
  api: 8004,
  analytics: 8005,
} as const

/** The name of a service. */
export type ServiceName = keyof typeof SERVICE_PORTS

/** All names. */
export const SERVICE_NAMES = Object.keys(SERVICE_PORTS) as [ServiceName, ...ServiceName[]]

/** Says how something is that a service depends on. Throws when the service cannot do its work without it. */
export type HealthCheck = () => Promise<Record<string, unknown>> | Record<string, unknown>

/** A service that listens. */
export interface RunningService extends Closable {
  name: ServiceName
  port: number
  /** Rejects when the service cannot go on, if that can happen; resolves when it was closed. */
  failed?: Promise<void>
}

/**
 * Listens, and answers `/health` and `/metrics` besides what `routes` answers, and everything else with a problem.
 *
 * `/health` runs every check: 200 with `status: "healthy"` when all answer, 503 with `"unhealthy"` and the reason
 * when one throws. `/metrics` is Prometheus text, or JSON with `Accept: application/json`.
 */
export async function serveService<Routes extends Env = Env>(
  { clock, log, metrics }: { clock: Clock; log: Log; metrics: Metrics },
  {
    name,
    host,
    port,
    version,
    checks,
    routes,
    facts = {},
  }: {
    name: ServiceName
    host: string
    port: number
    version: string
    checks: Record<string, HealthCheck>
    routes?: Hono<Routes>
    /** What the JSON form of `/metrics` says besides the counts. */
    facts?: Record<string, unknown>
  },
): Promise<RunningService> {
  const app = new Hono<NamedRequests>()
  answerProblems(app, { log })
  app.get('/health', async context => {
    const states = await Promise.all(
      Object.entries(checks).map(async ([part, check]) => [part, await stateOf(check)]),
    )
    const parts = Object.fromEntries(states) as Record<string, { status: string }>
    const healthy = Object.values(parts).every(({ status }) => status === 'healthy')
    const body = {
      status: healthy ? 'healthy' : 'unhealthy',
      service: name,
      timestamp: isoNow(clock),
      version,
      parts,
    }
    return context.json(body, healthy ? 200 : 503)
  })
  app.get('/metrics', context => {
    const answer = toMetricsAnswer(metrics, context.req.header('accept'), { service: name, ...facts })
    return context.body(answer.body, 200, { 'content-type': answer.type })
  })
  if (routes !== undefined) app.route('/', routes)

  const server = await listen(app, { name, host, port })
  return {
    name,
    port: portOf(server),
    close: () => new Promise(resolve => closeServer(server, resolve)),
  }
}

async function stateOf(check: HealthCheck): Promise<{ status: string } & Record<string, unknown>> {
  try {
    return { status: 'healthy', ...(await check()) }
  } catch (error) {
    return { status: 'unhealthy', reason: reasonOf(error) }
  }
}

const isoNow = (clock: Clock): string => new Date(clock.now()).toISOString()

function listen(
  { fetch }: Hono<NamedRequests>,
  { name, host, port }: { name: ServiceName; host: string; port: number },
): Promise<ServerType> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch, hostname: host, port })
    server.once('listening', () => resolve(server))
    server.once('error', error =>
      reject(cannotListen('environment', `${name.toUpperCase()}_PORT`, { host, port }, error)),
    )
  })
}

function portOf(server: ServerType): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('Cannot tell the port of a server')
  return address.port
}

function closeServer(server: ServerType, done: () => void): void {
  server.close(() => done())
  if ('closeAllConnections' in server) server.closeAllConnections()
}
