// Claim codes: what is printed on a gateway's label, and typed in once to enrol it.
//
// Sixteen characters of Crockford's base 32, which has no letters that are read as one another: fifteen are drawn, 75 bits,
// and the last one tells a typing mistake before anybody is asked.

import { createHash } from 'node:crypto'
import { z } from 'zod'

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const DRAWN = 15
const GROUP = 4

/** A code of random bytes, one for each character that is drawn; of each byte five bits count. */
export function toClaimCode(random: Uint8Array): string {
  if (random.length < DRAWN) throw new RangeError(`A claim code needs ${DRAWN} random bytes`)
  const drawn = [...random.subarray(0, DRAWN)].map(byte => ALPHABET[byte & 31]).join('')
  const whole = drawn + checkOf(drawn)
  return (whole.match(new RegExp(`.{${GROUP}}`, 'g')) ?? []).join('-')
}

/** A code as people type it: small letters, spaces, O for 0, I and L for 1. */
export const ClaimCode = z
  .string()
  .max(64)
  .transform(text =>
    text.toUpperCase().replaceAll(/[\s-]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1'),
  )
  .refine(isWhole, 'is no claim code: it has 16 letters and digits, and one of them is mistyped or missing')
  .transform(whole => (whole.match(/.{4}/g) ?? []).join('-'))

/** What is kept of a code. It was drawn at random, so there is nothing that a slow hash would protect. */
export const hashOfClaim = (code: string): Uint8Array =>
  new Uint8Array(createHash('sha256').update(code).digest())

function isWhole(text: string): boolean {
  if (!new RegExp(`^[${ALPHABET}]{${DRAWN + 1}}$`).test(text)) return false
  return text.at(-1) === checkOf(text.slice(0, DRAWN))
}

const checkOf = (drawn: string): string =>
  ALPHABET[(createHash('sha256').update(`claim ${drawn}`).digest()[0] ?? 0) & 31] ?? ''
