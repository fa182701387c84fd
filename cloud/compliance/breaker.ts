// A breaker for each way to DGA: when nobody answers several works in a row, ask seldom until somebody does.
//
// An outage would otherwise cost every slot its one attempt of the day. One sick work alone does not open it: the
// others go on.

import type { Channel } from '../store/compliance-sending.ts'

/** Which ways may be tried. */
export interface Breakers {
  /** The ways that are open for an attempt now. */
  passable(now: number): Channel[]
  /** Notes that an attempt for a work begins: while a way is being tried again, only one goes at a time. */
  began(channel: Channel, now: number): void
  /** Notes whether somebody answered, whatever the answer. */
  ended(channel: Channel, workCode: string, answered: boolean, now: number): void
  /** Closes a way for as long as DGA asked for, at most an hour; no answer to others opens it before. */
  leaveAlone(channel: Channel, waitMs: number, now: number): void
}

const FAILURES_MIN = 3
const WORKS_MIN = 2
const WAIT_FIRST_MS = 60_000
const WAIT_MAX_MS = 300_000
const ASKED_WAIT_MAX_MS = 3_600_000
const CHANNELS: readonly Channel[] = ['rest', 'soap']

interface State {
  failures: number
  works: Set<string>
  waitMs: number
  closedUntil: number
  /** Until when DGA asked to be left alone. */
  askedUntil: number
}

/** Opens the breakers, every way passable. */
export function openBreakers(): Breakers {
  const fresh = (askedUntil: number): State => ({
    ...{ failures: 0, works: new Set(), waitMs: WAIT_FIRST_MS, closedUntil: 0 },
    askedUntil,
  })
  const states: Record<Channel, State> = { rest: fresh(0), soap: fresh(0) }
  const isTripped = ({ failures, works }: State) => failures >= FAILURES_MIN && works.size >= WORKS_MIN
  return {
    passable: now =>
      CHANNELS.filter(channel => {
        const { closedUntil, askedUntil } = states[channel]
        return !isWaiting(closedUntil, WAIT_MAX_MS, now) && !isWaiting(askedUntil, ASKED_WAIT_MAX_MS, now)
      }),
    began(channel, now) {
      const state = states[channel]
      if (isTripped(state)) state.closedUntil = now + state.waitMs
    },
    ended(channel, workCode, answered, now) {
      if (answered) {
        states[channel] = fresh(states[channel].askedUntil)
        return
      }
      const state = states[channel]
      const wasTripped = isTripped(state)
      state.failures += 1
      // Two are enough to know that it is not one work alone: the set stays small.
      if (state.works.size < WORKS_MIN) state.works.add(workCode)
      if (!isTripped(state)) return
      if (wasTripped) state.waitMs = Math.min(WAIT_MAX_MS, state.waitMs * 2)
      state.closedUntil = now + state.waitMs
    },
    leaveAlone(channel, waitMs, now) {
      const state = states[channel]
      const until = now + Math.min(waitMs, ASKED_WAIT_MAX_MS)
      if (!isWaiting(state.askedUntil, ASKED_WAIT_MAX_MS, now) || until > state.askedUntil)
        state.askedUntil = until
    },
  }
}

/** What lies further ahead than the longest wait was written by a clock that ran ahead. */
const isWaiting = (until: number, waitMaxMs: number, now: number): boolean =>
  until > now && until <= now + waitMaxMs
