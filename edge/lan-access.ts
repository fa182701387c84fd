// Who may read what on the LAN broker.
//
// A user reads below the prefixes of its topics and nothing else; what it asks for beyond them it is not shown. Names
// and passwords travel as MQTT carries them: in clear.

import { createHash, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { isLoopback, PASSWORD_HASH } from '../protocol/lan-config.ts'
import { SPARKPLUG } from '../protocol/topics.ts'

/** What a reader may read: the levels after `raw/v1/`; an empty prefix is everything. */
export type Reader = readonly (readonly string[])[]

/** A user with its password: a hash as Mosquitto writes it, or the password itself. */
export interface LanUser {
  name: string
  password: string
  read?: readonly string[] | undefined
  sparkplugHost?: string | undefined
}

/** Lets readers in. */
export interface LanAccess {
  /** What who gives this name and password may read; `undefined` when nothing. */
  signIn(name: string | undefined, password: Uint8Array | undefined): Promise<Reader | undefined>
}

const EVERYTHING: Reader = [[]]
const ROUNDS = 10_000
const HASH_BYTES = 64

/** Opens the door of a broker that listens on `host`. */
export function openLanAccess({
  host,
  anonymous = isLoopback(host),
  users = [],
}: {
  host: string
  anonymous?: boolean | undefined
  users?: readonly LanUser[]
}): LanAccess {
  const known = new Map(
    users.map(({ name, password, read }) => [
      name,
      { hash: toHash(password), reader: read?.map(prefix => prefix.split('/')) ?? EVERYTHING },
    ]),
  )
  // A name that nobody has takes as long as one that somebody has.
  const nobody = { hash: toHash(randomBytes(16).toString('hex')), reader: [] }
  const proven = new Map<string, string>()
  const secret = randomBytes(32)
  let turn: Promise<unknown> = Promise.resolve()

  const verify = async (name: string, password: Uint8Array): Promise<Reader | undefined> => {
    const { hash, reader } = known.get(name) ?? nobody
    const proof = createHash('sha256').update(secret).update(password).digest('hex')
    if (proven.get(name) === proof) return reader
    if (!(await matches(await hash, password)) || !known.has(name)) return undefined
    proven.set(name, proof)
    return reader
  }

  return {
    async signIn(name, password = new Uint8Array()) {
      if (name === undefined || users.length === 0) return anonymous ? EVERYTHING : undefined
      // One at a time: hashing shares its threads with the disk.
      const mine = turn.then(() => verify(name, password))
      turn = mine.catch(() => {})
      return await mine
    },
  }
}

/** Whether a reader may be shown a topic. Whoever may read anything may know how the gateway is. */
export function mayRead(reader: Reader, topic: string): boolean {
  const [root, , ...path] = topic.split('/')
  if (root === '$state') return reader.length > 0
  if (root === SPARKPLUG) return readsAll(reader)
  if (root !== 'raw' && root !== '$meta') return false
  return reader.some(prefix => prefix.every((level, index) => path[index] === level))
}

/** Whether a filter can match anything that the reader may read. */
export function maySubscribe(reader: Reader, filter: string): boolean {
  const [root, version, ...path] = filter.split('/')
  if (root === SPARKPLUG) return version !== undefined && readsAll(reader)
  if (version === undefined || (root !== 'raw' && root !== '$meta' && root !== '$state')) return false
  if (root === '$state' || version === '#') return reader.length > 0
  const end = path.indexOf('#')
  return reader.some(prefix =>
    prefix.every(
      (level, index) => (end !== -1 && index >= end) || path[index] === '+' || path[index] === level,
    ),
  )
}

/**
 * Whether a reader may read all there is below its client and project. Sparkplug's numbers count over all points: who
 * saw only some of them would take the others for losses.
 */
function readsAll(reader: Reader): boolean {
  return reader.some(prefix => prefix.length <= 2)
}

interface Hash {
  rounds: number
  salt: Buffer
  digest: Buffer
}

async function toHash(password: string): Promise<Hash> {
  if (PASSWORD_HASH.test(password)) {
    const [, , rounds, salt = '', digest = ''] = password.split('$')
    return {
      rounds: Number(rounds),
      salt: Buffer.from(salt, 'base64'),
      digest: Buffer.from(digest, 'base64'),
    }
  }
  const salt = randomBytes(12)
  return { rounds: ROUNDS, salt, digest: await derive(Buffer.from(password), salt, ROUNDS) }
}

async function matches({ rounds, salt, digest }: Hash, password: Uint8Array): Promise<boolean> {
  return timingSafeEqual(digest, await derive(password, salt, rounds))
}

async function derive(password: Uint8Array, salt: Buffer, rounds: number): Promise<Buffer> {
  return await promisify(pbkdf2)(password, salt, rounds, HASH_BYTES, 'sha512')
}
