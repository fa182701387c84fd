// A rule tried on history: what it would have said, by the code that watches.

import { VARIABLES } from '../../protocol/variables.ts'
import {
  selectEventSamples,
  selectOtherEpisodes,
  selectSamples,
  selectWatchedSeries,
} from '../store/alerts.ts'
import type { Sql } from '../store/database.ts'
import { selectRights } from '../store/rights.ts'
import {
  beginAt,
  contextMs,
  type Episode,
  evaluate,
  type Firing,
  type Sample,
  toEpisodes,
  type WatchedRule,
} from './evaluate.ts'
import { eventKindsOf } from './look.ts'
import type { AlertRule } from './rule.ts'
import { isSignal, signalsOfDays, toValueCondition } from './signals.ts'

/** More than the longest window of a rate holds, read each second. */
const SAMPLES_A_STEP = 25_000

/** Three months read each minute, and half as much again. */
export const BACKTEST_SAMPLES_MAX = 200_000

/** What a rule would have said. */
export interface Backtest {
  /** Up to here it was tried: before the end where there were too many values. */
  through: number
  samples: number
  firings: number
  episodes: Episode[]
  /** The limit in the unit of the values, where it follows from what is granted; null where there is none. */
  limit: number | null
}

interface Asked {
  rule: AlertRule
  pointId: number
  from: number
  to: number
}

interface Limits {
  samplesMax: number
  stepMax: number
}

/** Tries a rule at a point from `from` (included) to `to`. Silence is counted from `from` on. */
export async function backtest(
  sql: Sql,
  { rule, pointId, from, to }: Asked,
  { samplesMax = BACKTEST_SAMPLES_MAX, stepMax = SAMPLES_A_STEP }: Partial<Limits> = {},
): Promise<Backtest> {
  const { condition } = rule
  const nothing = { through: to, samples: 0, firings: 0, episodes: [], limit: null }
  if (condition.kind === 'dga_late' || condition.kind === 'gateway_lost') {
    const episodes = await selectOtherEpisodes(sql, { kind: condition.kind, pointId, from, to })
    return { ...nothing, firings: episodes.reduce((sum, one) => sum + one.firings, 0), episodes }
  }
  const isOfRight = condition.kind === 'over_right' || condition.kind === 'forecast'
  const rights = isOfRight ? await selectRights(sql, { pointId, at: to }) : []
  const value = toValueCondition(condition, rights)
  if (value === undefined) return nothing
  const { schedule, quietFor, clearFor } = rule
  const watched = { condition: value, schedule, quietFor, ...(clearFor === undefined ? {} : { clearFor }) }
  const limit = 'limit' in value ? value.limit : null
  if (isSignal(condition)) {
    const samples = await signalsOfDays(sql, condition, { pointId, from, to })
    return { ...once(watched, samples, { from, to }), limit }
  }
  const variable = 'variable' in value && value.variable !== undefined ? VARIABLES[value.variable].code : null
  const seriesIds = await selectWatchedSeries(sql, pointId, variable)
  if (condition.kind === 'counter_event') {
    const stretch = { seriesIds, from: from - 1, to, kinds: eventKindsOf(condition) }
    return { ...once(watched, await selectEventSamples(sql, stretch, samplesMax), { from, to }), limit }
  }
  return {
    ...(await inSteps(sql, watched, { seriesIds, from, to, limits: { samplesMax, stepMax } })),
    limit,
  }
}

function once(
  rule: WatchedRule,
  samples: readonly Sample[],
  { from, to }: { from: number; to: number },
): Omit<Backtest, 'limit'> {
  const { firings } = evaluate(rule, beginAt(from - 1), samples, to)
  return { through: to, samples: samples.length, firings: firings.length, episodes: toEpisodes(firings) }
}

async function inSteps(
  sql: Sql,
  rule: WatchedRule,
  {
    seriesIds,
    from,
    to,
    limits: { samplesMax, stepMax },
  }: { seriesIds: readonly number[]; from: number; to: number; limits: Limits },
): Promise<Omit<Backtest, 'limit'>> {
  const firings: Firing[] = []
  let progress = { ...beginAt(from - 1), lastAt: from }
  for (let seen = 0; ; ) {
    const stretch = { seriesIds, from: progress.through - contextMs(rule.condition), to }
    const samples = await selectSamples(sql, [stretch], stepMax)
    const isLast = samples.length < stepMax
    const until = isLast ? to : (samples.at(-1)?.at ?? to)
    seen += samples.filter(({ at }) => at > progress.through).length
    const step = evaluate(rule, progress, samples, until)
    // What lasted at the end of the step before is told again, with what became of it.
    if (firings.at(-1)?.from === step.firings[0]?.from) firings.pop()
    firings.push(...step.firings)
    if (isLast || seen >= samplesMax || until <= progress.through) {
      return { through: until, samples: seen, firings: firings.length, episodes: toEpisodes(firings) }
    }
    progress = { ...step.progress, lastAt: step.progress.lastAt ?? from }
  }
}
