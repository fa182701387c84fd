// What somebody has asked for of messages to them, and what follows for one message: where it goes, when, in which language.

import { z } from 'zod'
import { CIVIL_ZONE } from '../../protocol/civil-date.ts'
import { AlertHours, clockText } from './rule.ts'
import { firstOutside } from './schedule.ts'

/** Languages that messages are written in. */
export const LANGUAGES = ['es', 'en'] as const

/** A language that messages are written in. */
export type Language = (typeof LANGUAGES)[number]

/** What somebody has asked for. */
export const Preferences = z.strictObject({
  language: z.enum(LANGUAGES).default('es'),
  /** Whether messages come by mail, to the user's own address. */
  email: z.boolean().default(true),
  /** Other ways: `to` is where the channel finds them, a telephone number perhaps. */
  channels: z
    .array(
      z.strictObject({
        channel: z.int().min(1).max(Number.MAX_SAFE_INTEGER),
        to: z.string().trim().min(1).max(200).optional(),
      }),
    )
    .max(5)
    .default([]),
  /** Hours in which nothing is sent; it waits until they are over. */
  quietHours: z.array(AlertHours).max(10).default([]),
  /** Whether what is critical is sent at once all the same: also in quiet hours, and in no digest. */
  criticalAtOnce: z.boolean().default(true),
  /** Messages of some time together in one. */
  digest: z.enum(['never', 'hourly', 'daily']).default('never'),
  /** When the daily one comes, America/Santiago. */
  digestAt: clockText.default('08:00'),
})

/** What somebody has asked for. */
export type Preferences = z.infer<typeof Preferences>

/** What is so of who has asked for nothing. */
export const DEFAULT_PREFERENCES: Preferences = Preferences.parse({})

/** When a message is sent that comes up now, and whether with others. */
export function dueAt(
  { quietHours, criticalAtOnce, digest, digestAt }: Preferences,
  { now, severity }: { now: number; severity: string },
): { at: number; digest: boolean } {
  if (severity === 'critical' && criticalAtOnce) return { at: now, digest: false }
  const at = digest === 'never' ? now : digest === 'hourly' ? nextHour(now) : nextTimeOfDay(now, digestAt)
  return { at: firstOutside(quietHours, at), digest: digest !== 'never' }
}

const HOUR_MS = 3_600_000
const nextHour = (now: number): number => (Math.floor(now / HOUR_MS) + 1) * HOUR_MS

/** The next time that clocks show this. Where they skip it, it is as much later as they skip. */
function nextTimeOfDay(now: number, text: string): number {
  const [hour = 0, minute = 0] = text.split(':').map(Number)
  const today = Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(CIVIL_ZONE).toPlainDate()
  for (const day of [today, today.add({ days: 1 })]) {
    // `24:00` is when the next day begins.
    const date = hour === 24 ? day.add({ days: 1 }) : day
    const plainTime = new Temporal.PlainTime(hour % 24, minute)
    const at = date.toZonedDateTime({ timeZone: CIVIL_ZONE, plainTime }).epochMilliseconds
    if (at > now) return at
  }
  return now
}
