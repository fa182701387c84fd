// The door of the API: who somebody is, whether they may, and how they are let in.

import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Mailer } from '../alerts/mail.ts'
import { openActing } from '../store/acting.ts'
import type { Database } from '../store/database.ts'
import { type Access, openAccess } from './access.ts'
import { type AccountLinks, openAccountLinks } from './account-links.ts'
import { type Accounts, openAccounts } from './accounts.ts'
import type { OidcSettings } from './accounts-oidc.ts'

/** Who somebody is, whether they may, and how they are let in. */
export interface Door {
  access: Access
  accounts: Accounts
  links: AccountLinks
  /** The database as who may read accounts, and whatever is of no client. */
  accountsDb: Database
}

/** Opens the door. `db` is the database as who may read accounts; without `mailer` links are only shown. */
export function openDoor(
  { db, clock, log, mailer }: { db: Database; clock: Clock; log: Log; mailer?: Mailer | undefined },
  options: { secretKey: Uint8Array; publicUrl: string; oidc?: OidcSettings | undefined },
): Door {
  const accountsDb = openActing(db)
  const deps = { db: accountsDb, clock, log }
  const accounts = openAccounts(deps, options)
  return {
    ...{ accounts, accountsDb },
    access: openAccess({ ...deps, accounts }, options),
    links: openAccountLinks({ ...deps, mailer }, options),
  }
}
