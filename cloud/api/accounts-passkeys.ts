// Passkeys (WebAuthn): signing in with a key that one's machine holds, and adding and removing such keys.
//
// Promises:
//   K1. What a browser signs was drawn here, for this, minutes ago, and is taken once.
//   K2. A key is asked for who holds it (PIN, finger, face), so that it is two factors by itself.
//   K3. A key whose counter goes back may have been copied: it is refused.

import { createHash, randomBytes } from 'node:crypto'
import {
  type AuthenticationResponseJSON,
  generateAuthenticationOptions,
  generateRegistrationOptions,
  type RegistrationResponseJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server'
import { z } from 'zod'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { insertChallenge, takeChallenge } from '../store/access-links.ts'
import type { Database } from '../store/database.ts'
import {
  deletePasskey,
  insertPasskey,
  type PasskeyRow,
  selectPasskey,
  selectPasskeys,
  usePasskey,
} from '../store/passkeys.ts'
import type { SessionUser } from './accounts.ts'
import { type Auth, openSession } from './accounts-auth.ts'

const CHALLENGE_MS = 5 * 60_000

/** What a browser is asked, with the name by which its answer finds its challenge again. */
export interface Asked {
  challenge: string
  options: object
}

/** What came of signing in with a passkey. */
export type PasskeySignIn = { kind: 'signed_in'; user: SessionUser; cookies: string[] } | { kind: 'refused' }

/** Passkeys: for signing in, and one's own. */
export interface Passkeys {
  askForPasskey(): Promise<Asked>
  signInWithPasskey(
    answer: { challenge: string; credential: AuthenticationResponseJSON },
    headers: Headers,
  ): Promise<PasskeySignIn>
  passkeysOf(userId: string): Promise<PasskeyRow[]>
  askForNewPasskey(user: SessionUser): Promise<Asked>
  /** Adds the key that was made. `refused` when it is not what was asked for, is known, or is one too many. */
  addPasskey(
    user: SessionUser,
    answer: { challenge: string; name: string; credential: RegistrationResponseJSON },
  ): Promise<{ kind: 'added'; id: string } | { kind: 'refused' }>
  /** False when the user has none of this id. */
  removePasskey(userId: string, id: string): Promise<boolean>
}

const Kept = z.strictObject({ challenge: z.string(), userId: z.string().nullable() })

interface PasskeyDeps {
  db: Database
  clock: Clock
  log: Log
}

/** Passkeys for the host of `publicUrl`. */
export function passkeys(deps: PasskeyDeps, auth: Auth, { publicUrl }: { publicUrl: string }): Passkeys {
  const { db, clock, log } = deps
  const { origin, hostname: rpID } = new URL(publicUrl)
  const expected = { expectedOrigin: origin, expectedRPID: rpID, requireUserVerification: true }
  return {
    async askForPasskey() {
      const options = await generateAuthenticationOptions({ rpID, userVerification: 'required' })
      return {
        challenge: await keep(deps, 'passkey', { challenge: options.challenge, userId: null }),
        options,
      }
    },
    async signInWithPasskey({ challenge, credential }, headers) {
      const kept = await take(deps, 'passkey', challenge)
      const key = await selectPasskey(db, credential.id)
      if (kept === undefined || key === undefined) return { kind: 'refused' }
      try {
        const { verified, authenticationInfo } = await verifyAuthenticationResponse({
          ...{ ...expected, response: credential, expectedChallenge: kept.challenge },
          credential: { id: key.id, publicKey: Uint8Array.from(key.publicKey), counter: key.counter },
        })
        if (!verified) return { kind: 'refused' }
        await usePasskey(db, { id: key.id, counter: authenticationInfo.newCounter, now: clock.now() })
        return (await openSession(auth, key.userId, headers)) ?? { kind: 'refused' }
      } catch (error) {
        return refused(log, error)
      }
    },
    passkeysOf: userId => selectPasskeys(db, userId),
    async askForNewPasskey(user) {
      const known = await selectPasskeys(db, user.id)
      const options = await generateRegistrationOptions({
        ...{ rpName: 'SmartHydro', rpID, userName: user.email, userDisplayName: user.name },
        userID: new Uint8Array(createHash('sha256').update(user.id).digest()),
        excludeCredentials: known.map(({ id }) => ({ id })),
        authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      })
      const challenge = await keep(deps, 'new_passkey', { challenge: options.challenge, userId: user.id })
      return { challenge, options }
    },
    async addPasskey(user, { challenge, name, credential }) {
      const kept = await take(deps, 'new_passkey', challenge)
      if (kept?.userId !== user.id) return { kind: 'refused' }
      try {
        const { verified, registrationInfo } = await verifyRegistrationResponse({
          ...{ ...expected, response: credential, expectedChallenge: kept.challenge },
        })
        if (!verified) return { kind: 'refused' }
        const { id, publicKey, counter, transports = [] } = registrationInfo.credential
        const made = { id, publicKey, counter, transports, name, userId: user.id, createdAt: clock.now() }
        return (await insertPasskey(db, made)) ? { kind: 'added', id } : { kind: 'refused' }
      } catch (error) {
        return refused(log, error)
      }
    },
    removePasskey: (userId, id) => deletePasskey(db, { id, userId }),
  }
}

/** The library throws for whatever in an answer is not as it must be. What is no such thing is thrown on. */
function refused(log: Log, error: unknown): { kind: 'refused' } {
  if (!(error instanceof Error) || error.name !== 'Error') throw error
  log.warn('passkey refused', { reason: reasonOf(error) })
  return { kind: 'refused' }
}

async function keep({ db, clock }: PasskeyDeps, kind: string, value: z.infer<typeof Kept>): Promise<string> {
  const name = randomBytes(24).toString('base64url')
  const now = clock.now()
  await insertChallenge(db, { hash: hashOf(name), kind, value, now, expiresAt: now + CHALLENGE_MS })
  return name
}

async function take(
  { db, clock }: PasskeyDeps,
  kind: string,
  name: string,
): Promise<z.infer<typeof Kept> | undefined> {
  const value = await takeChallenge(db, { hash: hashOf(name), kind, now: clock.now() })
  return value === undefined ? undefined : Kept.parse(value)
}

const hashOf = (text: string): Uint8Array => new Uint8Array(createHash('sha256').update(text).digest())
