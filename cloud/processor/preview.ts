// Recomputing because somebody asked, in two steps: what it would change is shown, then that is done, or nothing is.
//
// Invariants:
//   V1. A preview does the work and undoes it: nothing but the preview itself is written.
//   V2. An execution names its preview, and does exactly what that showed; where it would come out differently, because
//       late readings came, rules changed or another one was executed, it is refused and nothing is written. What comes
//       after the last instant that was shown is what the same rules make of newer readings, and goes with it.
//   V3. Every execution that was asked for is kept: by whom, when, why, and its end. A preview is executed once.

import { createHash } from 'node:crypto'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import type { Database, Sql } from '../store/database.ts'
import {
  type DayFigures,
  insertPreview,
  type KeptPreview,
  recordRecomputation,
  selectDayFigures,
  takePreview,
} from '../store/recomputations.ts'
import { dateOf, dayOf } from './civil-time.ts'
import { type Recomputation, type RecomputationOutcome, recomputeIn, type Trace } from './recompute.ts'

/** A civil day of one variable, before and after: what passed, of a volume; the mean, of everything else. */
export interface DayDifference {
  day: string
  variable: number
  before: number | null
  after: number | null
}

/** The most days that are shown one by one. */
export const DAYS_SHOWN_MAX = 2_000

/** What a recomputation changes, or would change. */
export interface ShownOutcome extends RecomputationOutcome {
  days: DayDifference[]
  /** How many more days have changed than are shown. */
  daysMore: number
}

type Deps = { db: Database; clock: Clock }

/** Shows what computing a stretch again would change, and keeps that for whoever wants it done. Throws as recomputeIn(). */
export async function previewRecomputation(
  deps: Deps,
  asked: Recomputation & { askedBy: string },
): Promise<{ id: number; outcome: ShownOutcome }> {
  const { db, clock } = deps
  const seen: { preview?: Previewed } = {}
  await db
    .transaction(async tx => {
      seen.preview = await recomputeAndCompare({ tx, clock }, asked)
      throw new Undo()
    })
    .catch((error: unknown) => {
      if (!(error instanceof Undo)) throw error
    })
  if (seen.preview === undefined) throw new Error('A preview was not made')
  const { outcome, trace } = seen.preview
  const through = trace.changes.reduce<number | null>((most, { at }) => Math.max(most ?? at, at), null)
  const kept = {
    ...asked,
    askedAt: clock.now(),
    through,
    fingerprint: fingerprintOf(trace, through),
    outcome,
  }
  return { id: await db.transaction(tx => insertPreview(tx, kept)), outcome }
}

/** How an execution ended. */
export type Execution = { kind: 'done'; outcome: ShownOutcome } | { kind: 'refused'; reason: string }

/** Does what a preview showed, or refuses. Throws as recomputeIn(). */
export async function executeRecomputation(
  { db, clock }: Deps,
  preview: KeptPreview,
  { askedBy, why }: { askedBy: string; why: string },
): Promise<Execution> {
  const { id: previewId, pointId, from, to } = preview
  const asked = { previewId, pointId, from, to, askedBy, askedAt: clock.now(), why }
  try {
    return await db.transaction(async tx => {
      if (!(await takePreview(tx, previewId, clock.now()))) throw new Changed(EXECUTED)
      const { outcome, trace } = await recomputeAndCompare({ tx, clock }, preview)
      if (fingerprintOf(trace, preview.through) !== preview.fingerprint) throw new Changed(CHANGED)
      await recordRecomputation(tx, asked, { outcome })
      return { kind: 'done', outcome }
    })
  } catch (error) {
    if (error instanceof Changed || error instanceof Rejected || error instanceof RangeError) {
      await recordRecomputation(db, asked, { refused: error.message })
      if (error instanceof Changed) return { kind: 'refused', reason: error.message }
    }
    throw error
  }
}

const CHANGED =
  'It would not do any more what was shown: late readings came, or the rules changed. Preview it again'
const EXECUTED = 'This preview was executed already'

/** Ends a transaction whose work was only to be seen. */
class Undo extends Error {}

/** Ends a transaction that would do something else than was shown. */
class Changed extends Error {}

interface Previewed {
  outcome: ShownOutcome
  trace: Trace
}

async function recomputeAndCompare(
  { tx, clock }: { tx: Sql; clock: Clock },
  stretch: Recomputation,
): Promise<Previewed> {
  const since = dayOf(stretch.from).from
  const before = await selectDayFigures(tx, stretch.pointId, since)
  const { outcome, trace } = await recomputeIn({ tx, clock }, stretch)
  const days = differencesOf(before, await selectDayFigures(tx, stretch.pointId, since))
  const daysMore = Math.max(0, days.length - DAYS_SHOWN_MAX)
  return { outcome: { ...outcome, days: days.slice(0, DAYS_SHOWN_MAX), daysMore }, trace }
}

/** The days whose figures differ, in time's order. */
export function differencesOf(before: readonly DayFigures[], after: readonly DayFigures[]): DayDifference[] {
  const keyOf = ({ seriesId, at }: DayFigures) => `${seriesId}/${at}`
  const [old, now] = [before, after].map(days => new Map(days.map(day => [keyOf(day), day])))
  const all = new Map([...before, ...after].map(day => [keyOf(day), day]))
  return [...all]
    .map(([key, { variable, at }]) => ({ variable, at, old: old?.get(key), now: now?.get(key) }))
    .filter(({ old: was, now: is }) => !isSame(was, is))
    .sort((a, b) => a.at - b.at || a.variable - b.variable)
    .map(({ variable, at, old: was, now: is }) => ({
      ...{ day: dateOf(at), variable },
      ...{ before: was?.value ?? null, after: is?.value ?? null },
    }))
}

const isSame = (one: DayFigures | undefined, other: DayFigures | undefined): boolean =>
  one?.value === other?.value && one?.count === other?.count && one?.valid === other?.valid

function fingerprintOf({ rules, changes }: Trace, through: number | null): string {
  const shown = changes.filter(({ at }) => through === null || at <= through).map(({ what }) => what)
  return createHash('sha256')
    .update([rules, ...shown.sort()].join('\n'))
    .digest('hex')
}
