// An authenticator: the codes of a secret, as RFC 6238 has them.

import { createHmac } from 'node:crypto'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const STEP_MS = 30_000

/** The code of an `otpauth://` address at an instant. */
export function codeOf(uri: string, now = Date.now()): string {
  return codeOfSecret(new URL(uri).searchParams.get('secret') ?? '', now)
}

/** The code of a secret in base32 at an instant. */
export function codeOfSecret(secret: string, now = Date.now()): string {
  const bits = [...secret.replace(/=+$/, '')]
    .map(letter => ALPHABET.indexOf(letter).toString(2).padStart(5, '0'))
    .join('')
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map(byte => Number.parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(now / STEP_MS)))
  const mac = createHmac('sha1', key).update(counter).digest()
  const offset = (mac.at(-1) ?? 0) & 15
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}
