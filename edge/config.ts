// The gateway's configuration as it runs: the file, with what it refers to.
//
// References are resolved here and nowhere else: values from the environment, paths against the file's folder, profiles,
// the credentials. Every mistake of every kind is listed at once.

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Secret } from '../protocol/config-fields.ts'
import {
  type DeviceConfig,
  type GatewayConfig,
  type ModbusSignal,
  type ProviderConfig,
  parseGatewayConfig,
} from '../protocol/gateway-config.ts'
import type { LanBrokerConfig } from '../protocol/lan-config.ts'
import { ConfigError, reasonOf } from '../protocol/runtime/errors.ts'
import type { Place } from '../protocol/yaml.ts'
import type { LanUser } from './lan-access.ts'
import { planMistakes } from './modbus/plan.ts'
import { profileSignals } from './modbus/profile.ts'

/** A configuration with nothing left to look up. */
export interface RunnableConfig extends Omit<GatewayConfig, 'devices' | 'providers' | 'lanBroker'> {
  devices: (Omit<DeviceConfig, 'signals'> & { signals: readonly ModbusSignal[] })[]
  providers: RunnableProvider[]
  credentials: Credentials
  lanBroker?: (Omit<LanBrokerConfig, 'users'> & { users: LanUser[] }) | undefined
}

/** A device at a provider. Secrets are plain texts. */
export type RunnableProvider = Plain<ProviderConfig>

type Plain<Config> = Config extends unknown
  ? Omit<Config, SecretKey> & { [Key in Extract<keyof Config, SecretKey>]: string }
  : never

/** How a gateway proves who it is. */
export interface Credentials {
  token: string
  ca?: string
  cert?: string
  key?: string
}

/** Reads the file at `path`. Throws ConfigError with every mistake at once. */
export function readGatewayConfig(
  path: string,
  environment: Record<string, string | undefined>,
): RunnableConfig {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new ConfigError(path, [{ path: '', message: `cannot be read: ${reasonOf(error)}` }])
  }
  const folder = dirname(resolve(path))
  let found: Pick<RunnableConfig, 'devices' | 'providers' | 'credentials' | 'lanBroker'> | undefined
  const config = parseGatewayConfig(text, path, parsed => {
    const mistakes: Place[] = []
    const devices = parsed.devices.map((device, index) => {
      const signals = signalsOf(device, index, mistakes)
      for (const { signal, message } of planMistakes(signals, device.reads)) {
        mistakes.push({ path: ['devices', index, 'signals', signal], message })
      }
      return { ...device, signals }
    })
    const providers = parsed.providers.map((provider, index) =>
      resolveSecrets(provider, index, environment, mistakes),
    )
    if (!/^mqtts?:/.test(parsed.uplink.url)) {
      const message = 'this version reaches the cloud over mqtt:// or mqtts:// only'
      mistakes.push({ path: ['uplink', 'url'], message })
    }
    const credentials = readCredentials(resolve(folder, parsed.uplink.credentials), mistakes)
    const users = (parsed.lanBroker?.users ?? []).map(({ password, ...user }, index) => ({
      ...user,
      password: plain(password, ['lanBroker', 'users', index, 'password'], environment, mistakes),
    }))
    found = { devices, providers, credentials }
    if (parsed.lanBroker !== undefined) found.lanBroker = { ...parsed.lanBroker, users }
    return mistakes
  })
  if (found === undefined) throw new Error('A configuration was read and not checked')
  const { lanBroker: _, ...rest } = config
  return { ...rest, buffer: { ...config.buffer, path: resolve(folder, config.buffer.path) }, ...found }
}

function signalsOf(
  device: GatewayConfig['devices'][number],
  index: number,
  mistakes: Place[],
): readonly ModbusSignal[] {
  if (device.signals !== undefined) return device.signals
  const signals = profileSignals(device.profile ?? '')
  if (signals !== undefined) return signals
  mistakes.push({ path: ['devices', index, 'profile'], message: `no profile is named "${device.profile}"` })
  return []
}

/** The keys of a provider that may be secrets; the rest is taken as it is. */
const SECRET_KEYS = ['device', 'username', 'password', 'thing', 'token'] as const

type SecretKey = (typeof SECRET_KEYS)[number]

function resolveSecrets(
  provider: ProviderConfig,
  index: number,
  environment: Record<string, string | undefined>,
  mistakes: Place[],
): RunnableProvider {
  const resolved: Record<string, unknown> = { ...provider }
  for (const key of SECRET_KEYS) {
    const secret = resolved[key] as Secret | undefined
    if (secret !== undefined) resolved[key] = plain(secret, ['providers', index, key], environment, mistakes)
  }
  return resolved as unknown as RunnableProvider
}

/** The value that a secret stands for. */
function plain(
  secret: Secret,
  path: PropertyKey[],
  environment: Record<string, string | undefined>,
  mistakes: Place[],
): string {
  if (typeof secret === 'string') return secret
  const value = environment[secret.env]
  if (value === undefined || value === '')
    mistakes.push({ path, message: `the environment has no ${secret.env}` })
  return value ?? ''
}

function readCredentials(folder: string, mistakes: Place[]): Credentials {
  const read = (name: string): string | undefined => {
    const path = join(folder, name)
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined
  }
  const token = read('token')?.trim()
  if (token === undefined || token === '') {
    mistakes.push({
      path: ['uplink', 'credentials'],
      message: `there is no token in ${join(folder, 'token')}`,
    })
  }
  const found = { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') }
  const { ca, cert, key } = found
  if ((cert === undefined) !== (key === undefined)) {
    mistakes.push({
      path: ['uplink', 'credentials'],
      message: `${folder} has one of cert.pem and key.pem, and needs both`,
    })
  }
  return {
    token: token ?? '',
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  }
}
