// The gateway's configuration as it runs: the file, with what it refers to.
//
// References are resolved here and nowhere else: values from the environment, paths against the file's folder, profiles,
// the credentials. Every mistake of every kind is listed at once.

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { readFleetKey } from '../protocol/configuration.ts'
import {
  type DeviceConfig,
  type GatewayConfig,
  type GatewayDraft,
  type ModbusSignal,
  type ProviderConfig,
  parseGatewayConfig,
} from '../protocol/gateway-config.ts'
import type { LanBrokerConfig } from '../protocol/lan-config.ts'
import type { Place } from '../protocol/mistakes.ts'
import { MODBUS_MACHINE } from '../protocol/modbus/machine.ts'
import { profileSignals } from '../protocol/modbus/profile.ts'
import { ConfigError, reasonOf } from '../protocol/runtime/errors.ts'
import { certificateMistake, keyMistake } from '../protocol/tls.ts'
import { type Enrolled, readEnrolled } from './enrolment/identity.ts'
import type { LanUser } from './lan-access.ts'
import {
  type Plain,
  type SecretSources,
  secretMistakes,
  secretText,
  textOfFile,
  withSecrets,
} from './secrets.ts'

/** A configuration with nothing left to look up. */
export interface RunnableConfig extends Omit<GatewayConfig, 'devices' | 'providers' | 'lanBroker'> {
  devices: (Omit<DeviceConfig, 'signals'> & { signals: readonly ModbusSignal[] })[]
  providers: RunnableProvider[]
  credentials: Credentials
  lanBroker?: (Omit<LanBrokerConfig, 'users'> & { users: LanUser[] }) | undefined
}

/** A device at a provider. Secrets are plain texts. */
export type RunnableProvider = Plain<ProviderConfig>

/** How a gateway proves who it is: by a token, or by the certificate that it was enrolled with. */
export interface Credentials {
  token?: string
  ca?: string
  cert?: string
  key?: string
  /** The public half of the key with which the fleet signs configurations, PEM. */
  fleetKey?: string
  /** Where it was enrolled, and the folder whose certificate is renewed. */
  enrolled?: Enrolled & { folder: string }
}

/** Room for the authorities of a whole system, and for no file that was meant to be something else. */
const CREDENTIAL_BYTES_MAX = 1024 * 1024

type Environment = Readonly<Record<string, string | undefined>>

/** What the file at `path` says. Throws ConfigError. */
export function readConfigFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new ConfigError(path, [{ path: '', message: `cannot be read: ${reasonOf(error)}` }])
  }
}

/** Reads the file at `path`. Throws ConfigError with every mistake at once. */
export function readGatewayConfig(path: string, environment: Environment): RunnableConfig {
  return runnableConfig(readConfigFile(path), path, { environment, folder: dirname(resolve(path)) })
}

/**
 * Reads a document, with what it refers to in `folder` and the environment. `source` names it in messages; `check` may have
 * further mistakes. Throws ConfigError with every mistake at once.
 */
export function runnableConfig(
  text: string,
  source: string,
  { check: further = () => [], ...sources }: SecretSources & { check?: (draft: GatewayDraft) => Place[] },
): RunnableConfig {
  const { folder } = sources
  let credentials: Credentials = { token: '' }
  const config = parseGatewayConfig(text, source, {
    ...MODBUS_MACHINE,
    check(draft) {
      const { uplink } = draft.sound ?? {}
      const mistakes = [...MODBUS_MACHINE.check(draft), ...secretMistakes(draft, sources), ...further(draft)]
      if (uplink?.credentials !== undefined) {
        credentials = readCredentials(resolve(folder, uplink.credentials), mistakes)
        mistakes.push(...strangerMistakes(draft, credentials))
      }
      return mistakes
    },
  })
  const { lanBroker, devices, providers, buffer, ...rest } = config
  const users = (lanBroker?.users ?? []).map(user => ({
    ...user,
    password: secretText(user.password, sources),
  }))
  return {
    ...rest,
    credentials,
    buffer: { ...buffer, path: resolve(folder, buffer.path) },
    devices: devices.map(device => ({ ...device, signals: signalsOf(device) })),
    providers: providers.map(provider => withSecrets(provider, sources)),
    ...(lanBroker === undefined ? {} : { lanBroker: { ...lanBroker, users } }),
  }
}

/** A configuration with an identity that is another gateway's. */
function strangerMistakes({ sound }: GatewayDraft, { enrolled }: Credentials): Place[] {
  return (['gateway', 'client', 'project'] as const).flatMap(key => {
    const is = sound?.[key]
    if (enrolled === undefined || is === undefined || is === enrolled[key]) return []
    const message = `is ${is}, and uplink.credentials was enrolled as ${enrolled[key]}`
    return [{ path: [key], message }]
  })
}

function signalsOf({ signals, profile = '' }: DeviceConfig): readonly ModbusSignal[] {
  const found = signals ?? profileSignals(profile)
  if (found === undefined) throw new Error(`A configuration was accepted with an unknown profile ${profile}`)
  return found
}

/** Reads the identity folder; what is wrong with it is added to `mistakes`. */
export function readCredentials(folder: string, mistakes: Place[]): Credentials {
  const miss = (message: string) => mistakes.push({ path: ['uplink', 'credentials'], message })
  let isReadable = true
  const read = (name: string): string | undefined => {
    const path = join(folder, name)
    if (!existsSync(path)) return undefined
    try {
      return textOfFile(path, { folder, bytesMax: CREDENTIAL_BYTES_MAX })
    } catch (error) {
      isReadable = false
      miss(reasonOf(error))
      return undefined
    }
  }
  const token = read('token')?.trim()
  const [ca, cert, key] = [read('ca.pem'), read('cert.pem'), read('key.pem')]
  const fleetKey = read('fleet-key.pem')
  if (!isReadable) return { token: '' }
  if (token === '' || (token === undefined && cert === undefined)) {
    miss(`there is no token in ${join(folder, 'token')}`)
  }
  const enrolled = readEnrolled(folder)
  for (const [name, pem] of Object.entries({ 'ca.pem': ca, 'cert.pem': cert })) {
    const mistake = pem === undefined ? undefined : certificateMistake(pem)
    if (mistake !== undefined) miss(`${join(folder, name)} ${mistake}`)
  }
  const fleetMistake = fleetKey === undefined ? undefined : fleetKeyMistake(fleetKey)
  if (fleetMistake !== undefined) miss(`${join(folder, 'fleet-key.pem')} ${fleetMistake}`)
  if ((cert === undefined) !== (key === undefined)) {
    miss(`${folder} has one of cert.pem and key.pem, and needs both`)
  } else if (cert !== undefined && key !== undefined && certificateMistake(cert) === undefined) {
    const mistake = keyMistake(key, cert)
    if (mistake !== undefined) miss(`${join(folder, 'key.pem')} ${mistake}`)
  }
  return {
    ...(token === undefined ? {} : { token }),
    ...(enrolled === undefined ? {} : { enrolled: { ...enrolled, folder } }),
    ...(ca === undefined ? {} : { ca }),
    ...(fleetKey === undefined ? {} : { fleetKey }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  }
}

function fleetKeyMistake(pem: string): string | undefined {
  try {
    readFleetKey(pem)
    return undefined
  } catch (error) {
    return `is no public key of Ed25519: ${reasonOf(error)}`
  }
}
