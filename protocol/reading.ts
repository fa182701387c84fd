// A reading: one value of one variable of one point at one instant, and how far it can be trusted.
//
// A value is measured or absent. A failed poll is a reading too: its value is null and its quality says why.

import { z } from 'zod'
import { Slug } from './ids.ts'
import { didYouMean, shortened } from './mistakes.ts'
import { VARIABLE_NAMES } from './variables.ts'

/** The name of a variable, from outside. */
export const VariableName = z.enum(VARIABLE_NAMES, {
  error: ({ input }) =>
    typeof input === 'string'
      ? `no variable is named "${shortened(input)}"${didYouMean(input, VARIABLE_NAMES)}`
      : undefined,
})

/** Every quality, with the number that stands for it on disk, on the wire and in the database. Never reused. */
export const QUALITIES = {
  /** Measured, nothing known against it. */
  good: { code: 0, hasValue: true },
  /** Measured, but the instrument or its link says that it may be off. */
  uncertain: { code: 1, hasValue: true },
  /** The instrument gave NaN or a listed sentinel instead of a value. */
  sensor_code: { code: 16, hasValue: false },
  /** The instrument did not answer in time. */
  no_answer: { code: 17, hasValue: false },
  /** The instrument answered with a Modbus exception. */
  exception: { code: 18, hasValue: false },
  /** The answer was damaged, or was not an answer to this request. */
  bad_answer: { code: 19, hasValue: false },
  /** The value cannot be right by its own type: a BCD digit above 9, an infinity, a number beyond VALUE_MAX. */
  not_a_number: { code: 20, hasValue: false },
  /** The provider is well and has nothing. */
  no_data: { code: 21, hasValue: false },
  /** The provider could not be asked. */
  request_failed: { code: 22, hasValue: false },
  /** The provider refused our credentials. */
  auth_failed: { code: 23, hasValue: false },
} as const satisfies Record<string, { code: number; hasValue: boolean }>

/** How far a value can be trusted, or why there is none. */
export type Quality = keyof typeof QUALITIES

/** All qualities. */
export const QUALITY_NAMES = Object.keys(QUALITIES) as [Quality, ...Quality[]]

const QUALITY_BY_CODE = new Map<number, Quality>(QUALITY_NAMES.map(name => [QUALITIES[name].code, name]))

/** The quality that a code stands for; `undefined` for a code this version does not know. */
export function qualityOf(code: number): Quality | undefined {
  return QUALITY_BY_CODE.get(code)
}

/** How well the clock was known that stamped a reading, with the number that stands for it. */
export const TIME_QUALITIES = {
  /** Synchronised with a time source when the reading was taken. */
  synced: 0,
  /** Synchronised earlier in this boot, not any more; the error grows. */
  holdover: 1,
  /** Never synchronised in this boot: the stamp is a guess. */
  unsynced: 2,
  /** Taken before the first synchronisation and corrected when it came. */
  corrected: 3,
  /** The instrument's or the provider's own clock. */
  device: 4,
} as const satisfies Record<string, number>

/** How well the clock was known. */
export type TimeQuality = keyof typeof TIME_QUALITIES

/** All time qualities. */
export const TIME_QUALITY_NAMES = Object.keys(TIME_QUALITIES) as [TimeQuality, ...TimeQuality[]]

const TIME_QUALITY_BY_CODE = new Map<number, TimeQuality>(
  TIME_QUALITY_NAMES.map(name => [TIME_QUALITIES[name], name]),
)

/** The time quality that a code stands for; `undefined` for a code this version does not know. */
export function timeQualityOf(code: number): TimeQuality | undefined {
  return TIME_QUALITY_BY_CODE.get(code)
}

/** The latest instant a reading may carry: the end of the year 2105, where 32 bits of seconds end. */
export const TIME_MAX = 4_294_967_295_000

/**
 * The largest value, either way: no whole number of 64 bits and no single is as large, only a double that is read in the
 * wrong word order. Sums of squares of such values overflow.
 */
export const VALUE_MAX = 1e39

/**
 * Two clocks that are both kept in order differ by less. A reading that lies further ahead of the clock of whoever looks
 * at it was stamped by one that is wrong: it is kept, but nobody takes it for the newest.
 */
export const AHEAD_MAX_MS = 5 * 60_000

/** Epoch milliseconds UTC, a whole number. */
export const Instant = z.int().min(0).max(TIME_MAX)

/** What was measured, before the buffer gave it a number. */
export const Measurement = z
  .strictObject({
    point: Slug,
    variable: VariableName,
    /** When it was measured. */
    at: Instant,
    /** In the variable's unit; null when there is none, and then `quality` says why. */
    value: z.number().nullable(),
    quality: z.enum(QUALITY_NAMES),
    timeQuality: z.enum(TIME_QUALITY_NAMES),
  })
  .refine(({ value, quality }) => (value !== null) === QUALITIES[quality].hasValue, {
    message: 'value and quality disagree: a value needs a quality that has one, and the other way round',
    path: ['value'],
  })

/** What was measured, before the buffer gave it a number. */
export type Measurement = z.infer<typeof Measurement>

/** A measurement with its place in the gateway's buffer. `seq` counts from 1, without gaps, within an epoch. */
export type Reading = Measurement & { seq: number }
