// Flags: what the cloud found out about a value, beside the quality that it came with.
//
// A reading is never edited. What is judged of it stands in the table `judgements`, under the reading's key: its flags,
// and the value that is in force where it is not the measured one (another unit, a low flow that is cut off). A derived
// value carries its flags itself: those of the reading it follows from, and its own. A value without a row has no flags.
// Rollups count how many values of a bucket have which flag.

/** Every flag, with the bit that stands for it in the database. Never reused. `doubt`: the value is not to be relied on. */
export const FLAGS = {
  /** Beyond what the series can be. */
  out_of_range: { bit: 0, doubt: true },
  /** Changed faster than it can. */
  too_fast: { bit: 1, doubt: true },
  /** Has not moved for longer than the real thing ever stands still. */
  stuck: { bit: 2, doubt: true },
  /** A number that the instrument says instead of a value. */
  sentinel: { bit: 3, doubt: true },
  /** Stamped later than it arrived: its clock runs ahead. */
  clock_ahead: { bit: 4, doubt: true },
  /** Stamped by a clock that was never synchronised. */
  clock_unsynced: { bit: 5, doubt: false },
  /** Too little to be a flow: 0 is in force, and what was measured stands beside it. */
  cut_off: { bit: 6, doubt: false },
  /** A counter that shows 0 for once. */
  zero: { bit: 8, doubt: true },
  /** A counter whose last digits are missing. */
  truncated: { bit: 9, doubt: true },
  /** A counter that fell for another reason. */
  dropped: { bit: 10, doubt: true },
  /** A counter that rose by more than can have passed. */
  jumped: { bit: 11, doubt: true },
  /** A counter that fell by a count or two, as they do at rest. */
  jitter: { bit: 12, doubt: true },
  /** Nothing was read for so long that nobody knows when the consumption passed. */
  gap: { bit: 13, doubt: false },
  /** A counter that began again at zero. */
  reset: { bit: 14, doubt: false },
  /** A counter that rolled over. */
  rollover: { bit: 15, doubt: false },
  /** The first value after a meter event that somebody entered. */
  meter_event: { bit: 16, doubt: false },
  /** More than can have passed, so that no flow is made of it. */
  excess: { bit: 17, doubt: true },
  /** A counter that is believed again after readings that were not: what passed until here is not known. */
  readmitted: { bit: 18, doubt: false },
} as const satisfies Record<string, { bit: number; doubt: boolean }>

/** The name of a flag. */
export type Flag = keyof typeof FLAGS

/** All flags. */
export const FLAG_NAMES = Object.keys(FLAGS) as [Flag, ...Flag[]]

/** The bits of some flags. */
export function flagsOf(...names: readonly Flag[]): number {
  return names.reduce((bits, name) => bits | (1 << FLAGS[name].bit), 0)
}

/** The bits of the flags that say that a value is not to be relied on: a good one has none of them. */
export const DOUBT = flagsOf(...FLAG_NAMES.filter(name => FLAGS[name].doubt))

/** The names of the flags that are set; bits of a newer version are left out. */
export function flagNames(bits: number): Flag[] {
  return FLAG_NAMES.filter(name => (bits & flagsOf(name)) !== 0)
}
