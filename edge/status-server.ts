// The gateway's own port: a page for a look on site, GET /health and GET /metrics for machines. It only tells.

import { createServer } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import type { Clock } from '../protocol/runtime/clock.ts'
import type { Log } from '../protocol/runtime/log.ts'
import { type Metrics, toMetricsAnswer } from '../protocol/runtime/metrics.ts'
import type { Closable } from '../protocol/runtime/scope.ts'
import type { GatewayHealth } from '../protocol/status.ts'
import { listenAt } from './listen.ts'
import { PAGE_HEADERS, type PageFacts, renderPage } from './status-page.ts'

/** What a gateway answers about itself. */
export interface StatusDeps {
  clock: Clock
  log: Log
  health: () => Promise<GatewayHealth>
  metrics: Metrics
  /** Whether the cloud is reached: a gateway without it is well, and works on. */
  connected: () => boolean
  /** Why readings cannot be stored at present: a gateway that cannot is not well. */
  hindrance: () => string | undefined
  /** Every series with the newest measurement of it. */
  series?: () => PageFacts['series']
}

/** Listens. Throws ConfigError when the port is taken; an address that is not there yet is waited for. */
export async function openStatusServer(
  { clock, log, health, metrics, connected, hindrance, series = () => [] }: StatusDeps,
  { gateway, host, port }: { gateway: string; host: string; port: number },
): Promise<Closable & { port: number }> {
  const app = new Hono()
  app.get('/', async context => {
    const language = context.req.query('lang') === 'en' ? 'en' : 'es'
    const facts = {
      gateway,
      health: await health(),
      connected: connected(),
      hindrance: hindrance(),
      series: series(),
    }
    return context.body(renderPage(facts, language), 200, PAGE_HEADERS)
  })
  app.get('/health', async context => {
    const reason = hindrance()
    const facts = await health()
    const body = {
      status: reason === undefined ? 'healthy' : 'unhealthy',
      ...(reason === undefined ? {} : { reason }),
      ...{ service: 'gateway', timestamp: new Date(facts.at).toISOString(), gateway },
      cloud: connected() ? 'connected' : 'not connected',
      ...facts,
    }
    return context.json(body, reason === undefined ? 200 : 503)
  })
  app.get('/metrics', async context => {
    await health()
    const answer = toMetricsAnswer(metrics, context.req.header('accept'), { service: 'gateway', gateway })
    return context.body(answer.body, 200, { 'content-type': answer.type })
  })
  const server = createServer(getRequestListener(app.fetch))
  const listening = await listenAt({ clock, log }, server, { path: 'status', host, port })
  return {
    port: listening.port,
    async close() {
      await listening.stop()
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}
