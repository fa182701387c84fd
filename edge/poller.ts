// Asks each source when it is due. Sources of one line take turns; lines do not wait for each other.
//
// Promises:
//   P1. Every poll yields a measurement for each of its signals, with a value or the reason why there is none. Only a
//       provider that is well and has measured nothing new since yields none, and what it has measured since, all of it.
//   P2. A poll that was missed is counted and not made up for: no burst follows a long answer or a step of the clock.
//   P3. A source that fails, or fails to be stored, does not stop the next.

import type { ProviderName } from '../protocol/ids.ts'
import type { Measurement } from '../protocol/reading.ts'
import type { Clock } from '../protocol/runtime/clock.ts'
import { Rejected, reasonOf } from '../protocol/runtime/errors.ts'
import type { Log } from '../protocol/runtime/log.ts'
import type { Metrics } from '../protocol/runtime/metrics.ts'
import { isAbort } from '../protocol/runtime/scope.ts'
import { type Pulse, STILL_MAX_MS } from './pulse.ts'
import { dueAfterStep, missedBetween, nextDue } from './schedule.ts'

/** What a poll brought; `failure` says in one line why a value is absent, if one is. */
export interface Collected {
  measurements: readonly Measurement[]
  failure: string | undefined
  /** Told which of them are on disk, when it is known. */
  onStored?: (stored: readonly Measurement[]) => Promise<void>
}

/** Something that is asked at its due instants: a device on a bus, a device at a provider. */
export interface Source {
  id: string
  /** The provider's name, when it is read through one. */
  provider: ProviderName | undefined
  everyMs: number
  delayMs: number
  collect(signal: AbortSignal): Promise<Collected>
}

/** How a source has been doing since the process started. */
export interface SourceHealth {
  ok: number
  failed: number
  /** Due instants that passed unpolled. */
  missed: number
  provider?: ProviderName
  lastOkAt?: number
  lastFailure?: string
}

/** Sources that take turns: one bus, or one device at a provider. */
export interface Line {
  id: string
  sources: readonly Source[]
  /** Polls each source when it is due, until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
  /** Polls a source of this line now, when it is its turn. Returns how many readings with a value were stored. */
  poll(source: Source, signal: AbortSignal): Promise<number>
}

/** What polling needs. */
export interface PollerDeps {
  clock: Clock
  log: Log
  metrics: Metrics
  health: Map<string, SourceHealth>
  /** Puts measurements on disk, all or none. Throws Rejected when one of them never can be, and otherwise what hindered it. */
  store: (measurements: readonly Measurement[]) => Promise<void>
  /** Told that lines move. */
  pulse?: Pulse
}

/** So that a step of the wall clock is noticed while nothing is due. */
const LOOK_EVERY_MS = 1_000
/** Slewing moves a clock by half a millisecond a second; what moves it by more between two looks is a step. */
const STEP_MS = 1_000
const FAILURE_LENGTH_MAX = 300

/** Opens a line. */
export function openLine(
  deps: PollerDeps,
  { id, sources }: { id: string; sources: readonly Source[] },
): Line {
  const { clock, log, metrics } = deps
  let turn: Promise<unknown> = Promise.resolve()
  for (const source of sources) healthOf(deps.health, source)

  const poll = (source: Source, signal: AbortSignal): Promise<number> => {
    const mine = turn.then(() => pollOnce(deps, source, signal))
    turn = mine.catch(() => {})
    return mine
  }

  return {
    id,
    sources,
    poll,
    async run(signal) {
      const due = new Map(sources.map(one => [one, nextDue(clock.now(), one.everyMs, one.delayMs)]))
      let offset = clock.now() - clock.monotonic()
      const isRemote = sources.some(({ provider }) => provider !== undefined)
      deps.pulse?.begin(lineName(id), STILL_MAX_MS[isRemote ? 'remote' : 'line'], signal)
      while (!signal.aborted) {
        deps.pulse?.beat(lineName(id))
        const now = clock.now()
        const stepMs = now - clock.monotonic() - offset
        offset += stepMs
        if (Math.abs(stepMs) >= STEP_MS) {
          log.warn('clock stepped', { line: id, stepMs: Math.round(stepMs) })
          for (const [one, at] of due) due.set(one, dueAfterStep(at, now, one.everyMs, one.delayMs))
        }
        const [source, at] = earliest(due)
        if (at > now) {
          await clock.sleep(Math.min(at - now, LOOK_EVERY_MS), signal)
          continue
        }
        await poll(source, signal)
        // Told from the clock as it stood before the poll: a step in its middle makes no instant come twice, nor pass.
        const then = Math.round(clock.monotonic() + offset)
        const next = nextDue(then, source.everyMs, source.delayMs)
        due.set(source, next)
        const missed = missedBetween(at, next, source.everyMs)
        if (missed === 0) continue
        healthOf(deps.health, source).missed += missed
        metrics.count('gateway_polls_missed_total', { source: source.id }, missed)
      }
    },
  }
}

/** What a line is called among what moves. */
export const lineName = (id: string): string => `line ${id}`

/** One poll: what it brought is on disk, or counted as lost, when it resolves. Rejects with the signal's reason only. */
async function pollOnce(deps: PollerDeps, source: Source, signal: AbortSignal): Promise<number> {
  const { log, metrics } = deps
  signal.throwIfAborted()
  const { measurements, failure, onStored } = await collect(source, signal)
  note(deps, source, failure)
  metrics.count('gateway_readings_polled_total', {}, measurements.length)
  const stored = (await storable(deps, source, measurements)).flat()
  await onStored?.(stored)
  metrics.count('gateway_polls_total', {
    source: source.id,
    outcome: failure === undefined ? 'ok' : 'failed',
  })
  log.debug('source polled', { source: source.id, count: measurements.length, failure })
  return stored.filter(({ value }) => value !== null).length
}

/** A source that breaks its promise fails by itself; the others of its line are polled all the same (P3). */
async function collect(source: Source, signal: AbortSignal): Promise<Collected> {
  try {
    return await source.collect(signal)
  } catch (error) {
    if (isAbort(error, signal)) throw error
    return { measurements: [], failure: `broke: ${reasonOf(error)}` }
  }
}

function note({ clock, log, health: all }: PollerDeps, source: Source, failure: string | undefined): void {
  const health = healthOf(all, source)
  if (failure === undefined) {
    if (health.lastFailure !== undefined) log.info('source answered again', { source: source.id })
    health.ok += 1
    health.lastOkAt = clock.now()
    delete health.lastFailure
    return
  }
  const reason = failure.slice(0, FAILURE_LENGTH_MAX)
  if (health.lastFailure !== reason) log.warn('source failed', { source: source.id, reason })
  health.failed += 1
  health.lastFailure = reason
}

/** Stores what can be stored, and returns it: all at once, or, when one of them is impossible, each by itself. */
async function storable(
  { log, metrics, store }: PollerDeps,
  { id }: Source,
  measurements: readonly Measurement[],
): Promise<(readonly Measurement[])[]> {
  if (measurements.length === 0) return []
  const attempt = async (group: readonly Measurement[]): Promise<unknown> => {
    try {
      await store(group)
      return undefined
    } catch (error) {
      return error ?? new Error('Not stored')
    }
  }
  const lost = (group: readonly Measurement[], error: unknown): [] => {
    log.error('readings lost: they could not be stored', {
      source: id,
      count: group.length,
      reason: reasonOf(error),
    })
    metrics.count('gateway_readings_lost_total', { source: id }, group.length)
    return []
  }
  const failure = await attempt(measurements)
  if (failure === undefined) return [measurements]
  if (!(failure instanceof Rejected) || measurements.length === 1) return lost(measurements, failure)
  const stored: (readonly Measurement[])[] = []
  for (const one of measurements) {
    const reason = await attempt([one])
    if (reason === undefined) stored.push([one])
    else lost([one], reason)
  }
  return stored
}

function healthOf(health: Map<string, SourceHealth>, { id, provider }: Source): SourceHealth {
  const none = { ok: 0, failed: 0, missed: 0, ...(provider === undefined ? {} : { provider }) }
  const known = health.get(id) ?? none
  health.set(id, known)
  return known
}

function earliest(due: ReadonlyMap<Source, number>): [Source, number] {
  let first: [Source, number] | undefined
  for (const entry of due) {
    if (first === undefined || entry[1] < first[1]) first = entry
  }
  if (first === undefined) throw new Error('A line without sources was run')
  return first
}
