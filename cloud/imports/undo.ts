// Takes an import out again, whole, in one transaction: its readings, what followed from them, and nothing else.
//
// Promises:
//   U1. Afterwards readings, computed values and rollups are what they would be had the import never been.
//   U2. What was declared to DGA stays provable: an import that a declaration rests on stays.
//   U3. Nothing that somebody else measured is lost with it: where others have brought the same since, it stays.

import { AHEAD_MAX_MS } from '../../protocol/reading.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import { rollUp } from '../processor/buckets.ts'
import { recomputeIn } from '../processor/recompute.ts'
import type { Database } from '../store/database.ts'
import {
  findHindrance,
  type ImportedOf,
  removeFollowing,
  removeImported,
  renewLatest,
  reopenSlots,
  volumeSeriesOf,
} from '../store/import-undo.ts'
import { lockPoints } from '../store/processing.ts'

/** Removing years of readings is long. */
const STATEMENT_TIMEOUT_MS = 10 * 60_000

/** Takes an import out. Returns how many readings went. Throws Rejected, and changes nothing, when it may not be. */
export function undoImport(
  { db, clock }: { db: Database; clock: Clock },
  imported: ImportedOf,
): Promise<{ removed: number; reopenedSlots: number }> {
  const { pointId } = imported
  return db.transaction(
    async tx => {
      await lockPoints(tx, [pointId])
      // First, so that nobody declares them meanwhile.
      const reopenedSlots = await reopenSlots(tx, imported, clock.now())
      const hindrance = await findHindrance(tx, imported)
      const reason = whyNot(hindrance)
      if (reason !== undefined) throw new Rejected(reason)
      const removed = await removeImported(tx, imported)
      if (removed.length === 0) return { removed: 0, reopenedSlots }
      const instants = [...new Set(removed.map(({ at }) => at))]
      const from = instants.reduce((a, b) => Math.min(a, b))
      const to = instants.reduce((a, b) => Math.max(a, b)) + 1
      const derived = await removeFollowing(tx, pointId, removed)
      await recomputeIn({ tx, clock }, { pointId, from, to })
      await rollUp(tx, { measured: [], derived, withdrawn: removed }, await volumeSeriesOf(tx, pointId))
      await renewLatest(tx, { pointId, from, horizon: clock.now() + AHEAD_MAX_MS })
      return { removed: removed.length, reopenedSlots }
    },
    { statementTimeoutMs: STATEMENT_TIMEOUT_MS },
  )
}

function whyNot({
  declared,
  declaredFrom,
  declaredTo,
  dropped,
  repeatedBy,
}: Awaited<ReturnType<typeof findHindrance>>): string | undefined {
  if (declared > 0) {
    const day = (at: number | null) => new Date(at ?? 0).toISOString()
    return `${declared} slots from ${day(declaredFrom)} to ${day(declaredTo)} were declared to DGA, or decided by a person, with values of this import: it is their proof, and stays`
  }
  if (dropped)
    return 'Raw readings of that time have been dropped since: what they gave could not be computed again'
  if (repeatedBy > 0) {
    return `${repeatedBy} batches that came since have brought readings that this import had already: they would be lost with it`
  }
  return undefined
}
