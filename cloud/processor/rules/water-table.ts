// Level to water table: how deep below ground the water stands.
//
// The probe hangs at `sensorDepthM` and measures the water column above itself. Nothing is clamped: a water table above
// the ground keeps its value and is uncertain.

import { QUALITIES } from '../../../protocol/reading.ts'
import type { Probe } from './calibration.ts'

/** A level reading as it was measured; `quality` is a code. */
export interface LevelReading {
  value: number | null
  quality: number
}

/** The water table of a level reading. Without a level there is none, for the same reason. */
export function waterTable(
  { value, quality }: LevelReading,
  { sensorDepthM, offsetM }: Probe,
): { value: number | null; quality: number } {
  if (value === null) return { value, quality }
  const depthM = toMicrometre(sensorDepthM - (value + offsetM))
  return { value: depthM, quality: depthM < 0 ? QUALITIES.uncertain.code : quality }
}

/** Below a micrometre there is nothing but what subtracting binary fractions leaves: 80 - 36.63 is not 43.37. */
const toMicrometre = (metres: number): number => Math.round(metres * 1e6) / 1e6
