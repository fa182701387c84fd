// A release of the gateway's program: what it is made of, by content, and the signature over that.
//
// A gateway runs what is signed with the fleet's key and nothing else. A part is named by its hash, so one that a gateway
// has already is not sent again; and by the hashes of its chunks, so that a download goes on where it broke off.

import { type KeyObject, verify } from 'node:crypto'
import { z } from 'zod'
import { reasonsOf } from './mistakes.ts'
import { Rejected, reasonOf } from './runtime/errors.ts'

/** How long each chunk of a part is; the last one may be shorter. */
export const RELEASE_CHUNK_BYTES = 1024 * 1024
/** The most bytes of a part as it is sent, and unpacked. */
export const RELEASE_PART_BYTES_MAX = 128 * RELEASE_CHUNK_BYTES
export const RELEASE_UNPACKED_BYTES_MAX = 512 * RELEASE_CHUNK_BYTES
/** The most characters of a manifest. */
export const RELEASE_MANIFEST_LENGTH_MAX = 32 * 1024

/** A version as SemVer has it, without build metadata. */
export const ReleaseVersion = z
  .string()
  .max(60)
  .regex(/^\d+\.\d+\.\d+(-[0-9A-Za-z]+(\.[0-9A-Za-z]+)*)?$/, 'must be a version such as 1.4.0 or 1.4.0-rc.1')

const Hash = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in hexadecimal')

/** What a machine is, as Debian calls it. */
export const Architecture = z.enum(['amd64', 'arm64'])

/** What a machine is, as Debian calls it. */
export type Architecture = z.infer<typeof Architecture>

/** A part of a release: a tar archive, compressed with Zstandard. */
export const ReleasePart = z
  .strictObject({
    /** The folder that it becomes. */
    name: z.enum(['runtime', 'program']),
    sha256: Hash,
    bytes: z.int().min(1).max(RELEASE_PART_BYTES_MAX),
    unpackedBytes: z.int().min(1).max(RELEASE_UNPACKED_BYTES_MAX),
    /** The hash of each chunk. */
    chunks: z.array(Hash).min(1),
  })
  .refine(({ bytes, chunks }) => chunks.length === Math.ceil(bytes / RELEASE_CHUNK_BYTES), {
    message: 'must name each chunk',
    path: ['chunks'],
  })

/** A part of a release. */
export type ReleasePart = z.infer<typeof ReleasePart>

const Machine = z
  .strictObject({ architecture: Architecture, parts: z.array(ReleasePart).length(2) })
  .refine(({ parts }) => parts[0]?.name === 'runtime' && parts[1]?.name === 'program', {
    message: 'must be the runtime and the program',
    path: ['parts'],
  })

/** What a release is made of, for each machine. */
export const ReleaseManifest = z.strictObject({
  v: z.literal(1),
  version: ReleaseVersion,
  /** The formats of a buffer on disk that it reads, and the one that it leaves. */
  buffer: z
    .strictObject({ reads: z.array(z.int().min(1)).min(1).max(16), writes: z.int().min(1) })
    .refine(({ reads, writes }) => reads.includes(writes), {
      message: 'must be one that it reads',
      path: ['writes'],
    }),
  machines: z
    .array(Machine)
    .min(1)
    .max(2)
    .refine(all => new Set(all.map(one => one.architecture)).size === all.length, 'must differ'),
})

/** What a release is made of. */
export type ReleaseManifest = z.infer<typeof ReleaseManifest>

/** A manifest as it travels: the very text that was signed, and the signature. */
export const SignedRelease = z.strictObject({
  manifest: z.string().min(1).max(RELEASE_MANIFEST_LENGTH_MAX),
  /** Ed25519 over `releaseText()`, base64. */
  signature: z.string().min(1).max(200),
})

/** A manifest as it travels. */
export type SignedRelease = z.infer<typeof SignedRelease>

/** Where a part is below the cloud's address. */
export const releasePartPath = (sha256: string): string => `/api/v1/releases/parts/${sha256}`

/** What is signed: no other thing that the same key signs begins like this. */
export const releaseText = (manifest: string): string => `smarthydro release\n${manifest}`

/** The manifest, when `key` signed it. Throws Rejected with why not. */
export function readRelease({ manifest, signature }: SignedRelease, key: KeyObject): ReleaseManifest {
  if (!verify(null, Buffer.from(releaseText(manifest)), key, Buffer.from(signature, 'base64'))) {
    throw new Rejected('The release is not signed with the key of this fleet')
  }
  return parseManifest(manifest)
}

/** The manifest that a text is. Throws Rejected with every mistake. */
export function parseManifest(text: string): ReleaseManifest {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (error) {
    throw new Rejected(`The manifest of the release is not JSON: ${reasonOf(error)}`)
  }
  const parsed = ReleaseManifest.safeParse(document)
  if (!parsed.success) throw new Rejected(`The manifest of the release is wrong: ${reasonsOf(parsed.error)}`)
  return parsed.data
}
