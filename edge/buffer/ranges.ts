// Sets of whole numbers, kept as sorted ranges that neither touch nor overlap. Never changed in place.

/** Whole numbers from `first` to `last`, both included. */
export interface Range {
  first: number
  last: number
}

/** A set of numbers. */
export type Ranges = readonly Range[]

/** The set with `first` to `last` added. */
export function add(ranges: Ranges, first: number, last: number): Ranges {
  if (first > last) return ranges
  const from = lowerBound(ranges, first - 1)
  let to = from
  let joined: Range = { first, last }
  while (to < ranges.length && (ranges[to] as Range).first <= last + 1) {
    const range = ranges[to] as Range
    joined = { first: Math.min(joined.first, range.first), last: Math.max(joined.last, range.last) }
    to += 1
  }
  return [...ranges.slice(0, from), joined, ...ranges.slice(to)]
}

/** The set with every number of `others` added. */
export function addAll(ranges: Ranges, others: Ranges): Ranges {
  return others.reduce((sum, { first, last }) => add(sum, first, last), ranges)
}

/** What is in `ranges` and between `first` and `last`. */
export function within(ranges: Ranges, first: number, last: number): Range[] {
  const found: Range[] = []
  for (let index = lowerBound(ranges, first); index < ranges.length; index += 1) {
    const range = ranges[index] as Range
    if (range.first > last) break
    found.push({ first: Math.max(first, range.first), last: Math.min(last, range.last) })
  }
  return found
}

/** The numbers from `first` to `last` that are not in `ranges`. */
export function without(ranges: Ranges, first: number, last: number): Range[] {
  const found: Range[] = []
  let next = first
  for (const range of within(ranges, first, last)) {
    if (range.first > next) found.push({ first: next, last: range.first - 1 })
    next = range.last + 1
  }
  if (next <= last) found.push({ first: next, last })
  return found
}

/** What of `ranges` is not in `taken`. */
export function subtract(ranges: Ranges, taken: Ranges): Ranges {
  return ranges.flatMap(({ first, last }) => without(taken, first, last))
}

/** Whether every number from `first` to `last` is in the set. */
export function covers(ranges: Ranges, first: number, last: number): boolean {
  const range = ranges[lowerBound(ranges, first)]
  return range !== undefined && range.first <= first && range.last >= last
}

/** The lowest number from `from` on that is not in the set. */
export function nextOutside(ranges: Ranges, from: number): number {
  const range = ranges[lowerBound(ranges, from)]
  return range !== undefined && range.first <= from ? range.last + 1 : from
}

/** The lowest number from `from` on that is in the set; `undefined` when there is none. */
export function nextInside(ranges: Ranges, from: number): number | undefined {
  const range = ranges[lowerBound(ranges, from)]
  return range === undefined ? undefined : Math.max(from, range.first)
}

/** How many numbers are in the set. */
export function size(ranges: Ranges): number {
  return ranges.reduce((sum, { first, last }) => sum + (last - first + 1), 0)
}

/** The index of the first range that ends at `number` or later. */
function lowerBound(ranges: Ranges, number: number): number {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ranges[middle] as Range).last < number) low = middle + 1
    else high = middle
  }
  return low
}
