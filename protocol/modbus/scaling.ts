// From what an instrument gave to a value in its variable's unit, the same for registers and for providers.

import type { ModbusSignal, ProviderSignal } from '../gateway-config.ts'
import { type Quality, VALUE_MAX } from '../reading.ts'
import { toVariableUnit, VARIABLES } from '../variables.ts'

/** A number as it came: exact when it is whole. */
export type Raw = number | bigint

/** A value in its variable's unit, or the reason why there is none. */
export interface Decoded {
  value: number | null
  quality: Quality
}

/** What a signal's numbers mean. */
export type Scaling = Pick<
  ModbusSignal | ProviderSignal,
  'variable' | 'scale' | 'offset' | 'unit' | 'decimals' | 'sentinels'
>

/**
 * Scale, offset, decimals, unit, in this order. A listed sentinel becomes no value. A whole number that a double cannot
 * hold is divided exactly before it is rounded, once. `added` is the part of a value that is kept apart.
 */
export function scaleValue(raw: Raw, signal: Scaling, added = 0): Decoded {
  if (signal.sentinels.includes(Number(raw))) return { value: null, quality: 'sensor_code' }
  const scaled = scaleRaw(raw, signal.scale) + added + signal.offset
  const rounded = signal.decimals === undefined ? scaled : roundTo(scaled, signal.decimals)
  const value = toVariableUnit(rounded, signal.unit ?? VARIABLES[signal.variable].unit, signal.variable)
  if (!(Math.abs(value) <= VALUE_MAX)) return { value: null, quality: 'not_a_number' }
  // −0 is 0: the sign of nothing is not a measurement.
  return { value: value === 0 ? 0 : value, quality: 'good' }
}

/** The nearest number with so many decimals, half away from zero, judged on the shortest decimal form. */
export function roundTo(value: number, decimals: number): number {
  // From here on doubles are whole numbers.
  if (Math.abs(value) >= 2 ** 53) return value
  const [digits, exponent = '0'] = Math.abs(value).toString().split('e') as [string, string?]
  const shifted = Math.round(Number(`${digits}e${Number(exponent) + decimals}`))
  const [wholeDigits, wholeExponent = '0'] = shifted.toString().split('e') as [string, string?]
  const rounded = Number(`${wholeDigits}e${Number(wholeExponent) - decimals}`)
  return Math.sign(value) * rounded
}

/** `raw` times `scale`. 0.01 is not a double, 1/100 is exact: a scale that is one over a whole number divides. */
export function scaleRaw(raw: Raw, scale: number): number {
  if (scale === 1) return Number(raw)
  const over = 1 / scale
  const divisor = Math.round(over)
  if (Math.abs(scale) < 1 && Math.abs(over - divisor) < 1e-6 * Math.abs(over) && 1 / divisor === scale) {
    return typeof raw === 'bigint' ? divide(raw, BigInt(divisor)) : raw / divisor
  }
  return Number(raw) * scale
}

/** Whole part and remainder apart, so that both are exact before they are added. */
function divide(raw: bigint, divisor: bigint): number {
  return Number(raw / divisor) + Number(raw % divisor) / Number(divisor)
}
