// One way up: a stretch of the buffer's numbers, sent in batches, some of them on their way at the same time.

import type { Ack, Answer, Batch, MissingRange, UnreadableAck } from '../protocol/batch.ts'
import { encodeBatch, nameOf } from '../protocol/codec.ts'
import { Unavailable } from '../protocol/runtime/errors.ts'
import type { Lane as LaneName } from '../protocol/topics.ts'
import { upTopic } from '../protocol/topics.ts'
import { openAnswered } from './answered.ts'
import { openBell } from './bell.ts'
import type { Range } from './buffer/ranges.ts'
import type { Stretch } from './buffer.ts'
import type { Throttle } from './throttle.ts'
import type { Link } from './transport/transport.ts'
import type { UplinkDeps, UplinkOptions } from './uplink.ts'

/** When there is nothing to do, look again after so long even if no bell rings. */
const IDLE_MS = 1_000

const BEGUN_ANEW = 'The buffer was begun anew'

/** A lane of one session. */
export interface Lane {
  /**
   * Sends until the signal aborts. The backlog's lane sleeps when its stretch is done. Throws Unavailable when the buffer
   * was begun anew: where its lanes begin and end is for the next session to say.
   */
  send(signal: AbortSignal): Promise<void>
  /** Has the buffer forget what the cloud answered, until the signal aborts. */
  forget(signal: AbortSignal): Promise<void>
  /** Takes an answer. False when it is to nothing that is under way here. */
  take(answer: Answer): boolean
  wake(): void
  /** When the oldest batch under way was sent, on the monotonic clock; Infinity when none is. */
  oldestSentAt(): number
  /** The numbers of batches that were sent and are not answered. */
  underWay(): Range[]
}

/** What a lane needs: what the uplink needs, and the session's link. */
export type LaneDeps = Pick<
  UplinkDeps,
  'buffer' | 'book' | 'clock' | 'log' | 'metrics' | 'clockState' | 'configVersion'
> & {
  link: Link
  knownTables: Set<string>
  throttle: Throttle
}

/** Which numbers a lane sends, of which epoch. Both ends included. */
export type LaneOptions = UplinkOptions & { lane: LaneName; epoch: number; from: number; to: number }

interface UnderWay {
  batch: Batch
  tableId: string
  withTable: boolean
  sentAt: number
}

/** Opens a lane. */
export function openLane(deps: LaneDeps, options: LaneOptions): Lane {
  const { buffer, book, clock, log, metrics, link, knownTables, throttle } = deps
  const { gateway, lane, epoch, to, window, ackTimeoutMs } = options
  const underWay = new Map<string, UnderWay>()
  const bell = openBell({ clock })
  // Answered batches stay in the window until they are forgotten, so that there are never more of them than that.
  const answered = openAnswered(deps, ({ readings }) => {
    metrics.count('gateway_readings_acked_total', { lane }, readings)
    bell.ring()
  })
  let next = options.from
  let pausedUntil = 0
  let firstSeen: { seq: number; at: number } | undefined

  const send = (batch: Batch, tableId: string, withTable: boolean) => {
    const key = keyOf(batch.epoch, batch.first, batch.last)
    underWay.set(key, { batch, tableId, withTable, sentAt: clock.monotonic() })
    const bytes = encodeBatch(batch, { withTable })
    metrics.count('gateway_sent_bytes_total', { lane }, bytes.length)
    throttle.sent(bytes.length)
    // That the broker took it says nothing; that it did not is found by the ack deadline or by the link's end.
    link
      .publish(upTopic(gateway, lane), bytes, { retain: false, timeoutMs: ackTimeoutMs })
      .catch((error: unknown) => log.debug('batch was not taken', { lane, error }))
  }

  const sendStretch = (stretch: Stretch) => {
    const { table, id } = book.tableFor(stretch.readings)
    const batch: Batch = { ...stretch, table, ...stampOf(deps) }
    send(batch, id, !knownTables.has(id))
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

  /** How many readings the next batch may have, and how long it must wait. */
  const room = (): { readings: number; waitMs: number } => {
    const isFull = underWay.size + answered.size() >= window
    const busy = [...underWay.values()].reduce((sum, { batch }) => sum + batch.readings.length, 0)
    const { readings, waitMs } = throttle.next(busy)
    const pauseMs = Math.max(pausedUntil - clock.monotonic(), waitMs)
    return { readings, waitMs: isFull || readings === 0 ? Math.max(pauseMs, IDLE_MS) : pauseMs }
  }

  return {
    wake: bell.ring,
    forget: answered.run,
    underWay: () => [...underWay.values()].map(rangeOf),
    oldestSentAt: () => Math.min(...[...underWay.values()].map(({ sentAt }) => sentAt)),
    async send(signal) {
      while (!signal.aborted) {
        if (buffer.epoch !== epoch) throw new Unavailable(BEGUN_ANEW)
        const { readings, waitMs } = room()
        if (waitMs > 0) {
          await bell.wait(Math.min(waitMs, IDLE_MS), signal)
          continue
        }
        const stretch = cut(next <= to ? await buffer.read(next, readings) : undefined, to)
        if (stretch !== undefined && stretch.epoch !== epoch) throw new Unavailable(BEGUN_ANEW)
        const delayMs = stretch === undefined ? IDLE_MS : delayOf(stretch)
        if (stretch === undefined || delayMs > 0) await bell.wait(Math.min(delayMs, IDLE_MS), signal)
        else sendStretch(stretch)
      }
    },
    take(answer) {
      const found = answeredBy(underWay, answer)
      if (found === undefined) return false
      const { batch, tableId, withTable } = found
      const ack = answer.status === 'unreadable' ? setAside(batch, answer) : answer
      // Who does not know a table that was sent will not know it the next time: the ack deadline ends this.
      if (ack.status === 'table-unknown' && withTable) return false
      if (ack.slowDownMs !== undefined) pausedUntil = clock.monotonic() + ack.slowDownMs
      if (ack.status === 'table-unknown') {
        knownTables.delete(tableId)
        send(batch, tableId, true)
        return true
      }
      underWay.delete(keyOf(batch.epoch, batch.first, batch.last))
      throttle.answered({ readings: batch.readings.length, sentAt: found.sentAt })
      if (ack.status === 'committed') knownTables.add(tableId)
      const stored = batch.readings.length - sayRefused(deps, ack, batch)
      answered.add({ epoch, ...rangeOf(found), readings: stored })
      return true
    },
  }
}

/** What is said of the moment in which a batch was made. */
const stampOf = ({ clockState, configVersion }: LaneDeps) => ({
  configVersion: configVersion?.() ?? 0,
  clock: clockState(),
})

const rangeOf = ({ batch: { first, last } }: UnderWay): Range => ({ first, last })

/** The batch that is answered. By the name of its message it is found by making that again. */
function answeredBy(underWay: ReadonlyMap<string, UnderWay>, answer: Answer): UnderWay | undefined {
  if (answer.status !== 'unreadable') return underWay.get(keyOf(answer.epoch, answer.first, answer.through))
  return [...underWay.values()].find(
    ({ batch, withTable }) => nameOf(encodeBatch(batch, { withTable })) === answer.message,
  )
}

/** A batch of which the cloud could read nothing is set aside like any other. */
function setAside({ epoch, first, last }: Batch, { lane, reason }: UnreadableAck): Ack {
  return { v: 1, epoch, lane, first, through: last, status: 'set-aside', rejected: [], reason }
}

/** What the cloud will never store is said loudly: nobody will send it again. Returns how many readings that is. */
function sayRefused({ log, metrics }: LaneDeps, ack: Ack, batch: Batch): number {
  const { status, rejected } = ack
  const count = status === 'set-aside' ? batch.readings.length : rejected.length
  if (status === 'set-aside') log.error('batch set aside by the cloud', { ...ack, count })
  else if (count > 0) log.error('readings rejected by the cloud', { count, rejected })
  if (count > 0) metrics.count('gateway_readings_rejected_total', {}, count)
  return count
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
    ...stretch,
    last: to,
    readings: stretch.readings.filter(({ seq }) => seq <= to),
    missing,
  }
}
