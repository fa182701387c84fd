// Levels of a well, as plain numbers.

import type { Series } from '../api/types.ts'

/** The least depth among the steps that are good throughout. */
export function restLevelOf({ min, count, valid }: Pick<Series, 'min' | 'count' | 'valid'>): number | null {
  const good = min.filter(
    (value, index): value is number =>
      value !== null && (valid[index] ?? 0) > 0 && valid[index] === count[index],
  )
  return good.length === 0 ? null : Math.min(...good)
}
