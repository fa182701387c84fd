// What is reported to SMA of one process of a unit (UF): which parameters of which devices, how often, and how.
//
// The manual (Res. Ex. SMA 254/2020, API REST-SMA v1.0) demands that all parameters of a time stamp come in one call, none
// missing and none besides; so a process is what is reported, and its devices are parts of it. Its JSON figures are lost:
// names, units and decimals of parameters are data here, and so is what the manual does not say (docs/dga.md).

import { z } from 'zod'
import { Duration } from '../../../protocol/config-fields.ts'
import { DAY_MS } from '../calendar.ts'
import { MODES } from '../obligation.ts'

const MINUTE_MS = 60_000

/** What a parameter may be read from. */
export const SMA_VARIABLES = ['flow', 'total', 'volume', 'water_table', 'stage'] as const

/** What a parameter may be read from. */
export type SmaVariable = (typeof SMA_VARIABLES)[number]

/** A name that SMA gave: it becomes part of an address. */
const Given = z
  .string()
  .trim()
  .regex(/^[\w.-]{1,60}$/, 'must be letters, digits, dots, dashes or underscores')

const Parameter = z.strictObject({
  /** As SMA names it: `Q`, `VA`. */
  name: Given,
  /** As SMA writes it: `l/s`, `m3`. */
  unit: z
    .string()
    .trim()
    .min(1)
    .max(20)
    .regex(/^\P{Cc}*$/u, 'must have no control characters'),
  variable: z.enum(SMA_VARIABLES),
  decimals: z.int().min(0).max(6),
})

/** A parameter of a device. */
export type SmaParameter = z.infer<typeof Parameter>

const FLOW_AND_TOTAL: readonly SmaParameter[] = [
  { name: 'Q', unit: 'l/s', variable: 'flow', decimals: 2 },
  { name: 'VA', unit: 'm3', variable: 'total', decimals: 0 },
]

/** Whoever signs in at SMA. */
export const SmaUser = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .regex(/^\P{Cc}*$/u, 'must have no control characters')

const POINT_KEY = /^[a-z0-9][a-z0-9-]{0,62}(\.[a-z0-9][a-z0-9-]{0,62}){2}$/

const Device = z.strictObject({
  device: Given,
  point: z.string().regex(POINT_KEY, 'must be a point such as campo.los-aromos.pozo-7'),
  parameters: z
    .array(Parameter)
    .min(1)
    .max(20)
    .refine(list => new Set(list.map(({ name }) => name)).size === list.length, 'a parameter stands twice')
    .default([...FLOW_AND_TOTAL]),
})

/** A process as a person writes it. */
export const SmaProcessSettings = z
  .strictObject({
    user: SmaUser,
    uf: Given,
    process: Given,
    from: z.iso.datetime({ offset: true }).transform(text => Date.parse(text)),
    every: Duration.refine(
      ms => ms >= MINUTE_MS && DAY_MS % ms === 0,
      'must be at least 1m and divide a day into equal parts',
    ).default(5 * MINUTE_MS),
    /** How far a reading may be from the time stamp it stands for. */
    within: Duration.refine(ms => ms <= DAY_MS, 'must be at most 1d').default(MINUTE_MS),
    /** How long a nearer reading may still come. */
    arrival: Duration.default(MINUTE_MS),
    /** What came later than this is not reported: how far back SMA takes anything is not known. */
    maxLag: Duration.default(2 * 60 * MINUTE_MS),
    /** How a time stamp, which has no zone, is written: the wall clock of Chile, or UTC-4 all year. */
    clock: z.enum(['chile', 'utc-4']).default('chile'),
    /** What is done with a report that was sent and not answered: a person decides, or it is sent again. */
    afterNoAnswer: z.enum(['hold', 'resend']).default('hold'),
    mode: z.enum(MODES).default('shadow'),
    devices: z
      .array(Device)
      .min(1)
      .max(50)
      .refine(
        list => new Set(list.map(({ device }) => device)).size === list.length,
        'a device stands twice',
      ),
  })
  .meta({ title: 'SmaProcess' })

/** A process as a person writes it. */
export type SmaProcessSettings = z.output<typeof SmaProcessSettings>

/** A device of a process. */
export interface SmaDevice {
  device: string
  pointId: number
  parameters: readonly SmaParameter[]
}

/** What is kept of a process, durations in milliseconds. */
export interface SmaTerms {
  everyMs: number
  withinMs: number
  arrivalMs: number
  maxLagMs: number
  clock: 'chile' | 'utc-4'
  afterNoAnswer: 'hold' | 'resend'
  mode: (typeof MODES)[number]
  devices: readonly SmaDevice[]
}

/** The terms of settings; `pointId` finds a point by its key, or throws. */
export function termsOf(settings: SmaProcessSettings, pointId: (key: string) => number): SmaTerms {
  const { every, within, arrival, maxLag, clock, afterNoAnswer, mode, devices } = settings
  return {
    ...{ everyMs: every, withinMs: within, arrivalMs: arrival, maxLagMs: maxLag },
    ...{ clock, afterNoAnswer, mode },
    devices: devices.map(({ device, point, parameters }) => ({
      device,
      pointId: pointId(point),
      parameters,
    })),
  }
}
