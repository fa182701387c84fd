// Letting somebody in without ever knowing their password: links by which they choose it themselves.
//
// Promises:
//   L1. A link is good once, for days (an invitation) or an hour (a recovery); a newer one makes it void.
//   L2. What is answered to who asks for a recovery, and when, does not tell whether such a user exists: what is done
//       is done after the answer.
//   L3. What a link holds stands behind the # of its address, so that no server's log and no other page gets it.

import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Mailer } from '../alerts/mail.ts'
import { insertLink, type LinkKind, type LinkRow, selectLink, useLink } from '../store/access-links.ts'
import { beginSignIn } from '../store/accounts.ts'
import type { Database } from '../store/database.ts'
import { renameUser, selectUserByEmail, setPassword } from '../store/users.ts'
import { failureKey } from './accounts-guesses.ts'
import { hashPassword } from './password.ts'

const INVITATION_MS = 7 * 86_400_000
const RECOVERY_MS = 3_600_000
const RECOVERY_WINDOW_MS = 3_600_000
const RECOVERIES_PER_ADDRESS_MAX = 30
const RECOVERIES_PER_USER_MAX = 3
const UNDER_WAY_MAX = 20

/** A link, and whether it went out by mail: `none` where no mail server is set. */
export interface SentLink {
  url: string
  expiresAt: number
  mail: 'accepted' | 'refused' | 'unanswered' | 'none'
}

/** Links by which people choose their password. */
export interface AccountLinks {
  /** Whether there is a mail server. */
  hasMail: boolean
  /** Makes a link for a user and mails it. `createdBy` is who wanted that. */
  send(
    kind: LinkKind,
    user: { id: string; email: string; name: string },
    createdBy: string,
  ): Promise<SentLink>
  /** Whose a link is; `undefined` when it is over, or none. */
  look(kind: LinkKind, secret: string): Promise<LinkRow | undefined>
  /** Gives whose it is a password, once. False when the link is over, or none. */
  choose(kind: LinkKind, secret: string, chosen: { password: string; name?: string }): Promise<boolean>
  /**
   * Mails a recovery to whoever has this address, if anybody has. Returns at once, before it is known. `address` is where
   * it was asked from.
   */
  recover(email: string, address: string): void
  /** Resolves when what recover() began has ended. */
  settled(): Promise<void>
}

/** What openAccountLinks() uses. */
export interface AccountLinksDeps {
  db: Database
  clock: Clock
  log: Log
  mailer: Mailer | undefined
}

/** Opens the links. `publicUrl` is where they lead. */
export function openAccountLinks(
  { db, clock, log, mailer }: AccountLinksDeps,
  { publicUrl }: { publicUrl: string },
): AccountLinks {
  const underWay = new Set<Promise<void>>()
  const send: AccountLinks['send'] = async (kind, { id, email, name }, createdBy) => {
    const secret = randomBytes(32).toString('base64url')
    const now = clock.now()
    const expiresAt = now + (kind === 'invitation' ? INVITATION_MS : RECOVERY_MS)
    await insertLink(db, { hash: hashOf(secret), kind, userId: id, createdBy, now, expiresAt })
    const url = new URL(`${PATHS[kind]}#${secret}`, publicUrl).href
    if (mailer === undefined) return { url, expiresAt, mail: 'none' }
    const { kind: mail, answer } = await mailer.send({
      ...{ id: randomUUID(), to: email, ...LETTERS[kind]({ name, url }) },
    })
    if (mail !== 'accepted') log.warn('link was not mailed', { kind, userId: id, answer })
    return { url, expiresAt, mail }
  }
  const recover = async (typed: string, address: string): Promise<void> => {
    const email = typed.trim().toLowerCase()
    const limits = [
      { key: failureKey('recovery of', email), failuresMax: RECOVERIES_PER_USER_MAX },
      { key: failureKey('recoveries from', address), failuresMax: RECOVERIES_PER_ADDRESS_MAX },
    ]
    const window = { now: clock.now(), windowMs: RECOVERY_WINDOW_MS }
    if ((await beginSignIn(db, limits, window)) > 0) return log.warn('recovery held back', { address })
    const user = await selectUserByEmail(db, email)
    if (user === undefined || user.state === 'disabled') return
    await send('recovery', user, 'themselves')
  }
  return {
    hasMail: mailer !== undefined,
    send,
    look: (kind, secret) => selectLink(db, { hash: hashOf(secret), kind, now: clock.now() }),
    async choose(kind, secret, { password, name }) {
      const asked = { hash: hashOf(secret), kind, now: clock.now() }
      const link = await selectLink(db, asked)
      if (link === undefined) return false
      const hash = await hashPassword(password)
      return db.transaction(async tx => {
        if (!(await useLink(tx, asked))) return false
        await setPassword(tx, link.userId, hash)
        if (name !== undefined) await renameUser(tx, link.userId, name)
        return true
      })
    },
    recover(email, address) {
      // Whoever sends thousands at once is answered alike and gets nothing.
      if (underWay.size >= UNDER_WAY_MAX) return log.warn('recovery held back', { address })
      const work = recover(email, address)
        .catch(error => log.error('recovery failed', { reason: reasonOf(error) }))
        .finally(() => underWay.delete(work))
      underWay.add(work)
    },
    async settled() {
      await Promise.all(underWay)
    },
  }
}

const PATHS: Record<LinkKind, string> = { invitation: '/invitation', recovery: '/recovery' }

const hashOf = (secret: string): Uint8Array => new Uint8Array(createHash('sha256').update(secret).digest())

const LETTERS: Record<LinkKind, (to: { name: string; url: string }) => { subject: string; text: string }> = {
  invitation: ({ name, url }) => ({
    subject: 'SmartHydro: su invitación',
    text: `${name}:

Lo invitaron a SmartHydro. Elija su contraseña aquí, dentro de siete días:
${url}

You have been invited to SmartHydro. Choose your password with the link above, within seven days.
`,
  }),
  recovery: ({ name, url }) => ({
    subject: 'SmartHydro: elegir otra contraseña',
    text: `${name}:

Alguien pidió otra contraseña para su cuenta. Si fue usted, elíjala aquí, dentro de una hora:
${url}

Si no fue usted, no haga nada: su contraseña sigue siendo la misma.

Somebody asked for another password for your account. If it was you, choose it with the link above, within an hour.
If not, do nothing: your password stays as it is.
`,
  }),
}
