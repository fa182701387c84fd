// YAML documents that people write: read strictly, every mistake at once, each with its path and its line.

import { type Document, isAlias, isNode, LineCounter, parseDocument } from 'yaml'
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
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, merge: false })
  if (document.errors.length > 0) {
    const mistakes = document.errors.map(({ message, pos }) => ({
      path: '',
      message: message.split('\n')[0] ?? message,
      line: lines.linePos(pos[0]).line,
    }))
    throw new ConfigError(source, mistakes)
  }
  const input: unknown = document.toJS({ maxAliasCount: 100 })
  const result = schema.safeParse(input)
  const toMistake = ({ path, message }: Place): ConfigMistake => {
    const line = lineOf(document, lines, path)
    return { path: pathText(path), message, ...(line === undefined ? {} : { line }) }
  }
  return {
    ...readDraft(schema, input),
    settle(others) {
      const ofShape = result.success ? [] : mistakesOf(result.error)
      const mistakes = [...ofShape, ...others].map(toMistake)
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
