// Who reports to SMA and what, brought to what a person wants. What does not differ is not written.

import type { Clock } from '../../../protocol/runtime/clock.ts'
import { Rejected } from '../../../protocol/runtime/errors.ts'
import { selectPointIds } from '../../store/compliance-obligations.ts'
import type { Sql } from '../../store/database.ts'
import type { Written } from '../../store/sites.ts'
import { selectSmaHolder, writeSmaHolder, writeSmaProcess } from '../../store/sma.ts'
import type { Secrets } from '../secrets.ts'
import { type SmaProcessSettings, termsOf } from './settings.ts'

/** What the secret of a holder is sealed for. */
export const holderOwner = (user: string): string => `SMA ${user}`

/** Makes sure that a client has this holder with this password; what differs is changed, and lifts a block. */
export async function upsertSmaHolder(
  { sql, secrets }: { sql: Sql; secrets: Secrets },
  { clientId, user, password }: { clientId: number; user: string; password: string },
): Promise<Written> {
  const before = await selectSmaHolder(sql, { clientId, user })
  if (before !== undefined && isSealed(secrets, before, password)) return { id: before.id, change: undefined }
  const { keyId, bytes } = secrets.seal(password, holderOwner(user))
  return writeSmaHolder(sql, { clientId, user, secretKeyId: keyId, secret: bytes })
}

/** What cannot be opened, because the key is another, is sealed again. */
function isSealed(
  secrets: Secrets,
  { user, secretKeyId, secret }: { user: string; secretKeyId: string; secret: Uint8Array },
  password: string,
): boolean {
  try {
    return secrets.open({ keyId: secretKeyId, bytes: secret }, holderOwner(user)) === password
  } catch (error) {
    if (!(error instanceof Rejected)) throw error
    return false
  }
}

/**
 * Makes sure that a process is reported so, within a transaction, from now on. Throws Rejected when the holder or a point is
 * not known, or the process belongs to another client.
 */
export async function upsertSmaProcess(
  { tx, clock }: { tx: Sql; clock: Clock },
  { clientId, settings }: { clientId: number; settings: SmaProcessSettings },
): Promise<Written> {
  const { user, uf, process, from: validFrom, devices } = settings
  const holder = await selectSmaHolder(tx, { clientId, user })
  const cannot = `Cannot report process ${process} of unit ${uf}`
  if (holder === undefined) throw new Rejected(`${cannot}: this client has no SMA user ${user}`)
  const ids = await selectPointIds(
    tx,
    clientId,
    devices.map(({ point }) => point),
  )
  const terms = termsOf(settings, key => {
    const id = ids.get(key)
    if (id === undefined) throw new Rejected(`${cannot}: no point ${key} of this client`)
    return id
  })
  return writeSmaProcess(tx, { clientId, holderId: holder.id, uf, process, validFrom, terms }, clock.now())
}
