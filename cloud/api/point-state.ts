// How a point is, in one word: a pure function of what last came from it and how often something should.

/**
 * `never`: nothing ever came · `silent`: nothing for long · `late`: nothing since it should have · `fault`: it is heard,
 * and something of it has no value · `current`: all is well.
 */
export const POINT_STATES = ['current', 'fault', 'late', 'silent', 'never'] as const

/** How a point is. */
export type PointState = (typeof POINT_STATES)[number]

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
/** Until a point's own rhythm is known. */
const INTERVAL_DEFAULT_MS = 5 * MINUTE_MS
const LATE_AFTER_MIN_MS = 5 * MINUTE_MS
const LATE_AFTER_INTERVALS = 3
const SILENT_AFTER_MIN_MS = HOUR_MS
const SILENT_AFTER_INTERVALS = 12

/** How often something should come, of a point of which so many minutes an hour have a value. */
export function intervalOf(expectedPerHour: number | undefined): number {
  return expectedPerHour === undefined || expectedPerHour < 1
    ? INTERVAL_DEFAULT_MS
    : HOUR_MS / expectedPerHour
}

/** How a point is at `now`, by the newest reading of each variable that is measured. */
export function stateOfPoint(
  measured: readonly { at: number; value: number | null }[],
  { now, intervalMs }: { now: number; intervalMs: number },
): PointState {
  const newest = measured.reduce<number | undefined>((most, { at }) => Math.max(most ?? at, at), undefined)
  if (newest === undefined) return 'never'
  const age = now - newest
  if (age > Math.max(SILENT_AFTER_MIN_MS, SILENT_AFTER_INTERVALS * intervalMs)) return 'silent'
  const lateAfter = Math.max(LATE_AFTER_MIN_MS, LATE_AFTER_INTERVALS * intervalMs)
  if (age > lateAfter) return 'late'
  return measured.some(({ at, value }) => value === null || now - at > lateAfter) ? 'fault' : 'current'
}
