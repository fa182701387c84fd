// YAML documents that people write: read strictly, every mistake at once, each with its path and its line.

import { type Document, isAlias, isCollection, isNode, isSeq, LineCounter, parseDocument, visit } from 'yaml'
import type { z } from 'zod'
import { type Draft, readDraft } from './draft.ts'
import { mistakesOf, type Place, pathText } from './mistakes.ts'
import { ConfigError, type ConfigMistake } from './runtime/errors.ts'

/** A document as it was read, with or without mistakes. */
export interface YamlDraft<T> extends Draft<T> {
  /**
   * The document. Throws ConfigError with every mistake of its shape and with `others`, in the order of their lines:
   * those that a look at the document as a whole, or at what it refers to, has found.
   */
  settle(others: readonly Place[]): T
}

/** Reads a document with a schema. `source` names it in messages. Throws ConfigError when it is no YAML at all. */
export function readYaml<Schema extends z.ZodType>(
  text: string,
  source: string,
  schema: Schema,
): YamlDraft<z.output<Schema>> {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    ...{ lineCounter: lines, uniqueKeys: true, merge: false, logLevel: 'error' as const },
  })
  const deep = tooDeep(document, lines)
  if (deep !== undefined) throw new ConfigError(source, [deep])
  const loose = looseAliases(document, lines)
  const ofText = [...textMistakes(document, text, lines), ...loose]
  const isReadable = loose.length === 0 && document.errors.every(({ code }) => code === 'DUPLICATE_KEY')
  if (!isReadable) throw new ConfigError(source, ofText)
  const input = toPlain(document, source)
  const result = schema.safeParse(input)
  const toMistake = ({ path, message }: Place): ConfigMistake => {
    const line = lineOf(document, lines, path)
    return { path: pathText(path), message, ...(line === undefined ? {} : { line }) }
  }
  return {
    ...readDraft(schema, input),
    settle(others) {
      const ofShape = result.success ? [] : mistakesOf(result.error)
      const mistakes = [...ofText, ...[...ofShape, ...others].map(toMistake)]
      if (result.success && mistakes.length === 0) return result.data
      throw new ConfigError(
        source,
        mistakes.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0)),
      )
    },
  }
}

/** Reads a document that refers to nothing outside it. `source` names it in messages. Throws ConfigError. */
export function parseYaml<Schema extends z.ZodType>(
  text: string,
  source: string,
  schema: Schema,
): z.output<Schema> {
  return readYaml(text, source, schema).settle([])
}

/**
 * The text with further entries at the end of its lists; all else, and every comment, stays as it is written. `undefined` when
 * the text is none that can be read, or a list is none.
 */
export function withEntries(
  text: string,
  entries: readonly { list: string; entry: object }[],
): string | undefined {
  const document = parseDocument(text, { logLevel: 'error' })
  if (document.errors.length > 0 || tooDeep(document, new LineCounter()) !== undefined) return undefined
  for (const { list, entry } of entries) {
    const node = document.createNode(entry, { flow: true })
    const found = document.get(list, true)
    if (found === undefined || found === null) document.set(list, document.createNode([node]))
    else if (isSeq(found)) found.add(node)
    else return undefined
  }
  return document.toString({ lineWidth: 0, flowCollectionPadding: true })
}

/** What is wrong with the text as YAML. A key that is written twice hinders nobody from reading the rest. */
function textMistakes(document: Document.Parsed, text: string, lines: LineCounter): ConfigMistake[] {
  return document.errors.map(({ code, message, pos: [at] }) => ({
    path: '',
    message: inPlainWords(code, message, text.slice(at)),
    line: lines.linePos(at).line,
  }))
}

const TOO_DEEP = 'is nested too deeply'

/** How deep parts may lie within others: the reader, and who reads its document, go as deep. */
const DEPTH_MAX = 100

/** Where parts lie too deep within others. Nothing else is told of such a text: each level would be a mistake of its own. */
function tooDeep(document: Document.Parsed, lines: LineCounter): ConfigMistake | undefined {
  const [exhausted] = document.errors.filter(({ code }) => code === 'RESOURCE_EXHAUSTION')
  let at = exhausted?.pos[0]
  if (at === undefined) {
    visit(document, {
      Collection(_, { range }, path) {
        if (path.filter(isCollection).length < DEPTH_MAX) return
        at = range?.[0] ?? 0
        return visit.BREAK
      },
    })
  }
  return at === undefined ? undefined : { path: '', message: TOO_DEEP, line: lines.linePos(at).line }
}

/** Aliases that stand for nothing. */
function looseAliases(document: Document.Parsed, lines: LineCounter): ConfigMistake[] {
  const mistakes: ConfigMistake[] = []
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) !== undefined) return
      const message = `*${alias.source} stands for nothing: no &${alias.source} is before it`
      mistakes.push({ path: '', message, line: lines.linePos(alias.range?.[0] ?? 0).line })
    },
  })
  return mistakes
}

function inPlainWords(code: string, message: string, rest: string): string {
  const what = message.split(/\n| at line \d/)[0] ?? message
  const [, end] = /must be sufficiently indented and end with a (.)/.exec(what) ?? []
  if (end !== undefined) return `${end} is missing, or what it closes is indented too little`
  switch (code) {
    case 'DUPLICATE_KEY':
      return `key \`${/^["']?([^:"'\s]*)/.exec(rest)?.[1]}\` is written twice`
    case 'TAB_AS_INDENT':
      return 'is indented with a tab: use spaces'
    case 'MULTIPLE_DOCS':
      return 'a second document begins: there must be one'
    default:
      return what
  }
}

/** How often parts of a document may stand for others. */
const ALIASES_MAX = 100

function toPlain(document: Document.Parsed, source: string): unknown {
  try {
    return document.toJS({ maxAliasCount: ALIASES_MAX })
  } catch (error) {
    // Parts that stand for others may be deep together although none is alone.
    if (error instanceof RangeError) throw new ConfigError(source, [{ path: '', message: TOO_DEEP }])
    if (!(error instanceof ReferenceError)) throw error
    const message = `its aliases stand for more than ${ALIASES_MAX} parts`
    throw new ConfigError(source, [{ path: '', message }])
  }
}

/** The line of the deepest part of `path` that stands in the document. */
function lineOf(
  document: Document.Parsed,
  lines: LineCounter,
  path: readonly PropertyKey[],
): number | undefined {
  for (let length = path.length; length >= 0; length -= 1) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true)
    if (isNode(node) && !isAlias(node) && node.range) return lines.linePos(node.range[0]).line
  }
  return undefined
}
