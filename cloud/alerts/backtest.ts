// A rule tried on history: what it would have said, by the code that watches.

import { VARIABLES } from '../../protocol/variables.ts'
import { selectSamples, selectWatchedSeries } from '../store/alerts.ts'
import type { Sql } from '../store/database.ts'
import { beginAt, contextMs, type Episode, evaluate, type Firing, toEpisodes } from './evaluate.ts'
import type { AlertRule } from './rule.ts'

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
}

/** Tries a rule at a point from `from` (included) to `to`. Silence is counted from `from` on. */
export async function backtest(
  sql: Sql,
  { rule, pointId, from, to }: { rule: AlertRule; pointId: number; from: number; to: number },
  {
    samplesMax = BACKTEST_SAMPLES_MAX,
    stepMax = SAMPLES_A_STEP,
  }: { samplesMax?: number; stepMax?: number } = {},
): Promise<Backtest> {
  const { variable } = rule.condition
  const code = variable === undefined ? null : VARIABLES[variable].code
  const seriesIds = await selectWatchedSeries(sql, pointId, code)
  const firings: Firing[] = []
  let progress = { ...beginAt(from - 1), lastAt: from }
  for (let seen = 0; ; ) {
    const stretch = { seriesIds, from: progress.through - contextMs(rule), to }
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
