// A gateway's configuration as the cloud wants it and as the gateway has it.
//
// What the cloud wants is signed with the fleet's key, for one gateway and one version: who carries it need not be
// believed, and what was once right for a gateway, or is right for another, is no more than noise.

import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { z } from 'zod'
import { Slug } from './ids.ts'
import { Instant } from './reading.ts'

/** The longest document, in characters: 512 devices of profiles have a quarter of it. */
export const CONFIGURATION_LENGTH_MAX = 256 * 1024

/** How long a configuration is watched before it stands. */
export const PROBATION_MS = 10 * 60_000

const Version = z.int().min(1).max(0xffffffff)

const Hash = z.string().regex(/^[0-9a-f]{64}$/)

/** The configuration that the cloud wants a gateway to have, as the YAML of its file. */
export const DesiredConfig = z.strictObject({
  v: z.literal(1),
  gateway: Slug,
  /** Each is greater than the one before; a gateway takes none that is not. */
  version: Version,
  document: z.string().max(CONFIGURATION_LENGTH_MAX),
  /** Ed25519 over `signedText()`, base64. */
  signature: z.base64().max(200),
})

/** The configuration that the cloud wants a gateway to have. */
export type DesiredConfig = z.infer<typeof DesiredConfig>

/** The most mistakes that are told one by one. */
export const MISTAKES_MAX = 50

/** One mistake of a document, where it is. */
const Mistake = z.strictObject({
  path: z.string().max(500),
  line: z.int().min(1).optional(),
  message: z.string().max(500),
})

/** The configuration that a gateway has, and what became of the last one it was asked to have. */
export const ReportedConfig = z.strictObject({
  v: z.literal(1),
  /** 0: the one from its own file. */
  version: z.int().min(0).max(0xffffffff),
  /** SHA-256 of the document in force, hexadecimal. */
  hash: Hash,
  appliedAt: Instant,
  /** Until when it is watched, and would be taken back by the gateway itself; absent when it stands. */
  probationUntil: Instant.optional(),
  /** The file's own text where that is in force and holds no secret. */
  document: z.string().max(CONFIGURATION_LENGTH_MAX).optional(),
  refused: z
    .strictObject({
      version: Version,
      hash: Hash,
      at: Instant,
      /** `foreign`: not signed by the fleet, or for another gateway. `taken-back`: it was in force, and things got worse. */
      kind: z.enum(['foreign', 'stale', 'mistaken', 'taken-back']),
      reason: z.string().max(4000),
      mistakes: z.array(Mistake).max(MISTAKES_MAX).optional(),
    })
    .optional(),
})

/** The configuration that a gateway has. */
export type ReportedConfig = z.infer<typeof ReportedConfig>

/** What the fleet signs: nothing else that is signed with its key begins like it. */
export function signedText({
  gateway,
  version,
  document,
}: Pick<DesiredConfig, 'gateway' | 'version' | 'document'>): Uint8Array {
  return new TextEncoder().encode(`smarthydro configuration 1\n${gateway}\n${version}\n${document}`)
}

/** Whether it was signed by the holder of the fleet's key. */
export function isSigned(desired: DesiredConfig, fleetKey: KeyObject): boolean {
  return verify(null, signedText(desired), fleetKey, Buffer.from(desired.signature, 'base64'))
}

/** The fleet's key from its PEM text, public half. Throws when it is none. */
export function readFleetKey(pem: string): KeyObject {
  const key = createPublicKey(pem)
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('is no Ed25519 key')
  return key
}

/** By what a document is known. */
export function documentHash(document: string): string {
  return createHash('sha256').update(document).digest('hex')
}
