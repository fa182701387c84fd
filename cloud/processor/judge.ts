// Judging readings: the rules of each series over what is new and, where they look back, over all that comes after.
//
// Runs in a transaction that holds the point (lockPoints), so that nobody else judges it meanwhile.

import { isDeepStrictEqual } from 'node:util'
import { TIME_MAX } from '../../protocol/reading.ts'
import { variableOf } from '../../protocol/variables.ts'
import type { Sql } from '../store/database.ts'
import { type Checkpoint, findCheckpoint, replaceCheckpoints, selectCheckpoints } from '../store/derived.ts'
import { type JudgeableReading, type Judgement, selectToJudge } from '../store/judgements.ts'
import type { CalibrationRow } from '../store/processing.ts'
import { hourOf } from './civil-time.ts'
import { seriesRulesOf } from './rules/calibration.ts'
import {
  BASELINE_MAX_MS,
  type CheckState,
  judgeReading,
  looksBack,
  rulesAt,
  type SeriesRules,
} from './rules/checks.ts'

/** A reading as it was judged: `value` is the one in force. */
export interface JudgedReading {
  seriesId: number
  variable: number
  at: number
  value: number | null
  quality: number
  timeQuality: number
  flags: number
}

/** What came of judging. */
export interface Judging {
  /** The readings that are new, and those that are judged otherwise than before. */
  judged: JudgedReading[]
  /** What is to be written. */
  judgements: Judgement[]
  /** Where to go on, when there were more readings than may be taken at once. */
  leftFrom: number | undefined
}

/** A reading that is new. */
export interface NewReading {
  seriesId: number
  variable: number
  at: number
  value: number | null
  quality: number
  timeQuality: number
  receivedAt: number | null
}

/** Judges the new readings of one point. Throws ZodError when its rules cannot be used. */
export async function judgeNew(
  tx: Sql,
  { readings, readingsMax }: { readings: readonly NewReading[]; readingsMax: number },
  calibrations: readonly CalibrationRow[],
): Promise<Judging> {
  const judging: Judging = { judged: [], judgements: [], leftFrom: undefined }
  for (const [seriesId, ofIt] of Map.groupBy(readings, reading => reading.seriesId)) {
    const [{ variable }] = ofIt as [NewReading]
    const rules = rulesOf(calibrations, variable)
    if (!looksBack(rules)) {
      for (const reading of ofIt) add(judging, reading, judgeReading(undefined, reading, rules), NOTHING)
      continue
    }
    const isNew = new Set(ofIt.map(({ at }) => at))
    const from = ofIt.reduce((least, { at }) => Math.min(least, at), TIME_MAX)
    const until = ofIt.reduce((most, { at }) => Math.max(most, at), 0)
    const series = { seriesId, variable, rules }
    await judgeForward(tx, judging, { ...series, from, until, readingsMax, fromSound: false }, at =>
      isNew.has(at),
    )
  }
  return judging
}

/** A stretch of one series to be judged again, both ends included. */
export interface StretchToJudge {
  seriesId: number
  variable: number
  from: number
  until: number
  /** Begin where the rules of today would have led, not where those of then did. */
  fromSound: boolean
  readingsMax: number
}

/** Judges a stretch of a series again, and of what comes after as much as comes out differently. Without rules nothing does. */
export async function judgeAgain(
  tx: Sql,
  judging: Judging,
  stretch: StretchToJudge,
  calibrations: readonly CalibrationRow[],
): Promise<void> {
  const rules = rulesOf(calibrations, stretch.variable)
  const { conversions, checks, cutOffs } = rules
  if (conversions.length + checks.length + cutOffs.length === 0) return
  await judgeForward(tx, judging, { ...stretch, rules }, () => false)
}

const NOTHING = { flags: 0, adjusted: null }

function rulesOf(calibrations: readonly CalibrationRow[], code: number): SeriesRules {
  const variable = variableOf(code)
  if (variable === undefined) throw new Error(`Unknown variable ${code} in the database`)
  return seriesRulesOf(calibrations, variable)
}

function add(
  judging: Judging,
  { seriesId, variable, at, value: measured, quality, timeQuality }: Omit<NewReading, 'receivedAt'>,
  { value, flags }: { value: number | null; flags: number },
  before: { flags: number; adjusted: number | null },
): void {
  const adjusted = value === measured ? null : value
  judging.judged.push({ seriesId, variable, at, value, quality, timeQuality, flags })
  if (flags === before.flags && adjusted === before.adjusted) return
  judging.judgements.push({ seriesId, at, flags, adjusted })
}

/** What checks look back on where no checkpoint says where they stood. */
const LOOK_BACK_MS = 7 * BASELINE_MAX_MS

const SLICE = 10_000
const FIRST_SLICE = 500

/** A series on its way through its readings. */
interface Run {
  seriesId: number
  variable: number
  rules: SeriesRules
  until: number
  isNew(at: number): boolean
  state: CheckState | undefined
  checkpoints: Map<number, Checkpoint<CheckState>>
}

async function judgeForward(
  tx: Sql,
  judging: Judging,
  { fromSound, readingsMax, ...series }: StretchToJudge & { rules: SeriesRules },
  isNew: (at: number) => boolean,
): Promise<void> {
  const { seriesId, rules, until } = series
  const endAt = looksBack(rules) ? TIME_MAX : until
  const begun = await beginAt(tx, series, fromSound)
  const run: Run = { ...series, isNew, state: begun.state, checkpoints: new Map() }
  let from = begun.from
  for (let taken = 0, limit = FIRST_SLICE; ; limit = SLICE) {
    const slice = await selectToJudge(tx, { seriesId, from, to: endAt, limit })
    const lastAt = slice.at(-1)?.at
    if (lastAt === undefined) break
    const stretch = { from: Math.max(from, until), to: lastAt }
    const before = await selectCheckpoints<CheckState>(tx, seriesId, stretch)
    const agreedAt = judgeSlice(judging, run, slice, before)
    from = (agreedAt ?? lastAt) + 1
    if (agreedAt !== undefined || slice.length < limit) break
    taken += slice.length
    if (taken < readingsMax) continue
    judging.leftFrom = Math.min(judging.leftFrom ?? from, from)
    break
  }
  if (!looksBack(rules)) return
  await replaceCheckpoints(tx, seriesId, { from: begun.from, to: from - 1 }, run.checkpoints)
}

async function beginAt(
  tx: Sql,
  { seriesId, rules, from }: { seriesId: number; rules: SeriesRules; from: number },
  fromSound: boolean,
): Promise<{ from: number; state: CheckState | undefined }> {
  if (!looksBack(rules)) return { from, state: undefined }
  const found = await findCheckpoint<CheckState>(tx, seriesId, from)
  const isUsable = found !== undefined && (!fromSound || found.state.madeBy === rulesAt(rules, found.at))
  if (isUsable) return { from: found.at + 1, state: found.state }
  return { from: Math.max(0, from - LOOK_BACK_MS), state: undefined }
}

/** Judges readings in time's order. Returns where an earlier run was met again: all after it is as it was. */
function judgeSlice(
  judging: Judging,
  run: Run,
  slice: readonly JudgeableReading[],
  before: ReadonlyMap<number, CheckState>,
): number | undefined {
  const { seriesId, variable, rules, until, isNew } = run
  for (const reading of slice) {
    const { at, value: measured, quality, timeQuality } = reading
    const { state, flags, value } = judgeReading(run.state, reading, rules)
    run.state = state
    run.checkpoints.set(hourOf(at), { at, state })
    const isOther = flags !== reading.flags || (value === measured ? null : value) !== reading.adjusted
    if (isOther || isNew(at)) {
      add(
        judging,
        { seriesId, variable, at, value: measured, quality, timeQuality },
        { flags, value },
        reading,
      )
    }
    if (at >= until && isDeepStrictEqual(before.get(at), state)) return at
  }
  return undefined
}
