// Whether everybody who declares still can: at the start, and every few minutes from then on, without asking DGA anything.
//
// DGA has no way to ask whether a password is right but to declare with it. So what is checked is what can be: that every
// secret opens, with a key that is here, and what DGA said when it was used last. One alarm for each informant, however
// many works it declares.

import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected, reasonOf } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'
import { channelOwner } from '../alerts/ways.ts'
import type { Database } from '../store/database.ts'
import { type Condition, settleIncidents } from '../store/incidents.ts'
import { type SealedInformant, selectInformants } from '../store/informants.ts'
import { rewrapRows, type SealedTable } from '../store/sealed-rows.ts'
import { webhookOwner } from '../webhooks/deliver.ts'
import { keepWorking } from '../work-loop.ts'
import { secretOwner } from './provisioning.ts'
import type { Sealed, Secrets } from './secrets.ts'
import { holderOwner } from './sma/provisioning.ts'

/** What checking works with. */
export interface CredentialsDeps {
  db: Database
  clock: Clock
  log: Log
  metrics: Metrics
  secrets: Secrets
}

const PAGE = 500

/** Checks every informant once, and brings the incidents `informant_cannot_declare` to what is so now. */
export async function checkCredentials({
  db,
  clock,
  log,
  metrics,
  secrets,
}: CredentialsDeps): Promise<Condition[]> {
  const conditions: Condition[] = []
  const counts = { current: 0, former: 0, unreadable: 0 }
  for (let afterId = 0; ; ) {
    const page = await selectInformants(db, afterId, PAGE)
    for (const informant of page) {
      const unreadable = unreadableBecause(secrets, informant)
      const key = informant.secretKeyId === secrets.currentKeyId ? 'current' : 'former'
      counts[unreadable === undefined ? key : 'unreadable'] += 1
      const reason = unreadable ?? informant.refusedBecause
      if (reason !== null)
        conditions.push({ subject: `${informant.rut} of ${informant.client}`, details: { reason } })
    }
    const last = page.at(-1)
    if (last === undefined) break
    afterId = last.id
  }
  for (const [key, count] of Object.entries(counts)) metrics.gauge('compliance_secrets', count, { key })
  const { opened, closed } = await db.transaction(tx =>
    settleIncidents(tx, 'informant_cannot_declare', conditions, clock.now()),
  )
  for (const { subject, details } of conditions) {
    if (opened.includes(subject)) log.error('informant cannot declare', { subject, ...details })
  }
  for (const subject of closed) log.info('informant can declare again', { subject })
  return conditions
}

function unreadableBecause(
  secrets: Secrets,
  { rut, secretKeyId, secret }: SealedInformant,
): string | undefined {
  try {
    const password = secrets.open({ keyId: secretKeyId, bytes: secret }, secretOwner(rut))
    return password === '' ? 'The password is empty' : undefined
  } catch (error) {
    if (!(error instanceof Rejected)) throw error
    return reasonOf(error)
  }
}

const CHECK_EVERY_MS = 5 * 60_000

/** Checks until the signal aborts. */
export function runCredentialsCheck(deps: CredentialsDeps, signal: AbortSignal): Promise<void> {
  const work = async () => {
    await checkCredentials(deps)
    return false
  }
  return keepWorking(deps, { pollMs: CHECK_EVERY_MS }, work, signal)
}

/** Puts every secret that a former key sealed into an envelope of the current one. Services may run meanwhile. */
export function rewrapSecrets(
  { db, secrets }: Pick<CredentialsDeps, 'db' | 'secrets'>,
  tell: (mistake: string) => void,
): Promise<{ rewrapped: number; left: number }> {
  const rewrap = (sealed: Sealed, owner: string): Sealed | undefined => {
    try {
      return secrets.rewrap(sealed, owner)
    } catch (error) {
      if (!(error instanceof Rejected)) throw error
      tell(error.message)
      return undefined
    }
  }
  return rewrapRows(db, secrets.currentKeyId, ({ table, owner, keyId, bytes }) =>
    rewrap({ keyId, bytes }, OWNERS[table](owner)),
  )
}

/** What a secret of each table is sealed for. */
const OWNERS: Readonly<Record<SealedTable, (owner: string) => string>> = {
  informants: secretOwner,
  sma_holders: holderOwner,
  alert_channels: id => channelOwner(Number(id)),
  webhooks: id => webhookOwner(Number(id)),
}
