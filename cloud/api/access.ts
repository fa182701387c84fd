// Who is asking, and whether they may. Deny by default.
//
// A request carries a token (`Authorization: Bearer shk_…`) or the cookie of a session, never both: a token wins. What
// changes something by cookie must come from our own pages.

import type { Clock } from '../../protocol/runtime/clock.ts'
import { type ApiScope, type Grant, SCOPES, selectGrants, useToken } from '../store/accounts.ts'
import type { Database } from '../store/database.ts'
import type { ClientIds } from '../store/queries.ts'
import type { Verdict } from '../verdict.ts'
import type { Accounts } from './accounts.ts'
import { OPERATOR_RULE, READER_RULE, type RoleRule, SUBSCRIBER_RULE } from './rules.ts'
import { hashToken } from './users.ts'

/** Somebody, and what they may. */
export interface Principal {
  kind: 'user' | 'token'
  id: string
  name: string
  email?: string
  /** The session that a user asks in. */
  session?: string
  grants: readonly Grant[]
  scopes: readonly ApiScope[]
  /** Of a token: how often it may ask. */
  requestsPerMinute?: number
}

/** What came of asking. `clientIds` says whose rows may be seen. */
export type AccessVerdict = Verdict<{ principal: Principal; clientIds: ClientIds }>

/** Somebody who may receive raw data: of these clients, or of all. */
export interface Subscriber {
  name: string
  clients: 'all' | readonly string[]
}

/** Who is asking, and whether they may. */
export interface Access {
  /** Judges a request by a rule. */
  judge(request: Request, rule: RoleRule): Promise<AccessVerdict>
  /** Judges what only operators may ask of the other services. */
  authorizeOperator(request: Request): Promise<AccessVerdict>
  /** Judges what everybody may ask of the other services who may read; `clientIds` says of whom. */
  authorizeReader(request: Request): Promise<AccessVerdict>
  /** Whom a token of the scope `subscribe` lets receive raw data; `undefined` when nobody. */
  authenticateSubscriber(token: string): Promise<Subscriber | undefined>
}

/** Opens the door. `publicUrl` is where our own pages come from. */
export function openAccess(
  { db, clock, accounts }: { db: Database; clock: Clock; accounts: Accounts },
  { publicUrl }: { publicUrl: string },
): Access {
  const origin = new URL(publicUrl).origin
  const judge: Access['judge'] = async (request, rule) => {
    const principal = await identify({ db, clock, accounts }, request.headers)
    if (principal === undefined) return { kind: 'unknown' }
    if (principal.kind === 'user' && isForeign(request, origin)) {
      return { kind: 'refused', reason: `Not asked from ${origin}` }
    }
    return judgeByRule(principal, rule)
  }
  return {
    judge,
    authorizeOperator: request => judge(request, OPERATOR_RULE),
    authorizeReader: request => judge(request, READER_RULE),
    async authenticateSubscriber(token) {
      const principal = await identifyToken({ db, clock }, token)
      if (principal === undefined) return undefined
      const verdict = judgeByRule(principal, SUBSCRIBER_RULE)
      if (verdict.kind !== 'allowed') return undefined
      return { name: principal.name, clients: clientsOf(principal) }
    },
  }
}

/** Whether what would change something was asked from somebody else's page. */
export function isForeign(request: Request, origin: string): boolean {
  if (request.method === 'GET' || request.method === 'HEAD') return false
  const from = request.headers.get('origin')
  if (from !== null) return from !== origin && from !== new URL(request.url).origin
  return request.headers.get('sec-fetch-site') === 'cross-site'
}

/** Judges somebody by a rule. */
export function judgeByRule(principal: Principal, rule: RoleRule): AccessVerdict {
  if (!principal.scopes.includes(rule.scope)) {
    return { kind: 'refused', reason: `The token lacks the scope "${rule.scope}"` }
  }
  const grants = principal.grants.filter(({ role }) => rule.roles.includes(role))
  if (grants.length === 0) return { kind: 'refused', reason: 'No role that allows this' }
  const ids = grants.map(({ clientId }) => clientId)
  const clientIds = ids.includes(null) ? null : ids.filter(id => id !== null)
  return { kind: 'allowed', principal, clientIds }
}

/** The clients that somebody has to do with. */
export function clientsOf({ grants }: Principal): 'all' | string[] {
  if (grants.some(({ clientId }) => clientId === null)) return 'all'
  return [...new Set(grants.map(({ client }) => client).filter(client => client !== null))]
}

async function identify(
  { db, clock, accounts }: { db: Database; clock: Clock; accounts: Accounts },
  headers: Headers,
): Promise<Principal | undefined> {
  const authorization = headers.get('authorization')
  if (authorization !== null) {
    const token = /^Bearer +([\w-]{1,200}) *$/i.exec(authorization)?.[1]
    return token === undefined ? undefined : identifyToken({ db, clock }, token)
  }
  const user = await accounts.userOf(headers)
  if (user === undefined) return undefined
  return { kind: 'user', ...user, grants: await selectGrants(db, user.id), scopes: SCOPES }
}

async function identifyToken(
  { db, clock }: { db: Database; clock: Clock },
  token: string,
): Promise<Principal | undefined> {
  const row = await useToken(db, hashToken(token), clock.now())
  if (row === undefined) return undefined
  const { id, name, role, clientId, client, scopes, requestsPerMinute } = row
  return {
    kind: 'token',
    id: String(id),
    name,
    grants: [{ role, clientId, client }],
    scopes,
    requestsPerMinute,
  }
}
