// Asks a device that does not answer less and less often, so that it does not keep the others of its bus waiting.
//
// Promises:
//   K1. A device that does not answer keeps its bus busy for at most 5 % of the time, from its third failure on.
//   K2. It is asked again after 5 seconds at first and after 5 minutes at most, unless K1 wants longer; not in step with
//       others. When another one comes back, which may mean that the line does, it is asked as soon as K1 allows.
//       Three times out of four it has little time to answer; the fourth time it has all of it, for it may be slow.
//   K3. A device that is alone on its bus is always asked: nobody waits for it.
//   K4. Only silence counts: who answers wrongly is there.

import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Failure, Outcome } from './request.ts'

/** Which devices of one bus are asked. A device is its unit: the same unit on another bus is another device. */
export interface Breaker {
  /** What stands for a request to this device that is not to be made; `undefined` when it is to be made. */
  instead(unit: number): Failure | undefined
  /** How long to wait for the answer of this device, where `usualMs` is how long one waits for others. */
  timeoutMs(unit: number, usualMs: number): number
  /** Takes what became of a request and for how long it kept the bus. Gives the outcome to tell. */
  note(unit: number, outcome: Outcome, costMs: number): Outcome
}

const FAILURES_MAX = 3
const SHARE_MAX = 0.05
const PAUSE_FIRST_MS = 5_000
const PAUSE_MAX_MS = 300_000

/** Long enough for most devices, and short enough for those that wait for the line. */
const PROBE_MS = 300
const PATIENT_EVERY = 4

/** A gateway says so of a device that it has not reached. */
const GATEWAY_PATH_UNAVAILABLE = 10
const GATEWAY_TARGET_SILENT = 11

/** A device that has not answered. */
interface Silence {
  failures: number
  reason: string
  lastAskedAt: number
  costMs: number
  askAgainAt: number
}

/** Opens the breaker of a bus. */
export function openBreaker({ clock, random }: { clock: Clock; random: () => number }): Breaker {
  const known = new Set<number>()
  const silent = new Map<number, Silence>()

  const isOpen = ({ failures }: Silence) => failures >= FAILURES_MAX && known.size > 1

  const toPause = ({ failures, costMs }: Silence): number => {
    const doubled = PAUSE_FIRST_MS * 2 ** Math.min(failures - FAILURES_MAX, 10)
    const spread = Math.min(doubled, PAUSE_MAX_MS) * (0.75 + 0.5 * random())
    return Math.max(Math.min(spread, PAUSE_MAX_MS), shortestPause(costMs))
  }

  const toldOf = (silence: Silence): Failure => ({
    kind: 'no_answer',
    reason: isOpen(silence) ? `${silence.reason}, so it is asked less often` : silence.reason,
  })

  const revive = () => {
    for (const one of silent.values()) {
      if (!isOpen(one)) continue
      one.failures = FAILURES_MAX
      one.askAgainAt = Math.min(one.askAgainAt, one.lastAskedAt + shortestPause(one.costMs))
    }
  }

  return {
    instead(unit) {
      known.add(unit)
      const silence = silent.get(unit)
      if (silence === undefined || !isOpen(silence) || clock.monotonic() >= silence.askAgainAt)
        return undefined
      return toldOf(silence)
    },
    timeoutMs(unit, usualMs) {
      const silence = silent.get(unit)
      if (silence === undefined || !isOpen(silence)) return usualMs
      const isPatient = (silence.failures - FAILURES_MAX) % PATIENT_EVERY === PATIENT_EVERY - 1
      return isPatient ? usualMs : Math.min(usualMs, PROBE_MS)
    },
    note(unit, outcome, costMs) {
      const before = silent.get(unit)
      // The first reason stays: it was given when there was time enough.
      const now = reasonOfSilence(outcome)
      const reason = now !== undefined && before !== undefined && isOpen(before) ? before.reason : now
      if (reason === undefined) {
        silent.delete(unit)
        if (before !== undefined && isOpen(before)) revive()
        return outcome
      }
      const lastAskedAt = clock.monotonic()
      const silence = { failures: (before?.failures ?? 0) + 1, reason, lastAskedAt, costMs, askAgainAt: 0 }
      if (silence.failures >= FAILURES_MAX) silence.askAgainAt = lastAskedAt + toPause(silence)
      silent.set(unit, silence)
      return outcome.kind === 'no_answer' ? toldOf(silence) : outcome
    },
  }
}

/** So long a pause that what was spent is a small enough part of both. */
function shortestPause(costMs: number): number {
  return Math.max(PAUSE_FIRST_MS, costMs * (1 / SHARE_MAX - 1))
}

function reasonOfSilence(outcome: Outcome): string | undefined {
  if (outcome.kind === 'no_answer') return outcome.reason
  if (outcome.kind !== 'exception') return undefined
  return outcome.code === GATEWAY_PATH_UNAVAILABLE || outcome.code === GATEWAY_TARGET_SILENT
    ? `its gateway does not reach it (exception ${outcome.code})`
    : undefined
}
