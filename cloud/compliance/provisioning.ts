// Bringing informants and obligations in: as often as one likes, the second time changes nothing.

import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import { type InformantRow, selectInformant, writeInformant, writeObligation } from '../store/compliance.ts'
import type { Sql } from '../store/database.ts'
import type { Written } from '../store/sites.ts'
import { type InformantSettings, type ObligationSettings, termsOf, type WorkKind } from './obligation.ts'
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

/**
 * Makes sure that this is owed of a point, within a transaction. Slots of before now are owed only from `backfillFrom`
 * on. Throws Rejected when the informant is not known, the channel cannot carry the kind of work, or the
 * work belongs to another client.
 */
export async function upsertObligation(
  { tx, clock }: { tx: Sql; clock: Clock },
  {
    clientId,
    point,
    settings,
  }: { clientId: number; point: { id: number; kind: WorkKind }; settings: ObligationSettings },
): Promise<Written> {
  const { workCode, from, to, backfillFrom, informant: rut } = settings
  const informant = await selectInformant(tx, { clientId, rut })
  if (informant === undefined)
    throw new Rejected(`Cannot declare ${workCode}: no informant ${rut} of this client`)
  const now = clock.now()
  const row = {
    workCode,
    pointId: point.id,
    informantId: informant.id,
    validFrom: from,
    validTo: to ?? null,
    terms: termsOf(settings, point.kind),
    owedFrom: Math.max(from, backfillFrom ?? now),
  }
  return writeObligation(tx, row, now)
}
