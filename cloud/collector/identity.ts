// Who is connected to the broker, and what each may hear.

import { createHash, hash, timingSafeEqual } from 'node:crypto'
import { SLUG } from '../../protocol/ids.ts'
import { ackTopic, commandTopic, desiredTopic, stateTopic } from '../../protocol/topics.ts'
import type { GatewayRow } from '../store/gateways.ts'
import type { ShownCertificate } from './certificate.ts'

/** A subscriber, and what it may receive. */
export interface Subscriber {
  clients: 'all' | readonly string[]
}

const TOKEN_NAME_LENGTH = 16

/** Somebody who was let in. */
export type Identity =
  /** `key`: the public key that it has shown a certificate for, hexadecimal; absent: it has a token. */
  | { kind: 'gateway'; gateway: GatewayRow; key?: string }
  /** `token` tells tokens apart, and says nothing of what they are. */
  | ({ kind: 'subscriber'; token: string } & Subscriber)

/** Asks the rest of the collector who somebody is. */
export interface IdentityDeps {
  findGateway: (slug: string) => Promise<GatewayRow | undefined>
  authenticateSubscriber: (token: string) => Promise<Subscriber | undefined>
}

/** What somebody shows. */
export interface Shown {
  username: string | undefined
  password: Buffer | undefined
  certificate: ShownCertificate | undefined
}

/**
 * Who somebody is; `undefined` for nobody that we know. With a certificate a gateway is who that says, if it is its key now,
 * whatever it says besides. Throws Unavailable.
 */
export async function identify(deps: IdentityDeps, shown: Shown): Promise<Identity | undefined> {
  const { findGateway, authenticateSubscriber } = deps
  const { username, password, certificate } = shown
  const gateway = await certified(deps, username, certificate)
  if (gateway !== undefined || password === undefined) return gateway
  const token = password.toString('utf8')
  if (username !== undefined && SLUG.test(username)) {
    const named = await findGateway(username)
    if (named?.tokenHash && isTokenOf(named.tokenHash, token)) return { kind: 'gateway', gateway: named }
  }
  const subscriber = await authenticateSubscriber(token)
  if (subscriber === undefined) return undefined
  const name = hash('sha256', token, 'hex').slice(0, TOKEN_NAME_LENGTH)
  return { kind: 'subscriber', token: name, clients: subscriber.clients }
}

async function certified(
  { findGateway }: IdentityDeps,
  username: string | undefined,
  certificate: ShownCertificate | undefined,
): Promise<Identity | undefined> {
  if (certificate === undefined || certificate.mistake !== undefined) return undefined
  const { name, keyHash } = certificate
  if (!SLUG.test(name) || (username !== undefined && username !== name)) return undefined
  const gateway = await findGateway(name)
  if (!gateway?.enrolledKey || !isSameBytes(gateway.enrolledKey, keyHash)) return undefined
  return { kind: 'gateway', gateway, key: Buffer.from(keyHash).toString('hex') }
}

function isTokenOf(hash: Uint8Array, token: string): boolean {
  const digest = createHash('sha256').update(token).digest()
  return isSameBytes(hash, digest)
}

const isSameBytes = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && timingSafeEqual(one, other)

/** Whether somebody may still what they were let in for. A gateway that was moved must sign in again. */
export function isSame(before: Identity, now: Identity | undefined): boolean {
  if (before.kind === 'gateway') {
    return (
      now?.kind === 'gateway' && now.gateway.projectId === before.gateway.projectId && now.key === before.key
    )
  }
  return now?.kind === 'subscriber' && String(now.clients) === String(before.clients)
}

/** What a gateway or a subscriber may receive. Throws Unavailable where that cannot be found out. */
export async function maySubscribe(
  { findGateway }: Pick<IdentityDeps, 'findGateway'>,
  identity: Identity | undefined,
  filter: string,
): Promise<boolean> {
  if (identity === undefined) return false
  if (identity.kind === 'gateway') {
    const { slug } = identity.gateway
    return [ackTopic(slug), desiredTopic(slug), commandTopic(slug, '+')].includes(filter)
  }
  const { clients } = identity
  const gateway = STATE_FILTER.exec(filter)?.[1]
  if (gateway !== undefined) {
    if (clients === 'all') return true
    // Whose they are cannot be seen in their names.
    return gateway !== '+' && clients.includes((await findGateway(gateway))?.client ?? '')
  }
  const [root, version, client, ...rest] = filter.split('/')
  if (root !== 'raw' || version !== 'v1' || client === undefined) return false
  if (clients === 'all') return true
  return clients.includes(client) && rest.length > 0
}

/** The state of one gateway, or of all. */
const STATE_FILTER = new RegExp(`^${stateTopic('(\\+|[a-z0-9][a-z0-9-]{0,62})')}$`)
