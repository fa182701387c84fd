// What is known of those whom rules name.

import { selectChannels, selectPreferences } from '../store/alert-channels.ts'
import type { Sql } from '../store/database.ts'
import type { Directory } from './addressing.ts'
import { Preferences } from './preferences.ts'
import type { AlertRecipient } from './rule.ts'

/** Reads what these have asked for, and the channels there are. */
export async function readDirectory(sql: Sql, recipients: readonly AlertRecipient[]): Promise<Directory> {
  if (recipients.length === 0) return { preferences: new Map(), channels: new Map() }
  const emails = recipients.flatMap(one => ('email' in one ? [one.email.toLowerCase()] : []))
  const rows = await selectPreferences(sql, [...new Set(emails)])
  const channels = await selectChannels(sql, null)
  return {
    preferences: new Map(rows.map(({ email, preferences }) => [email, Preferences.parse(preferences)])),
    channels: new Map(channels.map(({ id, clientId, settings }) => [id, { kind: settings.kind, clientId }])),
  }
}
