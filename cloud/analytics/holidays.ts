// Chile's holidays: days on which a well is used as on a Sunday.
//
// Those of the whole country, by Law 2.977 and its later changes, as they have been since 2022. A day that a law of one
// year alone makes a holiday is not here: it costs an hour of the week one odd value among many, which a median bears.

/** Day and month of those that stand still. */
const FIXED = new Set([
  '01-01',
  '05-01',
  '05-21',
  '07-16',
  '08-15',
  '09-18',
  '09-19',
  '11-01',
  '12-08',
  '12-25',
])

/** Those that move to a Monday when they fall in the middle of a week (Law 19.668). */
const TO_MONDAY = ['06-29', '10-12']

/** Whether a civil date is a holiday in Chile. Throws RangeError when the text is no date. */
export function isHoliday(date: string): boolean {
  const day = Temporal.PlainDate.from(date)
  if (FIXED.has(date.slice(5))) return true
  const easter = easterOf(day.year)
  if (day.equals(easter.subtract({ days: 2 })) || day.equals(easter.subtract({ days: 1 }))) return true
  return (
    TO_MONDAY.some(fixed => day.equals(movedToMonday(Temporal.PlainDate.from(`${day.year}-${fixed}`)))) ||
    day.equals(reformationDay(day.year)) ||
    day.equals(indigenousPeoplesDay(day.year)) ||
    isBridgeOfSeptember(day)
  )
}

/** Tuesday to Thursday: the Monday before. Friday: the Monday after. */
function movedToMonday(day: Temporal.PlainDate): Temporal.PlainDate {
  if (day.dayOfWeek >= 2 && day.dayOfWeek <= 4) return day.subtract({ days: day.dayOfWeek - 1 })
  return day.dayOfWeek === 5 ? day.add({ days: 3 }) : day
}

/** 31 October; of a Tuesday the Friday before, of a Wednesday the Friday after (Law 20.299). */
function reformationDay(year: number): Temporal.PlainDate {
  const day = Temporal.PlainDate.from({ year, month: 10, day: 31 })
  if (day.dayOfWeek === 2) return day.subtract({ days: 4 })
  return day.dayOfWeek === 3 ? day.add({ days: 2 }) : day
}

/** The winter solstice where Chile is: 20 or 21 June (Law 21.357). */
function indigenousPeoplesDay(year: number): Temporal.PlainDate {
  return Temporal.PlainDate.from({ year, month: 6, day: year % 4 === 0 || year % 4 === 1 ? 20 : 21 })
}

/** 17 September on a Monday or Friday, 20 September on a Friday (Laws 20.215 and 20.983). */
function isBridgeOfSeptember({ month, day, dayOfWeek }: Temporal.PlainDate): boolean {
  if (month !== 9) return false
  return (day === 17 && (dayOfWeek === 1 || dayOfWeek === 5)) || (day === 20 && dayOfWeek === 5)
}

/** Easter Sunday of the Gregorian calendar (Meeus, Jones and Butcher). */
function easterOf(year: number): Temporal.PlainDate {
  const a = year % 19
  const b = Math.floor(year / 100)
  const c = year % 100
  const d = Math.floor(b / 4)
  const g = Math.floor((8 * b + 13) / 25)
  const h = (19 * a + b - d - g + 15) % 30
  const l = (32 + 2 * (b % 4) + 2 * Math.floor(c / 4) - h - (c % 4)) % 7
  const m = Math.floor((a + 11 * h + 22 * l) / 451)
  const n = h + l - 7 * m + 114
  return Temporal.PlainDate.from({ year, month: Math.floor(n / 31), day: (n % 31) + 1 })
}
