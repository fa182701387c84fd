// What smarthydro-cloud lets an operator do about what is computed, without the API: computing a stretch again.

import { z } from 'zod'
import { pointKey } from '../../protocol/ids.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import { findPoint } from '../point-name.ts'
import { Problem } from '../problem.ts'
import type { Database } from '../store/database.ts'
import { findPreview } from '../store/recomputations.ts'
import { executeRecomputation, previewRecomputation } from './preview.ts'
import { STRETCH_MAX_MS } from './recompute.ts'
import { type Shown, toRecomputingProblem, toShown } from './shown.ts'

/** What the commands use. */
export interface RecomputeDeps {
  db: Database
  clock: Clock
  say: (text: string) => void
}

const ASKED_BY = 'command line'

/** ISO 8601 with its offset. */
const Instant = z.iso.datetime({ offset: true })

/** The stretch that a command line names, or what is wrong with it. */
export function stretchOf({
  point,
  from,
  to,
}: {
  point: string
  from?: string | undefined
  to?: string | undefined
}): { point: string; from: number; to: number } | string {
  for (const [option, text] of Object.entries({ from, to })) {
    if (!Instant.safeParse(text).success) return `--${option} must be an instant such as 2026-01-15T12:00:00Z`
  }
  const stretch = { point, from: Date.parse(from ?? ''), to: Date.parse(to ?? '') }
  const isLong = stretch.to <= stretch.from || stretch.to - stretch.from > STRETCH_MAX_MS
  return isLong ? '--to must be after --from, at most 366 days' : stretch
}

/** Says what computing a stretch of a point again would change. Nothing is changed. */
export async function tellPreview(
  { db, clock, say }: RecomputeDeps,
  { point, from, to }: { point: string; from: number; to: number },
): Promise<number> {
  const { id: pointId, ...path } = await findPoint(db, null, point).catch(refused)
  const asked = { pointId, from, to, askedBy: ASKED_BY }
  const { id, outcome } = await previewRecomputation({ db, clock }, asked).catch(refused)
  tell(say, toShown(outcome))
  say(`nothing of ${pointKey(path)} is changed: smarthydro-cloud recompute ${id} --reason … does it\n`)
  return 0
}

/** Does what a preview showed. The exit status is 1 when it is refused. */
export async function execute(
  { db, clock, say }: RecomputeDeps,
  number: string,
  why: string,
): Promise<number> {
  const preview = /^[1-9]\d{0,14}$/.test(number) ? await findPreview(db, null, Number(number)) : undefined
  if (preview === undefined) throw new Rejected(`There is no preview ${number}`)
  const who = { askedBy: ASKED_BY, why }
  const execution = await executeRecomputation({ db, clock }, preview, who).catch(refused)
  if (execution.kind === 'refused') throw new Rejected(execution.reason)
  tell(say, toShown(execution.outcome))
  say(`${preview.point} is computed again\n`)
  return 0
}

/** What a person can do something about, in one line. */
function refused(error: unknown): never {
  const problem = toRecomputingProblem(error)
  if (!(problem instanceof Problem)) throw error
  throw new Rejected([problem.message, problem.facts.detail].filter(part => part !== undefined).join(': '))
}

function tell(say: RecomputeDeps['say'], { days, daysMore, variables, judged }: Shown): void {
  for (const { day, variable, unit, before, after, delta } of days) {
    say(`${day} ${variable} ${before ?? '-'} → ${after ?? '-'} ${unit} (${delta ?? '-'})\n`)
  }
  if (daysMore > 0) say(`… and ${daysMore} more days\n`)
  for (const { variable, changed, removed } of variables) {
    say(`${variable}: ${changed} values changed, ${removed} removed\n`)
  }
  say(`${judged} readings judged otherwise\n`)
}
