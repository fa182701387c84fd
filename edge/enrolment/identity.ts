// The identity folder: what a gateway shows, and what it believes.
//
//   key.pem        its private key, born here; readable by its owner alone, and never sent
//   cert.pem       its certificate and the one that issued it
//   ca.pem         who vouches for the uplink's server, where the cloud said so
//   cloud-ca.pem   who vouches for the cloud's own address, where that was said when it was enrolled
//   fleet-ca.pem   the fleet's roots
//   fleet-key.pem  what configurations and releases are signed with
//   cloud.json     who it is, and where it was enrolled
//
// Each file is replaced whole, the certificate last. Renewing changes no key; where a power cut falls into enrolling, the same
// command again completes it.

import { createHash, createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { Identity } from '../../protocol/enrolment.ts'
import { Slug } from '../../protocol/ids.ts'
import { Unavailable } from '../../protocol/runtime/errors.ts'
import { certificateBlocks, isIssuedBy } from '../../protocol/tls.ts'
import { replaceFile, syncedFolder } from '../files.ts'

/** Who a gateway is, and where it was enrolled. */
export const Enrolled = z.strictObject({
  url: z.url({ protocol: /^https?$/ }),
  gateway: Slug,
  client: Slug,
  project: Slug,
  uplinkUrl: z.string().nullable(),
})

/** The same as a type. */
export type Enrolled = z.infer<typeof Enrolled>

/**
 * The key for a claim code: drawn when the code is first tried, and the same when it is tried again, because the answer may
 * have been lost. It becomes the gateway's key when the cloud has said yes.
 */
export async function keyForClaim(folder: string, code: string): Promise<string> {
  await syncedFolder(folder)
  const file = join(
    folder,
    `key-${createHash('sha256').update(`tried ${code}`).digest('hex').slice(0, 16)}.pem`,
  )
  if (existsSync(file)) return readFileSync(file, 'utf8')
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  await replaceFile(file, privateKey)
  return privateKey
}

/** Writes what the cloud answered, and the key. Throws Unavailable when the certificate is not for the key. */
export async function writeIdentity(
  folder: string,
  url: string,
  identity: Identity,
  key: string,
): Promise<void> {
  if (!isForKey(identity, key)) throw new Unavailable(FOR_ANOTHER_KEY)
  const { gateway, client, project, uplinkUrl, uplinkCa } = identity
  const enrolled: Enrolled = { url, gateway, client, project, uplinkUrl }
  const write = (name: string, text: string) => replaceFile(join(folder, name), text)
  await write('fleet-ca.pem', identity.authority)
  await write('fleet-key.pem', identity.fleetKey)
  if (uplinkCa !== null) await write('ca.pem', uplinkCa)
  await write('cloud.json', `${JSON.stringify(enrolled, null, 2)}\n`)
  await write('key.pem', key)
  await write('cert.pem', identity.certificate)
}

/**
 * Writes the next certificate of the same key. Where the cloud could not be shown to be the cloud, because the clock is not
 * known, nothing but the certificate is taken from it.
 */
export async function renewIdentity(
  folder: string,
  { url, identity, key, isProved }: { url: string; identity: Identity; key: string; isProved: boolean },
): Promise<void> {
  if (isProved) return writeIdentity(folder, url, identity, key)
  if (!isForKey(identity, key)) throw new Unavailable(FOR_ANOTHER_KEY)
  await replaceFile(join(folder, 'cert.pem'), identity.certificate)
}

/** Whether a certificate, with the one behind it that issued it, leads to one of the roots, whatever the time is. */
export function isVouchedFor(chain: string, roots: string): boolean {
  const [leaf, issuer] = certificatesOf(chain)
  if (leaf === undefined || issuer === undefined || !issuer.ca) return false
  return isIssuedBy(leaf, issuer) && certificatesOf(roots).some(root => root.ca && isIssuedBy(issuer, root))
}

const certificatesOf = (pem: string): X509Certificate[] =>
  certificateBlocks(pem).map(one => new X509Certificate(one))

const FOR_ANOTHER_KEY = 'The cloud answered with a certificate for another key'

const isForKey = ({ certificate }: Identity, key: string): boolean =>
  new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))

/** What the folder says of an enrolment; `undefined` when there was none, or it cannot be read. */
export function readEnrolled(folder: string): Enrolled | undefined {
  const file = join(folder, 'cloud.json')
  if (!existsSync(file)) return undefined
  try {
    return Enrolled.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    return undefined
  }
}
