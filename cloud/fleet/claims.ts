// Claims: who may make them, and for what. A code is shown once, when it was drawn.

import { randomBytes } from 'node:crypto'
import { hashOfClaim, toClaimCode } from '../../protocol/claim-code.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import { gatewaysWithClaim, insertClaims, withdrawClaims } from '../store/claims.ts'
import type { Database } from '../store/database.ts'
import { insertFleetEvent, selectEnrolled } from '../store/fleet.ts'
import type { ClientIds } from '../store/queries.ts'
import { findProject } from '../store/sites.ts'

/** For how long a claim can be used unless it is said. */
export const CLAIM_DAYS = 30
/** The longest that may be said: a label in a drawer must not let anybody in for ever. */
export const CLAIM_DAYS_MAX = 366
/** Gateways that are claimed at a time. */
export const CLAIMS_MAX = 1_000

const DAY_MS = 86_400_000

/** What claiming uses. */
export interface ClaimDeps {
  db: Database
  clock: Clock
}

/** What came of claiming a gateway. */
export interface Claimed {
  gateway: string
  /** `open`: it has a claim that can be used, and no other was drawn; `enrolled`: it needs none. */
  state: 'drawn' | 'open' | 'enrolled' | 'unknown'
  code: string | null
  expiresAt: number | null
}

/**
 * Draws a code for each of these gateways that needs one. With `replace`, a claim that is open is withdrawn and another drawn, and
 * a gateway that is enrolled already gets one too: its key ends when another is enrolled.
 */
export function claimGateways(
  { db, clock }: ClaimDeps,
  gateways: readonly string[],
  { clientIds, by, days, replace }: { clientIds: ClientIds; by: string; days: number; replace: boolean },
): Promise<Claimed[]> {
  const now = clock.now()
  return db.transaction(async tx => {
    const found = new Map((await selectEnrolled(tx, gateways, clientIds)).map(row => [row.slug, row]))
    const ids = [...found.values()].map(({ id }) => id)
    if (replace) await withdrawClaims(tx, ids, now)
    const open = await gatewaysWithClaim(tx, ids, now)
    const expiresAt = now + days * DAY_MS
    const claims = gateways.map((gateway): Claimed & { id?: number; projectId?: number } => {
      const row = found.get(gateway)
      if (row === undefined) return { gateway, state: 'unknown', code: null, expiresAt: null }
      if (row.enrolledKey !== null && !replace) {
        return { gateway, state: 'enrolled', code: null, expiresAt: null }
      }
      if (open.has(row.id)) return { gateway, state: 'open', code: null, expiresAt: null }
      const { id, projectId } = row
      return { gateway, state: 'drawn', code: drawCode(), expiresAt, id, projectId }
    })
    const drawn = claims.filter(({ state }) => state === 'drawn')
    await insertClaims(
      tx,
      drawn.map(({ code, id, projectId }) => ({
        ...{ codeHash: hashOfClaim(code ?? ''), projectId: projectId ?? 0, gatewayId: id ?? 0 },
        ...{ uses: 1, expiresAt, createdBy: by, createdAt: now },
      })),
    )
    for (const { gateway } of drawn) {
      await insertFleetEvent(tx, { kind: 'claimed', gateway, by, details: { expiresAt } }, now)
    }
    return claims.map(({ gateway, state, code, expiresAt: until }) => ({
      ...{ gateway, state, code, expiresAt: until },
    }))
  })
}

/** Draws one code for as many gateways of a project as `uses` says, which name themselves. Throws Rejected. */
export function claimProject(
  { db, clock }: ClaimDeps,
  { client, project }: { client: string; project: string },
  { clientIds, by, days, uses }: { clientIds: ClientIds; by: string; days: number; uses: number },
): Promise<{ code: string; expiresAt: number }> {
  const now = clock.now()
  return db.transaction(async tx => {
    const found = await findProject(tx, { client, project })
    if (found === undefined || (clientIds !== null && !clientIds.includes(found.clientId))) {
      throw new Rejected(`There is no project ${client}.${project}`)
    }
    const [code, expiresAt] = [drawCode(), now + days * DAY_MS]
    const claim = { codeHash: hashOfClaim(code), projectId: found.id, gatewayId: null, uses, expiresAt }
    await insertClaims(tx, [{ ...claim, createdBy: by, createdAt: now }])
    const details = { client, project, uses, expiresAt }
    await insertFleetEvent(tx, { kind: 'claimed', by, details }, now)
    return { code, expiresAt }
  })
}

const drawCode = (): string => toClaimCode(randomBytes(15))
