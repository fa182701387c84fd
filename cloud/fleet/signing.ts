// The key that configurations, releases and the time are signed with: Ed25519, drawn when it is first needed, sealed in the
// database.

import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Secrets } from '../compliance/secrets.ts'
import type { Database } from '../store/database.ts'
import { type FleetKeyRow, insertFleetKey, lockFleet, selectFleetKeys } from '../store/fleet.ts'

const PEM = {
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
} as const

/** What signs in the name of the fleet. */
export interface FleetSigner {
  /** The public half, PEM: what gateways are given. Once it was given, signing needs no database. */
  fleetKey(): Promise<string>
  /** Signs: 64 bytes. */
  sign(bytes: Uint8Array): Promise<Uint8Array>
}

/** Opens it. Nothing is drawn yet. */
export function openFleetSigner({
  db,
  clock,
  secrets,
}: {
  db: Database
  clock: Clock
  secrets: Secrets
}): FleetSigner {
  const current = async (): Promise<FleetKeyRow> => {
    const [found] = await selectFleetKeys(db)
    if (found !== undefined) return found
    return db.transaction(async tx => {
      await lockFleet(tx)
      const [meanwhile] = await selectFleetKeys(tx)
      if (meanwhile !== undefined) return meanwhile
      const { publicKey, privateKey } = generateKeyPairSync('ed25519', PEM)
      const sealed = secrets.seal(privateKey, publicKey)
      await insertFleetKey(tx, { publicKey, sealedKey: sealed.bytes, keyId: sealed.keyId }, clock.now())
      const [drawn] = await selectFleetKeys(tx)
      if (drawn === undefined) throw new Error('The signing key was not written')
      return drawn
    })
  }
  // It is asked for within transactions too, where another connection may have to be waited for by all who hold one.
  let known: { publicKey: string; key: KeyObject } | undefined
  const opened = async () => {
    if (known === undefined) {
      const { publicKey, sealedKey, keyId } = await current()
      const key = createPrivateKey(secrets.open({ keyId, bytes: sealedKey }, publicKey))
      known = { publicKey, key }
    }
    return known
  }
  return {
    fleetKey: async () => (await opened()).publicKey,
    sign: async bytes => new Uint8Array(sign(null, bytes, (await opened()).key)),
  }
}
