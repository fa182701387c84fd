// What an expression says of an entity.
//
// A path may lead to several values (`Datastreams/name`): a comparison is true when it is of any. What has no value
// compares with nothing but null, as in OData.

import type { Expression, FunctionName, Operator, Value } from './filter.ts'
import { ExpressionMistake } from './tokens.ts'

/** Finds what a path leads to: nothing, one or several values. Throws ExpressionMistake when there is no such path. */
export type Lookup = (names: readonly string[]) => readonly Value[]

/** Whether an expression is true. Throws ExpressionMistake for what does not fit together. */
export function isTrue(expression: Expression, lookup: Lookup, now: number): boolean {
  return valuesOf(expression, lookup, now).some(value => value === true)
}

function valuesOf(expression: Expression, lookup: Lookup, now: number): readonly Value[] {
  switch (expression.kind) {
    case 'literal':
      return [expression.value]
    case 'path': {
      const found = lookup(expression.names)
      return found.length === 0 ? [null] : found
    }
    case 'not':
      return [!isTrue(expression.of, lookup, now)]
    case 'minus':
      return valuesOf(expression.of, lookup, now).map(value => (typeof value === 'number' ? -value : null))
    case 'call':
      return call(
        expression.name,
        expression.args.map(arg => valuesOf(arg, lookup, now)[0] ?? null),
        now,
      )
    case 'binary':
      return binary(expression, lookup, now)
  }
}

function binary(
  { operator, left, right }: Extract<Expression, { kind: 'binary' }>,
  lookup: Lookup,
  now: number,
): readonly Value[] {
  if (operator === 'and') return [isTrue(left, lookup, now) && isTrue(right, lookup, now)]
  if (operator === 'or') return [isTrue(left, lookup, now) || isTrue(right, lookup, now)]
  const lefts = valuesOf(left, lookup, now)
  const rights = valuesOf(right, lookup, now)
  return lefts.flatMap(a => rights.map(b => apply(operator, a, b)))
}

function apply(operator: Exclude<Operator, 'and' | 'or'>, a: Value, b: Value): Value {
  switch (operator) {
    case 'eq':
      return compare(a, b) === 0
    case 'ne':
      return compare(a, b) !== 0
    case 'gt':
      return (compare(a, b) ?? 0) > 0
    case 'ge':
      return (compare(a, b) ?? -1) >= 0
    case 'lt':
      return (compare(a, b) ?? 0) < 0
    case 'le':
      return (compare(a, b) ?? 1) <= 0
    default:
      return typeof a === 'number' && typeof b === 'number' ? calculate(operator, a, b) : null
  }
}

function calculate(operator: 'add' | 'sub' | 'mul' | 'div' | 'mod', a: number, b: number): Value {
  const results = { add: a + b, sub: a - b, mul: a * b, div: a / b, mod: a % b }
  const result = results[operator]
  return Number.isFinite(result) ? result : null
}

/** Less than 0, 0 or more; `undefined` for what cannot be compared. */
function compare(a: Value, b: Value): number | undefined {
  if (a === null || b === null) return a === b ? 0 : undefined
  const [x, y] = [plain(a), plain(b)]
  // An instant in quotes is one that many clients write.
  if (typeof a === 'object' && typeof y === 'string') return compare(a, parsed(y))
  if (typeof b === 'object' && typeof x === 'string') return compare(parsed(x), b)
  if (typeof x !== typeof y || (typeof a === 'object') !== (typeof b === 'object')) return undefined
  return x < y ? -1 : x > y ? 1 : 0
}

const plain = (value: boolean | number | string | { instant: number }): boolean | number | string =>
  typeof value === 'object' ? value.instant : value

const parsed = (text: string): Value => {
  const instant = Date.parse(text)
  return Number.isNaN(instant) ? null : { instant }
}

type Text = (a: string, b: string) => Value

const OF_TEXTS: Partial<Record<FunctionName, Text>> = {
  substringof: (part, whole) => whole.includes(part),
  startswith: (whole, part) => whole.startsWith(part),
  endswith: (whole, part) => whole.endsWith(part),
  indexof: (whole, part) => whole.indexOf(part),
  concat: (a, b) => a + b,
}

const OF_TEXT: Partial<Record<FunctionName, (text: string) => Value>> = {
  length: text => text.length,
  tolower: text => text.toLowerCase(),
  toupper: text => text.toUpperCase(),
  trim: text => text.trim(),
}

const OF_NUMBER: Partial<Record<FunctionName, (number: number) => Value>> = {
  round: Math.round,
  floor: Math.floor,
  ceiling: Math.ceil,
}

const OF_INSTANT: Partial<Record<FunctionName, (date: Date) => Value>> = {
  year: date => date.getUTCFullYear(),
  month: date => date.getUTCMonth() + 1,
  day: date => date.getUTCDate(),
  hour: date => date.getUTCHours(),
  minute: date => date.getUTCMinutes(),
  second: date => date.getUTCSeconds(),
  fractionalseconds: date => date.getUTCMilliseconds() / 1000,
  date: date => ({ instant: Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()) }),
}

const INSTANT_MAX = 8.64e15

function call(name: FunctionName, args: readonly Value[], now: number): readonly Value[] {
  const [a = null, b = null, c = null] = args
  if (name === 'now') return [{ instant: now }]
  if (name === 'mindatetime') return [{ instant: -INSTANT_MAX }]
  if (name === 'maxdatetime') return [{ instant: INSTANT_MAX }]
  if (a === null) return [null]
  if (name === 'substring') {
    if (typeof a !== 'string' || typeof b !== 'number') return [null]
    return [a.slice(b, typeof c === 'number' ? b + c : undefined)]
  }
  const ofTexts = OF_TEXTS[name]
  if (ofTexts !== undefined) return [typeof a === 'string' && typeof b === 'string' ? ofTexts(a, b) : null]
  const ofText = OF_TEXT[name]
  if (ofText !== undefined) return [typeof a === 'string' ? ofText(a) : null]
  const ofNumber = OF_NUMBER[name]
  if (ofNumber !== undefined) return [typeof a === 'number' ? ofNumber(a) : null]
  const ofInstant = OF_INSTANT[name]
  if (ofInstant === undefined) throw new ExpressionMistake(`there is no function "${name}"`)
  const instant = typeof a === 'string' ? parsed(a) : a
  return [typeof instant === 'object' && instant !== null ? ofInstant(new Date(instant.instant)) : null]
}

/** A stretch of time, its beginning included and its end not. */
export interface Bounds {
  from: number
  to: number
}

/** Narrows a stretch to what an expression can be true of: it takes what `and` joins, and leaves the rest. */
export function narrow(
  expression: Expression,
  isTime: (names: readonly string[]) => boolean,
  bounds: Bounds,
): Bounds {
  if (expression.kind !== 'binary') return bounds
  const { operator, left, right } = expression
  if (operator === 'and') return narrow(right, isTime, narrow(left, isTime, bounds))
  if (left.kind === 'path' && isTime(left.names)) return bounded(operator, instantOf(right), bounds)
  if (right.kind === 'path' && isTime(right.names))
    return bounded(MIRRORED[operator], instantOf(left), bounds)
  return bounds
}

const MIRRORED: Partial<Record<Operator, Operator>> = { eq: 'eq', gt: 'lt', lt: 'gt', ge: 'le', le: 'ge' }

function instantOf(expression: Expression): number | undefined {
  if (expression.kind !== 'literal') return undefined
  const value = typeof expression.value === 'string' ? parsed(expression.value) : expression.value
  return typeof value === 'object' && value !== null ? value.instant : undefined
}

function bounded(operator: Operator | undefined, at: number | undefined, { from, to }: Bounds): Bounds {
  if (at === undefined) return { from, to }
  if (operator === 'gt' || operator === 'ge') return { from: Math.max(from, at), to }
  if (operator === 'lt' || operator === 'le') return { from, to: Math.min(to, at + 1) }
  if (operator === 'eq') return { from: Math.max(from, at), to: Math.min(to, at + 1) }
  return { from, to }
}
