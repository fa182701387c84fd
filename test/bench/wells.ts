// What ten wells of four variables give each minute, as instruments give it: flow to 0.01 L/s, total to 0.01 m³, level to
// 1 cm, pulses whole. They pump and rest, with the noise of their instruments; the same on every run.

import type { SeriesTable } from '../../protocol/batch.ts'
import type { Measurement } from '../../protocol/reading.ts'
import type { Variable } from '../../protocol/variables.ts'
import { randomFrom } from '../doubles/random.ts'

const WELLS = 10
const SIGNALS: readonly { variable: Variable; scale: number }[] = [
  { variable: 'flow', scale: 2 },
  { variable: 'total', scale: 2 },
  { variable: 'level', scale: 2 },
  { variable: 'pulses', scale: 0 },
]

/** How many measurements a minute brings. */
export const PER_MINUTE = WELLS * SIGNALS.length

/** What is called a day of a gateway: 1,080 minutes of these wells, as many readings as thirty series give in 24 hours. */
export const DAY_READINGS = 43_200

/** The table of a gateway with these wells. */
export function tableOfWells(gateway: string, project = 'los-aromos'): SeriesTable {
  const series = Array.from({ length: WELLS }, (_, well) =>
    SIGNALS.map(signal => ({ point: `pozo-${well + 1}`, ...signal })),
  ).flat()
  return { gateway, client: 'campo', project, series }
}

/** The measurements of so many minutes, in the order in which they are taken. */
export function measurementsOfWells(minutes: number): Measurement[] {
  const measurements: Measurement[] = []
  const random = randomFrom(1)
  const totals = Array.from({ length: WELLS }, (_, well) => 48_213 + well * 31_007)
  for (let minute = 0; minute < minutes; minute += 1) {
    for (let well = 0; well < WELLS; well += 1) {
      const pumping = Math.sin((minute + well * 97) / 180) > -0.2
      const flow = pumping ? 12 + well + random() : 0
      totals[well] = (totals[well] ?? 0) + flow * 0.06
      const total = totals[well] ?? 0
      const values = [flow, total, 31.2 - (pumping ? 4 : 0) + random() * 0.05, total * 10]
      const at = 1_767_268_800_000 + minute * 60_000 + well * 130 + Math.floor(random() * 25)
      for (const [index, { variable, scale }] of SIGNALS.entries()) {
        const value = Math.round((values[index] ?? 0) * 10 ** scale) / 10 ** scale
        const point = `pozo-${well + 1}`
        measurements.push({ point, variable, at, value, quality: 'good', timeQuality: 'synced' })
      }
    }
  }
  return measurements
}
