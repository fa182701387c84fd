// Months of the regulator, who is at UTC-4 all year.

const BEHIND_MS = 4 * 3_600_000

/** The regulator's month of an instant: `2026-01`. */
export const monthOf = (at: number): string => new Date(at - BEHIND_MS).toISOString().slice(0, 7)

/** The month so many before or after one. */
export function moveMonth(month: string, by: number): string {
  const [year = 0, number = 1] = month.split('-').map(Number)
  return new Date(Date.UTC(year, number - 1 + by, 1)).toISOString().slice(0, 7)
}

/** The months from one instant to another, newest first. */
export function monthsSince(from: number, to: number): string[] {
  const months: string[] = []
  const first = monthOf(from)
  for (let month = monthOf(to); month >= first; month = moveMonth(month, -1)) months.push(month)
  return months
}
