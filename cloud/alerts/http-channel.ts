// A provider of SMS or chat that is asked over HTTP, by templates: what it is sent, and how it says that it took it.

import { reasonOf } from '../../protocol/runtime/errors.ts'
import { type AddressGuard, AddressRefused } from '../webhooks/address.ts'
import { ask, mistakeOfAddress, type Said } from '../webhooks/send.ts'
import type { Channel, HttpProviderSettings, Message, SendOutcome } from './channel.ts'
import { ESCAPES, fill } from './template.ts'

const TIMEOUT_MS = 15_000
const ANSWER_LENGTH_MAX = 500

/** A way to people through a provider. */
export function openHttpChannel(
  { guard }: { guard: AddressGuard },
  {
    settings,
    secret,
    timeoutMs = TIMEOUT_MS,
  }: { settings: HttpProviderSettings; secret: string; timeoutMs?: number },
): Channel {
  return {
    async send(message) {
      const values = valuesOf(message, secret, settings.textMax)
      const url = fill(settings.url, values, ESCAPES.url)
      const mistake = mistakeOfAddress(guard, url)
      if (mistake !== undefined) return { kind: 'refused', answer: `The address ${mistake}` }
      const headers = Object.entries(settings.headers).map(([name, value]) => [
        name,
        fill(value, values, ESCAPES.header),
      ])
      const body = settings.method === 'GET' ? '' : fill(settings.body, values, ESCAPES[settings.contentType])
      const typed = settings.method === 'GET' ? {} : { 'content-type': settings.contentType }
      const asked = {
        method: settings.method,
        url: new URL(url),
        headers: { ...Object.fromEntries(headers), ...typed },
        body,
      }
      try {
        return withoutSecret(outcomeOf(await ask(asked, guard, timeoutMs), settings), secret)
      } catch (error) {
        const kind = error instanceof AddressRefused ? 'refused' : 'unanswered'
        return withoutSecret({ kind, answer: reasonOf(error).slice(0, ANSWER_LENGTH_MAX) }, secret)
      }
    },
  }
}

/** Providers that say again what they were asked must not put the secret into what everybody reads. */
function withoutSecret({ kind, answer }: SendOutcome, secret: string): SendOutcome {
  if (secret === '') return { kind, answer }
  const told = [secret, Buffer.from(secret, 'utf8').toString('base64')]
  return { kind, answer: told.reduce((text, one) => text.replaceAll(one, '•••'), answer) }
}

function valuesOf({ id, to, subject, text, facts }: Message, secret: string, textMax: number) {
  const factOf = (name: string) => (typeof facts[name] === 'string' ? facts[name] : '')
  const told = text.length <= textMax ? text : `${text.slice(0, textMax - 1)}…`
  return {
    ...{ id, to, subject, secret, text: told },
    ...{ severity: factOf('severity'), point: factOf('point'), link: factOf('link') },
  }
}

/** Statuses that mend themselves, or are mended by whoever looks after the settings. */
const NOT_FOR_EVER = new Set([401, 402, 403, 404, 407, 408, 409, 421, 423, 425, 429])

function outcomeOf({ status, text }: Said, { accepted }: HttpProviderSettings): SendOutcome {
  const answer = text === '' ? String(status) : `${status}: ${text}`
  if (status >= 200 && status < 300) {
    if (accepted === undefined) return { kind: 'accepted', answer }
    const said = valueAt(text, accepted.path)
    if (said === accepted.is) return { kind: 'accepted', answer }
    return {
      kind: 'unanswered',
      answer: `${accepted.path} is ${said ?? 'missing'}: ${answer}`.slice(0, ANSWER_LENGTH_MAX),
    }
  }
  const isForEver = status >= 400 && status < 500 && !NOT_FOR_EVER.has(status)
  return { kind: isForEver ? 'refused' : 'unanswered', answer }
}

function valueAt(text: string, path: string): string | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // What is no JSON has no value anywhere: the provider has not said what it was to say.
    return undefined
  }
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Record<string, unknown>)[key]
  }
  return typeof value === 'object' ? undefined : String(value)
}
