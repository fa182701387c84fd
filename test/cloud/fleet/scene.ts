// A cloud that enrols gateways: its API and its collector with TLS by the fleet's own authority, and gateways of two clients.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDoor } from '../../../cloud/api/door.ts'
import { API_METRICS, startApi } from '../../../cloud/api/service.ts'
import { createToken } from '../../../cloud/api/users.ts'
import type { CollectorOptions } from '../../../cloud/collector/service.ts'
import { type Authority, openAuthority, openFleetSecrets } from '../../../cloud/fleet/authority.ts'
import { claimGateways } from '../../../cloud/fleet/claims.ts'
import { provision } from '../../../cloud/provision.ts'
import type { Database } from '../../../cloud/store/database.ts'
import { type Credentials, readCredentials } from '../../../edge/config.ts'
import { type EnrollOptions, enroll } from '../../../edge/enrolment/enroll.ts'
import { openTransport } from '../../../edge/transport/open.ts'
import type { Link } from '../../../edge/transport/transport.ts'
import type { Identity } from '../../../protocol/enrolment.ts'
import type { Clock } from '../../../protocol/runtime/clock.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { openLog } from '../../../protocol/runtime/log.ts'
import { type Metrics, openMetrics } from '../../../protocol/runtime/metrics.ts'
import { ackTopic, stateTopic } from '../../../protocol/topics.ts'
import { openTestDatabase } from '../../doubles/databases.ts'
import { freePort } from '../../doubles/ports.ts'
import { openCollector } from '../collector/site.ts'

/** A cloud that enrols. */
export interface FleetScene {
  db: Database
  authority: Authority
  /** The address of the API. */
  url: string
  /** The address of the collector's broker, with TLS. */
  mqttsUrl: string
  /** The same certificate for another port. */
  tls(port: number): { port: number; cert: string; key: string }
  apiMetrics: Metrics
  collectorMetrics: Metrics
  /** What the API was logged. */
  lines: string[]
  /** Asks the API as an operator. */
  ask(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; body: ReturnType<typeof JSON.parse> }>
  /** Draws a code. */
  claim(gateway: string, options?: { days?: number; replace?: boolean }): Promise<string>
  /** A new folder for an identity. */
  folder(): Promise<string>
  /** Claims and enrols; returns what the gateway shows. */
  enrol(
    gateway: string,
    options?: Partial<EnrollOptions>,
  ): Promise<{ folder: string; identity: Identity; credentials: Credentials }>
  /** A session as this gateway, hearing its acks. Throws Unavailable. */
  connect(
    gateway: string,
    credentials: Credentials,
    more?: { url?: string; subscribe?: string[] },
  ): Promise<Link>
  close(): Promise<void>
}

const KEY = new Uint8Array(32).fill(9)

const siteOf = (gateways: readonly string[]): string =>
  JSON.stringify({
    clients: [
      { id: 'campo', name: 'Campo' },
      { id: 'otra', name: 'Otra' },
    ],
    projects: [
      { client: 'campo', id: 'los-aromos', name: 'Los Aromos' },
      { client: 'otra', id: 'sur', name: 'Sur' },
    ],
    gateways: [
      ...gateways.map(id => ({ client: 'campo', project: 'los-aromos', id, enrol: true })),
      { client: 'otra', project: 'sur', id: 'gw-otra', enrol: true },
    ],
  })

/** Opens one with these gateways of `campo.los-aromos`, and `gw-otra` of another client. */
export async function openFleetScene(
  gateways: readonly string[],
  { clock = systemClock, more = {} }: { clock?: Clock; more?: Pick<CollectorOptions, 'nats'> } = {},
): Promise<FleetScene> {
  const database = await openTestDatabase()
  const { db } = database
  const lines: string[] = []
  const log = openLog({ clock, write: line => lines.push(line) }, { level: 'debug' })
  await provision({ db, clock, secretKey: KEY, environment: {} }, siteOf(gateways), 'site.yaml')
  const authority = openAuthority({ db, clock, secrets: openFleetSecrets(KEY, []) })
  const apiPort = await freePort()
  const publicUrl = `http://127.0.0.1:${apiPort}`
  const door = openDoor({ db, clock, log }, { secretKey: KEY, publicUrl })
  const tlsPort = await freePort()
  const mqttsUrl = `mqtts://127.0.0.1:${tlsPort}`
  const { chain: cert, key } = await authority.issueServer(['127.0.0.1', 'localhost'])
  const apiMetrics = openMetrics(API_METRICS)
  const uplink = { url: mqttsUrl, ca: await authority.roots() }
  const api = await startApi(
    { db, clock, log, ...door, authority, metrics: apiMetrics },
    { host: '127.0.0.1', port: apiPort, publicUrl, trustedProxies: [], version: '0.0.0', uplink },
  )
  const collector = await openCollector(
    db,
    { fleet: authority, log },
    { tls: { port: tlsPort, cert, key }, connectionsPerSecond: 1_000 },
    more,
  )
  const url = `http://127.0.0.1:${api.port}`
  const token = await createToken(db, {
    ...{ name: 'olga', role: 'operator' as const, scopes: ['read', 'write'] as const, createdBy: 'test' },
  })
  const folders: string[] = []
  const scene: FleetScene = {
    tls: port => ({ port, cert, key }),
    ...{ db, authority, url, mqttsUrl, apiMetrics, collectorMetrics: collector.metrics, lines },
    async ask(method, path, body) {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      const asked = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
      const response = await fetch(`${url}/api/v1${path}`, asked)
      const text = await response.text()
      return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
    },
    async claim(gateway, { days = 30, replace = false } = {}) {
      const asked = { clientIds: null, by: 'test', days, replace }
      const [claim] = await claimGateways({ db, clock }, [gateway], asked)
      if (claim?.code == null) throw new Error(`No claim was drawn for ${gateway}: ${claim?.state}`)
      return claim.code
    },
    async folder() {
      const folder = await mkdtemp(join(tmpdir(), 'smarthydro-identity-'))
      folders.push(folder)
      return folder
    },
    async enrol(gateway, options = {}) {
      const folder = options.folder ?? (await scene.folder())
      const code = options.code ?? (await scene.claim(gateway))
      const identity = await enroll({ url, ...options, folder, code })
      return { folder, identity, credentials: readCredentials(folder, []) }
    },
    async connect(gateway, credentials, { url: to = mqttsUrl, subscribe = [ackTopic(gateway)] } = {}) {
      const transport = await openTransport(
        { clock: systemClock },
        { gateway, uplink: { url: to } as never },
        () => credentials,
      )
      return transport.connect(
        {
          will: { topic: stateTopic(gateway), payload: new TextEncoder().encode('{}') },
          ...{ subscribe, onMessage: () => {}, timeoutMs: 10_000, silenceMs: 20_000 },
        },
        new AbortController().signal,
      )
    },
    async close() {
      await collector.close()
      await api.close()
      await database.close()
      for (const folder of folders) await rm(folder, { recursive: true, force: true })
    },
  }
  return scene
}
