// Statistics that a few wrong values do not move: the median, the spread around it, a slope through the middle.

/** The middle of some numbers; the mean of the middle two. NaN when there are none. */
export function medianOf(values: readonly number[]): number {
  return quantileOf(values, 0.5)
}

/** The value below which a share of the numbers lies, between neighbours in proportion. NaN when there are none. */
export function quantileOf(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const place = (sorted.length - 1) * share
  const below = sorted[Math.floor(place)] ?? Number.NaN
  const above = sorted[Math.ceil(place)] ?? Number.NaN
  return below + (above - below) * (place - Math.floor(place))
}

/** What the median absolute deviation of normal noise is multiplied with to become its standard deviation. */
const TO_SIGMA = 1.4826

/** How far numbers lie from their middle: the median absolute deviation, as a standard deviation of normal noise. */
export function spreadOf(values: readonly number[], middle = medianOf(values)): number {
  return TO_SIGMA * medianOf(values.map(value => Math.abs(value - middle)))
}

/** A slope, and between which slopes it is with 90 % of confidence, per unit of x. */
export interface Slope {
  slope: number
  low: number
  high: number
}

/** The 95th percentile of the normal distribution: 90 % lie within so many standard deviations. */
const Z_90 = 1.645

/**
 * The slope through the middle of some points: the median of the slopes of all pairs (Theil and Sen), with the interval
 * that Kendall's S gives. Undefined below three points. The time it takes grows with the square of their number.
 */
export function slopeOf(points: readonly { x: number; y: number }[]): Slope | undefined {
  const count = points.length
  if (count < 3) return undefined
  const slopes: number[] = []
  for (const [index, one] of points.entries()) {
    for (const other of points.slice(index + 1)) {
      if (other.x !== one.x) slopes.push((other.y - one.y) / (other.x - one.x))
    }
  }
  if (slopes.length === 0) return undefined
  const deviation = Math.sqrt((count * (count - 1) * (2 * count + 5)) / 18)
  const half = Math.min(0.5, (Z_90 * deviation) / slopes.length / 2)
  return {
    slope: medianOf(slopes),
    low: quantileOf(slopes, 0.5 - half),
    high: quantileOf(slopes, 0.5 + half),
  }
}
