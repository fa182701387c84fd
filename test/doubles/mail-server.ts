// A mail server that speaks SMTP on a socket, keeps what it was given, and answers as a test asks.

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'

/** A message that the server has said 250 to, as it came. */
export interface TakenMail {
  to: string[]
  source: string
}

/** A mail server that listens. */
export interface MailServer {
  url: string
  taken: TakenMail[]
  /** How many messages it was handed, taken or not. */
  asked: number
  /** Answers the messages that come next with these codes instead of 250. */
  fail(...codes: number[]): void
  /** Refuses this recipient for ever. */
  refuse(recipient: string): void
  /** Refuses whoever sends in this name, or nobody. */
  refuseSender(sender: string | undefined): void
  close(): Promise<void>
}

/** Opens a mail server on a free port of loopback. */
export async function openMailServer(): Promise<MailServer> {
  const codes: number[] = []
  const refused = new Set<string>()
  let refusedSender: string | undefined
  const answer = (code: number, text: string) => Object.assign(new Error(text), { responseCode: code })
  const double: MailServer = {
    ...{ url: '', taken: [], asked: 0 },
    fail: (...more) => void codes.push(...more),
    refuseSender: sender => {
      refusedSender = sender
    },
    refuse: recipient => void refused.add(recipient),
    close: () => new Promise(resolve => server.close(() => resolve())),
  }
  const server = new SMTPServer({
    ...{ authOptional: true, disabledCommands: ['STARTTLS', 'AUTH'], logger: false },
    onMailFrom({ address }, _session, done) {
      done(address === refusedSender ? answer(553, 'Not in this name') : undefined)
    },
    onRcptTo({ address }, _session, done) {
      done(refused.has(address) ? answer(550, 'No such mailbox') : undefined)
    },
    onData(stream, session, done) {
      const parts: Buffer[] = []
      stream.on('data', (part: Buffer) => parts.push(part))
      stream.on('end', () => {
        double.asked += 1
        const code = codes.shift()
        if (code !== undefined) return done(answer(code, 'Not now'))
        const to = session.envelope.rcptTo.map(({ address }) => address)
        double.taken.push({ to, source: Buffer.concat(parts).toString() })
        done(null, 'Message queued as 1')
      })
    },
  })
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  double.url = `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}`
  return double
}
