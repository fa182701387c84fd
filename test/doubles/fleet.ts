// The fleet's key, and what is signed with it, as the cloud does it.

import { generateKeyPairSync, sign } from 'node:crypto'
import { type DesiredConfig, signedText } from '../../protocol/configuration.ts'

/** A holder of a fleet's key. */
export interface Fleet {
  /** The public half, PEM: what lies in a gateway's identity. */
  publicKey: string
  /** A configuration as it is sent. */
  desire(gateway: string, version: number, document: string): DesiredConfig
}

/** Draws a fleet's key. */
export function openFleet(): Fleet {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return {
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    desire(gateway, version, document) {
      const signature = sign(null, signedText({ gateway, version, document }), privateKey)
      return { v: 1, gateway, version, document, signature: signature.toString('base64') }
    },
  }
}
