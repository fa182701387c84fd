// Breakers: when nobody answers several in a row, ask seldom until somebody does.
//
// An outage would otherwise cost every slot its one attempt of the day. There is one for each endpoint, which several
// informants must fail to reach, and one for each informant at each endpoint, which several works must fail to reach: one
// sick work closes nothing, and one sick informant does not keep the others from declaring.

import type { Channel } from '../store/compliance-sending.ts'
import type { WorkKind } from './obligation.ts'

/** Who is asking, and where. */
export interface Asking {
  channel: Channel
  kind: WorkKind
  rut: string
  workCode: string
}

/** Which ways may be tried. */
export interface Breakers {
  /** What is closed now: channels, endpoints, and informants at endpoints, as `waysOf()` names them. */
  closed(now: number): string[]
  /** Notes that an attempt begins: while a way is being tried again, only one goes at a time. */
  began(asking: Asking, now: number): void
  /** Notes whether somebody answered, whatever the answer. */
  ended(asking: Asking, answered: boolean, now: number): void
  /** Closes a channel for as long as DGA asked for, at most an hour; no answer to others opens it before. */
  leaveAlone(channel: Channel, waitMs: number, now: number): void
}

/** The ways that an attempt goes: its channel, its endpoint, its informant there. SOAP has one endpoint for all kinds. */
export function waysOf({ channel, kind, rut }: Pick<Asking, 'channel' | 'kind' | 'rut'>): {
  channel: string
  endpoint: string
  informant: string
} {
  const endpoint = channel === 'soap' ? 'soap' : `${channel} ${kind}`
  return { channel, endpoint, informant: `${endpoint} ${rut}` }
}

const FAILURES_MIN = 3
const SOURCES_MIN = 2
const WAIT_FIRST_MS = 60_000
const WAIT_MAX_MS = 300_000
const ASKED_WAIT_MAX_MS = 3_600_000

interface State {
  failures: number
  /** Whose attempts failed: works of an informant, informants of an endpoint. */
  sources: Set<string>
  waitMs: number
  closedUntil: number
}

/** Opens the breakers, every way passable. */
export function openBreakers(): Breakers {
  const states = new Map<string, State>()
  const askedUntil = new Map<Channel, number>()
  const stateOf = (way: string): State => {
    const state = states.get(way) ?? {
      failures: 0,
      sources: new Set(),
      waitMs: WAIT_FIRST_MS,
      closedUntil: 0,
    }
    states.set(way, state)
    return state
  }
  const isTripped = ({ failures, sources }: State) => failures >= FAILURES_MIN && sources.size >= SOURCES_MIN
  return {
    closed(now) {
      const left = [...askedUntil].filter(([, until]) => isWaiting(until, ASKED_WAIT_MAX_MS, now))
      const tripped = [...states].filter(([, { closedUntil }]) => isWaiting(closedUntil, WAIT_MAX_MS, now))
      return [...left, ...tripped].map(([way]) => way)
    },
    began(asking, now) {
      const { endpoint, informant } = waysOf(asking)
      for (const way of [endpoint, informant]) {
        const state = states.get(way)
        if (state !== undefined && isTripped(state)) state.closedUntil = now + state.waitMs
      }
    },
    ended(asking, answered, now) {
      const { endpoint, informant } = waysOf(asking)
      if (answered) {
        states.delete(endpoint)
        states.delete(informant)
        return
      }
      fail(stateOf(endpoint), asking.rut, now)
      fail(stateOf(informant), asking.workCode, now)
    },
    leaveAlone(channel, waitMs, now) {
      const until = now + Math.min(waitMs, ASKED_WAIT_MAX_MS)
      const before = askedUntil.get(channel) ?? 0
      if (!isWaiting(before, ASKED_WAIT_MAX_MS, now) || until > before) askedUntil.set(channel, until)
    },
  }

  function fail(state: State, source: string, now: number): void {
    const wasTripped = isTripped(state)
    state.failures += 1
    // Two are enough to know that it is not one alone: the set stays small.
    if (state.sources.size < SOURCES_MIN) state.sources.add(source)
    if (!isTripped(state)) return
    if (wasTripped) state.waitMs = Math.min(WAIT_MAX_MS, state.waitMs * 2)
    state.closedUntil = now + state.waitMs
  }
}

/** What lies further ahead than the longest wait was written by a clock that ran ahead. */
const isWaiting = (until: number, waitMaxMs: number, now: number): boolean =>
  until > now && until <= now + waitMaxMs
