// The one place where a number becomes the text that is declared, shown, exported and compared.
//
// What is rounded is the shortest decimal that stands for the double: 1.005 is 1.005, not the binary fraction next to
// it, so a person with the instrument's figure and a pencil gets the same text.

/** How digits that do not fit are dropped. `half_away`: to the nearest, halves away from zero. `truncate`: cut off. */
export type Rounding = 'half_away' | 'truncate'

/**
 * A finite number with exactly so many decimals, a decimal point, no separators and no exponent. Zero has no sign.
 * `shift` moves the point first: 2 makes centimetres of metres. Throws RangeError when the number is not finite.
 */
export function toDecimal(
  value: number,
  { decimals, rounding = 'half_away', shift = 0 }: { decimals: number; rounding?: Rounding; shift?: number },
): string {
  if (!Number.isFinite(value)) throw new RangeError(`Cannot write ${value} as a decimal`)
  const { negative, digits, exponent } = partsOf(value)
  const scaled = scale(digits, exponent + shift + decimals, rounding)
  const text = scaled.toString().padStart(decimals + 1, '0')
  const whole = text.slice(0, text.length - decimals)
  const sign = negative && scaled !== 0n ? '-' : ''
  return decimals === 0 ? sign + whole : `${sign}${whole}.${text.slice(-decimals)}`
}

/**
 * The sum of finite numbers as one with a pencil gets it: 0.7 and 0.3 are 1, and truncated they still are. Throws
 * RangeError when one is not finite.
 */
export function addExactly(values: readonly number[]): number {
  const parts = values.map(value => {
    if (!Number.isFinite(value)) throw new RangeError(`Cannot add ${value}`)
    return partsOf(value)
  })
  const exponent = Math.min(0, ...parts.map(part => part.exponent))
  let sum = 0n
  for (const { negative, digits, exponent: power } of parts) {
    const scaled = digits * 10n ** BigInt(power - exponent)
    sum += negative ? -scaled : scaled
  }
  return Number(`${sum}e${exponent}`)
}

/** Whole litres are shown: beyond them is what adding binary fractions leaves. */
const SHOWN = { decimals: 3 }

/** An amount of water as it is shown, m³; null for what is not known. */
export function toShownM3(m3: number | null): number | null {
  return m3 === null ? null : Number(toDecimal(m3, SHOWN))
}

/** A number as `digits · 10^exponent`. */
function partsOf(value: number): { negative: boolean; digits: bigint; exponent: number } {
  const [mantissa = '', power = '0'] = Math.abs(value).toString().split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  return { negative: value < 0, digits: BigInt(whole + fraction), exponent: Number(power) - fraction.length }
}

/** A double has at most 17 digits: below this power nothing is left of it. */
const POWER_MIN = -40

function scale(digits: bigint, power: number, rounding: Rounding): bigint {
  if (power >= 0) return digits * 10n ** BigInt(power)
  if (power < POWER_MIN) return 0n
  const divisor = 10n ** BigInt(-power)
  const half = rounding === 'half_away' ? divisor / 2n : 0n
  return (digits + half) / divisor
}
