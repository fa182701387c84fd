// A certificate request for a key: PKCS #10. Its library is loaded when there is something to request, which is seldom.

import { createPrivateKey, createPublicKey } from 'node:crypto'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

/** Makes a request, PEM. It says no name: who a gateway is, the cloud knows. */
export async function certificateRequest(keyPem: string): Promise<string> {
  const { Pkcs10CertificateRequestGenerator } = await import('../../protocol/x509.ts')
  const key = createPrivateKey(keyPem)
  const keys = {
    privateKey: key.toCryptoKey(ALGORITHM, false, ['sign']),
    publicKey: createPublicKey(key).toCryptoKey(ALGORITHM, true, ['verify']),
  }
  const request = await Pkcs10CertificateRequestGenerator.create({
    ...{ name: 'CN=gateway', keys, signingAlgorithm: ALGORITHM },
  })
  return request.toString('pem')
}
