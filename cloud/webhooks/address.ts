// Where webhooks may go: to the internet, and to private networks that the configuration names.
//
// A name is judged by the address that is connected to, at the moment of connecting: what it stood for when the webhook
// was registered says nothing (DNS rebinding).

import { type LookupAddress, type LookupOptions, lookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'

/** A network: `10.0.0.0/8`, `fd00::/8`. */
export interface Network {
  address: string
  prefix: number
  family: 'ipv4' | 'ipv6'
}

/** A network from its text; `undefined` when it is none. */
export function parseNetwork(text: string): Network | undefined {
  const [, address = '', bits = ''] = /^([0-9a-fA-F.:]+)\/(\d{1,3})$/.exec(text) ?? []
  const version = isIP(address)
  const prefix = Number(bits)
  if (version === 0 || prefix > (version === 4 ? 32 : 128)) return undefined
  return { address, prefix, family: version === 4 ? 'ipv4' : 'ipv6' }
}

/** IANA's registries of special-purpose addresses, multicast and what is reserved. */
const SPECIAL_V4 = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15'],
  ...['198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
]
/** Within 2000::/3, which is all that is global: documentation, and what carries an address of IPv4 in it. */
const SPECIAL_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']

const specials = toList([...SPECIAL_V4, ...SPECIAL_V6].map(parseNetwork).filter(one => one !== undefined))
const global = toList([{ address: '2000::', prefix: 3, family: 'ipv6' }])

function toList(networks: readonly Network[]): BlockList {
  const list = new BlockList()
  for (const { address, prefix, family } of networks) list.addSubnet(address, prefix, family)
  return list
}

/** What an address is refused for. */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused'
}

/** Judges addresses. */
export interface AddressGuard {
  /** Whether an address may be connected to. */
  allows(address: string): boolean
  /** Whether an address is in a network that the configuration names. */
  isNamed(address: string): boolean
  /** Looks a name up, and fails with AddressRefused when one of its addresses may not be connected to. */
  lookup: LookupFunction
}

/** Opens a guard that lets through what is public, and the networks named. */
export function openAddressGuard(networks: readonly Network[]): AddressGuard {
  const named = toList(networks)
  const isNamed = (address: string) => named.check(address, familyOf(address))
  const allows = (address: string): boolean => {
    if (isNamed(address)) return true
    const family = familyOf(address)
    return !specials.check(address, family) && (family === 'ipv4' || global.check(address, family))
  }
  return {
    isNamed,
    allows,
    lookup(hostname, options, answer) {
      const all = { ...(options as LookupOptions), all: true } as const
      lookup(hostname, all, (error, addresses) => {
        if (error !== null) return answer(error, '')
        const forbidden = addresses.find(({ address }) => !allows(address))
        if (forbidden !== undefined) return answer(refusal(hostname, forbidden), '')
        if (options.all === true) return answer(null, addresses)
        answer(null, addresses[0]?.address ?? '', addresses[0]?.family)
      })
    },
  }
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 4 ? 'ipv4' : 'ipv6')

const refusal = (hostname: string, { address }: LookupAddress): AddressRefused =>
  new AddressRefused(`${hostname} is ${address}, which is no public address and not in WEBHOOK_NETWORKS`)
