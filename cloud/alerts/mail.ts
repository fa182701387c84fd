// Mail over SMTP: a message is accepted when the server has said so, and by nothing else.

import { createTransport } from 'nodemailer'
import { reasonOf } from '../../protocol/runtime/errors.ts'

/** A message to somebody. */
export interface Mail {
  /** The same each time that it is sent, so that whoever gets it twice can tell. */
  id: string
  to: string
  subject: string
  text: string
}

/** What came of sending: taken, refused for ever, or nobody knows. */
export type MailOutcome = { kind: 'accepted' | 'refused' | 'unanswered'; answer: string }

/** A way to send mail. */
export interface Mailer {
  /** Hands one message over and waits for the answer. */
  send(mail: Mail): Promise<MailOutcome>
}

/** Where mail is sent through, and in whose name. */
export interface MailSettings {
  /** `smtp://user:password@host:port`, or `smtps://…`. */
  url: string
  from: string
}

const CONNECT_TIMEOUT_MS = 15_000
const SILENCE_MAX_MS = 30_000
const ANSWER_LENGTH_MAX = 500
const LOOPBACK = /^(localhost|127\..*|\[::1\])$/

/** A mailer over an SMTP server. A password is never sent in the clear but to this machine. */
export function openMailer({ url, from }: MailSettings): Mailer {
  const { protocol, hostname, port, username, password } = new URL(url)
  const isSecure = protocol === 'smtps:'
  const auth =
    username === ''
      ? {}
      : { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }
  const transport = createTransport({
    ...{
      host: hostname,
      port: port === '' ? (isSecure ? 465 : 587) : Number(port),
      secure: isSecure,
      ...auth,
    },
    requireTLS: username !== '' && !LOOPBACK.test(hostname),
    ...{ connectionTimeout: CONNECT_TIMEOUT_MS, greetingTimeout: CONNECT_TIMEOUT_MS },
    ...{ socketTimeout: SILENCE_MAX_MS, disableFileAccess: true, disableUrlAccess: true },
  })
  const domain = from.split('@').at(-1)
  return {
    async send({ id, to, subject, text }) {
      try {
        const { response } = await transport.sendMail({
          ...{ from, to: { name: '', address: to }, subject, text, messageId: `<${id}@${domain}>` },
        })
        return { kind: 'accepted', answer: response.slice(0, ANSWER_LENGTH_MAX) }
      } catch (error) {
        const answer = reasonOf(error).slice(0, ANSWER_LENGTH_MAX)
        return { kind: isRefusal(error) ? 'refused' : 'unanswered', answer }
      }
    },
  }
}

/**
 * A recipient or a message that was refused for ever (RFC 5321, 4.2.1). Who may not sign in, or not send in this name, may
 * when the settings are mended: that is tried again.
 */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error) || !('responseCode' in error) || !('command' in error)) return false
  const isOfMessage = error.command === 'RCPT TO' || error.command === 'DATA'
  return isOfMessage && Number(error.responseCode) >= 500 && Number(error.responseCode) < 600
}
