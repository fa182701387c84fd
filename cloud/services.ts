// The cloud in one process: the database, then any of the five services in order; stopped in reverse.

import type { Clock } from '../protocol/runtime/clock.ts'
import type { Log } from '../protocol/runtime/log.ts'
import { openMetrics } from '../protocol/runtime/metrics.ts'
import { type Closable, openScope } from '../protocol/runtime/scope.ts'
import { openMailer } from './alerts/mail.ts'
import type { Outcry } from './alerts/watchdog.ts'
import { openOutside } from './alerts/ways.ts'
import { ANALYTICS_METRICS, startAnalytics } from './analytics/service.ts'
import { type Door, openDoor } from './api/door.ts'
import { API_METRICS, startApi } from './api/service.ts'
import { COLLECTOR_METRICS, startCollector } from './collector/service.ts'
import { openSecrets } from './compliance/secrets.ts'
import { COMPLIANCE_METRICS, startCompliance } from './compliance/service.ts'
import type { CloudConfig } from './config.ts'
import { type Authority, openAuthority, openFleetSecrets } from './fleet/authority.ts'
import type { UplinkFacts } from './fleet/enrol.ts'
import { openDatabase } from './open-database.ts'
import { PROCESSOR_METRICS, startProcessor } from './processor/service.ts'
import type { RunningService, ServiceName } from './service.ts'
import type { Database } from './store/database.ts'
import { readUplinkFacts, readWays, type Ways } from './ways.ts'

/** The order in which services start: what is collected first is declared and shown last. */
export const START_ORDER: readonly ServiceName[] = [
  'collector',
  'processor',
  'compliance',
  'analytics',
  'api',
]

/** What startCloud() uses. */
export interface CloudDeps {
  clock: Clock
  log: Log
  /** In [0, 1). */
  random: () => number
}

/** What startCloud() is told. */
export interface CloudOptions {
  config: CloudConfig
  services: readonly string[]
  version: string
}

/** The cloud, running. */
export interface RunningCloud extends Closable {
  db: Database
  secretKey: Uint8Array
  services: readonly RunningService[]
  /** Where gateways connect, when the collector is among the services. */
  mqttPort: number | undefined
  /** Rejects when a service fails as a whole; never resolves. */
  failed: Promise<void>
}

/** Starts the cloud. When one service cannot start, those before it are stopped again. */
export async function startCloud(deps: CloudDeps, options: CloudOptions): Promise<RunningCloud> {
  const { config, version } = options
  const ways = await waysOf(deps, config, options.services)
  const uplink = await readUplinkFacts(config)
  const scope = openScope()
  try {
    const withApi = options.services.includes('api')
    const { db, apiDb, secretKey } = scope.use(await openDatabase(deps, config, { beside: false, withApi }))
    const { publicUrl, oidc, mail } = config
    const mailer = mail === undefined ? undefined : openMailer(mail)
    const door = openDoor({ ...deps, db, mailer }, { secretKey, publicUrl, oidc })
    const fleetSecrets = openFleetSecrets(secretKey, config.formerSecretKeys)
    const authority = openAuthority({ db, clock: deps.clock, secrets: fleetSecrets })
    const parts: Parts = { ...deps, db, apiDb, secretKey, ...door, ways, authority, uplink }
    const services: RunningService[] = []
    for (const name of START_ORDER.filter(wanted => options.services.includes(wanted))) {
      const log = deps.log.with({ service: name })
      const service = scope.use(await STARTERS[name]({ ...parts, log }, config, version))
      log.info('service started', { port: service.port })
      services.push(service)
    }
    const mqttPort = services.map(service => ('mqttPort' in service ? Number(service.mqttPort) : undefined))
    return {
      ...{ db, secretKey, services },
      mqttPort: mqttPort.find(port => port !== undefined),
      failed: anyFailure(services),
      close: () => scope[Symbol.asyncDispose](),
    }
  } catch (error) {
    await scope[Symbol.asyncDispose]()
    throw error
  }
}

/** What the services that run need of the ways: the processor is told things by nats-server, and knows no MQTT port. */
async function waysOf(
  deps: CloudDeps,
  config: CloudConfig,
  services: readonly string[],
): Promise<Ways | undefined> {
  if (services.includes('collector')) return readWays(deps, config)
  if (!services.includes('processor')) return undefined
  const { tls: _, ...mqtt } = config.mqtt
  return readWays(deps, { ...config, mqtt })
}

interface Parts extends CloudDeps, Door {
  db: Database
  apiDb: Database
  secretKey: Uint8Array
  /** Where the collector or the processor is among the services. */
  ways: Ways | undefined
  authority: Authority
  uplink: UplinkFacts
}

type Starter = (parts: Parts, config: CloudConfig, version: string) => Promise<RunningService>

const STARTERS: Record<ServiceName, Starter> = {
  collector: ({ access, ways, authority, ...parts }, { host, ports }, version) => {
    if (ways === undefined) throw new Error('The ways to the collector were not read')
    return startCollector(
      { ...parts, ...access, fleet: authority, metrics: openMetrics(COLLECTOR_METRICS) },
      { host, port: ports.collector, version, ...ways },
    )
  },
  processor: ({ access, ways, ...parts }, { host, ports, retention }, version) => {
    const nats = ways?.nats === undefined ? {} : { nats: { ...ways.nats, name: 'smarthydro-processor' } }
    return startProcessor(
      { ...parts, ...access, metrics: openMetrics(PROCESSOR_METRICS) },
      { host, port: ports.processor, version, ...nats, ...(retention === undefined ? {} : { retention }) },
    )
  },
  compliance: ({ access, secretKey, ...parts }, config, version) => {
    const { host, ports, dga, sma, otlpUrl, formerSecretKeys } = config
    return startCompliance(
      {
        ...parts,
        ...access,
        fetch,
        secrets: openSecrets(secretKey, formerSecretKeys),
        metrics: openMetrics(COMPLIANCE_METRICS),
      },
      {
        ...{ host, port: ports.compliance, version },
        rest: { timeStamp: dga.timeStamp, ...(dga.restUrl === undefined ? {} : { url: dga.restUrl }) },
        soap: dga.soapUrl === undefined ? {} : { url: dga.soapUrl },
        paceMs: dga.paceMs,
        sma,
        ...(otlpUrl === undefined ? {} : { otlpUrl }),
        ...outcryOf(config),
      },
    )
  },
  analytics: ({ access, secretKey, ...parts }, config, version) => {
    const { host, ports, mail, publicUrl, webhookNetworks, formerSecretKeys, canaryTo } = config
    return startAnalytics(
      { ...parts, ...access, metrics: openMetrics(ANALYTICS_METRICS) },
      {
        ...{ host, port: ports.analytics, version, publicUrl, webhookNetworks },
        ...(mail === undefined ? {} : { mail }),
        secrets: openSecrets(secretKey, formerSecretKeys),
        ...(canaryTo === undefined ? {} : { canaryTo }),
        ...outcryOf(config),
      },
    )
  },
  api: (
    { secretKey, uplink, apiDb, ...parts },
    { host, ports, publicUrl, trustedProxies, webhookNetworks, formerSecretKeys },
    version,
  ) =>
    startApi(
      {
        ...parts,
        db: apiDb,
        metrics: openMetrics(API_METRICS),
        outside: openOutside(
          { clock: parts.clock, secrets: openSecrets(secretKey, formerSecretKeys) },
          webhookNetworks,
        ),
      },
      { host, port: ports.api, version, publicUrl, trustedProxies, uplink },
    ),
}

function outcryOf({ watchdogUrl: url, webhookNetworks: networks }: CloudConfig): { outcry?: Outcry } {
  return url === undefined ? {} : { outcry: { url, networks } }
}

function anyFailure(services: readonly RunningService[]): Promise<void> {
  return new Promise((_, reject) => {
    for (const { failed } of services) failed?.catch(reject)
  })
}
