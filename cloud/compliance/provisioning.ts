// Bringing informants and obligations in: as often as one likes, the second time changes nothing.

import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import { selectInformant, writeInformant, writeObligation } from '../store/compliance.ts'
import type { Database } from '../store/database.ts'
import { type InformantSettings, type ObligationSettings, termsOf, type WorkKind } from './obligation.ts'
import type { Secrets } from './secrets.ts'

/** What a secret of an informant is sealed for. */
export const secretOwner = (rut: string): string => `informant ${rut}`

/**
 * Makes sure that a client has this informant with this password. What differs is changed, and lifts a block; when
 * nothing differs nothing is written. Returns the informant's id.
 */
export async function upsertInformant(
  { db, secrets }: { db: Database; secrets: Secrets },
  { clientId, settings, password }: { clientId: number; settings: InformantSettings; password: string },
): Promise<number> {
  const { rut, name, controlCentreRut } = settings
  const before = await selectInformant(db, { clientId, rut })
  const isSame =
    before?.name === name &&
    before.controlCentreRut === controlCentreRut &&
    secrets.open({ keyId: before.secretKeyId, bytes: before.secret }, secretOwner(rut)) === password
  if (isSame) return before.id
  const { keyId, bytes } = secrets.seal(password, secretOwner(rut))
  return writeInformant(db, { clientId, rut, name, controlCentreRut, secretKeyId: keyId, secret: bytes })
}

/**
 * Makes sure that this is owed of a point. Slots of before now are owed only from `backfillFrom` on. Returns the
 * obligation's id. Throws Rejected when the informant is not known, the channel cannot carry the kind of work, or the
 * work belongs to another client.
 */
export async function upsertObligation(
  { db, clock }: { db: Database; clock: Clock },
  {
    clientId,
    point,
    settings,
  }: { clientId: number; point: { id: number; kind: WorkKind }; settings: ObligationSettings },
): Promise<number> {
  const { workCode, from, to, backfillFrom, informant: rut } = settings
  const informant = await selectInformant(db, { clientId, rut })
  if (informant === undefined)
    throw new Rejected(`Cannot declare ${workCode}: no informant ${rut} of this client`)
  return writeObligation(db, {
    workCode,
    pointId: point.id,
    informantId: informant.id,
    validFrom: from,
    validTo: to ?? null,
    terms: termsOf(settings, point.kind),
    owedFrom: Math.max(from, backfillFrom ?? clock.now()),
  })
}
