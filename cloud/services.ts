// The cloud in one process: the database, then any of the five services in order; stopped in reverse.

import type { NatsOptions } from '../protocol/nats.ts'
import type { Clock } from '../protocol/runtime/clock.ts'
import type { Log } from '../protocol/runtime/log.ts'
import { openMetrics } from '../protocol/runtime/metrics.ts'
import { type Closable, openScope } from '../protocol/runtime/scope.ts'
import { certificateEnd } from '../protocol/tls.ts'
import { ANALYTICS_METRICS, startAnalytics } from './analytics/service.ts'
import { type Access, openAccess } from './api/access.ts'
import { type Accounts, openAccounts } from './api/accounts.ts'
import { API_METRICS, startApi } from './api/service.ts'
import type { PortOptions } from './collector/ports.ts'
import { COLLECTOR_METRICS, startCollector } from './collector/service.ts'
import { openSecrets } from './compliance/secrets.ts'
import { COMPLIANCE_METRICS, startCompliance } from './compliance/service.ts'
import type { CloudConfig } from './config.ts'
import { openDatabase } from './open-database.ts'
import { PROCESSOR_METRICS, startProcessor } from './processor/service.ts'
import type { RunningService, ServiceName } from './service.ts'
import type { Database } from './store/database.ts'
import { readTlsFiles } from './tls-files.ts'

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
  const scope = openScope()
  try {
    const { db, secretKey } = scope.use(await openDatabase(deps, config, { beside: false }))
    const { publicUrl } = config
    const accounts = openAccounts({ ...deps, db }, { secretKey, publicUrl })
    const access = openAccess({ db, clock: deps.clock, accounts }, { publicUrl })
    const parts: Parts = { ...deps, db, secretKey, accounts, access }
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

interface Parts extends CloudDeps {
  db: Database
  secretKey: Uint8Array
  accounts: Accounts
  access: Access
}

type Starter = (parts: Parts, config: CloudConfig, version: string) => Promise<RunningService>

const STARTERS: Record<ServiceName, Starter> = {
  collector: async ({ access, ...parts }, config, version) =>
    startCollector(
      { ...parts, ...access, metrics: openMetrics(COLLECTOR_METRICS) },
      {
        ...{ host: config.host, port: config.ports.collector, version },
        mqtt: await portOptions(parts, config),
        ...(await natsOptions(config)),
      },
    ),
  processor: ({ access, ...parts }, { host, ports }, version) =>
    startProcessor(
      { ...parts, ...access, metrics: openMetrics(PROCESSOR_METRICS) },
      { host, port: ports.processor, version },
    ),
  compliance: ({ access, secretKey, ...parts }, { host, ports, dga }, version) =>
    startCompliance(
      {
        ...parts,
        ...access,
        fetch,
        secrets: openSecrets(secretKey),
        metrics: openMetrics(COMPLIANCE_METRICS),
      },
      {
        ...{ host, port: ports.compliance, version },
        rest: { timeStamp: dga.timeStamp, ...(dga.restUrl === undefined ? {} : { url: dga.restUrl }) },
        soap: dga.soapUrl === undefined ? {} : { url: dga.soapUrl },
        paceMs: dga.paceMs,
      },
    ),
  analytics: ({ access, ...parts }, { host, ports }, version) =>
    startAnalytics(
      { ...parts, ...access, metrics: openMetrics(ANALYTICS_METRICS) },
      { host, port: ports.analytics, version },
    ),
  api: (parts, { host, ports, publicUrl, trustedProxies }, version) =>
    startApi(
      { ...parts, metrics: openMetrics(API_METRICS) },
      { host, port: ports.api, version, publicUrl, trustedProxies },
    ),
}

/** Where gateways with MQTT connect. Throws ConfigError when a file of TLS is wrong. */
async function portOptions(
  { clock, log }: CloudDeps,
  { host, mqtt }: Pick<CloudConfig, 'host' | 'mqtt'>,
): Promise<PortOptions> {
  const { tls, ...plain } = mqtt
  if (tls === undefined) return plain
  const { cert, key, ca } = await readTlsFiles({
    cert: { name: 'MQTT_TLS_CERT', path: tls.certPath },
    key: { name: 'MQTT_TLS_KEY', path: tls.keyPath },
    ca: { name: 'MQTT_TLS_CLIENT_CA', path: tls.clientCaPath },
  })
  if (cert === undefined || key === undefined) throw new Error('A certificate was read and is not there')
  if (certificateEnd(cert) < clock.now()) log.warn('certificate has expired', { name: 'MQTT_TLS_CERT' })
  const clientCa = ca === undefined ? {} : { clientCa: ca }
  return { ...plain, tls: { host, port: tls.port, cert, key, ...clientCa } }
}

/** The nats-server over which gateways come. Throws ConfigError when a file of TLS is wrong. */
async function natsOptions({ nats }: Pick<CloudConfig, 'nats'>): Promise<{ nats?: NatsOptions }> {
  if (nats === undefined) return {}
  const { url, user, files } = nats
  const texts = await readTlsFiles({
    ca: { name: 'NATS_CA', path: files.caPath },
    cert: { name: 'NATS_CERT', path: files.certPath },
    key: { name: 'NATS_KEY', path: files.keyPath },
  })
  const who = user === undefined ? {} : { username: user.name, password: user.password }
  return { nats: { url, name: 'smarthydro-collector', ...who, ...texts } }
}

function anyFailure(services: readonly RunningService[]): Promise<void> {
  return new Promise((_, reject) => {
    for (const { failed } of services) failed?.catch(reject)
  })
}
