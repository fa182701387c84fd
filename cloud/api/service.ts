// The API as a service: port 8004.

import type { Metrics } from '../../protocol/runtime/metrics.ts'
import { type RunningService, serveService } from '../service.ts'
import { selectVersion } from '../store/queries.ts'
import { type ApiDeps, openApi } from './app.ts'

/** What startApi() is told. */
export interface ApiServiceOptions {
  host: string
  port: number
  version: string
  publicUrl: string
  trustedProxies: readonly string[]
}

/** Starts the API. */
export function startApi(
  { metrics, ...deps }: ApiDeps & { metrics: Metrics },
  { host, port, ...options }: ApiServiceOptions,
): Promise<RunningService> {
  const { version } = options
  const checks = { database: async () => ({ version: await selectVersion(deps.db) }) }
  const routes = openApi(deps, options)
  return serveService({ clock: deps.clock, metrics }, { name: 'api', host, port, version, checks, routes })
}
