// The fleet's certificates: a root, what issues below it, gateways' and servers' own. Bytes only: nothing is kept here.
//
// All keys are P-256, which every TLS library and nats-server know. A certificate begins a day before it is made, for
// whoever's clock is behind.

import { createHash, KeyObject, randomBytes, webcrypto } from 'node:crypto'
import { Rejected } from '../../protocol/runtime/errors.ts'
import * as x509 from '../../protocol/x509.ts'
import { natsUserOf } from './nats-user.ts'

const DAY_MS = 86_400_000
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const BACKDATED_MS = DAY_MS

/** How long each is valid. An authority outlives what it issues last by being retired before. */
export const LIFE = {
  rootMs: 20 * 365 * DAY_MS,
  issuingMs: 5 * 365 * DAY_MS,
  gatewayMs: 90 * DAY_MS,
  serverMs: 365 * DAY_MS,
} as const

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

/** Somebody who can sign: certificate and private key, PEM. */
export interface Signer {
  certificate: string
  key: string
}

/** A certificate that was issued. */
export interface Issued {
  certificate: string
  serial: string
  notAfter: number
}

/** Makes a root. */
export async function makeRoot(name: string, now: number): Promise<Signer & { notAfter: number }> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const { notBefore, notAfter } = validity(now, LIFE.rootMs)
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...{ serialNumber: drawSerial(), name: `CN=${name}`, notBefore, notAfter, keys },
    signingAlgorithm: ALGORITHM,
    extensions: [...authorityExtensions(1), await x509.SubjectKeyIdentifierExtension.create(keys.publicKey)],
  })
  return { certificate: pemOf(certificate), key: keyText(keys.privateKey), notAfter: notAfter.getTime() }
}

/** Makes an authority below a root. */
export async function makeIssuing(
  root: Signer,
  name: string,
  now: number,
): Promise<Signer & { notAfter: number }> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const issued = await issue(root, {
    ...{ name: `CN=${name}`, publicKey: keys.publicKey, now, lifeMs: LIFE.issuingMs },
    extensions: authorityExtensions(0),
  })
  return { certificate: issued.certificate, key: keyText(keys.privateKey), notAfter: issued.notAfter }
}

/** Who wants a certificate for which key. */
export interface ReadRequest {
  publicKey: x509.PublicKey
  /** SHA-256 of the public key as certificates write it: what a gateway is known by. */
  keyHash: Uint8Array
}

/** Reads a certificate request. Throws Rejected when it is none, not for a P-256 key, or not signed by that key. */
export async function readRequest(pem: string): Promise<ReadRequest> {
  try {
    const request = new x509.Pkcs10CertificateRequest(pem)
    const { name, namedCurve } = request.publicKey.algorithm as { name: string; namedCurve?: string }
    if (name !== 'ECDSA' || namedCurve !== 'P-256') throw new Rejected('its key is not of the curve P-256')
    if (!(await request.verify())) throw new Rejected('it is not signed by its own key')
    return { publicKey: request.publicKey, keyHash: keyHashOf(request.publicKey.rawData) }
  } catch (cause) {
    const reason = cause instanceof Rejected ? cause.message : 'its bytes are no request'
    throw new Rejected(`The certificate request cannot be used: ${reason}`, { cause })
  }
}

/** SHA-256 of a public key in the form that certificates write it in. */
export const keyHashOf = (spki: ArrayBuffer | Uint8Array): Uint8Array =>
  new Uint8Array(
    createHash('sha256')
      .update(spki instanceof Uint8Array ? spki : new Uint8Array(spki))
      .digest(),
  )

/** A gateway's own certificate. */
export function issueForGateway(
  issuer: Signer,
  { gateway, publicKey, keyHash, now }: ReadRequest & { gateway: string; now: number },
): Promise<Issued> {
  return issue(issuer, {
    ...{ name: `CN=${gateway}`, publicKey, now, lifeMs: LIFE.gatewayMs },
    extensions: [
      ...leafExtensions([CLIENT_AUTH]),
      new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: natsUserOf(gateway, keyHash) }]),
    ],
  })
}

/** A certificate and its key for a server or a service of the cloud, by names such as `cloud.example` or `10.0.0.1`. */
export async function issueForServer(
  issuer: Signer,
  { names, now }: { names: readonly string[]; now: number },
): Promise<Issued & { key: string }> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const altNames = names.map(value => ({
    type: isAddress(value) ? ('ip' as const) : ('dns' as const),
    value,
  }))
  const issued = await issue(issuer, {
    ...{ name: `CN=${names[0]}`, publicKey: keys.publicKey, now, lifeMs: LIFE.serverMs },
    extensions: [
      ...leafExtensions([SERVER_AUTH, CLIENT_AUTH]),
      new x509.SubjectAlternativeNameExtension(altNames),
    ],
  })
  return { ...issued, key: keyText(keys.privateKey) }
}

const isAddress = (name: string): boolean => /^[\d.]+$|:/.test(name)

async function issue(
  issuer: Signer,
  {
    name,
    publicKey,
    now,
    lifeMs,
    extensions,
  }: {
    name: string
    publicKey: x509.PublicKey | webcrypto.CryptoKey
    now: number
    lifeMs: number
    extensions: x509.Extension[]
  },
): Promise<Issued> {
  const authority = new x509.X509Certificate(issuer.certificate)
  const { notBefore, notAfter } = validity(now, lifeMs)
  const serial = drawSerial()
  const certificate = await x509.X509CertificateGenerator.create({
    ...{ serialNumber: serial, subject: name, issuer: authority.subject, notBefore, publicKey },
    // Nothing outlives who vouches for it.
    notAfter: new Date(Math.min(notAfter.getTime(), authority.notAfter.getTime())),
    signingAlgorithm: ALGORITHM,
    signingKey: await signingKey(issuer.key),
    extensions: [
      ...extensions,
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
    ],
  })
  return { certificate: pemOf(certificate), serial, notAfter: certificate.notAfter.getTime() }
}

function authorityExtensions(below: number): x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(true, below, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
  ]
}

function leafExtensions(purposes: string[]): x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension(purposes),
  ]
}

/** Certificates count in whole seconds. */
function validity(now: number, lifeMs: number): { notBefore: Date; notAfter: Date } {
  const at = Math.floor(now / 1000) * 1000
  return { notBefore: new Date(at - BACKDATED_MS), notAfter: new Date(at + lifeMs) }
}

/** Positive, and of 120 bits that nobody can foresee. */
const drawSerial = (): string => `5a${randomBytes(15).toString('hex')}`

const pemOf = (certificate: x509.X509Certificate): string => `${certificate.toString('pem').trim()}\n`

const keyText = (key: webcrypto.CryptoKey): string =>
  KeyObject.from(key).export({ format: 'pem', type: 'pkcs8' }).toString()

function signingKey(pem: string): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(pem), ALGORITHM, false, ['sign'])
}
