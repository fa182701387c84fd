// Renewing: a certificate is replaced when two thirds of its life are over, by the next one for the same key.
//
// Sessions go on: the new one is shown by the next. A gateway that was away for long, and whose certificate is past its end,
// renews it before it connects; where its clock cannot be relied on, the cloud says the time first.

import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ENROLMENT_PATHS, Identity } from '../../protocol/enrolment.ts'
import { reasonsOf } from '../../protocol/mistakes.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected, reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { backoffMs } from '../../protocol/runtime/retry.ts'
import { aborted } from '../../protocol/runtime/scope.ts'
import type { Credentials, RunnableConfig } from '../config.ts'
import { askCloud } from './ask.ts'
import { clockBehindMs } from './cloud-time.ts'
import { type Enrolled, isVouchedFor, renewIdentity } from './identity.ts'
import { certificateRequest } from './request.ts'

const LOOK_EVERY_MS = 60 * 60_000
const RETRY = { firstMs: 10_000, maxMs: LOOK_EVERY_MS }

/** What renewing needs. */
export interface RenewalDeps {
  clock: Clock
  log: Log
  random: () => number
  /** Whether the wall clock was ever synchronised. */
  isClockKnown: () => boolean
  /** There is another certificate: the next session shows it. */
  onRenewed: () => void
}

/** What keeping it fresh needs. */
export type LiveDeps = Omit<RenewalDeps, 'onRenewed'>

/** What a gateway shows, kept fresh. */
export interface LiveIdentity {
  /** What there is to show now. */
  credentials(): Credentials
  /** Renews until the signal aborts, where the gateway was enrolled. */
  run(deps: LiveDeps): (signal: AbortSignal) => Promise<void>
}

/** Opens the identity that a configuration names. */
export function openIdentity({ credentials: first }: Pick<RunnableConfig, 'credentials'>): LiveIdentity {
  let credentials = first
  const { enrolled } = first
  return {
    credentials: () => credentials,
    run: deps => {
      if (enrolled === undefined) return async signal => void (await aborted(signal))
      const { folder } = enrolled
      const onRenewed = () => {
        const cert = readFileSync(join(folder, 'cert.pem'), 'utf8')
        const caFile = join(folder, 'ca.pem')
        const ca = existsSync(caFile) ? { ca: readFileSync(caFile, 'utf8') } : {}
        credentials = { ...credentials, cert, ...ca }
      }
      return signal => runRenewal({ ...deps, onRenewed }, { folder, enrolled }, signal)
    },
  }
}

/** When a certificate is to be renewed. */
export function renewalDueAt(pem: string): number {
  const { validFromDate, validToDate } = new X509Certificate(pem)
  const [from, to] = [validFromDate.getTime(), validToDate.getTime()]
  return Math.round(from + ((to - from) * 2) / 3)
}

/** Renews whenever it is due, until the signal aborts. */
export async function runRenewal(
  deps: RenewalDeps,
  { folder, enrolled }: { folder: string; enrolled: Enrolled },
  signal: AbortSignal,
): Promise<void> {
  const { clock, log, random } = deps
  for (let attempt = 0; ; ) {
    try {
      await renewIfDue(deps, { folder, enrolled }, signal)
      attempt = 0
      await clock.sleep(LOOK_EVERY_MS, signal)
    } catch (error) {
      if (!isForNow(error)) throw error
      log.warn('certificate not renewed', { reason: reasonOf(error), attempt })
      // A cloud that was restored from a copy may say no by mistake: it is asked again.
      await clock.sleep(backoffMs(RETRY, attempt, random), signal)
      attempt += 1
    }
  }
}

/** The cloud may answer otherwise the next time, and a disk that is full or whose files are away may be mended. */
const isForNow = (error: unknown): boolean =>
  error instanceof Unavailable || error instanceof Rejected || (error instanceof Error && 'syscall' in error)

async function renewIfDue(
  { clock, log, isClockKnown, onRenewed }: RenewalDeps,
  { folder, enrolled }: { folder: string; enrolled: Enrolled },
  signal: AbortSignal,
): Promise<void> {
  const read = (name: string) => readFileSync(join(folder, name), 'utf8')
  const { url } = enrolled
  const behindMs = isClockKnown()
    ? 0
    : await clockBehindMs({ clock }, { url, fleetKey: read('fleet-key.pem') }, signal).catch(
        (error: unknown) => {
          log.debug('the cloud did not tell the time', { reason: reasonOf(error) })
          return 0
        },
      )
  if (clock.now() + behindMs < renewalDueAt(read('cert.pem'))) return
  const key = read('key.pem')
  const caFile = join(folder, 'cloud-ca.pem')
  const ca = existsSync(caFile) ? readFileSync(caFile, 'utf8') : undefined
  const body = { request: await certificateRequest(key) }
  const question = { url, path: ENROLMENT_PATHS.renew, body, ca, unproved: !isClockKnown() }
  const answer = Identity.safeParse(await askCloud(question, signal))
  if (!answer.success)
    throw new Unavailable(`${url} answered what is no identity: ${reasonsOf(answer.error)}`)
  if (question.unproved && !isVouchedFor(answer.data.certificate, read('fleet-ca.pem'))) {
    throw new Unavailable(`${url} answered with a certificate that the fleet does not vouch for`)
  }
  await renewIdentity(folder, { url, identity: answer.data, key, isProved: !question.unproved })
  onRenewed()
  const until = new X509Certificate(answer.data.certificate).validToDate
  log.info('certificate renewed', { until: until.toISOString() })
}
