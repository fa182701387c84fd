// Passwords: how they are kept, and how they are drawn.
//
// argon2id with the parameters that OWASP's Password Storage Cheat Sheet gives first for it: 19 MiB, two passes, one
// lane. A hash carries its parameters (PHC string), so that they can be raised without locking anybody out.

import { type Argon2Parameters, argon2, randomBytes, timingSafeEqual } from 'node:crypto'

const MEMORY_KIB = 19_456
const PASSES = 2
const LANES = 1
const SALT_BYTES = 16
const TAG_BYTES = 32

/** The shortest password that is taken. NIST SP 800-63B-4 asks for 15 where it is the only factor. */
export const PASSWORD_LENGTH_MIN = 15

/** The longest password that is taken. */
export const PASSWORD_LENGTH_MAX = 128

const PHC =
  /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{16,86})$/

/** A password as it is kept: `$argon2id$v=19$m=…,t=…,p=…$salt$hash`. */
export async function hashPassword(password: string): Promise<string> {
  const nonce = randomBytes(SALT_BYTES)
  const tag = await derive({
    message: password.normalize('NFKC'),
    nonce,
    memory: MEMORY_KIB,
    passes: PASSES,
    parallelism: LANES,
    tagLength: TAG_BYTES,
  })
  return `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=${LANES}$${unpadded(nonce)}$${unpadded(tag)}`
}

/** Whether a password is the one that was kept. */
export async function verifyPassword(password: string, kept: string): Promise<boolean> {
  const parts = PHC.exec(kept)
  if (parts === null) throw new Error('Cannot read a kept password: not an argon2id PHC string')
  const [, memory, passes, parallelism, salt, hash] = parts as unknown as [string, ...string[]]
  const expected = Buffer.from(hash as string, 'base64')
  const tag = await derive({
    message: password.normalize('NFKC'),
    nonce: Buffer.from(salt as string, 'base64'),
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    tagLength: expected.length,
  })
  return timingSafeEqual(tag, expected)
}

/** A password nobody has to think of: 120 random bits. */
export function drawPassword(): string {
  return randomBytes(15).toString('base64url')
}

function derive(parameters: Argon2Parameters): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    argon2('argon2id', parameters, (error, tag) => (error === null ? resolve(tag) : reject(error)))
  })
}

const unpadded = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replace(/=+$/, '')
