// YAML documents that people write: read strictly, every mistake at once, each with its path and its line.

import { type Document, isAlias, isNode, LineCounter, parseDocument } from 'yaml'
import type { z } from 'zod'
import { ConfigError, type ConfigMistake } from './runtime/errors.ts'

/** Where in a document something is wrong, and what. */
export interface Place {
  path: PropertyKey[]
  message: string
}

/** Reads a document with a schema. `source` names it in messages. Throws ConfigError. */
export function parseYaml<Schema extends z.ZodType>(
  text: string,
  source: string,
  schema: Schema,
): z.output<Schema> {
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
  const result = schema.safeParse(document.toJS({ maxAliasCount: 100 }))
  if (result.success) return result.data
  const mistakes = flatten(result.error.issues).map(({ path, message }): ConfigMistake => {
    const line = lineOf(document, lines, path)
    return { path: pathText(path), message, ...(line === undefined ? {} : { line }) }
  })
  throw new ConfigError(source, mistakes)
}

/** `devices[1].signals[0].unit`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) =>
      typeof part === 'number' ? `[${part}]` : index === 0 ? String(part) : `.${String(part)}`,
    )
    .join('')
}

/** Unknown keys get a mistake each, at their own place. */
function flatten(issues: readonly z.core.$ZodIssue[]): Place[] {
  return issues.flatMap((issue): Place[] => {
    if (issue.code !== 'unrecognized_keys') return [{ path: issue.path, message: issue.message }]
    return issue.keys.map(key => ({ path: [...issue.path, key], message: 'unknown key' }))
  })
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
