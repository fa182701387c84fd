// The options of a question: `$filter`, `$orderby`, `$top`, `$skip`, `$select`, `$count`, `$expand` with options of its own.
//
// Everything is bounded. What is wrong is a QueryMistake that names the option.

import { type Expression, parseFilter, parsePath } from './filter.ts'
import { type Kind, linkOf } from './model.ts'
import { ExpressionMistake } from './tokens.ts'

/** What is wrong with a question, and with which of its options. */
export class QueryMistake extends Error {
  override readonly name = 'QueryMistake'
  readonly option: string

  constructor(option: string, message: string) {
    super(message)
    this.option = option
  }
}

/** How entities are sorted. */
export interface Order {
  path: readonly string[]
  isDescending: boolean
}

/** What is asked of a collection or of an entity. */
export interface Query {
  filter: Expression | undefined
  orderBy: readonly Order[]
  top: number
  skip: number
  isCounted: boolean
  /** Names of properties; all when absent. */
  select: readonly string[] | undefined
  expand: readonly Expansion[]
}

/** A link whose entities are shown within. */
export interface Expansion {
  name: string
  query: Query
}

/** The options by name, as text. */
export type OptionTexts = Readonly<Record<string, string | undefined>>

const TOP_DEFAULT = 100
/** How many entities an answer has, at most. */
export const TOP_MAX = 10_000
const SKIP_MAX = 1_000_000
const EXPAND_DEPTH_MAX = 4
const LIST_MAX = 20

/** Reads the options of a question about a kind. Throws QueryMistake. */
export function readQuery(kind: Kind, texts: OptionTexts, depth = 0): Query {
  return {
    filter: reading('$filter', texts.$filter, parseFilter),
    orderBy: (reading('$orderby', texts.$orderby, text => split(text, ',')) ?? []).map(readOrder),
    top: readNumber('$top', texts.$top, TOP_DEFAULT, TOP_MAX),
    skip: readNumber('$skip', texts.$skip, 0, SKIP_MAX),
    isCounted: readFlag('$count', texts.$count),
    select: reading('$select', texts.$select, text => split(text, ',').map(one => one.trim())),
    expand: readExpand(kind, texts.$expand, depth),
  }
}

function reading<Read>(
  option: string,
  text: string | undefined,
  read: (text: string) => Read,
): Read | undefined {
  if (text === undefined) return undefined
  try {
    return read(text)
  } catch (error) {
    if (error instanceof ExpressionMistake) throw new QueryMistake(option, error.message)
    throw error
  }
}

function readNumber(option: string, text: string | undefined, absent: number, max: number): number {
  if (text === undefined) return absent
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (!(number <= max)) throw new QueryMistake(option, `must be a whole number, 0 to ${max}`)
  return number
}

function readFlag(option: string, text: string | undefined): boolean {
  if (text === undefined || text === 'false') return false
  if (text !== 'true') throw new QueryMistake(option, 'must be true or false')
  return true
}

function readOrder(text: string): Order {
  const [, path = '', direction = 'asc'] = /^\s*([^\s]+)(?:\s+(asc|desc))?\s*$/.exec(text) ?? []
  const names = reading('$orderby', path, parsePath) ?? []
  return { path: names, isDescending: direction === 'desc' }
}

/** `Datastreams($top=1;$expand=Observations),Locations/HistoricalLocations`. */
function readExpand(kind: Kind, text: string | undefined, depth: number): Expansion[] {
  if (text === undefined) return []
  if (depth >= EXPAND_DEPTH_MAX)
    throw new QueryMistake('$expand', `is nested more than ${EXPAND_DEPTH_MAX} deep`)
  const parts = reading('$expand', text, all => split(all, ',')) ?? []
  return parts.map(part => readExpansion(kind, part.trim(), depth))
}

function readExpansion(kind: Kind, text: string, depth: number): Expansion {
  const [, path = '', options] = /^([\w/]+)(?:\((.*)\))?$/s.exec(text) ?? []
  const [name = '', ...deeper] = path.split('/')
  const link = linkOf(kind, name)
  if (link === undefined) throw new QueryMistake('$expand', `there is no "${name}" in ${kind}`)
  const texts = options === undefined ? {} : readOptions(options)
  // `A/B` is B within A.
  const inner =
    deeper.length === 0
      ? texts
      : { $expand: `${deeper.join('/')}${options === undefined ? '' : `(${options})`}` }
  return { name, query: readQuery(link.kind, inner, depth + 1) }
}

const OPTIONS = ['$filter', '$orderby', '$top', '$skip', '$count', '$select', '$expand']

function readOptions(text: string): OptionTexts {
  const pairs = (reading('$expand', text, all => split(all, ';')) ?? []).map(part => {
    const [, name = '', value = ''] = /^\s*(\$\w+)=(.*)$/s.exec(part) ?? []
    if (!OPTIONS.includes(name)) throw new QueryMistake('$expand', `"${part.slice(0, 20)}" is no option`)
    return [name, value]
  })
  return Object.fromEntries(pairs)
}

/** Parts between marks that stand neither in parentheses nor in a string. */
function split(text: string, mark: string): string[] {
  const parts: string[] = []
  let depth = 0
  let isQuoted = false
  let start = 0
  for (const [at, letter] of [...text].entries()) {
    if (letter === "'") isQuoted = !isQuoted
    else if (isQuoted) continue
    else if (letter === '(') depth += 1
    else if (letter === ')') depth -= 1
    else if (letter === mark && depth === 0) {
      parts.push([...text].slice(start, at).join(''))
      start = at + 1
    }
  }
  parts.push([...text].slice(start).join(''))
  if (parts.length > LIST_MAX) throw new ExpressionMistake(`has more than ${LIST_MAX} parts`)
  return parts
}
