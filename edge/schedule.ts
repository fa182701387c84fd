// When something is due: at whole multiples of its interval on the wall clock, so that a meter polled each hour is
// polled on the hour, and two gateways poll the same instants.

/** The first due instant after `now`. All in milliseconds; `delayMs` moves every instant by as much. */
export function nextDue(now: number, everyMs: number, delayMs: number): number {
  return (Math.floor((now - delayMs) / everyMs) + 1) * everyMs + delayMs
}

/**
 * The due instant after the wall clock was stepped, when `due` was waited for before. Instants that a step leapt over
 * are left out. After a step back of less than an interval the same instant is waited for, so that none comes twice.
 */
export function dueAfterStep(due: number, now: number, everyMs: number, delayMs: number): number {
  return due > now && due - now <= 2 * everyMs ? due : nextDue(now, everyMs, delayMs)
}

/** How many instants passed unpolled when the one after `due` that is waited for now is `next`. */
export function missedBetween(due: number, next: number, everyMs: number): number {
  return Math.max(0, Math.round((next - due) / everyMs) - 1)
}
