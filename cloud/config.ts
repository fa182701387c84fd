// The cloud's settings: from the environment, read strictly, every mistake at once.
//
// readConfig() is the only place that knows the names. An empty value is an absent one, as compose files write it.
// `.env.example` lists every name; a name that begins with SMARTHYDRO_ and is not known is a mistake.

import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { Duration } from '../protocol/config-fields.ts'
import { didYouMean, mistakesOf, nearest, pathText } from '../protocol/mistakes.ts'
import { ConfigError } from '../protocol/runtime/errors.ts'
import { SERVICE_PORTS, type ServiceName } from './service.ts'
import type { RetentionRule } from './store/retention.ts'
import { type Network, parseNetwork } from './webhooks/address.ts'

const SECRET_KEY_BYTES = 32
const TIME_STAMPS = ['literal', 'offset', 'utc'] as const
const DGA_PACE_MS = 250
const SMA_PACE_MS = 250

/** What the cloud runs with. */
export interface CloudConfig {
  /** A server somebody runs, or one of our own below `dataDir`. */
  database: { kind: 'server'; url: string; poolMax: number } | { kind: 'embedded'; poolMax: number }
  dataDir: string
  host: string
  ports: Record<ServiceName, number>
  mqtt: {
    host: string
    port: number
    connectionsPerSecond: number
    tls?: { port: number; certPath: string; keyPath: string; clientCaPath: string | undefined }
  }
  /** A nats-server over which gateways come too. */
  nats?: { url: string; user?: { name: string; password: string }; files: NatsFiles }
  /** What gateways are told when they are enrolled: where to send readings, and a file with who vouches for that server. */
  uplink: { url?: string; caPath?: string }
  /** Thirty-two bytes; absent only with the embedded database, whose key openSecretKey() keeps. */
  secretKey?: Uint8Array
  /** Keys that seal no more, and still open what they sealed. */
  formerSecretKeys: readonly Uint8Array[]
  /** What is not known of DGA from outside, or differs by installation. */
  dga: { restUrl?: string; soapUrl?: string; timeStamp: (typeof TIME_STAMPS)[number]; paceMs: number }
  /** Where traces go, over OTLP; absent: nowhere. */
  otlpUrl?: string
  /** Where SMA is, when not where it says, and the least time between two requests to it. */
  sma: { url?: string; paceMs: number }
  /** How long raw readings are kept; absent: for ever. */
  retention?: RetentionRule
  /** What people are told through, and in whose name. */
  mail?: { url: string; from: string }
  /** Who else's word is taken for who somebody is. */
  oidc?: { issuer: string; clientId: string; clientSecret: string; name: string }
  /** Private networks that webhooks and providers of messages may be in. */
  webhookNetworks: readonly Network[]
  /** Where the weekly test of alerts goes; absent: none does. */
  canaryTo?: string
  /** Where it is told that a part of the cloud is silent. */
  watchdogUrl?: string
  logLevel: 'debug' | 'info' | 'warn' | 'error'
  /** What people type into a browser: cookies are bound to it, and requests from elsewhere are refused. */
  publicUrl: string
  /** Addresses of reverse proxies whose `X-Forwarded-For` is believed. */
  trustedProxies: readonly string[]
}

/** Where the certificates for a nats-server are. */
export interface NatsFiles {
  caPath: string | undefined
  certPath: string | undefined
  keyPath: string | undefined
}

const port = z
  .string()
  .regex(/^\d{1,5}$/, 'must be a port, 0 to 65535')
  .transform(Number)
  .refine(value => value <= 65535, 'must be a port, 0 to 65535')
const httpUrl = z.url({ protocol: /^https?$/, error: 'must be a URL that begins with http:// or https://' })
const path = z.string().min(1)
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/
/** Shorter, and what comes late would find nothing to be computed with any more. */
const KEPT_MIN_MS = 62 * 86_400_000
const KEPT_MAX_MS = 36_500 * 86_400_000
const Kept = Duration.refine(ms => ms >= KEPT_MIN_MS && ms <= KEPT_MAX_MS, 'must be from 62d to 36500d')

const Environment = z.object({
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/, error: 'must be a URL that begins with postgres://' })
    .optional(),
  DATABASE_POOL_MAX: z
    .string()
    .regex(/^[1-9]\d{0,2}$/, 'must be a number from 1 to 999')
    .transform(Number)
    .optional(),
  DATA_DIR: path.optional(),
  HOST: path.optional(),
  COLLECTOR_PORT: port.optional(),
  COMPLIANCE_PORT: port.optional(),
  PROCESSOR_PORT: port.optional(),
  API_PORT: port.optional(),
  ANALYTICS_PORT: port.optional(),
  MQTT_HOST: path.optional(),
  MQTT_PORT: port.optional(),
  MQTT_TLS_PORT: port.optional(),
  MQTT_TLS_CERT: path.optional(),
  MQTT_TLS_KEY: path.optional(),
  MQTT_CONNECTIONS_PER_SECOND: z
    .string()
    .regex(/^[1-9]\d{0,3}$/, 'must be a number from 1 to 9999')
    .transform(Number)
    .optional(),
  MQTT_TLS_CLIENT_CA: path.optional(),
  FLEET_UPLINK_URL: z
    .url({
      protocol: /^(mqtts?|nats|tls)$/,
      error: 'must be a URL that begins with mqtts://, mqtt://, tls:// or nats://',
    })
    .refine(url => !url.includes('@'), 'must not name anybody: gateways show certificates')
    .optional(),
  FLEET_UPLINK_CA: path.optional(),
  NATS_URL: z
    .url({ protocol: /^(nats|tls)$/, error: 'must be a URL that begins with tls:// or nats://' })
    .refine(url => !url.includes('@'), 'must not name anybody: NATS_USER and NATS_PASSWORD do')
    .optional(),
  NATS_USER: z.string().optional(),
  NATS_PASSWORD: z.string().optional(),
  NATS_CA: path.optional(),
  NATS_CERT: path.optional(),
  NATS_KEY: path.optional(),
  SMARTHYDRO_SECRET_KEY: z
    .string()
    .refine(
      text => decodeSecretKey(text) !== undefined,
      'must be 32 bytes in base64: openssl rand -base64 32',
    )
    .optional(),
  SMARTHYDRO_SECRET_KEY_FORMER: z
    .string()
    .transform(text => text.split(',').map(one => decodeSecretKey(one.trim())))
    .refine(
      keys => keys.every(key => key !== undefined),
      'must be keys of 32 bytes in base64, comma-separated',
    )
    .transform(keys => keys.filter(key => key !== undefined))
    .optional(),
  DGA_REST_URL: httpUrl.optional(),
  DGA_SOAP_URL: httpUrl.optional(),
  DGA_TIME_STAMP: z.enum(TIME_STAMPS).optional(),
  DGA_PACE: Duration.optional(),
  SMA_URL: httpUrl.optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl.optional(),
  SMA_PACE: Duration.optional(),
  RAW_RETENTION: Kept.optional(),
  RAW_RETENTION_DECLARED: Kept.optional(),
  SMTP_URL: z
    .url({ protocol: /^smtps?$/, error: 'must be a URL that begins with smtp:// or smtps://' })
    .optional(),
  MAIL_FROM: z.email('must be a mail address').optional(),
  OIDC_ISSUER: httpUrl
    .refine(
      url => url.startsWith('https:') || LOOPBACK.test(new URL(url).hostname),
      'must begin with https://, but on this machine',
    )
    .optional(),
  OIDC_CLIENT_ID: z.string().max(200).optional(),
  OIDC_CLIENT_SECRET: z.string().max(1000).optional(),
  OIDC_NAME: z.string().max(40).optional(),
  CANARY_MAIL: z.email('must be a mail address').optional(),
  WATCHDOG_URL: httpUrl.optional(),
  WEBHOOK_NETWORKS: z
    .string()
    .transform(text => text.split(',').map(one => parseNetwork(one.trim())))
    .refine(
      networks => networks.every(one => one !== undefined),
      'must be networks such as 10.0.0.0/8, comma-separated',
    )
    .transform(networks => networks.filter(one => one !== undefined))
    .optional(),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).optional(),
  PUBLIC_URL: httpUrl.optional(),
  TRUSTED_PROXIES: z
    .string()
    .transform(text => text.split(',').map(address => address.trim()))
    .pipe(z.array(z.union([z.ipv4(), z.ipv6()])).max(32))
    .optional(),
})

/** Every name that readConfig() knows. */
export const CONFIG_NAMES: readonly string[] = Object.keys(Environment.shape)

/** Reads the settings. Throws ConfigError with every mistake. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): CloudConfig {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  )
  const unknown = Object.keys(given).filter(
    name => name.startsWith('SMARTHYDRO_') && !CONFIG_NAMES.includes(name),
  )
  const meant = unknown.map(name => nearest(name, CONFIG_NAMES))
  const result = Environment.safeParse(given)
  const wrong = result.success
    ? []
    : mistakesOf(result.error).map(({ path, message }) => ({ path: pathText(path), message }))
  const mistakes = [
    ...wrong,
    ...unknown.map(name => ({ path: name, message: `unknown setting${didYouMean(name, CONFIG_NAMES)}` })),
    ...crossMistakes(given).filter(({ path }) => !meant.includes(path)),
  ]
  if (!result.success || mistakes.length > 0) throw new ConfigError('environment', mistakes)
  const { RAW_RETENTION: kept, RAW_RETENTION_DECLARED: declared } = result.data
  if (kept !== undefined && declared !== undefined && declared < kept) {
    const message = 'must not be shorter than RAW_RETENTION'
    throw new ConfigError('environment', [{ path: 'RAW_RETENTION_DECLARED', message }])
  }
  return toConfig(result.data)
}

/**
 * The key that everything secret in the database is sealed with: the configured one, or, with the embedded database,
 * one that is drawn once and kept beside it, readable by its owner only. Who loses it loses the sealed secrets.
 */
export async function openSecretKey({
  secretKey,
  dataDir,
}: Pick<CloudConfig, 'secretKey' | 'dataDir'>): Promise<Uint8Array> {
  if (secretKey !== undefined) return secretKey
  const folder = join(dataDir, 'secrets')
  const file = join(folder, 'secret-key')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  try {
    await using handle = await open(file, 'wx', 0o600)
    await handle.writeFile(`${randomBytes(SECRET_KEY_BYTES).toString('base64')}\n`)
    await handle.sync()
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
  const kept = decodeSecretKey((await readFile(file, 'utf8')).trim())
  if (kept === undefined) throw new ConfigError(file, [{ path: '', message: 'is not 32 bytes in base64' }])
  return kept
}

function decodeSecretKey(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]{43}=$/.test(text)) return undefined
  return new Uint8Array(Buffer.from(text, 'base64'))
}

/** Settings of which none is of use without the others. */
const TOGETHER = [
  ['MQTT_TLS_PORT', 'MQTT_TLS_CERT', 'MQTT_TLS_KEY'],
  ['NATS_USER', 'NATS_PASSWORD'],
  ['NATS_CERT', 'NATS_KEY'],
  ['SMTP_URL', 'MAIL_FROM'],
  ['OIDC_ISSUER', 'OIDC_CLIENT_ID', 'OIDC_CLIENT_SECRET'],
] as const

/** What examples have where a secret belongs. */
const PLACEHOLDER = 'change-me'

function crossMistakes(given: Record<string, string | undefined>): { path: string; message: string }[] {
  const mistakes = TOGETHER.flatMap(names => {
    const missing = names.filter(name => given[name] === undefined)
    if (missing.length === names.length) return []
    return missing.map(name => ({ path: String(name), message: `needed: ${names.join(', ')} go together` }))
  })
  for (const name of ['NATS_USER', 'NATS_CA', 'NATS_CERT']) {
    if (given[name] !== undefined && given.NATS_URL === undefined)
      mistakes.push({ path: name, message: 'needs NATS_URL' })
  }
  if (given.MQTT_TLS_CLIENT_CA !== undefined && given.MQTT_TLS_PORT === undefined) {
    mistakes.push({ path: 'MQTT_TLS_CLIENT_CA', message: 'needs MQTT_TLS_PORT' })
  }
  if (given.FLEET_UPLINK_CA !== undefined && given.FLEET_UPLINK_URL === undefined) {
    mistakes.push({ path: 'FLEET_UPLINK_CA', message: 'needs FLEET_UPLINK_URL' })
  }
  if (given.OIDC_NAME !== undefined && given.OIDC_ISSUER === undefined) {
    mistakes.push({ path: 'OIDC_NAME', message: 'needs OIDC_ISSUER' })
  }
  if (given.CANARY_MAIL !== undefined && given.SMTP_URL === undefined) {
    mistakes.push({ path: 'CANARY_MAIL', message: 'needs SMTP_URL' })
  }
  if (given.RAW_RETENTION_DECLARED !== undefined && given.RAW_RETENTION === undefined) {
    mistakes.push({ path: 'RAW_RETENTION_DECLARED', message: 'needs RAW_RETENTION' })
  }
  for (const [name, value] of Object.entries(given)) {
    if (value?.includes(PLACEHOLDER) === true)
      mistakes.push({ path: name, message: `still says ${PLACEHOLDER}: draw a secret of your own` })
  }
  if (given.DATABASE_URL !== undefined && given.SMARTHYDRO_SECRET_KEY === undefined) {
    mistakes.push({
      path: 'SMARTHYDRO_SECRET_KEY',
      message: 'needed with DATABASE_URL: openssl rand -base64 32',
    })
  }
  return mistakes
}

function toConfig(settings: z.output<typeof Environment>): CloudConfig {
  const { DATABASE_URL: url, DATABASE_POOL_MAX: poolMax = 10, SMARTHYDRO_SECRET_KEY: key } = settings
  const secretKey = key === undefined ? undefined : decodeSecretKey(key)
  const host = settings.HOST ?? '127.0.0.1'
  const ports = {
    collector: settings.COLLECTOR_PORT ?? SERVICE_PORTS.collector,
    compliance: settings.COMPLIANCE_PORT ?? SERVICE_PORTS.compliance,
    processor: settings.PROCESSOR_PORT ?? SERVICE_PORTS.processor,
    api: settings.API_PORT ?? SERVICE_PORTS.api,
    analytics: settings.ANALYTICS_PORT ?? SERVICE_PORTS.analytics,
  }
  const { MQTT_TLS_PORT: tlsPort, MQTT_TLS_CERT: certPath, MQTT_TLS_KEY: keyPath } = settings
  const tls =
    tlsPort === undefined || certPath === undefined || keyPath === undefined
      ? {}
      : { tls: { port: tlsPort, certPath, keyPath, clientCaPath: settings.MQTT_TLS_CLIENT_CA } }
  return {
    database: url === undefined ? { kind: 'embedded', poolMax } : { kind: 'server', url, poolMax },
    dataDir: settings.DATA_DIR ?? './data',
    host,
    ports,
    mqtt: {
      host: settings.MQTT_HOST ?? '127.0.0.1',
      port: settings.MQTT_PORT ?? 1884,
      ...tls,
      connectionsPerSecond: settings.MQTT_CONNECTIONS_PER_SECOND ?? 100,
    },
    ...natsOf(settings),
    uplink: {
      ...(settings.FLEET_UPLINK_URL === undefined ? {} : { url: settings.FLEET_UPLINK_URL }),
      ...(settings.FLEET_UPLINK_CA === undefined ? {} : { caPath: settings.FLEET_UPLINK_CA }),
    },
    ...(secretKey === undefined ? {} : { secretKey }),
    formerSecretKeys: settings.SMARTHYDRO_SECRET_KEY_FORMER ?? [],
    dga: {
      ...(settings.DGA_REST_URL === undefined ? {} : { restUrl: settings.DGA_REST_URL }),
      ...(settings.DGA_SOAP_URL === undefined ? {} : { soapUrl: settings.DGA_SOAP_URL }),
      timeStamp: settings.DGA_TIME_STAMP ?? 'literal',
      paceMs: settings.DGA_PACE ?? DGA_PACE_MS,
    },
    ...(settings.OTEL_EXPORTER_OTLP_ENDPOINT === undefined
      ? {}
      : { otlpUrl: settings.OTEL_EXPORTER_OTLP_ENDPOINT }),
    sma: {
      ...(settings.SMA_URL === undefined ? {} : { url: settings.SMA_URL }),
      paceMs: settings.SMA_PACE ?? SMA_PACE_MS,
    },
    ...(settings.RAW_RETENTION === undefined
      ? {}
      : { retention: { keepMs: settings.RAW_RETENTION, keepDeclaredMs: settings.RAW_RETENTION_DECLARED } }),
    ...(settings.SMTP_URL === undefined || settings.MAIL_FROM === undefined
      ? {}
      : { mail: { url: settings.SMTP_URL, from: settings.MAIL_FROM } }),
    ...oidcOf(settings),
    webhookNetworks: settings.WEBHOOK_NETWORKS ?? [],
    ...(settings.CANARY_MAIL === undefined ? {} : { canaryTo: settings.CANARY_MAIL }),
    ...(settings.WATCHDOG_URL === undefined ? {} : { watchdogUrl: settings.WATCHDOG_URL }),
    logLevel: settings.LOG_LEVEL ?? 'info',
    publicUrl: settings.PUBLIC_URL ?? `http://localhost:${ports.api}`,
    trustedProxies: settings.TRUSTED_PROXIES ?? [],
  }
}

function oidcOf({
  OIDC_ISSUER: issuer,
  OIDC_CLIENT_ID: clientId,
  OIDC_CLIENT_SECRET: clientSecret,
  OIDC_NAME: name,
}: z.output<typeof Environment>): Pick<CloudConfig, 'oidc'> {
  if (issuer === undefined || clientId === undefined || clientSecret === undefined) return {}
  return { oidc: { issuer, clientId, clientSecret, name: name ?? new URL(issuer).hostname } }
}

function natsOf({
  NATS_URL: url,
  NATS_USER: name,
  NATS_PASSWORD: password,
  ...files
}: z.output<typeof Environment>): Pick<CloudConfig, 'nats'> {
  if (url === undefined) return {}
  const user = name === undefined || password === undefined ? {} : { user: { name, password } }
  const { NATS_CA: caPath, NATS_CERT: certPath, NATS_KEY: keyPath } = files
  return { nats: { url, ...user, files: { caPath, certPath, keyPath } } }
}
