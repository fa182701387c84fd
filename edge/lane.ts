// One way up: a stretch of the buffer's numbers, sent in batches, some of them on their way at the same time.

import { type Ack, BATCH_READINGS_MAX, type Batch, type MissingRange } from '../protocol/batch.ts'
import { encodeBatch } from '../protocol/codec.ts'
import type { Lane as LaneName } from '../protocol/topics.ts'
import { upTopic } from '../protocol/topics.ts'
import type { Stretch } from './buffer.ts'
import type { Link } from './transport/transport.ts'
import type { UplinkDeps, UplinkOptions } from './uplink.ts'

/** When there is nothing to send, look again after so long even if nobody wakes the lane. */
const IDLE_MS = 1_000

/** A lane of one session. */
export interface Lane {
  /** Sends until the signal aborts. The backlog's lane sleeps when its stretch is done. */
  run: (signal: AbortSignal) => Promise<void>
  /** Takes an ack. False when it answers nothing that is under way here. */
  take(ack: Ack): boolean
  wake(): void
  /** When the oldest batch under way was sent, on the monotonic clock; Infinity when none is. */
  oldestSentAt(): number
}

/** What a lane needs: what the uplink needs, and the session's link. */
export type LaneDeps = Pick<UplinkDeps, 'buffer' | 'book' | 'clock' | 'log' | 'metrics' | 'clockState'> & {
  link: Link
  knownTables: Set<string>
}

/** Which numbers a lane sends. Both ends included. */
export type LaneOptions = UplinkOptions & { lane: LaneName; from: number; to: number }

interface UnderWay {
  batch: Batch
  tableId: string
  sentAt: number
}

/** Opens a lane. */
export function openLane(deps: LaneDeps, options: LaneOptions): Lane {
  const { buffer, book, clock, log, metrics, link, knownTables } = deps
  const { gateway, lane, to, window, ackTimeoutMs } = options
  const underWay = new Map<string, UnderWay>()
  let next = options.from
  let pausedUntil = 0
  let firstSeen: { seq: number; at: number } | undefined
  let wake = () => {}

  const send = (key: string, { batch, tableId }: UnderWay, withTable: boolean) => {
    underWay.set(key, { batch, tableId, sentAt: clock.monotonic() })
    const bytes = encodeBatch(batch, { withTable })
    metrics.count('gateway_sent_bytes_total', { lane }, bytes.length)
    // That the broker took it says nothing; that it did not is found by the ack deadline or by the link's end.
    link
      .publish(upTopic(gateway, lane), bytes, { retain: false, timeoutMs: ackTimeoutMs })
      .catch((error: unknown) => log.debug('batch was not taken', { lane, error }))
  }

  const sendStretch = (stretch: Stretch) => {
    const { table, id: tableId } = book.tableFor(stretch.readings)
    const clockState = deps.clockState()
    const batch: Batch = { ...stretch, table, epoch: buffer.epoch, configVersion: 0, clock: clockState }
    send(
      keyOf(batch.epoch, batch.first, batch.last),
      { batch, tableId, sentAt: 0 },
      !knownTables.has(tableId),
    )
    next = stretch.last + 1
    firstSeen = undefined
  }

  /** How long to wait before the stretch may go: a batch is full enough, or its first reading has waited enough. */
  const delayOf = (stretch: Stretch): number => {
    if (lane === 'backlog' || stretch.readings.length >= options.minReadings || stretch.missing.length > 0)
      return 0
    if (firstSeen?.seq !== stretch.first) firstSeen = { seq: stretch.first, at: clock.monotonic() }
    return Math.max(0, firstSeen.at + options.maxDelayMs - clock.monotonic())
  }

  const forget = async (batch: Batch) => {
    await buffer.ack(batch.first, batch.last)
    metrics.count('gateway_readings_acked_total', { lane }, batch.readings.length)
  }

  return {
    wake: () => wake(),
    oldestSentAt: () => Math.min(...[...underWay.values()].map(({ sentAt }) => sentAt)),
    async run(signal) {
      while (!signal.aborted) {
        const waitMs = Math.max(pausedUntil - clock.monotonic(), underWay.size >= window ? IDLE_MS : 0)
        if (waitMs > 0) {
          await pause(waitMs, signal)
          continue
        }
        const stretch = cut(next <= to ? await buffer.read(next, BATCH_READINGS_MAX) : undefined, to)
        const delayMs = stretch === undefined ? IDLE_MS : delayOf(stretch)
        if (stretch === undefined || delayMs > 0) await pause(delayMs, signal)
        else sendStretch(stretch)
      }
    },
    take(ack) {
      const key = keyOf(ack.epoch, ack.first, ack.through)
      const found = underWay.get(key)
      if (found === undefined) return false
      if (ack.slowDownMs !== undefined) pausedUntil = clock.monotonic() + ack.slowDownMs
      if (ack.status === 'table-unknown') {
        knownTables.delete(found.tableId)
        send(key, found, true)
        return true
      }
      underWay.delete(key)
      knownTables.add(found.tableId)
      sayRefused(deps, ack)
      forget(found.batch).catch((error: unknown) => log.error('ack was not written to the buffer', { error }))
      wake()
      return true
    },
  }

  function pause(ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController()
    wake = () => woken.abort()
    return clock
      .sleep(Math.min(ms, IDLE_MS), AbortSignal.any([signal, woken.signal]))
      .catch((error: unknown) => {
        signal.throwIfAborted()
        if (!woken.signal.aborted) throw error
      })
  }
}

/** What the cloud will never store is said loudly: nobody will send it again. */
function sayRefused({ log, metrics }: LaneDeps, ack: Ack): void {
  if (ack.status === 'set-aside') log.error('batch set aside by the cloud', { ...ack })
  if (ack.rejected.length === 0) return
  log.error('readings rejected by the cloud', { count: ack.rejected.length, rejected: ack.rejected })
  metrics.count('gateway_readings_rejected_total', {}, ack.rejected.length)
}

const keyOf = (epoch: number, first: number, last: number): string => `${epoch}/${first}/${last}`

/** What of a stretch lies at or before `to`; `undefined` when nothing does. */
export function cut(stretch: Stretch | undefined, to: number): Stretch | undefined {
  if (stretch === undefined || stretch.first > to) return undefined
  if (stretch.last <= to) return stretch
  const missing = stretch.missing
    .filter(range => range.first <= to)
    .map((range): MissingRange => ({ ...range, last: Math.min(range.last, to) }))
  return {
    first: stretch.first,
    last: to,
    readings: stretch.readings.filter(({ seq }) => seq <= to),
    missing,
  }
}
