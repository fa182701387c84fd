// The guests of the broker: each connection, who it is, and which topics of its own it hears.

import type { Client } from 'aedes'
import { type Identity, isSame } from './identity.ts'
import { openTurns, type Turns } from './turns.ts'

/** Somebody who is connected. */
export interface Guest {
  identity: Identity
  /** Asks whether they would be let in now, and as whom. */
  again: () => Promise<Identity | undefined>
  /** The filters that were granted. */
  hears: Set<string>
  /** How often it has asked to hear something. */
  wishes: number
  /** Its wishes are asked about one after the other, and so is it shown what was said last. */
  asks: Turns
  shows: Turns
}

/** Everybody who is connected. */
export interface Guests {
  admit(client: Client, guest: Pick<Guest, 'identity' | 'again'>): void
  of(client: Client): Guest | undefined
  leave(client: Client): void
  /** A filter was granted to one that is still there. */
  hear(client: Client, filter: string): void
  unhear(client: Client, filter: string): void
  /** The connections of a gateway that hear `filter`. */
  listening(gateway: string, filter: string): Client[]
  /** The connections that hear a topic, whoever they are. */
  hearing(topic: string): Set<Client>
  /** The connections of a gateway that were let in as somebody who `isMeant`. */
  ofGateway(gateway: string, isMeant: (identity: Identity & { kind: 'gateway' }) => boolean): Client[]
  /** Names of the gateways that are connected. */
  gateways(): string[]
  hasSubscribers(): boolean
  /**
   * The connections of whoever would not be let in any more, or not as the same, or may not hear something any more that
   * was granted. Throws Unavailable.
   */
  unwelcome(mayHear: (identity: Identity, filter: string) => Promise<boolean>): Promise<Client[]>
}

/** Opens a book of guests. */
export function openGuests(): Guests {
  const guests = new Map<Client, Guest>()
  const byGateway = new Map<string, Set<Client>>()
  const byFilter = new Map<string, Set<Client>>()

  const leave = (client: Client) => {
    const guest = guests.get(client)
    if (guest === undefined) return
    guests.delete(client)
    for (const filter of guest.hears) remove(byFilter, filter, client)
    if (guest.identity.kind === 'gateway') remove(byGateway, guest.identity.gateway.slug, client)
  }
  const isWelcome = async (
    { identity, again, hears }: Guest,
    mayHear: Parameters<Guests['unwelcome']>[0],
  ) => {
    if (!isSame(identity, await again())) return false
    for (const filter of hears) {
      if (!(await mayHear(identity, filter))) return false
    }
    return true
  }

  return {
    admit(client, guest) {
      guests.set(client, { ...guest, hears: new Set(), wishes: 0, asks: openTurns(), shows: openTurns() })
      if (guest.identity.kind === 'gateway') add(byGateway, guest.identity.gateway.slug, client)
    },
    of: client => guests.get(client),
    leave,
    hear(client, filter) {
      const guest = guests.get(client)
      if (guest === undefined) return
      guest.hears.add(filter)
      add(byFilter, filter, client)
    },
    unhear(client, filter) {
      guests.get(client)?.hears.delete(filter)
      remove(byFilter, filter, client)
    },
    listening: (gateway, filter) =>
      [...(byGateway.get(gateway) ?? [])].filter(
        client => client.connected && guests.get(client)?.hears.has(filter) === true,
      ),
    hearing: topic => new Set(filtersOf(topic).flatMap(filter => [...(byFilter.get(filter) ?? [])])),
    ofGateway: (gateway, isMeant) =>
      [...(byGateway.get(gateway) ?? [])].filter(client => {
        const identity = guests.get(client)?.identity
        return !client.closed && identity?.kind === 'gateway' && isMeant(identity)
      }),
    gateways: () => [...byGateway.keys()],
    hasSubscribers: () => [...guests.values()].some(({ identity }) => identity.kind === 'subscriber'),
    async unwelcome(mayHear) {
      const found: Client[] = []
      for (const [client, guest] of [...guests]) {
        // One that was gone before it was wholly there says no goodbye.
        if (client.closed) leave(client)
        else if (!(await isWelcome(guest, mayHear))) found.push(client)
      }
      return found
    },
  }
}

function add(book: Map<string, Set<Client>>, name: string, client: Client): void {
  book.set(name, (book.get(name) ?? new Set()).add(client))
}

function remove(book: Map<string, Set<Client>>, name: string, client: Client): void {
  book.get(name)?.delete(client)
  if (book.get(name)?.size === 0) book.delete(name)
}

/**
 * Every filter that a topic matches and that may be granted: the first two levels are never a wildcard. Who hears a topic is
 * looked up by them, so that it costs the same however many filters there are.
 */
export function filtersOf(topic: string): string[] {
  const [root, version, ...levels] = topic.split('/')
  const found: string[] = []
  let heads = [`${root}/${version}`]
  for (const level of levels) {
    found.push(...heads.map(head => `${head}/#`))
    heads = heads.flatMap(head => [`${head}/${level}`, `${head}/+`])
  }
  return [...found, ...heads, ...heads.map(head => `${head}/#`)]
}
