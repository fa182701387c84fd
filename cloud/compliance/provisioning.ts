// Bringing informants and obligations in: as often as one likes, the second time changes nothing.

import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import { type InformantRow, selectInformant, writeInformant, writeObligation } from '../store/compliance.ts'
import {
  insertChange,
  lockWork,
  type ObligationVersion,
  selectPointIds,
  selectVersions,
} from '../store/compliance-obligations.ts'
import type { Sql } from '../store/database.ts'
import type { Written } from '../store/sites.ts'
import { type InformantSettings, type ObligationSettings, termsOf, type WorkKind } from './obligation.ts'
import { BACKFILL_MAX, type Effect, reschedule, versionAt } from './rescheduling.ts'
import type { Secrets } from './secrets.ts'

/** What a secret of an informant is sealed for. */
export const secretOwner = (rut: string): string => `informant ${rut}`

/**
 * Makes sure that a client has this informant with this password. What differs is changed, and lifts a block; when
 * nothing differs nothing is written.
 */
export async function upsertInformant(
  { db, clock, secrets }: { db: Sql; clock: Clock; secrets: Secrets },
  { clientId, settings, password }: { clientId: number; settings: InformantSettings; password: string },
): Promise<Written> {
  const { rut, name, controlCentreRut } = settings
  const before = await selectInformant(db, { clientId, rut })
  const isSame =
    before?.name === name &&
    before.controlCentreRut === controlCentreRut &&
    isSealed(secrets, before, password)
  if (isSame) return { id: before.id, change: undefined }
  const { keyId, bytes } = secrets.seal(password, secretOwner(rut))
  const row = { clientId, rut, name, controlCentreRut, secretKeyId: keyId, secret: bytes }
  return {
    id: await writeInformant(db, row, clock.now()),
    change: before === undefined ? 'created' : 'changed',
  }
}

/** What cannot be opened, because the key is another, is sealed again. */
function isSealed(
  secrets: Secrets,
  { rut, secretKeyId, secret }: Pick<InformantRow, 'rut' | 'secretKeyId' | 'secret'>,
  password: string,
): boolean {
  try {
    return secrets.open({ keyId: secretKeyId, bytes: secret }, secretOwner(rut)) === password
  } catch (error) {
    if (!(error instanceof Rejected)) throw error
    return false
  }
}

/** What is to be owed of a point, who says so and why. */
export interface ObligationWish {
  clientId: number
  point: { id: number; kind: WorkKind }
  settings: ObligationSettings
  by?: string
  reason?: string
}

/** What came of it: the versions of the work before and after, and what became of slots. */
export interface ObligationChange extends Written {
  before: ObligationVersion[]
  after: ObligationVersion[]
  effect: Effect
}

/**
 * Makes sure that this is owed of a point, within a transaction, and brings the slots that are there to it. Slots of
 * before now are owed only from `backfillFrom` on. Throws Rejected when the informant or a point is not known, the
 * channel cannot carry the kind of work, or the work belongs to another client.
 */
export async function upsertObligation(
  { tx, clock }: { tx: Sql; clock: Clock },
  { clientId, point, settings, by = 'provisioning', reason = 'provisioned' }: ObligationWish,
): Promise<ObligationChange> {
  const { workCode, from, to, backfillFrom, informant: rut } = settings
  const informant = await selectInformant(tx, { clientId, rut })
  if (informant === undefined)
    throw new Rejected(`Cannot declare ${workCode}: no informant ${rut} of this client`)
  if (to !== undefined && to <= from) throw new Rejected(`Cannot declare ${workCode}: to must be after from`)
  const terms = termsOf(settings, point.kind, await pointFinder(tx, clientId, settings))
  const distinct = new Set([point.id, ...terms.alsoPointIds])
  if (distinct.size !== terms.alsoPointIds.length + 1)
    throw new Rejected(`Cannot declare ${workCode}: a point stands twice in it`)
  await lockWork(tx, workCode)
  const now = clock.now()
  const before = await selectVersions(tx, workCode)
  const row = {
    workCode,
    pointId: point.id,
    informantId: informant.id,
    validFrom: from,
    validTo: to ?? null,
    terms,
    owedFrom: Math.max(from, backfillFrom ?? owedBy(before, now)),
  }
  const written = await writeObligation(tx, row, now)
  const after = await selectVersions(tx, workCode)
  if (written.change === undefined)
    return { ...written, before, after, effect: { withdrawn: 0, pickedAnew: 0, toMake: 0 } }
  const isSame = isDeepStrictEqual(
    before.find(({ id }) => id === written.id)?.terms,
    after.find(({ id }) => id === written.id)?.terms,
  )
  // What only is owed from earlier on, or by another informant, has nothing picked anew.
  const changed = isSame ? 0 : written.id
  const effect = await reschedule(tx, workCode, { versions: after, changed, now })
  if (effect.toMake > BACKFILL_MAX)
    throw new Rejected(`Cannot declare ${workCode}: more than ${BACKFILL_MAX} slots of before now at once`)
  const was = before.find(({ id }) => id === written.id) ?? null
  const is = after.find(({ id }) => id === written.id)
  await insertChange(tx, workCode, { from, at: now, by, reason, before: was, after: is, effect })
  return { ...written, before, after, effect }
}

/** Since when slots are not made yet that are owed as things are: nobody made them, and they are owed all the same. */
function owedBy(versions: readonly ObligationVersion[], now: number): number {
  const version = versionAt(versions, now)
  return version === undefined || version.terms.mode === 'off' ? now : Math.min(now, version.createdThrough)
}

async function pointFinder(
  tx: Sql,
  clientId: number,
  { workCode, alsoPoints, levelPoint }: ObligationSettings,
): Promise<(key: string) => number> {
  const keys = [...alsoPoints, ...(levelPoint === undefined ? [] : [levelPoint])]
  const ids = keys.length === 0 ? new Map() : await selectPointIds(tx, clientId, keys)
  return key => {
    const id = ids.get(key)
    if (id === undefined) throw new Rejected(`Cannot declare ${workCode}: no point ${key} of this client`)
    return id
  }
}
