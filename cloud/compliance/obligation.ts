// An obligation: what is declared of one work, how often, by whom, over which channel, from when on.
//
// Frequencies, deadlines and lags are data of each obligation: the law leaves them to regional resolutions. The table
// of standards only says what an obligation begins with when nothing else is given.

import { z } from 'zod'
import { Duration, Name } from '../../protocol/config-fields.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import type { Rounding } from '../rounding.ts'
import { DAY_MS, Frequency } from './calendar.ts'
import { CheckSettings } from './checks.ts'
import { QUANTITIES, type Quantity } from './declaration.ts'
import { Rut } from './rut.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** What kind of work water is taken through, and so what is declared. */
export type WorkKind = 'groundwater' | 'surface_pipe' | 'surface_channel'

/** How a slot's value is picked from what was measured. */
export const Selection = z.discriminatedUnion('kind', [
  /** A reading of that very instant. */
  z.strictObject({ kind: z.literal('exact') }),
  /** The reading nearest to it, at most so far away. */
  z.strictObject({ kind: z.literal('nearest'), withinMs: z.int().min(1).max(DAY_MS) }),
  /**
   * The mean of what was measured in the time before it, of flow and level; the counter as it stood, at most `withinMs`
   * away. `coverage` is the part of that time of which something must be known.
   */
  z.strictObject({
    kind: z.literal('mean'),
    overMs: z
      .int()
      .min(1)
      .max(31 * DAY_MS),
    coverage: z.number().gt(0).max(1),
    withinMs: z.int().min(1).max(DAY_MS),
  }),
])

/** How a slot's value is picked from what was measured. */
export type Selection = z.infer<typeof Selection>

const monthly = (everyMonths: 1 | 6 | 12): Frequency => ({ kind: 'months', everyMonths, day: 1, minute: 0 })

/** What a standard of the DGA means unless a resolution says otherwise. The lags are from secondary sources. */
export const STANDARDS = {
  mayor: { frequency: { kind: 'interval', everyMs: HOUR_MS }, maxLagMs: 7 * DAY_MS },
  medio: { frequency: { kind: 'interval', everyMs: DAY_MS }, maxLagMs: 15 * DAY_MS },
  menor: { frequency: monthly(1), maxLagMs: 30 * DAY_MS },
  caudales_muy_pequenos: { frequency: monthly(6), maxLagMs: 30 * DAY_MS },
  /** As a regional resolution says: it names its own frequency and lag. */
  custom: undefined,
} as const satisfies Record<string, { frequency: Frequency; maxLagMs: number } | undefined>

/** The name of a standard. */
export type Standard = keyof typeof STANDARDS

const STANDARD_NAMES = Object.keys(STANDARDS) as [Standard, ...Standard[]]

/** Region and province two digits each, then a correlative: `OB-0602-7`. Res. Ex. 2.170, section 5.2. */
export const WORK_CODE = /^O[BR]-(0[1-9]|1[0-6])\d{2}-[1-9]\d*$/

const GRACE_MS = 30 * MINUTE_MS
const ARRIVAL_MS = MINUTE_MS
const NEAREST_MS = 5 * MINUTE_MS
const MEAN_COVERAGE = 0.75

const whenGiven =
  (message: string) =>
  ({ input }: { input?: unknown }): string | undefined =>
    input === undefined ? undefined : message

/** How often: `1m`, `1h`, `1d`, or `month`, `half_year`, `year`, or a frequency written out. */
const Every = z.union(
  [
    z.literal('month').transform(() => monthly(1)),
    z.literal('half_year').transform(() => monthly(6)),
    z.literal('year').transform(() => monthly(12)),
    Duration.transform(everyMs => ({ kind: 'interval' as const, everyMs })).refine(
      frequency => Frequency.safeParse(frequency).success,
      'must be at least 1m and divide a day into equal parts',
    ),
    Frequency,
  ],
  { error: whenGiven('must be a duration such as 1h or 1d, month, half_year, year, or a frequency') },
)

/** `exact`, or how far the nearest reading may be away: `5m`. */
const Select = z.union(
  [
    z.literal('exact').transform(() => ({ kind: 'exact' }) as const),
    Duration.transform(withinMs => ({ kind: 'nearest' as const, withinMs })).refine(
      selection => Selection.safeParse(selection).success,
      'must be at most 1d',
    ),
    z
      .strictObject({
        mean: Duration,
        coverage: z.number().gt(0).max(1).default(MEAN_COVERAGE),
        within: Duration.default(NEAREST_MS),
      })
      .transform(({ mean: overMs, coverage, within: withinMs }) => {
        return { kind: 'mean' as const, overMs, coverage, withinMs }
      })
      .refine(
        selection => Selection.safeParse(selection).success,
        'must be over at most 31d, within at most 1d',
      ),
    Selection,
  ],
  { error: whenGiven('must be exact, a duration such as 5m, or { mean: 1h }') },
)

const Instant = z.iso.datetime({ offset: true }).transform(text => Date.parse(text))

/** A right to water: so much at a time, so much a year. A work may have several. */
const Right = z.strictObject({ flowLps: z.number().positive(), yearlyM3: z.number().positive().optional() })

/** A time in which something need not be declared. */
const Exemption = z.strictObject({
  quantity: z.literal('level'),
  from: Instant,
  to: Instant.optional(),
  reason: z.string().min(1).max(500),
})

/** What an obligation does with a slot: declare it, do everything but declare it, or nothing. */
export const MODES = ['send', 'shadow', 'off'] as const

const POINT_KEY = /^[a-z0-9][a-z0-9-]{0,62}(\.[a-z0-9][a-z0-9-]{0,62}){2}$/

/** Told also where other settings have mistakes. */
const ALSO_WITH_OTHERS = {
  when: ({ value }: { value: unknown }) => typeof value === 'object' && value !== null,
}

/** An obligation as a person writes it, its point apart. */
export const ObligationSettings = z
  .strictObject({
    from: Instant,
    to: Instant.optional(),
    /** Slots of before now that are owed as well: from here on. */
    backfillFrom: Instant.optional(),
    standard: z.enum(STANDARD_NAMES),
    /** The resolution that says so. */
    resolution: z.string().min(1).max(200).optional(),
    every: Every.optional(),
    channel: z.enum(['rest', 'soap']),
    workCode: z.string().regex(WORK_CODE, 'must be a work code such as OB-0602-7'),
    kind: z.enum(['groundwater', 'surface_pipe', 'surface_channel']).optional(),
    informant: Rut,
    /** What must be declared, where that is less than the kind of work has. */
    required: z.array(z.enum(QUANTITIES)).max(3).optional(),
    levelExempt: z.boolean().optional(),
    exemptions: z.array(Exemption).max(50).default([]),
    /** Points that are reported together with the first as one work: their flows and counters are added. */
    alsoPoints: z
      .array(z.string().regex(POINT_KEY, 'must be a point such as campo.los-aromos.pozo-7'))
      .max(20)
      .default([]),
    /** The point whose level is declared; the first, where it says nothing. */
    levelPoint: z.string().regex(POINT_KEY, 'must be a point such as campo.los-aromos.pozo-7').optional(),
    total: z.enum(['meter', 'volume']).optional(),
    totalRounding: z.enum(['truncate', 'half_away'] satisfies Rounding[]).default('truncate'),
    deadline: Duration.default(HOUR_MS),
    maxLag: Duration.optional(),
    grace: Duration.optional(),
    arrival: Duration.optional(),
    select: Select.optional(),
    rights: z.array(Right).max(50).default([]),
    checks: CheckSettings.default({ severity: {} }),
    mode: z.enum(MODES).default('send'),
  })
  .refine(({ channel, levelExempt }) => channel !== 'soap' || levelExempt !== true, {
    message: 'cannot be soap with levelExempt: the schema demands a level',
    path: ['channel'],
    ...ALSO_WITH_OTHERS,
  })
  .refine(({ channel, exemptions }) => channel !== 'soap' || !exemptions?.length, {
    message: 'cannot be soap with exemptions: the schema demands a level',
    path: ['channel'],
    ...ALSO_WITH_OTHERS,
  })
  .refine(
    ({ channel, required }) => channel !== 'soap' || !Array.isArray(required) || required.includes('level'),
    {
      message: 'cannot be soap with no level required: the schema demands one',
      path: ['channel'],
      ...ALSO_WITH_OTHERS,
    },
  )
  .refine(({ standard, every }) => standard !== 'custom' || every !== undefined, {
    message: 'is needed with standard custom: nothing else says how often',
    path: ['every'],
    ...ALSO_WITH_OTHERS,
  })
  .refine(({ standard, maxLag }) => standard !== 'custom' || maxLag !== undefined, {
    message: 'is needed with standard custom: nothing else says how late',
    path: ['maxLag'],
    ...ALSO_WITH_OTHERS,
  })
  .refine(({ standard, resolution }) => standard !== 'custom' || resolution !== undefined, {
    message: 'is needed with standard custom: it is what the rest follows from',
    path: ['resolution'],
    ...ALSO_WITH_OTHERS,
  })

/** An obligation as a person writes it. */
export type ObligationSettings = z.output<typeof ObligationSettings>

/** What is owed of one work. Durations are milliseconds, instants epoch milliseconds. */
export interface ObligationTerms {
  standard: Standard
  /** The resolution that says so. */
  resolution: string | null
  frequency: Frequency
  channel: 'rest' | 'soap'
  kind: WorkKind
  /** What must be declared; null: everything that the kind of work has. */
  required: readonly Quantity[] | null
  levelExempt: boolean
  exemptions: readonly z.output<typeof Exemption>[]
  /** Points that are declared together with the obligation's own. */
  alsoPointIds: readonly number[]
  /** The point whose level is declared; null: the obligation's own. */
  levelPointId: number | null
  /** Which counter is declared: the meter's own figure, or the volume computed from it. Undefined: the meter's if it has one. */
  total: 'meter' | 'volume' | undefined
  totalRounding: Rounding
  /** How soon after measuring a value should have been declared. */
  deadlineMs: number
  /** When a value that was not declared becomes a failure that the user must report. */
  maxLagMs: number
  /** How long after the due instant a missing reading is waited for. */
  graceMs: number
  /** How long a reading may be under way before the nearest one that came is taken for the nearest. */
  arrivalMs: number
  selection: Selection
  rights: readonly z.output<typeof Right>[]
  checks: CheckSettings
  mode: (typeof MODES)[number]
}

/** Why a kind of work cannot be declared over a channel; `undefined` when it can, or is not known. */
export function channelMistake(
  channel: 'rest' | 'soap' | undefined,
  kind: WorkKind | undefined,
): string | undefined {
  if (channel !== 'soap' || kind !== 'surface_pipe') return undefined
  return 'cannot be soap: no element for a pipe is in a published schema'
}

/** What is wrong with what must be declared of a kind of work; `undefined` when nothing is. */
export function requiredMistake(
  required: readonly Quantity[] | undefined,
  kind: WorkKind | undefined,
): string | undefined {
  if (required === undefined || kind === undefined) return undefined
  const needed: readonly Quantity[] = kind === 'surface_channel' ? ['flow'] : ['flow', 'total']
  const missing = needed.filter(quantity => !required.includes(quantity))
  if (missing.length > 0) return `must name ${missing.join(' and ')}: only a level may be left empty`
  const unknown = kind === 'surface_pipe' ? 'level' : kind === 'surface_channel' ? 'total' : undefined
  return required.some(quantity => quantity === unknown)
    ? `must not name ${unknown}: it is not declared of such a work`
    : undefined
}

/**
 * The terms that settings stand for, with what the standard and the point say where they are silent. `idOf` finds the
 * other points of the work. Throws Rejected when the kind of the point cannot be declared so.
 */
export function termsOf(
  settings: ObligationSettings,
  pointKind: WorkKind,
  idOf: (key: string) => number = unknownPoint,
): ObligationTerms {
  const kind = settings.kind ?? pointKind
  const wrong =
    channelMistake(settings.channel, kind) ?? prefixed('required', requiredMistake(settings.required, kind))
  if (wrong !== undefined) throw new Rejected(`Cannot declare ${settings.workCode}: ${wrong}`)
  const standard = STANDARDS[settings.standard]
  const frequency = settings.every ?? standard?.frequency
  const maxLagMs = settings.maxLag ?? standard?.maxLagMs
  if (frequency === undefined || maxLagMs === undefined)
    throw new Rejected(
      `Cannot declare ${settings.workCode}: standard ${settings.standard} needs every and maxLag`,
    )
  const shortest = frequency.kind === 'interval' ? frequency.everyMs : DAY_MS
  return {
    standard: settings.standard,
    resolution: settings.resolution ?? null,
    frequency,
    channel: settings.channel,
    kind,
    required: settings.required ?? null,
    levelExempt:
      settings.levelExempt ?? (settings.standard === 'caudales_muy_pequenos' && settings.channel === 'rest'),
    exemptions: settings.exemptions,
    alsoPointIds: settings.alsoPoints.map(idOf),
    levelPointId: settings.levelPoint === undefined ? null : idOf(settings.levelPoint),
    total: settings.total,
    totalRounding: settings.totalRounding,
    deadlineMs: settings.deadline,
    maxLagMs,
    graceMs: settings.grace ?? GRACE_MS,
    arrivalMs: settings.arrival ?? ARRIVAL_MS,
    selection: settings.select ?? { kind: 'nearest', withinMs: Math.min(NEAREST_MS, shortest / 2) },
    rights: settings.rights,
    checks: settings.checks,
    mode: settings.mode,
  }
}

const prefixed = (name: string, mistake: string | undefined): string | undefined =>
  mistake === undefined ? undefined : `${name} ${mistake}`

function unknownPoint(key: string): never {
  throw new Rejected(`There is no point ${key}`)
}

/** Someone who declares, as a person writes it; the password comes apart. */
export const InformantSettings = z.strictObject({
  rut: Rut,
  name: Name,
  controlCentreRut: Rut,
})

/** Someone who declares. */
export type InformantSettings = z.output<typeof InformantSettings>
