// Enrolling: a code and a request become a certificate, once. Renewing: a key that is known gets its next one.
//
// Promises:
//   E1. A code is used once. Who asks again with the same key, because the answer was lost, is given the same answer;
//       anybody else is refused.
//   E2. A key that was revoked, or replaced by another, is never a gateway's again.
//   E3. A certificate that has expired is renewed for its own key: what ends a gateway is being revoked, not having lain in a
//       store. Two years after its end it needs a new code all the same, for by then nobody may remember the card.
//   E4. What is refused is written down, with from where it was tried.

import { hashOfClaim } from '../../protocol/claim-code.ts'
import type { Identity } from '../../protocol/enrolment.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import { type ClaimRow, lockClaim, useClaim, withdrawClaims } from '../store/claims.ts'
import type { Database, Sql } from '../store/database.ts'
import {
  type EnrolledRow,
  findEnrolled,
  hasEnded,
  insertCertificate,
  insertFleetEvent,
  lockEnrolled,
  newestCertificate,
  revokeKey,
  setEnrolledKey,
} from '../store/fleet.ts'
import { upsertGateway } from '../store/sites.ts'
import type { Authority } from './authority.ts'
import { type ReadRequest, readRequest } from './certificates.ts'

const DAY_MS = 86_400_000
/** So long after its end a certificate is still renewed. */
export const RENEWED_FOR_MS = 730 * DAY_MS
/** Who asks again so soon has lost the answer. */
const SAME_ANSWER_MS = 60 * 60_000

/** What enrolling uses. */
export interface EnrolDeps {
  db: Database
  clock: Clock
  authority: Authority
}

/** What gateways are told of the way to send readings. */
export interface UplinkFacts {
  url: string | undefined
  /** Who vouches for its server, PEM; absent: the authorities of the machine. */
  ca: string | undefined
}

/** Why somebody was refused: what the metric counts. */
export const REFUSALS = [
  'claim-unknown',
  'claim-expired',
  'claim-used',
  'claim-withdrawn',
  'request',
  'gateway',
  'key-ended',
  'key-unknown',
  'certificate-too-old',
] as const

/** What came of asking. */
export type Enrolment =
  | { kind: 'enrolled'; identity: Identity }
  | { kind: 'refused'; what: (typeof REFUSALS)[number]; reason: string }

const refused = (what: (typeof REFUSALS)[number], reason: string): Enrolment & { kind: 'refused' } => ({
  kind: 'refused',
  what,
  reason,
})

interface Certified {
  gateway: EnrolledRow
  chain: string
}

type Outcome = Certified | (Enrolment & { kind: 'refused' })

/** Enrols a gateway. `from` is where it was asked from. */
export async function enrol(
  deps: EnrolDeps,
  uplink: UplinkFacts,
  asked: { code: string; request: string; gateway: string | undefined; from: string },
): Promise<Enrolment> {
  const read = await readOrRefuse(asked.request)
  if ('kind' in read) return settle(deps, uplink, 'enrolled', asked, read)
  const outcome = await deps.db.transaction(tx => enrolIn(deps, tx, read, asked))
  return settle(deps, uplink, 'enrolled', asked, outcome)
}

async function enrolIn(
  { clock, authority }: EnrolDeps,
  tx: Sql,
  read: ReadRequest,
  asked: { code: string; gateway: string | undefined; from: string },
): Promise<Outcome> {
  const now = clock.now()
  const claim = await lockClaim(tx, hashOfClaim(asked.code))
  if (claim === undefined) return refused('claim-unknown', 'There is no such claim')
  const before = await newestCertificate(tx, read.keyHash)
  if (before?.claimId === claim.id) {
    const gateway = await lockEnrolled(tx, before.gatewayId)
    if (isKeyOf(gateway, read.keyHash)) return { gateway, chain: before.certificate }
  }
  if (await hasEnded(tx, read.keyHash))
    return refused('key-ended', 'This key was revoked, or replaced by another')
  if (before !== undefined) return refused('key-ended', 'This key was enrolled before')
  const wrong = claimMistake(claim, now)
  if (wrong !== undefined) return wrong
  const gateway = await gatewayOf(tx, claim, asked.gateway)
  if ('kind' in gateway) return gateway
  await useClaim(tx, claim.id)
  await setEnrolledKey(tx, { gatewayId: gateway.id, keyHash: read.keyHash, now })
  const chain = await certify({ clock, authority }, tx, { gateway, read, claimId: claim.id })
  return { gateway, chain }
}

function claimMistake(claim: ClaimRow, now: number): (Enrolment & { kind: 'refused' }) | undefined {
  if (claim.withdrawnAt !== null) return refused('claim-withdrawn', 'The claim was withdrawn')
  if (claim.usesLeft === 0) return refused('claim-used', 'The claim was used')
  if (claim.expiresAt <= now) return refused('claim-expired', 'The claim has expired')
  return undefined
}

/** The gateway that a claim is for, made where it is not there. */
async function gatewayOf(
  tx: Sql,
  claim: ClaimRow,
  named: string | undefined,
): Promise<EnrolledRow | (Enrolment & { kind: 'refused' })> {
  if (claim.gatewayId !== null) {
    if (named !== undefined && named !== claim.gateway) {
      return refused('gateway', `The claim is for another gateway than ${named}`)
    }
    return lockEnrolled(tx, claim.gatewayId)
  }
  if (named === undefined)
    return refused('gateway', 'The claim is for several gateways: say which this one is')
  const found = await findEnrolled(tx, named)
  if (found === undefined) {
    const made = await upsertGateway(tx, { projectId: claim.projectId, slug: named, tokenHash: undefined })
    if (made === undefined) return refused('gateway', `${named} is a gateway of another project`)
    return lockEnrolled(tx, made.id)
  }
  const gateway = await lockEnrolled(tx, found.id)
  if (gateway.projectId !== claim.projectId) {
    return refused('gateway', `${named} is a gateway of another project`)
  }
  // Who has a code for many must not take the place of one that is there.
  if (gateway.enrolledKey !== null || gateway.revokedAt !== null) {
    return refused('gateway', `${named} is enrolled, or was revoked: it needs a claim of its own`)
  }
  return gateway
}

/** Gives a gateway its next certificate. */
export async function renew(
  deps: EnrolDeps,
  uplink: UplinkFacts,
  asked: { request: string; from: string },
): Promise<Enrolment> {
  const read = await readOrRefuse(asked.request)
  if ('kind' in read) return settle(deps, uplink, 'renewed', asked, read)
  const outcome = await deps.db.transaction(tx => renewIn(deps, tx, read))
  return settle(deps, uplink, 'renewed', asked, outcome)
}

async function renewIn(deps: EnrolDeps, tx: Sql, read: ReadRequest): Promise<Outcome> {
  const now = deps.clock.now()
  const before = await newestCertificate(tx, read.keyHash)
  if (before === undefined) return refused('key-unknown', 'This key is no gateway’s: enrol it with a claim')
  const gateway = await lockEnrolled(tx, before.gatewayId)
  if (!isKeyOf(gateway, read.keyHash))
    return refused('key-ended', 'This key was revoked, or replaced by another')
  if (now - before.notAfter > RENEWED_FOR_MS) {
    return refused('certificate-too-old', 'The certificate expired too long ago: enrol with a new claim')
  }
  if (now - before.issuedAt < SAME_ANSWER_MS) return { gateway, chain: before.certificate }
  return { gateway, chain: await certify(deps, tx, { gateway, read, claimId: null }) }
}

async function readOrRefuse(request: string): Promise<ReadRequest | (Enrolment & { kind: 'refused' })> {
  try {
    return await readRequest(request)
  } catch (error) {
    if (!(error instanceof Rejected)) throw error
    return refused('request', error.message)
  }
}

async function certify(
  { clock, authority }: Pick<EnrolDeps, 'clock' | 'authority'>,
  tx: Sql,
  { gateway, read, claimId }: { gateway: EnrolledRow; read: ReadRequest; claimId: number | null },
): Promise<string> {
  const { chain, serial, notAfter } = await authority.issue(tx, { ...read, gateway: gateway.slug })
  await insertCertificate(tx, {
    ...{ gatewayId: gateway.id, claimId, keyHash: read.keyHash, serial },
    ...{ certificate: chain, notAfter, issuedAt: clock.now() },
  })
  return chain
}

/** Writes down what came of it, and makes the answer. */
async function settle(
  { db, clock, authority }: EnrolDeps,
  uplink: UplinkFacts,
  kind: 'enrolled' | 'renewed',
  { from, gateway: named }: { from: string; gateway?: string | undefined },
  outcome: Outcome,
): Promise<Enrolment> {
  if ('kind' in outcome) {
    const { what, reason } = outcome
    const about = named === undefined ? {} : { gateway: named }
    await insertFleetEvent(
      db,
      { kind: 'refused', by: from, ...about, details: { what, reason } },
      clock.now(),
    )
    return outcome
  }
  const { gateway, chain } = outcome
  await insertFleetEvent(db, { kind, gateway: gateway.slug, by: from }, clock.now())
  const identity = {
    ...{ gateway: gateway.slug, client: gateway.client, project: gateway.project, certificate: chain },
    ...{ authority: await authority.roots(), fleetKey: await authority.fleetKey() },
    ...{ uplinkUrl: uplink.url ?? null, uplinkCa: uplink.ca ?? null },
  }
  return { kind: 'enrolled', identity }
}

const isKeyOf = ({ enrolledKey }: EnrolledRow, keyHash: Uint8Array): boolean =>
  enrolledKey !== null && Buffer.from(enrolledKey).equals(keyHash)

/** Revokes gateways: their keys, their tokens and their claims. Returns which of them might connect before. */
export function revoke(
  { db, clock }: Pick<EnrolDeps, 'db' | 'clock'>,
  gateways: readonly EnrolledRow[],
  { by, reason }: { by: string; reason: string },
): Promise<string[]> {
  const now = clock.now()
  return db.transaction(async tx => {
    const revoked: string[] = []
    for (const { id: gatewayId, slug } of gateways) {
      await withdrawClaims(tx, [gatewayId], now)
      if (!(await revokeKey(tx, gatewayId))) continue
      await insertFleetEvent(tx, { kind: 'revoked', gateway: slug, by, details: { reason } }, now)
      revoked.push(slug)
    }
    return revoked
  })
}
