// What a change of what is owed does to slots that are there already, and the calendar that follows from it.
//
// Promises:
//   R1. What was declared, tried, or decided by a person stays as it is.
//   R2. What is not owed any more is said to be so, and comes back when it is owed again.
//   R3. What is still owed, and nobody has declared, follows the version that is valid at its instant.

import {
  countSlots,
  type ObligationVersion,
  rebindSlots,
  selectOpenSlots,
  withdrawSlots,
} from '../store/compliance-obligations.ts'
import type { Sql } from '../store/database.ts'
import { dueInstants } from './calendar.ts'

/** What a change does to the slots of a work. */
export interface Effect {
  /** Not owed any more. */
  withdrawn: number
  /** Their values are picked anew. */
  pickedAnew: number
  /** Due by now, and not there yet. */
  toMake: number
}

type Dated = Pick<ObligationVersion, 'from' | 'until' | 'terms'>

/** The version that is valid at an instant; `undefined` where nothing is owed. */
export function versionAt<Version extends Dated>(
  versions: readonly Version[],
  at: number,
): Version | undefined {
  return versions.find(({ from, until }) => from <= at && at < (until ?? Number.POSITIVE_INFINITY))
}

/** What is owed from an instant on, in time's order, at most `limit`. */
export function owedInstants(
  versions: readonly Dated[],
  { from, to, limit }: { from: number; to: number; limit: number },
): number[] {
  const found: number[] = []
  for (const version of versions) {
    if (version.terms.mode === 'off') continue
    const stretch = {
      from: Math.max(from, version.from),
      to: Math.min(to, version.until ?? Number.POSITIVE_INFINITY),
      limit: limit - found.length,
    }
    if (stretch.from >= stretch.to || stretch.limit <= 0) continue
    for (const at of dueInstants(version.terms.frequency, stretch)) found.push(at)
  }
  return found
}

const isOwed = (version: Dated | undefined, at: number): boolean =>
  version !== undefined &&
  version.terms.mode !== 'off' &&
  dueInstants(version.terms.frequency, { from: at, to: at + 1, limit: 1 }).length === 1

/** Brings the slots of a work to its versions, of which that with the id `changed` says something new. */
export async function reschedule(
  tx: Sql,
  workCode: string,
  { versions, changed, now }: { versions: readonly ObligationVersion[]; changed: number; now: number },
): Promise<Effect> {
  const withdrawn: number[] = []
  const rebound: { id: number; obligationId: number; pointId: number }[] = []
  for (const { id, obligationId, dueAt, state } of await selectOpenSlots(tx, workCode)) {
    const version = versionAt(versions, dueAt)
    if (version === undefined || !isOwed(version, dueAt)) {
      if (state !== 'withdrawn') withdrawn.push(id)
    } else if (obligationId !== version.id || version.id === changed || state === 'withdrawn') {
      rebound.push({ id, obligationId: version.id, pointId: version.pointId })
    }
  }
  if (withdrawn.length > 0)
    await withdrawSlots(tx, withdrawn, 'not owed since the obligation was changed', now)
  if (rebound.length > 0) await rebindSlots(tx, rebound, now)
  const toMake = await countMissing(tx, workCode, versions, now)
  return { withdrawn: withdrawn.length, pickedAnew: rebound.length, toMake }
}

/** So many slots of before now may be owed at once: eleven years of every hour. */
export const BACKFILL_MAX = 100_000

async function countMissing(
  tx: Sql,
  workCode: string,
  versions: readonly ObligationVersion[],
  now: number,
): Promise<number> {
  let missing = 0
  for (const version of versions) {
    const from = Math.max(version.createdThrough, version.from)
    const to = Math.min(version.until ?? Number.POSITIVE_INFINITY, now + 1)
    if (from >= to) continue
    const owed = owedInstants([version], { from, to, limit: BACKFILL_MAX + 1 })
    missing += Math.max(0, owed.length - (await countSlots(tx, workCode, { from, to })))
  }
  return missing
}
