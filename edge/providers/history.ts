// Fetches what lies in the gaps of a device's keys, page by page, within bounds.

import type { Log } from '../../protocol/runtime/log.ts'
import type { Judgement } from './judge.ts'
import type { Mark } from './marks.ts'
import type { Outcome, Provider, Sample, Window } from './provider.ts'

/** What one poll fetched. */
export interface Filled {
  /** By key, oldest first, no time twice. */
  samples: ReadonlyMap<string, readonly Sample[]>
  /** Where reading will have come to when they are on disk. */
  marks: ReadonlyMap<string, Mark>
}

/** In one poll. What is left is asked for in the next. */
const PAGES_MAX = 10
const SAMPLES_IN_POLL_MAX = 10_000
/** A gap is given up after so many polls that could be answered but for it. */
const TRIES_MAX = 10

type Gap = NonNullable<Mark['gap']>

/** Asks for the gaps that the judgements show. Rejects with the signal's reason only. */
export async function fillGaps(
  { provider, log }: { provider: Provider; log: Log },
  device: string,
  judged: ReadonlyMap<string, Judgement>,
  signal: AbortSignal,
): Promise<Filled> {
  const samples = new Map<string, Map<number, Sample>>()
  const marks = new Map<string, Mark>()
  const open = new Map<string, Gap>()
  for (const [key, { mark, found }] of judged) {
    if (mark === undefined) continue
    marks.set(key, mark)
    if (mark.gap !== undefined) open.set(key, mark.gap)
    samples.set(key, new Map())
    take(samples, key, found)
  }
  const left = new Map<string, Gap>()
  let count = 0
  for (let page = 0; page < PAGES_MAX && count < SAMPLES_IN_POLL_MAX && open.size > 0; page += 1) {
    const outcomes = await provider.history([...open.keys()], windowOf([...open.values()]), signal)
    for (const [key, gap] of [...open]) {
      const outcome = outcomes.get(key) ?? { kind: 'no_data' }
      if (outcome.kind === 'request_failed' || outcome.kind === 'auth_failed') {
        open.delete(key)
        if (gap.tries + 1 < TRIES_MAX) left.set(key, { ...gap, tries: gap.tries + 1 })
        else log.warn('history given up', { source: device, key, ...textOf(gap), reason: outcome.reason })
        continue
      }
      const within = samplesWithin(outcome, gap)
      if (outcome.kind === 'ok' && outcome.unreadable > 0) {
        log.warn('samples of a history not readable', { source: device, key, count: outcome.unreadable })
      }
      take(samples, key, within)
      count += within.length
      const rest = restOf(outcome, gap, within.length)
      if (rest === undefined) open.delete(key)
      else open.set(key, rest)
    }
  }
  for (const [key, mark] of marks) {
    const gap = open.get(key) ?? left.get(key)
    marks.set(key, gap === undefined ? { newest: mark.newest } : { newest: mark.newest, gap })
  }
  return { samples: new Map([...samples].map(([key, found]) => [key, inOrder(found)])), marks }
}

/** The first that was given for a time stands. */
function take(samples: Map<string, Map<number, Sample>>, key: string, found: readonly Sample[]): void {
  const known = samples.get(key)
  for (const sample of found) if (known?.has(sample.at) === false) known.set(sample.at, sample)
}

function inOrder(found: ReadonlyMap<number, Sample>): Sample[] {
  return [...found.values()].sort((one, other) => one.at - other.at)
}

function windowOf(gaps: readonly Gap[]): Window {
  return {
    from: Math.min(...gaps.map(({ from }) => from)),
    to: Math.max(...gaps.map(({ to }) => to)),
  }
}

function samplesWithin(outcome: Outcome, { from, to }: Gap): readonly Sample[] {
  return outcome.kind === 'ok' ? outcome.samples.filter(({ at }) => at >= from && at <= to) : []
}

/** What is left of a gap. A page that brought nothing of it has shown that there is nothing, unless it says what it gave. */
function restOf(outcome: Outcome, gap: Gap, count: number): Gap | undefined {
  if (outcome.kind !== 'ok' && outcome.kind !== 'no_data') return undefined
  if (outcome.rest === undefined || (count === 0 && outcome.isComplete !== true)) return undefined
  const from = Math.max(gap.from, outcome.rest.from)
  const to = Math.min(gap.to, outcome.rest.to)
  return from <= to ? { from, to, tries: 0 } : undefined
}

function textOf({ from, to }: Gap): { from: string; to: string } {
  return { from: new Date(from).toISOString(), to: new Date(to).toISOString() }
}
