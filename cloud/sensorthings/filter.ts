// `$filter`: an expression as a tree. OData's precedences; every depth and length is bounded.

import { ExpressionMistake, type Token, tokensOf } from './tokens.ts'

/** A value of an expression. Instants are epoch milliseconds, and say so. */
export type Value = null | boolean | number | string | { instant: number }

/** An expression. */
export type Expression =
  | { kind: 'literal'; value: Value }
  | { kind: 'path'; names: readonly string[]; at: number }
  | { kind: 'call'; name: FunctionName; args: readonly Expression[] }
  | { kind: 'not' | 'minus'; of: Expression }
  | { kind: 'binary'; operator: Operator; left: Expression; right: Expression }

/** How tightly operators bind. */
const PRECEDENCE = {
  ...{ or: 1, and: 2, eq: 3, ne: 3, gt: 4, ge: 4, lt: 4, le: 4 },
  ...{ add: 5, sub: 5, mul: 6, div: 6, mod: 6 },
} as const

/** An operator between two. */
export type Operator = keyof typeof PRECEDENCE

/** How many arguments each function takes. */
const FUNCTIONS = {
  ...{ substringof: [2, 2], startswith: [2, 2], endswith: [2, 2], indexof: [2, 2], concat: [2, 2] },
  ...{ substring: [2, 3], length: [1, 1], tolower: [1, 1], toupper: [1, 1], trim: [1, 1] },
  ...{ year: [1, 1], month: [1, 1], day: [1, 1], hour: [1, 1], minute: [1, 1], second: [1, 1] },
  ...{ fractionalseconds: [1, 1], date: [1, 1], now: [0, 0], mindatetime: [0, 0], maxdatetime: [0, 0] },
  ...{ round: [1, 1], floor: [1, 1], ceiling: [1, 1] },
} as const

/** A function of `$filter`. */
export type FunctionName = keyof typeof FUNCTIONS

const DEPTH_MAX = 40
const TOKENS_MAX = 400

/** An expression from its text. Throws ExpressionMistake. */
export function parseFilter(text: string): Expression {
  const reader = openReader(text)
  const expression = readBinary(reader, 1, 0)
  reader.expectEnd()
  return expression
}

/** A path from its text: `properties/kind`. Throws ExpressionMistake. */
export function parsePath(text: string): readonly string[] {
  const reader = openReader(text)
  const path = readPath(reader, reader.next())
  reader.expectEnd()
  return path.kind === 'path' ? path.names : []
}

interface Reader {
  peek(): Token
  next(): Token
  /** Takes the next word when it is this mark. */
  takes(mark: string): boolean
  expect(mark: string): void
  expectEnd(): void
}

function openReader(text: string): Reader {
  const tokens = tokensOf(text)
  if (tokens.length > TOKENS_MAX) throw new ExpressionMistake(`has more than ${TOKENS_MAX} words`)
  let place = 0
  const end: Token = { kind: 'end', text: '', at: text.length }
  const reader: Reader = {
    peek: () => tokens[place] ?? end,
    next() {
      const token = reader.peek()
      place += 1
      return token
    },
    takes(mark) {
      const { kind, text: found } = reader.peek()
      if (kind !== 'mark' || found !== mark) return false
      place += 1
      return true
    },
    expect(mark) {
      if (!reader.takes(mark)) throw unexpected(reader.peek(), `"${mark}"`)
    },
    expectEnd() {
      if (reader.peek().kind !== 'end') throw unexpected(reader.peek(), 'the end')
    },
  }
  return reader
}

const unexpected = ({ kind, text, at }: Token, wanted: string): ExpressionMistake =>
  new ExpressionMistake(`expected ${wanted} at ${at}, got ${kind === 'end' ? 'the end' : `"${text}"`}`)

function readBinary(reader: Reader, level: number, depth: number): Expression {
  if (depth > DEPTH_MAX) throw new ExpressionMistake(`is nested more than ${DEPTH_MAX} deep`)
  let left = readUnary(reader, depth + 1)
  for (;;) {
    const { kind, text } = reader.peek()
    if (kind !== 'name' || !isOperator(text) || PRECEDENCE[text] < level) return left
    reader.next()
    const right = readBinary(reader, PRECEDENCE[text] + 1, depth + 1)
    left = { kind: 'binary', operator: text, left, right }
  }
}

const isOperator = (text: string): text is Operator => Object.hasOwn(PRECEDENCE, text)
const isFunction = (text: string): text is FunctionName => Object.hasOwn(FUNCTIONS, text)

function readUnary(reader: Reader, depth: number): Expression {
  if (depth > DEPTH_MAX) throw new ExpressionMistake(`is nested more than ${DEPTH_MAX} deep`)
  if (reader.takes('-')) return { kind: 'minus', of: readUnary(reader, depth + 1) }
  if (reader.takes('(')) {
    const inner = readBinary(reader, 1, depth + 1)
    reader.expect(')')
    return inner
  }
  const token = reader.next()
  switch (token.kind) {
    case 'number':
      return { kind: 'literal', value: Number(token.text) }
    case 'string':
      return { kind: 'literal', value: token.text.slice(1, -1).replaceAll("''", "'") }
    case 'instant':
      return { kind: 'literal', value: instantOf(token) }
    case 'name':
      return readNamed(reader, token, depth)
    default:
      throw unexpected(token, 'a value')
  }
}

function instantOf({ text, at }: Token): Value {
  const instant = Date.parse(text)
  if (Number.isNaN(instant)) throw new ExpressionMistake(`"${text}" at ${at} is no instant`)
  return { instant }
}

const CONSTANTS: Readonly<Record<string, Value>> = { true: true, false: false, null: null }

function readNamed(reader: Reader, token: Token, depth: number): Expression {
  const { text, at } = token
  // `not (…)` and `not x` look like a call and a path.
  if (text === 'not') return { kind: 'not', of: readBinary(reader, PRECEDENCE.eq, depth + 1) }
  if (Object.hasOwn(CONSTANTS, text)) return { kind: 'literal', value: CONSTANTS[text] ?? null }
  if (!reader.takes('(')) return readPath(reader, token)
  if (!isFunction(text)) throw new ExpressionMistake(`there is no function "${text}" (at ${at})`)
  const args: Expression[] = []
  if (!reader.takes(')')) {
    do args.push(readBinary(reader, 1, depth + 1))
    while (reader.takes(','))
    reader.expect(')')
  }
  const [least = 0, most = 0] = FUNCTIONS[text]
  if (args.length < least || args.length > most) {
    throw new ExpressionMistake(
      `"${text}" at ${at} takes ${least === most ? least : `${least} to ${most}`} arguments`,
    )
  }
  return { kind: 'call', name: text, args }
}

function readPath(reader: Reader, first: Token): Expression {
  if (first.kind !== 'name') throw unexpected(first, 'a name')
  const names = [first.text]
  while (reader.takes('/')) {
    const name = reader.next()
    if (name.kind !== 'name') throw unexpected(name, 'a name')
    names.push(name.text)
  }
  return { kind: 'path', names, at: first.at }
}
