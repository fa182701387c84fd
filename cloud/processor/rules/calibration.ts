// Calibrations: how a point's raw values become derived ones, each valid from a time on until the next one begins.

import type { z } from 'zod'
import { VARIABLES, type Variable } from '../../../protocol/variables.ts'
import type { CalibrationRow } from '../../store/processing.ts'
import type { Checks, Conversion, SeriesRules } from './checks.ts'
import { PARAMS } from './parameters.ts'

/** The rules that read a counter, and which variable each of them counts. */
const COUNTERS = { pulses_to_volume: 'pulses', total_to_volume: 'total' } as const

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

/** How the flow is made of a volume. */
export type FlowRule = z.output<typeof PARAMS.volume_to_flow>

/** What is valid from a time on. */
export interface Dated<T> {
  validFrom: number
  value: T
}

/** The meters of a point in time's order. Throws ZodError when a calibration's parameters are not those of its rule. */
export function metersOf(rows: readonly CalibrationRow[]): Dated<Meter>[] {
  return rows.flatMap(({ id, rule, validFrom, params }): Dated<Meter>[] => {
    if (rule !== 'pulses_to_volume' && rule !== 'total_to_volume') return []
    const source = VARIABLES[COUNTERS[rule]].code
    const value =
      rule === 'pulses_to_volume'
        ? toMeter(id, source, PARAMS.pulses_to_volume.parse(params))
        : toMeter(id, source, { litresPerPulse: 1000, ...PARAMS.total_to_volume.parse(params) })
    return [{ validFrom, value }]
  })
}

/** The probes of a point in time's order. Throws ZodError when a calibration's parameters are not those of its rule. */
export function probesOf(rows: readonly CalibrationRow[]): Dated<Probe>[] {
  return rows
    .filter(({ rule }) => rule === 'level_to_water_table')
    .map(({ validFrom, params }) => ({ validFrom, value: PARAMS.level_to_water_table.parse(params) }))
}

/** The rules of one variable of a point. Throws ZodError when a rule's parameters are not those of the rule. */
export function seriesRulesOf(rows: readonly CalibrationRow[], variable: Variable): SeriesRules {
  const { code } = VARIABLES[variable]
  const ofIt = rows.filter(row => row.variable === code)
  return {
    variable,
    conversions: ofIt
      .filter(({ rule }) => rule === 'unit_conversion')
      .map(
        ({ id, validFrom, params }): Dated<Conversion> => ({
          validFrom,
          value: { calibrationId: id, ...PARAMS.unit_conversion.parse(params) },
        }),
      ),
    checks: ofIt
      .filter(({ rule }) => rule === 'checks')
      .map(
        ({ id, validFrom, params }): Dated<Checks> => ({
          validFrom,
          value: { calibrationId: id, ...PARAMS.checks.parse(params) },
        }),
      ),
    cutOffs: ofIt
      .filter(({ rule }) => rule === 'low_flow_cut_off')
      .map(({ validFrom, params }) => ({ validFrom, value: PARAMS.low_flow_cut_off.parse(params) })),
  }
}

/** How flow is made of the volume, in time's order. Throws ZodError as metersOf() does. */
export function flowRulesOf(rows: readonly CalibrationRow[]): Dated<FlowRule>[] {
  return rows
    .filter(({ rule }) => rule === 'volume_to_flow')
    .map(({ validFrom, params }) => ({ validFrom, value: PARAMS.volume_to_flow.parse(params) }))
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
