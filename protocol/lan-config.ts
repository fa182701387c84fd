// The LAN broker's part of a gateway's configuration: where it listens, and who may read what.

import { z } from 'zod'
import { SiteSecret } from './config-fields.ts'
import type { Draft, Sound } from './draft.ts'
import type { Place } from './mistakes.ts'

/** A password as Mosquitto's password files keep it: PBKDF2 of SHA-512, `$7$iterations$salt$hash`, base64. */
export const PASSWORD_HASH = /^\$7\$[1-9]\d{0,6}\$[A-Za-z0-9+/]{16,}={0,2}\$[A-Za-z0-9+/]{86}==$/

const LEVEL = '[a-z0-9][a-z0-9_-]{0,62}'

/** Sparkplug 3.0, section 4.1: any text without the characters that mean something in a topic. */
const SparkplugId = z
  .string()
  .regex(/^[^+/#\p{Cc}]{1,64}$/u, 'must be 1 to 64 characters without +, / and #')
  .refine(id => id !== 'STATE', '"STATE" means something else in Sparkplug')

/** Sparkplug B beside the JSON. */
const Sparkplug = z.strictObject({
  /** The client's name when absent. */
  groupId: SparkplugId.optional(),
  /** The gateway's name when absent. */
  nodeId: SparkplugId.optional(),
})

const User = z.strictObject({
  name: z.string().min(1).max(100),
  /** A hash, or the password itself where the environment keeps it. */
  password: SiteSecret,
  /** What it may read: `client`, `client/project`, `client/project/point` or one variable of it. All when absent. */
  read: z
    .array(
      z
        .string()
        .regex(
          new RegExp(`^${LEVEL}(/${LEVEL}){0,3}$`),
          'must be client/project/point/variable, or its beginning',
        ),
    )
    .min(1)
    .max(64)
    .optional(),
  /** The Sparkplug host application that signs in with it: it may ask for births, and say that it is there. */
  sparkplugHost: SparkplugId.optional(),
})

/** The site's own broker. */
export const LanBroker = z.strictObject({
  host: z.string().min(1).default('127.0.0.1'),
  port: z.int().min(0).max(65535).default(1883),
  /** Whether who gives no name may read everything. Only on loopback unless stated. */
  anonymous: z.boolean().optional(),
  users: z.array(User).max(64).default([]),
  sparkplug: Sparkplug.optional(),
})

/** The site's own broker. */
export type LanBrokerConfig = z.infer<typeof LanBroker>

/** Whether an address is this machine's own and nobody else's. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** What is wrong with it beyond its form. */
export function lanMistakes({
  sound,
  isWrong,
}: Draft<{ lanBroker?: LanBrokerConfig | undefined; client: string; project: string }>): Place[] {
  const { lanBroker, client, project } = sound ?? {}
  if (lanBroker === undefined) return []
  const { host, users } = lanBroker
  const anonymous = lanBroker.anonymous ?? (host !== undefined && isLoopback(host))
  const mistakes: Place[] = []
  const isKnown = host !== undefined && users !== undefined && !isWrong('lanBroker', 'anonymous')
  if (isKnown && !anonymous && users.length === 0) {
    const message = `nobody could read: on ${host}, name users, or say anonymous: true`
    mistakes.push({ path: ['lanBroker'], message })
  }
  for (const [index, { name, password, read = [] } = {}] of (users ?? []).entries()) {
    const place = ['lanBroker', 'users', index]
    if (name !== undefined && users?.slice(0, index).some(one => one?.name === name)) {
      mistakes.push({ path: [...place, 'name'], message: `"${name}" is already a user` })
    }
    if (typeof password === 'string' && !PASSWORD_HASH.test(password)) {
      const message = 'is no hash of a password ($7$…): write its hash, or { env: NAME }'
      mistakes.push({ path: [...place, 'password'], message })
    }
    for (const message of hostMistakes(lanBroker, index, isWrong('lanBroker', 'sparkplug'))) {
      mistakes.push({ path: [...place, 'sparkplugHost'], message })
    }
    for (const [at, prefix] of read.entries()) {
      if (prefix === undefined || client === undefined || project === undefined) continue
      const [owner, site = project] = prefix.split('/')
      if (owner === client && site === project) continue
      const message = `nothing of this gateway lies there: its topics begin with ${client}/${project}`
      mistakes.push({ path: [...place, 'read', at], message })
    }
  }
  return mistakes
}

function hostMistakes(
  { users = [], sparkplug }: Sound<LanBrokerConfig>,
  index: number,
  isSparkplugWrong: boolean,
): string[] {
  const { sparkplugHost: id, read } = users[index] ?? {}
  if (id === undefined) return []
  const mistakes: string[] = []
  if (sparkplug === undefined && !isSparkplugWrong) {
    mistakes.push('a host application of nothing: there is no lanBroker.sparkplug')
  }
  if (users.slice(0, index).some(one => one?.sparkplugHost === id)) mistakes.push(`"${id}" is already a host`)
  if (read?.every(prefix => prefix !== undefined && prefix.split('/').length > 2)) {
    mistakes.push('a host application reads all points: leave read out')
  }
  return mistakes
}
