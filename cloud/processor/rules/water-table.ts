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
  const depthM = sensorDepthM - (value + offsetM)
  return { value: depthM, quality: depthM < 0 ? QUALITIES.uncertain.code : quality }
}
