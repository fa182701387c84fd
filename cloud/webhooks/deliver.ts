// Sends what happened to whoever asked to be told, and notes what came of it.
//
// Each message is sent at least once, under the same id and with the same body: whoever gets it twice can tell. Each address
// has its own line: one that does not answer holds up nobody else.

import { qualityOf } from '../../protocol/reading.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { VARIABLES, variableOf } from '../../protocol/variables.ts'
import type { Sealed, Secrets } from '../compliance/secrets.ts'
import type { Database } from '../store/database.ts'
import { settleIncidents } from '../store/incidents.ts'
import {
  type DueMessage,
  disableWebhook,
  finishMessage,
  forgetMessages,
  saveBody,
  selectBatchReadings,
  selectStopped,
  takeMessages,
} from '../store/webhooks.ts'
import { keepWorking } from '../work-loop.ts'
import type { WebhookOutcome, WebhookSender } from './send.ts'

/** What is sent with. */
export interface WebhookDeps {
  db: Database
  clock: Clock
  log: Log
  sender: WebhookSender
  secrets: Secrets
}

const EVERY_MS = 2_000
const LEASE_MS = 60_000
const AT_ONCE = 20
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const KEPT_MS = 30 * 24 * HOUR_MS
const FORGOTTEN_AT_ONCE = 1_000
const READINGS_MAX = 1_000

/** How long after each try that failed the next one is made: more than three days in all. */
const RETRIES_MS = [
  ...[5_000, MINUTE_MS, 5 * MINUTE_MS, 30 * MINUTE_MS, 2 * HOUR_MS, 5 * HOUR_MS, 10 * HOUR_MS],
  ...[14 * HOUR_MS, 20 * HOUR_MS, 24 * HOUR_MS],
]

/** Whose secret it is, as it is sealed. */
export const webhookOwner = (id: number): string => `webhook ${id}`

/** Sends until the signal aborts. A database that does not answer is waited for. */
export function runWebhooks(deps: WebhookDeps, signal: AbortSignal): Promise<void> {
  let toldAt = 0
  const work = async () => {
    if (deps.clock.now() - toldAt >= MINUTE_MS) {
      await tellStopped(deps)
      toldAt = deps.clock.now()
    }
    return (await sendDue(deps)) > 0
  }
  return keepWorking(deps, { pollMs: EVERY_MS }, work, signal)
}

/** Sends one message to each address that one is due to. Returns how many were tried. */
export async function sendDue(deps: WebhookDeps): Promise<number> {
  const { db, clock } = deps
  const now = clock.now()
  const due = await takeMessages(db, { now, leaseUntil: now + LEASE_MS, limit: AT_ONCE })
  const sent = await Promise.all(due.map(message => sendOne(deps, message)))
  if (sent.some(kind => kind === 'stopped')) await tellStopped(deps)
  if (due.length === 0) await forgetMessages(db, now - KEPT_MS, FORGOTTEN_AT_ONCE)
  return due.length
}

async function sendOne(deps: WebhookDeps, message: DueMessage): Promise<'went on' | 'stopped'> {
  const { db, clock, log, sender, secrets } = deps
  const { id, webhookId, url, attempts, secret, former } = message
  const body = message.body ?? (await bodyOf(db, message))
  if (message.body === null) await saveBody(db, id, body)
  const opened = openAll(secrets, former === null ? [secret] : [secret, former], webhookOwner(webhookId))
  const outcome: WebhookOutcome =
    typeof opened === 'string'
      ? { kind: 'unanswered', answer: opened }
      : await sender.send({ id: `msg_${id}`, url, body, secrets: opened })
  const retryMs = RETRIES_MS[attempts - 1]
  const now = clock.now()
  const state = stateAfter(outcome, retryMs)
  await finishMessage(db, id, { state, answer: outcome.answer, dueAt: now + (retryMs ?? 0), now })
  const facts = { webhookId, messageId: id, attempts, answer: outcome.answer }
  if (state !== 'failed') {
    if (state === 'delivered') log.debug('webhook taken', facts)
    else log.warn('webhook not taken', facts)
    return 'went on'
  }
  log.error('webhook stopped', facts)
  const reason = `A message was not taken after ${attempts} tries: ${outcome.answer}`
  await disableWebhook(db, webhookId, { reason, by: 'smarthydro', now })
  return 'stopped'
}

/** What is signed with, or why it does not open: a mistake of ours, which keeps to its webhook and is tried again. */
function openAll(secrets: Secrets, sealed: readonly Sealed[], owner: string): string[] | string {
  try {
    return sealed.map(one => secrets.open(one, owner))
  } catch (error) {
    if (!(error instanceof Rejected)) throw error
    return error.message
  }
}

function stateAfter(
  { kind }: WebhookOutcome,
  retryMs: number | undefined,
): 'pending' | 'delivered' | 'failed' {
  if (kind === 'accepted') return 'delivered'
  return kind === 'refused' || retryMs === undefined ? 'failed' : 'pending'
}

/** Who is sent nothing any more is an incident, until somebody goes on with it or removes it. */
export function tellStopped({ db, clock }: Pick<WebhookDeps, 'db' | 'clock'>): Promise<void> {
  return db.transaction(async tx => {
    const conditions = (await selectStopped(tx)).map(({ id, url, reason }) => ({
      subject: `webhook ${id}`,
      details: { url, reason },
    }))
    await settleIncidents(tx, 'webhook_stopped', conditions, clock.now())
  })
}

/** What is sent: type, timestamp, data, as Standard Webhooks has it. */
async function bodyOf(db: Database, { type, data, at }: DueMessage): Promise<string> {
  const timestamp = new Date(at).toISOString()
  if (type !== 'readings.stored') return JSON.stringify({ type, timestamp, data })
  const { batch, projectId, from, to, ...told } = data as {
    batch: number
    projectId: number
    from: string
    to: string
  }
  const rows = await selectBatchReadings(db, { batch, projectId, from, to, limit: READINGS_MAX + 1 })
  const readings = rows.slice(0, READINGS_MAX).map(({ point, variable: code, at: read, value, quality }) => {
    const variable = variableOf(code)
    const unit = variable === undefined ? null : VARIABLES[variable].unit
    const named = { variable: variable ?? 'unknown', unit, quality: qualityOf(quality) ?? 'unknown' }
    return { point, at: new Date(read).toISOString(), value, ...named }
  })
  const isComplete = rows.length <= READINGS_MAX
  return JSON.stringify({ type, timestamp, data: { ...told, from, to, isComplete, readings } })
}
