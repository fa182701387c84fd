// The civil calendar: which date it is in Chile. The regulator's own time is another: UTC-4 all year.

/** The zone of civil time. */
export const CIVIL_ZONE = 'America/Santiago'

/** The civil date of an instant. */
export function civilDate(at: number): Temporal.PlainDate {
  return Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(CIVIL_ZONE).toPlainDate()
}
