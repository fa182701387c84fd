// The regulator's own rules, held against what arrives. It answers nothing; it counts.

/** A rule that was broken, and how. */
export interface Violation {
  rule: 'spacing' | 'retry-per-day' | 'resend-accepted' | 'clock' | 'password-outside-body'
  at: number
  evidence: string
}

/** A measurement that arrived. */
export interface Arrival {
  work: string
  date: string
  time: string
  now: number
}

/** Watches. */
export interface Monitor {
  violations: Violation[]
  /** Arrivals more than an hour after their measuring time: the target of Res. Ex. 2.170, section 3. */
  late: number
  arrived(arrival: Arrival): void
  /** The answer that it is held reached the client. */
  told(arrival: Arrival): void
  passwordSeen(where: string, now: number): void
}

const MINUTE = 60_000
/** Backlog: "two or more hourly values" go one by one, five minutes apart (section 6.1). */
const SPACING_MS = 5 * MINUTE
const HOUR = 60 * MINUTE
const UTC_MINUS_4 = -4 * HOUR
/** Clocks differ a little. */
const TOLERANCE_MS = 1_000

/** Opens a monitor. */
export function openMonitor(): Monitor {
  const violations: Violation[] = []
  const lastBacklog = new Map<string, number>()
  const arrivalsByDay = new Map<string, number>()
  const toldOf = new Set<string>()
  const monitor: Monitor = {
    violations,
    late: 0,
    arrived({ work, date, time, now }) {
      const key = `${work} ${date} ${time}`
      const measuredAt = Date.parse(`${date}T${time}-04:00`)
      const add = (rule: Violation['rule'], evidence: string) => violations.push({ rule, at: now, evidence })
      if (toldOf.has(key)) add('resend-accepted', key)
      const day = `${key} on ${new Date(now + UTC_MINUS_4).toISOString().slice(0, 10)}`
      if (arrivalsByDay.has(day)) add('retry-per-day', day)
      arrivalsByDay.set(day, now)
      if (measuredAt > now + 5 * MINUTE)
        add('clock', `${key} arrived ${(measuredAt - now) / MINUTE} minutes early`)
      if (now - measuredAt <= HOUR) return
      monitor.late += 1
      const before = lastBacklog.get(work)
      if (before !== undefined && now - before < SPACING_MS - TOLERANCE_MS) {
        add('spacing', `${key} came ${(now - before) / 1000} s after the one before`)
      }
      lastBacklog.set(work, now)
    },
    told: ({ work, date, time }) => void toldOf.add(`${work} ${date} ${time}`),
    passwordSeen: (where, now) =>
      void violations.push({ rule: 'password-outside-body', at: now, evidence: where }),
  }
  return monitor
}
