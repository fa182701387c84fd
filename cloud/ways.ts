// The ways by which gateways come to the collector: what the settings say of them, with the certificates and keys that
// they name. All is read and checked before anything starts.

import { readFile } from 'node:fs/promises'
import type { NatsOptions } from '../protocol/nats.ts'
import type { Clock } from '../protocol/runtime/clock.ts'
import { ConfigError, type ConfigMistake, reasonOf } from '../protocol/runtime/errors.ts'
import type { Log } from '../protocol/runtime/log.ts'
import { certificateEnd, certificateMistake, keyMistake } from '../protocol/tls.ts'
import type { PortOptions } from './collector/ports.ts'
import type { CloudConfig } from './config.ts'
import type { UplinkFacts } from './fleet/enrol.ts'

/** How gateways come. */
export interface Ways {
  mqtt: PortOptions
  nats?: NatsOptions
}

/** Reads the files. Throws ConfigError with every mistake. */
export async function readWays(
  { clock, log }: { clock: Clock; log: Log },
  { host, mqtt: { tls, ...plain }, nats }: Pick<CloudConfig, 'host' | 'mqtt' | 'nats'>,
): Promise<Ways> {
  const mistakes: ConfigMistake[] = []
  const ours = await readTlsFiles(mistakes, {
    cert: { name: 'MQTT_TLS_CERT', path: tls?.certPath },
    key: { name: 'MQTT_TLS_KEY', path: tls?.keyPath },
    ca: { name: 'MQTT_TLS_CLIENT_CA', path: tls?.clientCaPath },
  })
  const theirs = await readTlsFiles(mistakes, {
    cert: { name: 'NATS_CERT', path: nats?.files.certPath },
    key: { name: 'NATS_KEY', path: nats?.files.keyPath },
    ca: { name: 'NATS_CA', path: nats?.files.caPath },
  })
  if (mistakes.length > 0) throw new ConfigError('environment', mistakes)
  const ways: Ways = { mqtt: plain }
  const { cert, key, ca } = ours
  if (tls !== undefined && cert !== undefined && key !== undefined) {
    if (certificateEnd(cert) < clock.now()) log.warn('certificate has expired', { name: 'MQTT_TLS_CERT' })
    const clientCa = ca === undefined ? {} : { clientCa: ca }
    ways.mqtt = { ...plain, tls: { host, port: tls.port, cert, key, ...clientCa } }
  }
  if (nats !== undefined) {
    const { url, user } = nats
    const who = user === undefined ? {} : { username: user.name, password: user.password }
    ways.nats = { url, name: 'smarthydro-collector', ...who, ...theirs }
  }
  return ways
}

/** What gateways are told of the way to send readings. Throws ConfigError when its file cannot be used. */
export async function readUplinkFacts({ uplink }: Pick<CloudConfig, 'uplink'>): Promise<UplinkFacts> {
  const mistakes: ConfigMistake[] = []
  const none = { name: '', path: undefined }
  const ca = { name: 'FLEET_UPLINK_CA', path: uplink.caPath }
  const read = await readTlsFiles(mistakes, { cert: none, key: none, ca })
  if (mistakes.length > 0) throw new ConfigError('environment', mistakes)
  return { url: uplink.url, ca: read.ca }
}

/** A setting that names a file. */
interface FileSetting {
  name: string
  path: string | undefined
}

/** PEM texts. */
interface TlsTexts {
  ca?: string
  cert?: string
  key?: string
}

async function readTlsFiles(
  mistakes: ConfigMistake[],
  settings: Record<keyof TlsTexts, FileSetting>,
): Promise<TlsTexts> {
  const texts: TlsTexts = {}
  for (const kind of ['ca', 'cert', 'key'] as const) {
    const { name, path } = settings[kind]
    if (path === undefined) continue
    const miss = (message: string | undefined) => {
      if (message !== undefined) mistakes.push({ path: name, message: `${path} ${message}` })
    }
    try {
      texts[kind] = await readFile(path, 'utf8')
    } catch (error) {
      miss(`cannot be read: ${reasonOf(error)}`)
      continue
    }
    if (kind !== 'key') miss(certificateMistake(texts[kind]))
    else if (texts.cert !== undefined && certificateMistake(texts.cert) === undefined) {
      miss(keyMistake(texts.key ?? '', texts.cert))
    }
  }
  return texts
}
