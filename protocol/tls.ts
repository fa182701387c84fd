// Certificates: what is wrong with those we were given, and with the one of a peer, in words that say what to mend.
// OpenSSL's own are for those who wrote it.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { reasonOf } from './runtime/errors.ts'

/** Nobody between the certificate and `ca.pem`, or the machine's own authorities, vouches for it. */
const NOT_BELIEVED: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
])

/** The peer wants a certificate of us: none came, or none that it believes. TLS 1.2 has no alert of its own for it. */
const WANTS_OURS = /^ERR_SSL_.*ALERT_(CERTIFICATE_[A-Z]+|BAD_CERTIFICATE|HANDSHAKE_FAILURE|UNKNOWN_CA)$/

/** Why a connection did not come about, in one line. Looks through errors that only wrap another. */
export function tlsReason(error: unknown, hostname: string): string {
  for (const each of chain(error)) {
    const code = 'code' in each ? String(each.code) : ''
    if (code === 'CERT_HAS_EXPIRED') return `The certificate of ${hostname} has expired`
    if (code === 'CERT_NOT_YET_VALID')
      return `The certificate of ${hostname} is not yet valid: is the clock right?`
    if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
      return `The certificate is not for the host name ${hostname}: ${each.message}`
    }
    if (NOT_BELIEVED.has(code)) {
      return `The certificate of ${hostname} is signed by an authority that ca.pem does not name (${code})`
    }
    if (WANTS_OURS.test(code)) {
      return `${hostname} wants a certificate of ours that it believes: cert.pem and key.pem (${code})`
    }
    if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || /:wrong version number:/.test(each.message))
      return `${hostname} does not speak TLS on this port`
  }
  return reasonOf(error)
}

/** The host of a URL as sockets and certificates name it: an address of IPv6 without its brackets. */
export function hostOf(url: string): string {
  return new URL(url).hostname.replace(/^\[|\]$/g, '')
}

/** An error and what it wraps, at most three deep. */
function chain(error: unknown): Error[] {
  const found: Error[] = []
  let next = error
  while (next instanceof Error && found.length < 3) {
    found.push(next)
    next = 'chainedError' in next ? next.chainedError : next.cause
  }
  return found
}

/** More certificates in a row are no chain that anybody issues. */
const CHAIN_MAX = 5

/**
 * Why a server's certificate is not believed, whatever the time is: not for this host, or no chain to one of the anchors, PEM.
 * `undefined` when it is.
 */
export function peerMistake(
  leaf: X509Certificate | undefined,
  { host, anchors }: { host: string; anchors: readonly string[] },
): string | undefined {
  if (leaf === undefined) return `${host} shows no certificate`
  const isOfHost = isIP(host) === 0 ? leaf.checkHost(host) : leaf.checkIP(host)
  if (isOfHost === undefined) return `The certificate is not for the host name ${host}`
  const believed = anchors.map(pem => new X509Certificate(pem))
  let one: X509Certificate | undefined = leaf
  for (let depth = 0; one !== undefined && depth < CHAIN_MAX; depth += 1) {
    const current: X509Certificate = one
    if (believed.some(anchor => anchor.ca && isIssuedBy(current, anchor))) return undefined
    const above: X509Certificate | undefined = current.issuerCertificate
    one = above?.ca === true && isIssuedBy(current, above) ? above : undefined
  }
  return `The certificate of ${host} is signed by an authority that ca.pem does not name`
}

/** Whether a certificate was issued by another, whatever the time is. */
export const isIssuedBy = (one: X509Certificate, by: X509Certificate): boolean =>
  one.checkIssued(by) && one.verify(by.publicKey)

/** The certificates of a PEM text, one by one. */
export const certificateBlocks = (pem: string): string[] =>
  pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []

/** What is wrong with a PEM text of certificates; `undefined` when nothing is. */
export function certificateMistake(pem: string): string | undefined {
  const blocks = certificateBlocks(pem)
  if (blocks.length === 0) return 'holds no certificate in PEM'
  for (const [index, block] of blocks.entries()) {
    try {
      new X509Certificate(block)
    } catch (error) {
      return `certificate ${index + 1} of ${blocks.length} cannot be read: ${reasonOf(error)}`
    }
  }
  return undefined
}

/** Until when the first certificate of a PEM text is valid. */
export const certificateEnd = (pem: string): number => new X509Certificate(pem).validToDate.getTime()

/** What is wrong with a private key as the key of a certificate; `undefined` when nothing is. */
export function keyMistake(key: string, cert: string): string | undefined {
  let ours: KeyObject
  try {
    ours = createPrivateKey(key)
  } catch {
    return 'holds no private key in PEM, or one with a password'
  }
  return new X509Certificate(cert).checkPrivateKey(ours) ? undefined : 'is not the key of the certificate'
}
