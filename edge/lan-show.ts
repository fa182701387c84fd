// What is shown on the LAN, and in which order: one message after the other, because the broker drops what overtakes.
//
// Notes and births come before the next reading. Readings wait their turn, so many and no more.

import { type RawMessage, toRawMessage } from '../protocol/raw.ts'
import type { Reading } from '../protocol/reading.ts'
import { reasonOf } from '../protocol/runtime/errors.ts'
import type { Log } from '../protocol/runtime/log.ts'
import { rawTopic } from '../protocol/topics.ts'
import type { Variable } from '../protocol/variables.ts'
import type { ShownReading, SparkplugNode } from './sparkplug/node.ts'

/** Readings that wait for subscribers; the next ones are not shown. */
const WAITING_MAX = 2_000

/** Something for the broker to publish. */
export interface LanMessage {
  topic: string
  payload: string | Uint8Array
  qos: 0 | 1
  retain: boolean
}

/** What the LAN is shown. Nothing here waits for anybody but close(). */
export interface LanShow {
  /** Shows readings, or counts them as dropped when too many wait. */
  readings(readings: readonly Reading[]): void
  /** Keeps a text on a topic; the last one counts. */
  note(topic: string, payload: string): void
  /** Says again which Sparkplug metrics there are. */
  births(): void
  /** Shows no more readings, and says farewell where Sparkplug is spoken. */
  close(): Promise<void>
}

interface ShowDeps {
  log: Log
  dropped: (what: string, count: number) => void
  /** Resolves when every listener has the message, or has been cut off. */
  publish: (message: LanMessage) => Promise<void>
  sparkplug: SparkplugNode | undefined
}

/** Opens the show. What is shown first are the births, where there are any. */
export function openLanShow(
  { log, dropped, publish, sparkplug }: ShowDeps,
  { client, project }: { client: string; project: string },
): LanShow {
  const notes = new Map<string, string>()
  const waiting: Reading[] = []
  const isLate = openLateness()
  let birthsDue = sparkplug !== undefined
  let isClosed = false
  let isShowing = false
  let shown = Promise.resolve()

  const say = async (what: string, message: LanMessage) =>
    await publish(message).catch((error: unknown) =>
      log.warn(`${what} not shown on the LAN`, { topic: message.topic, reason: reasonOf(error) }),
    )
  const showNotes = async () => {
    for (const [topic, payload] of notes) {
      notes.delete(topic)
      await say('note', { topic, payload, qos: 0, retain: true })
    }
  }
  const showBirths = async () => {
    if (!birthsDue) return
    birthsDue = false
    for (const birth of sparkplug?.births() ?? []) await say('birth', { ...birth, retain: false })
  }
  const showRun = async (run: readonly ShownReading[]) => {
    for (const { reading, late } of run) {
      const topic = rawTopic({ client, project, point: reading.point, variable: reading.variable })
      const raw: RawMessage = toRawMessage(reading, { late })
      await say('reading', { topic, payload: JSON.stringify(raw), qos: 0, retain: !late })
    }
    const [first] = run
    if (sparkplug === undefined || first === undefined) return
    await say('reading', { ...sparkplug.data(first.reading.point, run), retain: false })
  }
  const showNext = async () => {
    await showNotes()
    await showBirths()
    await showRun(takeRun(waiting).map(reading => ({ reading, late: isLate(reading) })))
  }
  const showAll = async () => {
    while (!isClosed && (notes.size > 0 || birthsDue || waiting.length > 0)) {
      await showNext().catch((error: unknown) =>
        log.error('show on the LAN failed', { reason: reasonOf(error) }),
      )
    }
    isShowing = false
  }
  const wake = () => {
    if (isShowing) return
    isShowing = true
    shown = showAll()
  }

  wake()
  return {
    readings(readings) {
      const shown = readings.slice(0, WAITING_MAX - waiting.length)
      waiting.push(...shown)
      wake()
      const count = readings.length - shown.length
      if (count === 0) return
      dropped('reading', count)
      log.warn('readings not shown on the LAN: too many at once', { count })
    },
    note(topic, payload) {
      notes.set(topic, payload)
      wake()
    },
    births() {
      birthsDue = sparkplug !== undefined
      wake()
    },
    async close() {
      isClosed = true
      waiting.length = 0
      if (sparkplug === undefined) return
      await shown
      await say('death', { ...sparkplug.death(), retain: false })
    },
  }
}

/** The next readings that belong in one message: of one point, and no series twice. */
function takeRun(waiting: Reading[]): Reading[] {
  const variables = new Set<Variable>()
  for (const { point, variable } of waiting) {
    if (point !== waiting[0]?.point || variables.has(variable)) break
    variables.add(variable)
  }
  return waiting.splice(0, variables.size)
}

/** Tells late readings from others, in the order they are asked about. */
function openLateness(): (reading: Reading) => boolean {
  const newest = new Map<string, number>()
  return ({ point, variable, at, timeQuality }) => {
    const series = `${point}/${variable}`
    const before = newest.get(series)
    const late = before !== undefined && at < before
    // A time that is a guess makes nothing late.
    if (!late && timeQuality !== 'unsynced') newest.set(series, at)
    return late
  }
}
