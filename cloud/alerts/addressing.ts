// Who a message goes to: whom a rule names, by what they have asked for.

import { DEFAULT_PREFERENCES, dueAt, type Language, type Preferences } from './preferences.ts'
import type { AlertRecipient } from './rule.ts'

/** A way to somebody. */
export interface Way {
  channel: 'email' | 'webhook' | 'http'
  channelId: number | null
  /** Where the channel finds them; empty where it needs no more. */
  recipient: string
  /** Whom the rule names: told once, by whichever ways. */
  person: string
  language: Language
  dueAt: number
  digest: boolean
}

/** What is known of people and channels. */
export interface Directory {
  /** By mail address in lower case. */
  preferences: ReadonlyMap<string, Preferences>
  /** By id: those that the rule's client may use. */
  channels: ReadonlyMap<number, { kind: 'webhook' | 'http'; clientId: number | null }>
}

/** The ways to whom a rule of a client names. Channels that are gone, or another client's, lead nowhere. */
export function waysTo(
  recipient: AlertRecipient,
  { preferences, channels }: Directory,
  { now, severity, clientId }: { now: number; severity: string; clientId: number },
): Way[] {
  const channelOf = (id: number) => {
    const found = channels.get(id)
    return found === undefined || (found.clientId !== null && found.clientId !== clientId) ? undefined : found
  }
  if ('channel' in recipient) {
    const found = channelOf(recipient.channel)
    if (found === undefined) return []
    const to = recipient.to ?? ''
    const at = dueAt(DEFAULT_PREFERENCES, { now, severity })
    return [
      {
        ...{ channel: found.kind, channelId: recipient.channel, recipient: to },
        ...{ person: `channel ${recipient.channel} ${to}`.trim(), language: 'es' },
        ...{ dueAt: at.at, digest: at.digest },
      },
    ]
  }
  const person = recipient.email.toLowerCase()
  const asked = preferences.get(person) ?? DEFAULT_PREFERENCES
  const { at, digest } = dueAt(asked, { now, severity })
  const shared = { person, language: asked.language, dueAt: at, digest }
  const others = asked.channels.flatMap(({ channel, to }): Way[] => {
    const found = channelOf(channel)
    if (found === undefined) return []
    return [{ ...shared, channel: found.kind, channelId: channel, recipient: to ?? '' }]
  })
  // Who has switched everything off, or whose channels are gone, is told by mail all the same: a rule names them.
  const byMail = asked.email || others.length === 0
  return [
    ...(byMail ? [{ ...shared, channel: 'email', channelId: null, recipient: person } as const] : []),
    ...others,
  ]
}
