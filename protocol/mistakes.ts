// What a schema finds wrong, in plain words: the one place where Zod's issues become mistakes that a person can mend.
//
// A message goes on where its path stops: `devices[0].every` "is missing". The words are set as Zod's own locale, so
// that they are the same where a library reads a schema for us; a schema's own message goes before them.

import { z } from 'zod'
import { reasonOf } from './runtime/errors.ts'

/** Where in a document something is wrong, and what. */
export interface Place {
  path: PropertyKey[]
  message: string
}

type Issue = z.core.$ZodRawIssue

z.config({ localeError: issue => inPlainWords(issue) })

/** Everything an error holds: unknown keys one by one, and of alternatives the one that was meant. */
export function mistakesOf({ issues }: Pick<z.ZodError, 'issues'>): Place[] {
  const places = flatten(issues)
  const misspelt = new Set(
    places.flatMap(({ path, message }) => {
      const meant = message.startsWith(UNKNOWN_KEY) ? MEANT.exec(message)?.[1] : undefined
      return meant === undefined ? [] : [pathText([...path.slice(0, -1), meant])]
    }),
  )
  return places.filter(({ path, message }) => message !== MISSING || !misspelt.has(pathText(path)))
}

/** How long a single line becomes: what an ack has room for. */
const LINE_LENGTH_MAX = 400

/** What went wrong, in one line, whatever was thrown: what a schema has found. `textOf` writes its places. */
export function reasonsOf(
  error: unknown,
  textOf: (path: readonly PropertyKey[]) => string = pathText,
): string {
  if (!(error instanceof z.ZodError)) return reasonOf(error)
  const mistakes = mistakesOf(error).map(({ path, message }) =>
    path.length === 0 ? `it ${message}` : `${textOf(path)}: ${message}`,
  )
  let line = shortened(mistakes[0] ?? '', LINE_LENGTH_MAX)
  for (const [index, mistake] of mistakes.entries()) {
    if (index === 0) continue
    if (line.length + mistake.length > LINE_LENGTH_MAX) return `${line}; and ${mistakes.length - index} more`
    line = `${line}; ${mistake}`
  }
  return line
}

/** A text from outside, in one line, as far as there is room for it. */
export function shortened(text: string, lengthMax = WORD_LENGTH_MAX): string {
  const line = text.length <= lengthMax ? text : `${text.slice(0, lengthMax - 1)}…`
  return line.replace(/\p{Cc}/gu, ' ')
}

/** `devices[1].signals[0].unit`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) =>
      typeof part === 'number' ? `[${part}]` : index === 0 ? String(part) : `.${String(part)}`,
    )
    .join('')
}

/** The end of a message about a word that is none of the known ones: which of them may have been meant. */
export function didYouMean(word: string, known: readonly string[]): string {
  const near = nearest(word, known)
  return near === undefined ? '' : `; did you mean \`${near}\`?`
}

/** The keys that were meant by those that nobody knows. */
export function keysMeant({ keys, inst }: { keys: readonly string[]; inst?: Issue['inst'] }): string[] {
  return keys.map(key => nearest(key, knownKeys(inst))).filter(key => key !== undefined)
}

/** Which of the known words was meant; `undefined` where none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > WORD_LENGTH_MAX) return undefined
  const given = plain(word)
  return known
    .filter(name => mayBeNear(given, plain(name)))
    .map(name => ({ name, far: distance(given, plain(name)) }))
    .filter(({ name, far }) => far <= (name.length < FAR_LENGTH_MIN ? 1 : FAR_MAX) && far < name.length)
    .toSorted((a, b) => a.far - b.far)[0]?.name
}

const MISSING = 'is missing'
const UNKNOWN_KEY = 'unknown key'
const MEANT = /; did you mean `([^`]+)`\?$/

/** Shorter names are near only when one letter is wrong. */
const FAR_LENGTH_MIN = 6
const FAR_MAX = 2
const WORD_LENGTH_MAX = 64

/** Whether it is worth comparing two words: somebody may send thousands of wrong ones. */
const mayBeNear = (word: string, name: string): boolean =>
  Math.abs(word.length - name.length) <= FAR_MAX && (word[0] === name[0] || word.at(-1) === name.at(-1))

const plain = (word: string): string => word.toLowerCase().replace(/[-_ ]/g, '')

/** How many letters must be put in, left out, changed, or swapped with their neighbour (Levenshtein, Damerau). */
function distance(from: string, to: string): number {
  let before: number[] = []
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let index = 0; index < from.length; index += 1) {
    const next = [index + 1]
    for (let column = 0; column < to.length; column += 1) {
      const same = from[index] === to[column]
      const swapped = from[index] === to[column - 1] && from[index - 1] === to[column]
      next.push(
        Math.min(
          (row[column] as number) + (same ? 0 : 1),
          (row[column + 1] as number) + 1,
          (next[column] as number) + 1,
          swapped ? (before[column - 1] as number) + 1 : Number.POSITIVE_INFINITY,
        ),
      )
    }
    before = row
    row = next
  }
  return row[to.length] as number
}

/** How deep alternatives within alternatives are looked into. */
const DEPTH_MAX = 4

function flatten(issues: readonly z.core.$ZodIssue[], depth = 0): Place[] {
  return issues.flatMap((issue): Place[] => {
    const { path, message } = issue
    if (issue.code === 'unrecognized_keys') {
      const messages = message.split('\n')
      return issue.keys.map((key, index) => ({
        path: [...path, key],
        message: messages[index] ?? UNKNOWN_KEY,
      }))
    }
    if (issue.code === 'invalid_union' && depth < DEPTH_MAX) {
      const meant = meantOf(issue.errors)
      if (meant !== undefined) {
        return flatten(meant, depth + 1).map(place => ({ ...place, path: [...path, ...place.path] }))
      }
    }
    return [{ path, message }]
  })
}

/** The one alternative that the value comes near to; `undefined` when there is none, or more than one. */
function meantOf(alternatives: readonly z.core.$ZodIssue[][]): z.core.$ZodIssue[] | undefined {
  const ofThisKind = alternatives.filter(issues => !issues.some(isOfAnotherKind))
  const almost = ofThisKind.filter(issues => !issues.some(isOfAnotherForm))
  if (almost.length === 1) return almost[0]
  const isAnyWord = alternatives.flat().some(issue => isOfAnotherKind(issue) && isWord(issue))
  return ofThisKind.length === 1 && !isAnyWord ? ofThisKind[0] : undefined
}

const isOfAnotherKind = ({ path, code }: z.core.$ZodIssue): boolean =>
  path.length === 0 && (code === 'invalid_type' || code === 'invalid_value')

const isOfAnotherForm = ({ path, code }: z.core.$ZodIssue): boolean =>
  path.length === 0 && code === 'invalid_format'

/** Text may be a word that is misspelt as well as text of a form that it has not. */
const isWord = (issue: z.core.$ZodIssue): boolean =>
  issue.code === 'invalid_value' && issue.values.some(value => typeof value === 'string')

function inPlainWords(issue: Issue): string {
  if (issue.input === undefined && issue.code !== 'custom') return MISSING
  switch (issue.code) {
    case 'invalid_type':
      return ofAnotherType(issue.expected, issue.input)
    case 'invalid_value':
      return notOneOf(issue.values, issue.input)
    case 'too_small':
      return tooSmall(issue)
    case 'too_big':
      return tooBig(issue)
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`
    case 'invalid_format':
      return FORMATS[issue.format] ?? `must match ${issue.pattern ?? issue.format}`
    case 'unrecognized_keys':
      return issue.keys
        .map(key => `${UNKNOWN_KEY} \`${shortened(key)}\`${didYouMean(key, knownKeys(issue.inst))}`)
        .join('\n')
    case 'invalid_union':
      return noAlternative(issue)
    case 'invalid_key':
      return issue.issues[0]?.message ?? 'cannot be used'
    default:
      return 'cannot be used'
  }
}

const FORMATS: Record<string, string> = {
  date: 'must be a date such as 2026-01-31',
  datetime: 'must be an instant such as 2026-01-31T12:00:00Z',
  email: 'must be an e-mail address',
  ipv4: 'must be an IPv4 address',
  ipv6: 'must be an IPv6 address',
  url: 'must be a URL',
  uuid: 'must be a UUID',
}

const TYPES: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'keys with values',
  record: 'keys with values',
  null: 'empty',
}

function ofAnotherType(expected: string, input: unknown): string {
  const wanted = TYPES[expected] ?? expected
  return input === null ? `is empty, and must be ${wanted}` : `must be ${wanted}, not ${kindOf(input)}`
}

function kindOf(input: unknown): string {
  if (input === null) return 'empty'
  if (Array.isArray(input)) return 'a list'
  if (typeof input === 'number') {
    return Number.isFinite(input) && Number.isInteger(input) ? 'a number' : String(input)
  }
  if (typeof input === 'boolean') return String(input)
  return TYPES[typeof input] ?? typeof input
}

function notOneOf(values: readonly z.core.util.Primitive[], input: unknown): string {
  const names = values.map(String)
  if (names.length === 1) return `must be ${names[0]}`
  return `is not one of ${names.join(', ')}${typeof input === 'string' ? didYouMean(input, names) : ''}`
}

function tooSmall({ origin, minimum, inclusive, exact }: Issue & { code: 'too_small' }): string {
  if (COUNTED[origin] === undefined) return `must be ${inclusive ? 'at least' : 'more than'} ${minimum}`
  if (Number(minimum) === 1 && exact !== true) return 'must not be empty'
  return `must have ${exact === true ? 'exactly' : 'at least'} ${minimum} ${COUNTED[origin]}`
}

function tooBig({ origin, maximum, inclusive, exact }: Issue & { code: 'too_big' }): string {
  if (COUNTED[origin] === undefined) return `must be ${inclusive ? 'at most' : 'less than'} ${maximum}`
  return `must have ${exact === true ? 'exactly' : 'at most'} ${maximum} ${COUNTED[origin]}`
}

const COUNTED: Record<string, string> = { string: 'characters', array: 'entries', record: 'keys' }

function knownKeys(inst: Issue['inst']): string[] {
  const { shape = {} } = (inst?._zod.def ?? {}) as { shape?: object }
  return Object.keys(shape)
}

function noAlternative({ input, discriminator, options, errors }: Issue & { code: 'invalid_union' }): string {
  if (discriminator !== undefined) {
    const given = (input as Record<string, unknown>)[discriminator]
    return given === undefined ? MISSING : notOneOf((options ?? []) as z.core.util.Primitive[], given)
  }
  const firsts = (errors ?? []).flatMap(([first]) => (first === undefined ? [] : [first]))
  if (firsts.every(({ code }) => code === 'invalid_value')) {
    return notOneOf(
      firsts.flatMap(issue => (issue.code === 'invalid_value' ? issue.values : [])),
      input,
    )
  }
  if (firsts.every(({ code }) => code === 'invalid_type')) {
    const wanted = firsts.map(issue => (issue.code === 'invalid_type' ? (TYPES[issue.expected] ?? '') : ''))
    return `must be ${[...new Set(wanted)].join(' or ')}, not ${kindOf(input)}`
  }
  return [...new Set(firsts.map(({ message }) => message))].join(', or ')
}
