// The fleet's authority: who vouches for gateways, and what configurations and releases are signed with.
//
// A root vouches for one that issues, and that one for gateways; so what issues is changed without anybody being told,
// because each gateway shows both certificates. Private keys are sealed in the database under the master key, bound to
// what they are. All is drawn when it is first needed.

import type { Clock } from '../../protocol/runtime/clock.ts'
import { openSecrets, type Secrets } from '../compliance/secrets.ts'
import type { Database, Sql } from '../store/database.ts'
import {
  type AuthorityRow,
  insertAuthority,
  lockFleet,
  retireAuthorities,
  selectAuthorities,
  selectFleetKeys,
  updateSealedKey,
} from '../store/fleet.ts'
import {
  type Issued,
  issueForGateway,
  issueForServer,
  LIFE,
  makeIssuing,
  makeRoot,
  type ReadRequest,
  type Signer,
} from './certificates.ts'
import { type FleetSigner, openFleetSigner } from './signing.ts'

/** Who vouches for gateways. */
export interface Authority extends FleetSigner {
  /** The certificates of the roots that are believed, PEM. */
  roots(): Promise<string>
  /** A gateway's own certificate, and the one of who issued it, PEM. */
  issue(tx: Sql, wanted: ReadRequest & { gateway: string }): Promise<Issued & { chain: string }>
  /** A certificate with its key for a server or a service of the cloud. */
  issueServer(names: readonly string[]): Promise<Issued & { chain: string; key: string }>
  /** From now on another one issues; with `root`, below another root. What was issued is believed until its end. */
  rotate(what: 'issuing' | 'root'): Promise<void>
  /** Seals again what a former master key sealed; returns how many. */
  rewrap(): Promise<number>
}

/** What an authority needs. */
export interface AuthorityDeps {
  db: Database
  clock: Clock
  secrets: Secrets
}

/** One master key serves several purposes: this one is not that of passwords. */
const PURPOSE = 'smarthydro: what the fleet is vouched for with'

/** Opens what seals the fleet's keys. */
export const openFleetSecrets = (master: Uint8Array, former: readonly Uint8Array[]): Secrets =>
  openSecrets(master, former, PURPOSE)

/** Who issues is changed by itself while there is still room for a certificate of a year below it. */
const RENEW_BEFORE_MS = LIFE.serverMs + LIFE.gatewayMs

/** Opens the authority. Nothing is made yet. */
export function openAuthority({ db, clock, secrets }: AuthorityDeps): Authority {
  const unsealed = ({ certificate, sealedKey, keyId }: AuthorityRow): Signer => ({
    certificate,
    key: secrets.open({ keyId, bytes: sealedKey }, ownerOf(certificate)),
  })
  const keep = async (tx: Sql, made: Signer & { notAfter: number }, rootId: number | null) => {
    const sealed = secrets.seal(made.key, ownerOf(made.certificate))
    const { certificate, notAfter } = made
    const createdAt = clock.now()
    const row = { rootId, certificate, sealedKey: sealed.bytes, keyId: sealed.keyId, notAfter, createdAt }
    return { ...row, id: await insertAuthority(tx, row), retiredAt: null }
  }
  /** Who issues now: the one that is there, or a new one. */
  const issuing = async (tx: Sql): Promise<AuthorityRow> => {
    const now = clock.now()
    const isFresh = (row: AuthorityRow) => row.retiredAt === null && row.notAfter - now > RENEW_BEFORE_MS
    const newest = (rows: readonly AuthorityRow[], isRoot: boolean) =>
      rows.findLast(row => (row.rootId === null) === isRoot && isFresh(row))
    const found = newest(await selectAuthorities(tx, now), false)
    if (found !== undefined) return found
    await lockFleet(tx)
    const all = await selectAuthorities(tx, now)
    const meanwhile = newest(all, false)
    if (meanwhile !== undefined) return meanwhile
    const root = newest(all, true) ?? (await keep(tx, await makeRoot('SmartHydro fleet root', now), null))
    return await keep(tx, await makeIssuing(unsealed(root), 'SmartHydro fleet', now), root.id)
  }
  return {
    async roots() {
      const all = await db.transaction(async tx => {
        await issuing(tx)
        return selectAuthorities(tx, clock.now())
      })
      const isBelieved = ({ rootId, retiredAt }: AuthorityRow) =>
        rootId === null && (retiredAt === null || clock.now() - retiredAt < LIFE.serverMs)
      return all
        .filter(isBelieved)
        .map(({ certificate }) => certificate)
        .join('')
    },
    async issue(tx, wanted) {
      const issuer = await issuing(tx)
      const issued = await issueForGateway(unsealed(issuer), { ...wanted, now: clock.now() })
      return { ...issued, chain: issued.certificate + issuer.certificate }
    },
    async issueServer(names) {
      const issuer = await db.transaction(issuing)
      const issued = await issueForServer(unsealed(issuer), { names, now: clock.now() })
      return { ...issued, chain: issued.certificate + issuer.certificate }
    },
    async rotate(what) {
      await db.transaction(async tx => {
        await lockFleet(tx)
        const all = await selectAuthorities(tx, clock.now())
        const ending = all.filter(({ rootId }) => what === 'root' || rootId !== null)
        await retireAuthorities(
          tx,
          ending.map(({ id }) => id),
          clock.now(),
        )
        await issuing(tx)
      })
    },
    ...openFleetSigner({ db, clock, secrets }),
    rewrap: () => db.transaction(tx => rewrapAll(tx, secrets, clock.now())),
  }
}

/** To what a sealed key is bound: it does not open for another certificate. */
const ownerOf = (certificate: string): string => certificate

async function rewrapAll(tx: Sql, secrets: Secrets, now: number): Promise<number> {
  await lockFleet(tx)
  const authorities = (await selectAuthorities(tx, now)).map(row => ({
    ...{ table: 'fleet_authorities' as const, row, owner: ownerOf(row.certificate) },
  }))
  const keys = (await selectFleetKeys(tx)).map(row => ({
    ...{ table: 'fleet_keys' as const, row, owner: row.publicKey },
  }))
  const old = [...authorities, ...keys].filter(({ row }) => row.keyId !== secrets.currentKeyId)
  for (const { table, row, owner } of old) {
    const { keyId, bytes } = secrets.rewrap({ keyId: row.keyId, bytes: row.sealedKey }, owner)
    await updateSealedKey(tx, table, { id: row.id, sealedKey: bytes, keyId })
  }
  return old.length
}
