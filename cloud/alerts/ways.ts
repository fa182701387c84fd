// Which way a message takes: mail, or the channel that it names, opened with the secret that it has now.

import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import type { Secrets } from '../compliance/secrets.ts'
import { selectSendingChannel } from '../store/alert-channels.ts'
import type { Database } from '../store/database.ts'
import type { DueDelivery } from '../store/deliveries.ts'
import { type AddressGuard, type Network, openAddressGuard } from '../webhooks/address.ts'
import { openWebhookSender, type WebhookSender } from '../webhooks/send.ts'
import type { Channel, Message, SendOutcome } from './channel.ts'
import { openHttpChannel } from './http-channel.ts'
import type { Mailer } from './mail.ts'

/** What ways are opened with. */
export interface WayDeps {
  db: Database
  /** Absent: no server was configured, and messages wait for one as for one that does not answer. */
  mailer?: Mailer | undefined
  /** Absent: nothing can be sent but mail. */
  outside?: Outside | undefined
}

/** What lies outside: what may be reached, and the secrets that it wants. */
export interface Outside {
  webhooks: WebhookSender
  guard: AddressGuard
  secrets: Secrets
}

/** Opens the ways outside; `networks` are the private ones that may be reached. */
export function openOutside(
  { clock, secrets }: { clock: Clock; secrets: Secrets },
  networks: readonly Network[],
): Outside {
  const webhooks = openWebhookSender({ clock }, { networks })
  return { webhooks, guard: openAddressGuard(networks), secrets }
}

/** Whose secret it is, as it is sealed. */
export const channelOwner = (id: number): string => `alert channel ${id}`

/** Sends a message the way that it is to go. */
export async function sendBy(
  { db, mailer, outside }: WayDeps,
  { channel, channelId }: Pick<DueDelivery, 'channel' | 'channelId'>,
  message: Message,
): Promise<SendOutcome> {
  if (channel === 'email') {
    const { id, to, subject, text } = message
    return (
      (await mailer?.send({ id, to, subject, text })) ?? notSent('No mail server is configured: SMTP_URL')
    )
  }
  if (outside === undefined) return notSent('Nothing can be sent by this process but mail')
  const found = await selectSendingChannel(db, channelId ?? 0)
  if (found === undefined) return { kind: 'refused', answer: 'The channel was removed' }
  const { settings, sealed } = found
  let secret = ''
  try {
    if (sealed !== null) secret = outside.secrets.open(sealed, channelOwner(found.id))
  } catch (error) {
    if (!(error instanceof Rejected)) throw error
    // A mistake of ours: it keeps to its channel, and is tried again.
    return notSent(error.message)
  }
  if (settings.kind === 'http') return openHttpChannel(outside, { settings, secret }).send(message)
  return openWebhook(outside.webhooks, settings.url, secret).send(message)
}

function openWebhook(webhooks: WebhookSender, url: string, secret: string): Channel {
  return {
    async send({ id, to, subject, text, facts }) {
      const body = JSON.stringify({ type: 'alert', id, to, subject, text, ...facts })
      const { kind, answer } = await webhooks.send({ id, url, body, secrets: secret === '' ? [] : [secret] })
      return { kind, answer }
    },
  }
}

const notSent = (answer: string): SendOutcome => ({ kind: 'unanswered', answer })
