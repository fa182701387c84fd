// The guests of the broker: each connection, who it is, and which topics of its own it hears.

import type { Client } from 'aedes'
import { type Identity, isSame } from './identity.ts'

/** Somebody who is connected. */
export interface Guest {
  identity: Identity
  /** Asks whether they would be let in now, and as whom. */
  again: () => Promise<Identity | undefined>
  /** The filters that were granted. */
  hears: Set<string>
}

/** Everybody who is connected. */
export interface Guests {
  admit(client: Client, guest: Omit<Guest, 'hears'>): void
  of(client: Client): Guest | undefined
  leave(client: Client): void
  /** The connections of a gateway that hear `filter`. */
  listening(gateway: string, filter: string): Client[]
  /** Names of the gateways that are connected. */
  gateways(): string[]
  hasSubscribers(): boolean
  /** The connections of whoever would not be let in any more, or not as the same. Throws Unavailable. */
  unwelcome(): Promise<Client[]>
}

/** Opens a book of guests. */
export function openGuests(): Guests {
  const guests = new Map<Client, Guest>()
  const byGateway = new Map<string, Set<Client>>()

  const leave = (client: Client) => {
    const identity = guests.get(client)?.identity
    guests.delete(client)
    if (identity?.kind !== 'gateway') return
    const { slug } = identity.gateway
    byGateway.get(slug)?.delete(client)
    if (byGateway.get(slug)?.size === 0) byGateway.delete(slug)
  }

  return {
    admit(client, guest) {
      guests.set(client, { ...guest, hears: new Set() })
      if (guest.identity.kind !== 'gateway') return
      const { slug } = guest.identity.gateway
      byGateway.set(slug, (byGateway.get(slug) ?? new Set()).add(client))
    },
    of: client => guests.get(client),
    leave,
    listening: (gateway, filter) =>
      [...(byGateway.get(gateway) ?? [])].filter(
        client => client.connected && guests.get(client)?.hears.has(filter) === true,
      ),
    gateways: () => [...byGateway.keys()],
    hasSubscribers: () => [...guests.values()].some(({ identity }) => identity.kind === 'subscriber'),
    async unwelcome() {
      const found: Client[] = []
      for (const [client, { identity, again }] of [...guests]) {
        // One that was gone before it was wholly there says no goodbye.
        if (client.closed) leave(client)
        else if (!isSame(identity, await again())) found.push(client)
      }
      return found
    },
  }
}
