// Secrets of a configuration: the environment's and those in files of their own, found and put in their places.

import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { SiteSecret } from '../protocol/config-fields.ts'
import type { GatewayDraft, ProviderConfig } from '../protocol/gateway-config.ts'
import type { Place } from '../protocol/mistakes.ts'
import { reasonOf } from '../protocol/runtime/errors.ts'
import { valueIn } from './providers/pointer.ts'

/** Where secrets are: the environment, and files that are named relative to the configuration. */
export interface SecretSources {
  environment: Readonly<Record<string, string | undefined>>
  folder: string
}

/** The same with every secret as plain text. */
export type Plain<Config> = Config extends { env: string } | { file: string }
  ? string
  : Config extends readonly (infer Item)[]
    ? Plain<Item>[]
    : Config extends object
      ? { [Key in keyof Config]: Plain<Config[Key]> }
      : Config

/** Long enough for a key or a token, and no file that was meant to be something else. */
const SECRET_BYTES_MAX = 64 * 1024

/** What a secret stands for. Throws what is wrong with it. */
export function secretText(secret: SiteSecret, { environment, folder }: SecretSources): string {
  if (typeof secret === 'string') return secret
  if ('env' in secret) {
    const value = environment[secret.env]
    if (value === undefined || value === '') throw new Error(`the environment has no ${secret.env}`)
    return value
  }
  const text = textOfFile(secret.file, { folder, bytesMax: SECRET_BYTES_MAX })
  const value = text.replace(/\r?\n$/, '')
  if (value === '') throw new Error(`${secret.file} is empty`)
  return value
}

/** What a small file holds. Whatever else bears its name, a pipe say, is not opened: it may never end. Throws what is wrong. */
export function textOfFile(name: string, { folder, bytesMax }: { folder: string; bytesMax: number }): string {
  const path = resolve(folder, name)
  const found = orCannotBeRead(() => statSync(path))
  if (!found.isFile()) throw new Error(`${name} is not a regular file`)
  if (found.size > bytesMax) throw new Error(`${name} has more than ${bytesMax} bytes`)
  return orCannotBeRead(() => readFileSync(path, 'utf8'))
}

function orCannotBeRead<Found>(read: () => Found): Found {
  try {
    return read()
  } catch (error) {
    throw new Error(`cannot be read: ${reasonOf(error)}`, { cause: error })
  }
}

/** What secrets refer to and is not there. */
export function secretMistakes({ sound }: GatewayDraft, sources: SecretSources): Place[] {
  const providers = (sound?.providers ?? []).flatMap((provider, index) =>
    placesIn(provider).map(place => ({
      path: ['providers', index, ...place],
      secret: valueIn(provider, place),
    })),
  )
  const users = (sound?.lanBroker?.users ?? []).map((user, index) => ({
    path: ['lanBroker', 'users', index, 'password'],
    secret: user?.password,
  }))
  return [...providers, ...users].flatMap(({ path, secret }) => {
    if (!isWhole(secret)) return []
    try {
      secretText(secret, sources)
      return []
    } catch (error) {
      return [{ path, message: reasonOf(error) }]
    }
  })
}

/** A provider's device with its secrets in their places, and which they are. */
export function withSecrets(provider: ProviderConfig, sources: SecretSources): Plain<ProviderConfig> {
  const config = structuredClone(provider) as Plain<ProviderConfig>
  for (const place of placesIn(provider)) {
    const text = secretText(valueIn(provider, place) as SiteSecret, sources)
    const owner = valueIn(config, place.slice(0, -1)) as Record<string, unknown>
    owner[place.at(-1) as string] = text
  }
  return config
}

const KEYS = ['device', 'username', 'password', 'thing', 'token']
const AUTH_KEYS = ['username', 'password', 'token', 'value']

/** Where the secrets of a provider's device are. */
function placesIn(provider: unknown): string[][] {
  const of = (owner: string[], keys: readonly string[]) =>
    keys.map(key => [...owner, key]).filter(place => valueIn(provider, place) !== undefined)
  const headers = valueIn(provider, ['headers'])
  return [
    ...of([], KEYS),
    ...of(['auth'], AUTH_KEYS),
    ...of(['headers'], Object.keys(typeof headers === 'object' && headers !== null ? headers : {})),
  ]
}

/** Whether a draft has all of a secret. */
function isWhole(secret: unknown): secret is SiteSecret {
  if (typeof secret === 'string') return true
  if (typeof secret !== 'object' || secret === null) return false
  return Object.values(secret).length === 1 && typeof Object.values(secret)[0] === 'string'
}
