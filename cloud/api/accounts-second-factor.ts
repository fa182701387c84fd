// A second factor beside the password: codes of an authenticator (TOTP, RFC 6238), and recovery codes that are good once.
//
// Promises:
//   F1. Nothing is asked for at signing in before its owner has shown that their authenticator gives the right codes.
//   F2. No code is taken twice, however often it would still be valid.
//   F3. Who guesses is locked out: five times in one sign-in, ten times over all of them.

import { APIError } from 'better-auth/api'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { useCode } from '../store/access-links.ts'
import type { Database } from '../store/database.ts'
import { endSession } from '../store/users.ts'
import type { SessionUser } from './accounts.ts'
import { type Auth, SECOND_FACTOR_LOCK_SECONDS } from './accounts-auth.ts'
import { beginGuess } from './accounts-guesses.ts'

/** A code is valid in the half minute it is for, and in the one before and after it. */
const CODE_VALID_MS = 120_000

/** What was given as a second factor. */
export type GivenFactor = { code: string } | { recoveryCode: string }

/** What came of giving it. `expired`: the sign-in must begin again. */
export type SecondFactorOutcome =
  | { kind: 'signed_in'; user: SessionUser; cookies: string[] }
  | { kind: 'refused' | 'expired' }
  | { kind: 'locked'; retryAfterMs: number }

/** What came of setting one up, or of asking for other recovery codes. */
export type SecondFactorChange<Made> =
  | ({ kind: 'done'; cookies: string[] } & Made)
  | { kind: 'wrong' | 'nobody' | 'already' | 'none' }
  | { kind: 'locked'; retryAfterMs: number }

/** The second factor of who the cookies belong to. */
export interface SecondFactor {
  /** Ends a sign-in that waits for a second factor. */
  giveSecondFactor(headers: Headers, given: GivenFactor): Promise<SecondFactorOutcome>
  /** Draws a secret and recovery codes; they are asked for once confirmSecondFactor() was given a right code. */
  beginSecondFactor(
    headers: Headers,
    password: string | undefined,
  ): Promise<SecondFactorChange<{ uri: string; recoveryCodes: string[] }>>
  confirmSecondFactor(headers: Headers, code: string): Promise<SecondFactorChange<object>>
  removeSecondFactor(headers: Headers, password: string | undefined): Promise<SecondFactorChange<object>>
  /** Draws other recovery codes; the earlier ones are good for nothing. */
  drawRecoveryCodes(
    headers: Headers,
    password: string | undefined,
  ): Promise<SecondFactorChange<{ recoveryCodes: string[] }>>
  /** How many recovery codes a user has left. */
  recoveryCodesLeft(userId: string): Promise<number>
}

/** The second factor, by better-auth. */
export function secondFactor(
  { db, clock, log }: { db: Database; clock: Clock; log: Log },
  auth: Auth,
): SecondFactor {
  const isFresh = (userId: string, code: string) =>
    useCode(db, { userId, code, now: clock.now(), keepMs: CODE_VALID_MS })
  const change = <Made extends object>(headers: Headers, work: () => Promise<Made & { cookies: string[] }>) =>
    changeFactor({ db, clock }, auth, headers, work)
  return {
    async giveSecondFactor(headers, given) {
      try {
        const { headers: answered, response } =
          'code' in given
            ? await auth.api.verifyTOTP({ headers, body: { code: given.code }, returnHeaders: true })
            : await auth.api.verifyBackupCode({
                ...{ headers, body: { code: given.recoveryCode }, returnHeaders: true },
              })
        const user = response.user as SessionUser
        if ('code' in given && !(await isFresh(user.id, given.code))) {
          await endSession(db, response.token as string)
          log.warn('second factor used again', { userId: user.id })
          return { kind: 'expired' }
        }
        return {
          kind: 'signed_in',
          user: { id: user.id, email: user.email, name: user.name },
          cookies: answered.getSetCookie(),
        }
      } catch (error) {
        const code = refusalOf(error)
        log.warn('second factor refused', { reason: code })
        if (code === 'ACCOUNT_TEMPORARILY_LOCKED') {
          return { kind: 'locked', retryAfterMs: SECOND_FACTOR_LOCK_SECONDS * 1000 }
        }
        return { kind: code === 'INVALID_CODE' || code === 'INVALID_BACKUP_CODE' ? 'refused' : 'expired' }
      }
    },
    beginSecondFactor: (headers, password) =>
      change(headers, async () => {
        const body = { method: 'totp' as const, ...(password === undefined ? {} : { password }) }
        const { response } = await auth.api.enableTwoFactor({ headers, body, returnHeaders: true })
        const made = response as { totpURI: string; backupCodes: string[] }
        return { cookies: [], uri: made.totpURI, recoveryCodes: made.backupCodes }
      }),
    confirmSecondFactor: (headers, code) =>
      change(headers, async () => {
        const answer = await auth.api.verifyTOTP({ headers, body: { code }, returnHeaders: true })
        await isFresh((answer.response.user as SessionUser).id, code)
        return { cookies: answer.headers.getSetCookie() }
      }),
    removeSecondFactor: (headers, password) =>
      change(headers, async () => {
        const body = password === undefined ? {} : { password }
        const answer = await auth.api.disableTwoFactor({ headers, body, returnHeaders: true })
        return { cookies: answer.headers.getSetCookie() }
      }),
    drawRecoveryCodes: (headers, password) =>
      change(headers, async () => {
        const body = password === undefined ? {} : { password }
        const { backupCodes } = await auth.api.generateBackupCodes({ headers, body })
        return { cookies: [], recoveryCodes: backupCodes }
      }),
    async recoveryCodesLeft(userId) {
      const { backupCodes } = await auth.api.viewBackupCodes({ body: { userId } })
      return backupCodes.length
    },
  }
}

const KINDS: Record<string, 'wrong' | 'nobody' | 'already' | 'none'> = {
  INVALID_PASSWORD: 'wrong',
  INVALID_CODE: 'wrong',
  TOTP_ALREADY_ENABLED: 'already',
  TOTP_NOT_ENABLED: 'none',
  TWO_FACTOR_NOT_ENABLED: 'none',
  UNAUTHORIZED: 'nobody',
}

/** Wrong guesses count like those at signing in: who has somebody's browser must not find out their password. */
async function changeFactor<Made extends object>(
  deps: { db: Database; clock: Clock },
  auth: Auth,
  headers: Headers,
  work: () => Promise<Made & { cookies: string[] }>,
): Promise<SecondFactorChange<Made>> {
  const guess = await beginGuess(deps, auth, headers)
  if (guess.kind !== 'begun') return guess
  try {
    const made = await work()
    await guess.wasRight()
    return { kind: 'done', ...made }
  } catch (error) {
    const kind = KINDS[refusalOf(error)]
    if (kind === undefined) throw error
    if (kind !== 'wrong') await guess.wasRight()
    return { kind }
  }
}

/** better-auth's word for why not. Throws what is no refusal. */
export function refusalOf(error: unknown): string {
  if (!(error instanceof APIError) || error.statusCode >= 500) throw error
  return error.body?.code ?? String(error.status)
}
