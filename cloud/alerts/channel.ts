// Ways to people: a port, and what each way is told. A provider of SMS or chat is configuration, and not code.

import { z } from 'zod'
import { unknownPlaceholders } from './template.ts'

/** A message to somebody. */
export interface Message {
  /** The same each time that it is sent, so that whoever gets it twice can tell. */
  id: string
  /** Where the channel finds them; empty where it needs no more. */
  to: string
  subject: string
  text: string
  /** For programs. */
  facts: Record<string, unknown>
}

/** What came of sending: taken, refused for ever, or nobody knows. */
export interface SendOutcome {
  kind: 'accepted' | 'refused' | 'unanswered'
  /** What the provider said, or why nobody could ask it. */
  answer: string
}

/** A way to people. A message is accepted when its provider has said so, and by nothing else. */
export interface Channel {
  /** Hands one message over and waits for the answer. Never throws for what the provider says or does not say. */
  send(message: Message): Promise<SendOutcome>
}

const URL_LENGTH_MAX = 2_000
const BODY_LENGTH_MAX = 10_000
const TEXT_LENGTH_MIN = 40
const TEXT_LENGTH_MAX = 4_000

const template = (lengthMax: number) =>
  z
    .string()
    .max(lengthMax)
    .superRefine((text, context) => {
      const [unknown] = unknownPlaceholders(text)
      if (unknown !== undefined) context.addIssue({ code: 'custom', message: `{{${unknown}}} is not known` })
    })

const HEADER = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/
const FORBIDDEN_HEADERS = /^(host|content-length|transfer-encoding|connection|content-type)$/i

const Webhook = z.strictObject({
  kind: z.literal('webhook'),
  /** Standard Webhooks: the secret begins with `whsec_`. */
  url: z.string().min(1).max(URL_LENGTH_MAX),
})

const HttpProvider = z.strictObject({
  kind: z.literal('http'),
  method: z.enum(['POST', 'PUT', 'GET']).default('POST'),
  url: template(URL_LENGTH_MAX).min(1),
  headers: z
    .record(
      z
        .string()
        .regex(HEADER, 'must be the name of a header')
        .refine(name => !FORBIDDEN_HEADERS.test(name), {
          message: 'must not be Host, Content-Type, Content-Length, Connection or Transfer-Encoding',
        }),
      template(1_000),
    )
    .refine(headers => Object.keys(headers).length <= 20, 'must be at most 20')
    .default({}),
  contentType: z
    .enum(['application/json', 'application/x-www-form-urlencoded', 'text/plain'])
    .default('application/json'),
  /** What is filled in is escaped as the content type wants it. */
  body: template(BODY_LENGTH_MAX).default(''),
  /** Longer texts are cut: a provider counts by message. */
  textMax: z.int().min(TEXT_LENGTH_MIN).max(TEXT_LENGTH_MAX).default(1_000),
  /** What must be in the answer besides a status of 2xx, by its path in JSON: `messages.0.status` is `0`. */
  accepted: z
    .strictObject({
      path: z.string().regex(/^[\w-]+(\.[\w-]+){0,9}$/, 'must be a path such as messages.0.status'),
      is: z.string().max(200),
    })
    .optional(),
})

/** How a channel reaches people. */
export const ChannelSettings = z.discriminatedUnion('kind', [Webhook, HttpProvider])

/** How a channel reaches people. */
export type ChannelSettings = z.infer<typeof ChannelSettings>

/** How an HTTP provider is asked. */
export type HttpProviderSettings = Extract<ChannelSettings, { kind: 'http' }>
