// Where a request came from.

import type { Context } from 'hono'

interface NodeBindings {
  incoming?: { socket?: { remoteAddress?: string } }
}

/**
 * The address that the request came from. `X-Forwarded-For` is believed only as far as trusted proxies wrote it: the
 * last address in it that is not one of theirs.
 */
export function addressOf(context: Context, trustedProxies: readonly string[]): string {
  const { incoming } = (context.env ?? {}) as NodeBindings
  const peer = plain(incoming?.socket?.remoteAddress ?? 'unknown')
  if (!trustedProxies.includes(peer)) return peer
  const forwarded = (context.req.header('x-forwarded-for') ?? '').split(',').map(part => plain(part.trim()))
  return forwarded.findLast(address => address !== '' && !trustedProxies.includes(address)) ?? peer
}

/** IPv4 as such, also where the socket speaks IPv6. */
const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '')
