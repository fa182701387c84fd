// Who is connected to the broker, and what each may hear.

import { createHash, hash, timingSafeEqual } from 'node:crypto'
import { SLUG } from '../../protocol/ids.ts'
import { ackTopic, commandTopic, desiredTopic, stateTopic } from '../../protocol/topics.ts'
import type { GatewayRow } from '../store/gateways.ts'

/** A subscriber, and what it may receive. */
export interface Subscriber {
  clients: 'all' | readonly string[]
}

const TOKEN_NAME_LENGTH = 16

/** Somebody who was let in. */
export type Identity =
  | { kind: 'gateway'; gateway: GatewayRow }
  /** `token` tells tokens apart, and says nothing of what they are. */
  | ({ kind: 'subscriber'; token: string } & Subscriber)

/** Asks the rest of the collector who somebody is. */
export interface IdentityDeps {
  findGateway: (slug: string) => Promise<GatewayRow | undefined>
  authenticateSubscriber: (token: string) => Promise<Subscriber | undefined>
}

/** Who signs in with this name and password; `undefined` for nobody that we know. Throws Unavailable. */
export async function identify(
  { findGateway, authenticateSubscriber }: IdentityDeps,
  username: string | undefined,
  password: Buffer | undefined,
): Promise<Identity | undefined> {
  if (password === undefined) return undefined
  const token = password.toString('utf8')
  if (username !== undefined && SLUG.test(username)) {
    const gateway = await findGateway(username)
    if (gateway?.tokenHash && isTokenOf(gateway.tokenHash, token)) return { kind: 'gateway', gateway }
  }
  const subscriber = await authenticateSubscriber(token)
  if (subscriber === undefined) return undefined
  const name = hash('sha256', token, 'hex').slice(0, TOKEN_NAME_LENGTH)
  return { kind: 'subscriber', token: name, clients: subscriber.clients }
}

function isTokenOf(hash: Uint8Array, token: string): boolean {
  const digest = createHash('sha256').update(token).digest()
  return hash.length === digest.length && timingSafeEqual(hash, digest)
}

/** Whether somebody may still what they were let in for. A gateway that was moved must sign in again. */
export function isSame(before: Identity, now: Identity | undefined): boolean {
  if (before.kind === 'gateway') {
    return now?.kind === 'gateway' && now.gateway.projectId === before.gateway.projectId
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
