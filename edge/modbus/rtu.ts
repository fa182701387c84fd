// A serial line as requests see it: RTU frames, on the machine's own port or through a converter.
//
// Promises, besides the bus's own:
//   R1. A request is written when the line has been silent for 3.5 bytes, or as long as the last device wants.
//   R2. After a fault the line is not used until it has been silent for the quarantine; what came in between is thrown
//       away. A line that is never silent fails the request in the end.
//   R3. No request has the shape of one whose answer may still come from that unit: a request of another shape goes before
//       it. What comes late and in another unit's name as well cannot be told from that unit's answer.
//   R4. What is heard before a request can have left the line, or is whole before it can have come after it, is no answer.
//   R5. Two requests of one shape to a device are a moment apart (APART_MS): an answer that comes twice within it is heard
//       in between. RTU numbers nothing, so a copy that comes later cannot be told from an answer.
//   R6. A port that has failed, or has been mute for long, is opened anew.
//   R7. A write that was not answered does not leave later, when the network to a converter is back.

import { setImmediate as immediately } from 'node:timers/promises'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { within } from './deadline.ts'
import { readRtuFrame, STRAY_BYTES_MAX } from './frame.ts'
import { openLibrary } from './library.ts'
import type { Line, OpenLine } from './line.ts'
import { isSameShape, type OwedAnswers, openOwedAnswers } from './owed.ts'
import { expired, isWrite, type Outcome, type Request, unasked } from './request.ts'
import { frameBytes, requestMs, type Timing } from './timing.ts'
import type { Connect, Wire } from './wire.ts'

/** How a line is used. */
export interface RtuOptions {
  timing: Timing
  /** How long a device may take to answer, its bytes not counted. */
  timeoutMs: number
  /** How long the line is silent after a fault before it is used again. */
  quarantineMs: number
  /** Whether the line's rate is known for sure, so that one knows when a request has left (R4). */
  isPaced: boolean
  /** So many requests in a row without a byte, and it may be the port that does not work: it is opened anew. */
  muteMax: number
}

/** How long a request waits for silence, besides the silence itself. */
const NOISE_MAX_MS = 1_000
/** How long the line is silent between two requests whose answers would look alike (R5). */
const APART_MS = 25
/** So late a timer says that the process has been held up. */
const HELD_UP_MS = 1
/** An answer that is later than this, or than ten timeouts, does not come. */
const FORGET_MS = 10_000
/** How long a port that is opened anew may take to close. */
const CLOSE_MS = 2_000

/** The request that is under way. */
interface Pending {
  request: Request
  received: Buffer
  /** When its bytes have left the line, at the earliest. */
  leftAt: number
  /** Whether something was heard before. */
  early: boolean
  answered: boolean
  settle: (outcome: Outcome) => void
}

/** What is known of a line; it outlives the port, as what a device owes does. */
interface Memory {
  /** When something was last heard or sent. */
  usedAt: number
  /** How long the line must be silent from then on. */
  silenceMs: number
  /** Bytes that came unasked since. */
  unasked: number
  isSuspect: boolean
  /** What each unit answered last, and when. */
  answered: Map<number, { request: Request; at: number }>
  owed: OwedAnswers
  mute: number
  closing: Promise<void>
}

/** The longest that a request may take: silence and two requests with their answers, on a line that is never silent. */
export function longestReadMs({ timing, timeoutMs, quarantineMs }: RtuOptions, request: Request): number {
  const silenceMs = Math.max(quarantineMs, APART_MS, timing.silenceMs, request.turnaroundMs ?? 0)
  return 2 * (silenceMs + NOISE_MAX_MS + timeoutMs + requestMs(timing, request, 0))
}

/** Opens a line when called, each time anew; what devices owe is remembered all along. */
export function rtuConnector({ clock }: { clock: Clock }, openLine: OpenLine, options: RtuOptions): Connect {
  const memory: Memory = {
    ...{ usedAt: Number.NEGATIVE_INFINITY, silenceMs: options.timing.silenceMs, unasked: 0 },
    ...{ isSuspect: false, answered: new Map(), mute: 0, closing: Promise.resolve() },
    owed: openOwedAnswers({ clock }, Math.max(FORGET_MS, 10 * options.timeoutMs)),
  }
  return async signal => {
    await within({ clock }, memory.closing, CLOSE_MS, signal, () => {})
    const line = await openLine(signal)
    return typeof line === 'string' ? line : openWire({ clock, line, memory }, options)
  }
}

function openWire(deps: { clock: Clock; line: Line; memory: Memory }, options: RtuOptions): Wire {
  const { clock, line, memory } = deps
  const talk = openTalk(deps, options)
  const close = () => {
    memory.closing = line.close()
  }
  const askOnce = async (request: Request, signal: AbortSignal): Promise<Outcome> => {
    const noise = await untilSilent({ clock, line, memory }, options, request, signal)
    if (noise !== undefined) return unasked(request, { kind: 'bad_answer', reason: noise })
    const late = expired(request, clock.now())
    if (late !== undefined) return late
    const outcome = await talk.ask(request, signal)
    if (memory.mute >= options.muteMax) {
      memory.mute = 0
      close()
    }
    return outcome
  }
  return {
    isOpen: line.isOpen,
    destroy: close,
    async ask(request, signal) {
      if (memory.owed.isLike(request)) {
        const other = memory.owed.other(request)
        if (other === undefined) {
          return unasked(request, { kind: 'no_answer', reason: 'too many earlier answers may still come' })
        }
        const before = await askOnce(other, signal)
        if (before.kind === 'no_answer' || before.kind === 'bad_answer') return unasked(request, before)
      }
      return await askOnce(request, signal)
    },
  }
}

/** Waits until the line may be used for a request (R1, R2, R5). Says why it may not. */
async function untilSilent(
  { clock, line, memory }: { clock: Clock; line: Line; memory: Memory },
  { quarantineMs }: RtuOptions,
  request: Request,
  signal: AbortSignal,
): Promise<string | undefined> {
  const last = memory.answered.get(request.unit)
  const isAlike = last !== undefined && isSameShape(last.request, request)
  const notBefore = isAlike ? last.at + APART_MS : Number.NEGATIVE_INFINITY
  const start = clock.monotonic()
  // A process that was idle or held up has not heard yet what came meanwhile.
  let hasHeardAll = false
  for (;;) {
    const needed = memory.isSuspect ? Math.max(quarantineMs, memory.silenceMs) : memory.silenceMs
    const now = clock.monotonic()
    const left = Math.max(memory.usedAt + needed, notBefore) - now
    if (left <= 0 && hasHeardAll) break
    if (now - start > needed + NOISE_MAX_MS) return `the line is never silent for ${needed} ms`
    if (left <= 0) {
      await line.flush()
      hasHeardAll = true
      continue
    }
    await pause({ clock }, left, signal)
    hasHeardAll = !memory.isSuspect && clock.monotonic() - now < left + HELD_UP_MS
  }
  memory.isSuspect = false
  memory.unasked = 0
  return undefined
}

/** Sleeps, and takes the last part of a millisecond in small steps: a timer is late by as much, which a fast line feels. */
async function pause({ clock }: { clock: Clock }, ms: number, signal: AbortSignal): Promise<void> {
  if (ms >= 2) return await clock.sleep(Math.floor(ms - 1), signal)
  const before = clock.monotonic()
  await immediately()
  signal.throwIfAborted()
  if (clock.monotonic() === before) await clock.sleep(ms, signal)
}

/** One request and its answer at a time, on a line that is silent. */
interface Talk {
  ask(request: Request, signal: AbortSignal): Promise<Outcome>
}

function openTalk(
  { clock, line, memory }: { clock: Clock; line: Line; memory: Memory },
  { timing: { byteMs, silenceMs }, timeoutMs, isPaced }: RtuOptions,
): Talk {
  const newLibrary = () => openLibrary(rtu => line.write(rtu))
  let library = newLibrary()
  let pending: Pending | undefined
  line.listen(
    bytes => {
      memory.usedAt = clock.monotonic()
      if (pending === undefined || pending.answered) {
        // A stray byte or two is how a line sounds when a transmitter is switched off.
        memory.unasked += bytes.length
        memory.isSuspect ||= memory.unasked > STRAY_BYTES_MAX
        return
      }
      pending.early ||= memory.usedAt < pending.leftAt
      const frame = hear(pending, bytes)
      if (frame === undefined) return
      pending.early ||= isPaced && memory.usedAt < pending.leftAt + frame.rtu.length * byteMs
      pending.answered = true
      memory.unasked = pending.received.length - frame.end
      memory.isSuspect ||= memory.unasked > STRAY_BYTES_MAX
      library.answer(frame.rtu)
    },
    reason => pending?.settle({ kind: 'no_answer', reason: `line closed${reason}` }),
  )
  return {
    async ask(request, signal) {
      const deviceMs = request.timeoutMs ?? timeoutMs
      const bytes = frameBytes(request)
      const ownMs = bytes.request * byteMs
      const answerMs = bytes.answer * byteMs
      const leftAt = clock.monotonic() + (isPaced ? ownMs : 0)
      const mine = { request, leftAt, received: Buffer.alloc(0), early: false, answered: false }
      const answered = new Promise<Outcome>(settle => {
        pending = { ...mine, settle }
        void library.ask(request).then(settle)
      })
      memory.silenceMs = Math.max(silenceMs, request.turnaroundMs ?? 0)
      const late = (): Outcome => silence(pending as Pending, deviceMs)
      const heard = await within({ clock }, answered, ownMs + deviceMs + answerMs, signal, late)
      const outcome = judge(heard, pending as Pending, memory.owed)
      memory.mute = pending?.received.length === 0 ? memory.mute + 1 : 0
      pending = undefined
      if (outcome.kind === 'values' || outcome.kind === 'written') {
        memory.owed.settle(request.unit)
        memory.answered.set(request.unit, { request, at: clock.monotonic() })
      }
      if (signal.aborted || outcome.kind === 'no_answer' || outcome.kind === 'bad_answer') {
        memory.isSuspect = true
        memory.usedAt = clock.monotonic()
        memory.owed.add(request)
        library = newLibrary()
        if (isWrite(request) && outcome.kind === 'no_answer') line.discard()
      }
      signal.throwIfAborted()
      return outcome
    },
  }
}

/** Takes what was heard. Gives the answer when it is whole, and where in what was heard it ends. */
function hear(pending: Pending, bytes: Buffer): { rtu: Buffer; end: number } | undefined {
  const { received } = pending
  pending.received = received.length === 0 ? bytes : Buffer.concat([received, bytes])
  const frame = readRtuFrame(pending.received, pending.request)
  if (frame.kind === 'broken') pending.settle({ kind: 'bad_answer', reason: frame.reason })
  if (frame.kind !== 'answer') return undefined
  const end = frame.body.byteOffset - pending.received.byteOffset + frame.body.length
  return { rtu: frame.body, end }
}

/** What it comes to that the deadline has passed. */
function silence({ received, request }: Pending, timeoutMs: number): Outcome {
  const said = `no answer in ${timeoutMs} ms`
  if (received.length === 0) return { kind: 'no_answer', reason: said }
  const frame = readRtuFrame(received, request)
  const of = frame.kind === 'incomplete' ? ` of ${frame.expectedBytes}` : ''
  return { kind: 'no_answer', reason: `${said} after ${received.length}${of} bytes` }
}

/** What an outcome is worth: an answer must have had time to come, and an exception must be to this request. */
function judge(outcome: Outcome, { early, request }: Pending, owed: OwedAnswers): Outcome {
  if (early && outcome.kind !== 'no_answer') {
    const reason = 'it came too early to be an answer: an echo, a second master or a wrong baudRate'
    return { kind: 'bad_answer', reason }
  }
  if (outcome.kind === 'exception' && owed.isOwedBy(request.unit)) {
    return { kind: 'bad_answer', reason: `exception ${outcome.code}, which may be to an earlier request` }
  }
  return outcome
}
