// Secrets at rest: AES-256-GCM in an envelope.
//
// Each secret is encrypted with a key of its own, and that key with the master key, whose id is kept beside it. A new
// master key needs the small envelopes written again, not the secrets known again. What a secret belongs to is
// authenticated with it: the sealed bytes of one owner do not open for another.

import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'
import { Rejected } from '../../protocol/runtime/errors.ts'

/** A secret that only the holder of the master key can read. */
export interface Sealed {
  keyId: string
  bytes: Uint8Array
}

/** Seals and opens secrets. `owner` must be the same text both times. */
export interface Secrets {
  seal(secret: string, owner: string): Sealed
  /** Throws Rejected when the key is not known, the bytes were altered, or they belong to somebody else. */
  open(sealed: Sealed, owner: string): string
  /**
   * The same secret in an envelope of the current key: it is not opened itself, and stays the same ciphertext. Throws as
   * open() does.
   */
  rewrap(sealed: Sealed, owner: string): Sealed
  /** The id of the key that seals. */
  currentKeyId: string
}

const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const BOX_OVERHEAD = NONCE_BYTES + TAG_BYTES
const WRAPPED_BYTES = KEY_BYTES + BOX_OVERHEAD
const PURPOSE = 'smarthydro: what informants declare with'

/**
 * Opens a keyring. Secrets are sealed with `master`; those sealed with an earlier one open with `former`. What is sealed for
 * one purpose does not open for another.
 */
export function openSecrets(
  master: Uint8Array,
  former: readonly Uint8Array[] = [],
  purpose = PURPOSE,
): Secrets {
  const current = deriveKey(master, purpose)
  const all = [current, ...former.map(one => deriveKey(one, purpose))]
  const byId = new Map(all.map(key => [key.id, key.key]))
  const ownKeyOf = ({ keyId, bytes }: Sealed, owner: string): Buffer => {
    const key = byId.get(keyId)
    if (key === undefined) throw new Rejected(`Cannot open a secret of ${owner}: key ${keyId} is not here`)
    return unsealed(owner, () => unbox(bytes.subarray(0, WRAPPED_BYTES), key, owner))
  }
  return {
    currentKeyId: current.id,
    seal(secret, owner) {
      const own = randomBytes(KEY_BYTES)
      const bytes = Buffer.concat([
        box(own, current.key, owner),
        box(Buffer.from(secret, 'utf8'), own, owner),
      ])
      return { keyId: current.id, bytes: new Uint8Array(bytes) }
    },
    open(sealed, owner) {
      const own = ownKeyOf(sealed, owner)
      return unsealed(owner, () => unbox(sealed.bytes.subarray(WRAPPED_BYTES), own, owner)).toString('utf8')
    },
    rewrap(sealed, owner) {
      const own = ownKeyOf(sealed, owner)
      const bytes = Buffer.concat([box(own, current.key, owner), sealed.bytes.subarray(WRAPPED_BYTES)])
      return { keyId: current.id, bytes: new Uint8Array(bytes) }
    },
  }
}

function unsealed(owner: string, work: () => Buffer): Buffer {
  try {
    return work()
  } catch (cause) {
    throw new Rejected(`Cannot open a secret of ${owner}: it was altered, or is another's`, { cause })
  }
}

/** One master key may serve several purposes: ours is derived from it. */
function deriveKey(master: Uint8Array, purpose: string): { id: string; key: Uint8Array } {
  if (master.length !== KEY_BYTES) throw new RangeError(`A master key has ${KEY_BYTES} bytes`)
  const key = new Uint8Array(hkdfSync('sha256', master, new Uint8Array(), purpose, KEY_BYTES))
  return { id: createHash('sha256').update(key).digest('hex').slice(0, 16), key }
}

/** Nonce, tag, ciphertext. */
function box(plain: Uint8Array, key: Uint8Array, owner: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(owner, 'utf8'))
  const encrypted = Buffer.concat([cipher.update(plain), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), encrypted])
}

function unbox(boxed: Uint8Array, key: Uint8Array, owner: string): Buffer {
  const nonce = boxed.subarray(0, NONCE_BYTES)
  const tag = boxed.subarray(NONCE_BYTES, BOX_OVERHEAD)
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(Buffer.from(owner, 'utf8')).setAuthTag(tag)
  return Buffer.concat([decipher.update(boxed.subarray(BOX_OVERHEAD)), decipher.final()])
}
