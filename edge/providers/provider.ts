// A device that is read through its provider: what one may ask, and what may come of it.
//
// Promises that every provider keeps:
//   V1. A failure is never a number. What became of asking is one of: samples, no data, request failed, auth failed.
//   V2. A sample carries the device's own time. When it was collected is nobody's measurement and never stands for it.
//   V3. The order in which a provider gives samples, and how many more than were asked for, mean nothing.
//   V4. No secret of ours is in a reason, a log or an error: not a password, not a token, not a URL that holds one.
//   V5. Every request has a deadline, every answer a size; who asks us to wait is left alone until then.

import { z } from 'zod'
import type { Raw } from '../../protocol/modbus/scaling.ts'

/** What a device gave at one instant of its own clock. */
export interface Sample {
  at: number
  given: Given
}

/** A number, a code that stands for none, or something that no number is written like. */
export type Given =
  | { kind: 'number'; raw: Raw }
  | { kind: 'sensor_code'; text: string }
  | { kind: 'not_a_number'; text: string }

/** Why there is no answer. */
export interface Failure {
  kind: 'request_failed' | 'auth_failed'
  reason: string
  /** Nobody is there for us now: asking for the next key will fare no better. */
  isAway: boolean
}

/** What became of asking for one key. */
export type Outcome =
  | {
      kind: 'ok'
      /** At least one, in no order. */
      samples: readonly Sample[]
      /** How many more there were that could not be read. */
      unreadable: number
      /** The part of the window that this answer does not reach. */
      rest?: Window
      /** Whether it gave all of the window but the rest. */
      isComplete?: boolean
    }
  /** The provider is well and has nothing. */
  | { kind: 'no_data'; reason?: string; rest?: Window; isComplete?: boolean }
  | Failure

/** A stretch of time, both ends included. */
export interface Window {
  from: number
  to: number
}

/** One device at its provider. Neither function rejects but with the signal's reason; both answer for every key. */
export interface Provider {
  /** What the provider holds as the newest of each key, at least. */
  latest(keys: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Outcome>>
  /** What the provider has kept of each key within a window. It may give what lies outside too. */
  history(keys: readonly string[], window: Window, signal: AbortSignal): Promise<ReadonlyMap<string, Outcome>>
}

/** Most samples of one key in one answer. */
export const SAMPLES_MAX = 1_000

/** An instant as an epoch in milliseconds, also as text. */
export const EpochMs = z.union([
  z.int(),
  z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number),
])

/** An instant as text. One that does not say its zone is refused: three hours more or less are another measurement. */
export const IsoInstant = z.iso.datetime({ offset: true }).transform(text => Date.parse(text))

/**
 * Reads an array of samples. Of a window that was asked for, the rest is what lies behind the last sample or before the
 * first, as the provider orders them: nobody says whether an answer is all there is, or all there is in one answer.
 */
export function toOutcome(
  elements: readonly unknown[],
  toSample: (element: unknown) => Sample | undefined,
  window?: Window,
): Outcome {
  const samples = elements.map(toSample).filter(sample => sample !== undefined)
  const unreadable = elements.length - samples.length
  if (elements.length === 0) return { kind: 'no_data' }
  if (samples.length === 0) return failed(`none of the ${unreadable} samples of its answer could be read`)
  const rest = window === undefined ? undefined : restOf(samples, window)
  return { kind: 'ok', samples, unreadable, ...(rest === undefined ? {} : { rest }) }
}

function restOf(samples: readonly Sample[], { from, to }: Window): Window | undefined {
  const times = samples.map(({ at }) => at).filter(at => at >= from && at <= to)
  const [first, last] = [times[0], times.at(-1)]
  if (first === undefined || last === undefined) return undefined
  // One sample could be either; a window is asked for from its beginning.
  const rest = first <= last ? { from: times.reduce(later) + 1, to } : { from, to: times.reduce(earlier) - 1 }
  return rest.from <= rest.to ? rest : undefined
}

const later = (one: number, other: number): number => Math.max(one, other)
const earlier = (one: number, other: number): number => Math.min(one, other)

/** The newest of samples in any order. */
export function newestOf(samples: readonly Sample[]): Sample | undefined {
  return samples.reduce<Sample | undefined>(
    (newest, sample) => (newest === undefined || sample.at > newest.at ? sample : newest),
    undefined,
  )
}

/** Not every number is an instant that can be written. */
export function timeText(at: number): string {
  const date = new Date(at)
  return Number.isNaN(date.getTime()) ? `${at} ms` : date.toISOString()
}

/** A request that brought nothing. */
export function failed(reason: string, { isAway = false } = {}): Failure {
  return { kind: 'request_failed', reason, isAway }
}

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$/
const TEXT_LENGTH_MAX = 40

/** A value as a provider wrote it: a number, or a text that is one. A comma is no decimal point. */
export function toGiven(value: unknown): Given {
  if (typeof value === 'number') return { kind: 'number', raw: value }
  if (value === null || value === undefined) return { kind: 'sensor_code', text: 'none' }
  const text = typeof value === 'string' ? value.trim() : JSON.stringify(value)
  if (/^[+-]?\d{16,30}$/.test(text)) return { kind: 'number', raw: BigInt(text) }
  if (typeof value === 'string' && DECIMAL.test(text)) return { kind: 'number', raw: Number(text) }
  const shown = text.slice(0, TEXT_LENGTH_MAX)
  return /^(nan|null|none|)$/i.test(text)
    ? { kind: 'sensor_code', text: shown || 'none' }
    : { kind: 'not_a_number', text: shown }
}
