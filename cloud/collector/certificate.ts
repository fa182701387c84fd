// The certificate that a connection showed, if it is over TLS and showed one.

import { hash, type X509Certificate } from 'node:crypto'
import { TLSSocket } from 'node:tls'

/** A certificate that was shown. */
export interface ShownCertificate {
  /** Why it is not believed; `undefined` when it is. */
  mistake: string | undefined
  /** Its common name. */
  name: string
  /** SHA-256 of its public key. */
  keyHash: Uint8Array
}

/** What a connection has shown. */
export function certificateOf(stream: unknown): ShownCertificate | undefined {
  if (!(stream instanceof TLSSocket)) return undefined
  const shown: X509Certificate | undefined = stream.getPeerX509Certificate()
  if (shown === undefined) return undefined
  const { authorized, authorizationError } = stream
  return {
    mistake: authorized ? undefined : String(authorizationError),
    name: /^CN=(.*)$/m.exec(shown.subject)?.[1] ?? '',
    keyHash: hash('sha256', shown.publicKey.export({ type: 'spki', format: 'der' }), 'buffer'),
  }
}
