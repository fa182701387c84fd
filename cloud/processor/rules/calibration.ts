// Calibrations: how a point's raw values become derived ones, each valid from a time on until the next one begins.

import { z } from 'zod'
import { VARIABLES, type Variable } from '../../../protocol/variables.ts'
import type { CalibrationRow, Rule } from '../../store/processing.ts'

const positive = z.number().positive().finite()

/** What both counter rules may say. */
const counter = {
  /** Added to the volume; what the meter showed before the series began. */
  baseM3: z.number().finite().default(0),
  /** The count at which the counter starts again at zero; absent when it never does. */
  modulus: positive.optional(),
  /** More than this between two readings cannot be water. 500 m³/h is what the field has used for wells. */
  maxM3PerHour: positive.default(500),
}

/** The parameters of each rule, as the table `calibrations` has them. */
export const PARAMS = {
  pulses_to_volume: z.strictObject({ litresPerPulse: positive, ...counter }),
  total_to_volume: z.strictObject({ ...counter }),
  level_to_water_table: z.strictObject({
    sensorDepthM: z.number().positive().finite(),
    offsetM: z.number().finite().default(0),
  }),
} satisfies Record<Rule, z.ZodType>

/** Which variable each rule reads and which one it writes. */
export const RULES: Readonly<Record<Rule, { source: Variable; target: 'volume' | 'water_table' }>> = {
  pulses_to_volume: { source: 'pulses', target: 'volume' },
  total_to_volume: { source: 'total', target: 'volume' },
  level_to_water_table: { source: 'level', target: 'water_table' },
}

/** How a counter's counts become m³. */
export interface Meter {
  calibrationId: number
  /** The code of the variable that is counted. */
  source: number
  /** Litres of one count. */
  litresPerCount: number
  baseM3: number
  maxM3PerHour: number
  modulus?: number
}

/** How a level becomes a water table. */
export interface Probe {
  sensorDepthM: number
  offsetM: number
}

/** What is valid from a time on. */
export interface Dated<T> {
  validFrom: number
  value: T
}

/** The meters of a point in time's order. Throws ZodError when a calibration's parameters are not those of its rule. */
export function metersOf(rows: readonly CalibrationRow[]): Dated<Meter>[] {
  return rows.flatMap((row): Dated<Meter>[] => {
    const { id, rule, validFrom } = row
    if (rule === 'level_to_water_table') return []
    const source = VARIABLES[RULES[rule].source].code
    const value =
      rule === 'pulses_to_volume'
        ? toMeter(id, source, PARAMS.pulses_to_volume.parse(row.params))
        : toMeter(id, source, { litresPerPulse: 1000, ...PARAMS.total_to_volume.parse(row.params) })
    return [{ validFrom, value }]
  })
}

/** The probes of a point in time's order. Throws ZodError when a calibration's parameters are not those of its rule. */
export function probesOf(rows: readonly CalibrationRow[]): Dated<Probe>[] {
  return rows
    .filter(({ rule }) => rule === 'level_to_water_table')
    .map(({ validFrom, params }) => ({ validFrom, value: PARAMS.level_to_water_table.parse(params) }))
}

/** What is in force at an instant; `undefined` before the first. `dated` is in time's order. */
export function inForce<T>(dated: readonly Dated<T>[], at: number): T | undefined {
  return dated.findLast(({ validFrom }) => validFrom <= at)?.value
}

function toMeter(
  calibrationId: number,
  source: number,
  params: z.output<typeof PARAMS.pulses_to_volume>,
): Meter {
  const { litresPerPulse, baseM3, maxM3PerHour, modulus } = params
  const meter = { calibrationId, source, litresPerCount: litresPerPulse, baseM3, maxM3PerHour }
  return modulus === undefined ? meter : { ...meter, modulus }
}
