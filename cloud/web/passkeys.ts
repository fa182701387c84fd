// Passkeys of the browser: what the API asks, what the browser answers.

import { ask } from './api/client.ts'
import type { PasskeyAnswer, PasskeyMade } from './api/types.ts'

/** Whether the browser has passkeys, and reads and writes them as JSON. */
export const hasPasskeys = (): boolean =>
  'PublicKeyCredential' in window && 'parseRequestOptionsFromJSON' in PublicKeyCredential

/** Signs in with a passkey. False when the person gave up, or the browser found none. */
export async function signInWithPasskey(): Promise<boolean> {
  const { challenge, options } = await ask('POST /api/v1/session/passkey/options', {})
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(
    options as unknown as PublicKeyCredentialRequestOptionsJSON,
  )
  const found = await asked(navigator.credentials.get({ publicKey }))
  if (found === undefined) return false
  const credential = found.toJSON() as unknown as PasskeyAnswer['credential']
  await ask('POST /api/v1/session/passkey', { body: { challenge, credential } })
  return true
}

/** Makes a passkey and adds it. False when the person gave up, or the browser made none. */
export async function addPasskey(name: string): Promise<boolean> {
  const { challenge, options } = await ask('POST /api/v1/me/passkeys/options', {})
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(
    options as unknown as PublicKeyCredentialCreationOptionsJSON,
  )
  const made = await asked(navigator.credentials.create({ publicKey }))
  if (made === undefined) return false
  const credential = made.toJSON() as unknown as PasskeyMade['credential']
  await ask('POST /api/v1/me/passkeys', { body: { challenge, name, credential } })
  return true
}

/** The browser throws a DOMException when the person says no, or too late. */
async function asked(credential: Promise<Credential | null>): Promise<PublicKeyCredential | undefined> {
  try {
    return ((await credential) ?? undefined) as PublicKeyCredential | undefined
  } catch (error) {
    if (error instanceof DOMException) return undefined
    throw error
  }
}
