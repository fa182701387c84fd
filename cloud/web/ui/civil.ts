// Instants as people type them: civil time of Chile, whoever types from wherever.

const PARTS = new Intl.DateTimeFormat('en-CA', {
  timeZone: 'America/Santiago',
  hourCycle: 'h23',
  ...{ year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' },
})

/** An instant as a field for date and time takes it: `2026-01-15T08:30`. */
export function toCivil(at: number): string {
  const part = Object.fromEntries(PARTS.formatToParts(at).map(({ type, value }) => [type, value]))
  return `${part.year}-${part.month}-${part.day}T${part.hour}:${part.minute}`
}

const HOUR_MS = 3_600_000
/** How far Chile's clocks are behind: by summer and by winter. */
const BEHIND_MS = [3 * HOUR_MS, 4 * HOUR_MS]

/**
 * The instant that was typed as civil time; undefined when nothing was, or nothing that is a time. Of an hour that comes twice
 * it is the first; a time that the clocks leap over is counted as they stood before.
 */
export function fromCivil(typed: string): number | undefined {
  const asUtc = Date.parse(`${typed}Z`)
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(typed) || Number.isNaN(asUtc)) return undefined
  const found = BEHIND_MS.map(behind => asUtc + behind).find(at => toCivil(at) === typed.slice(0, 16))
  return found ?? asUtc + (BEHIND_MS.at(-1) ?? 0)
}

/** The same for the API; an empty text when nothing was typed. */
export function toInstantText(typed: string): string {
  const at = fromCivil(typed)
  return at === undefined ? '' : new Date(at).toISOString()
}
