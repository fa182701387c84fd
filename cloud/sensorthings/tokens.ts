// The words of a `$filter` and of `$orderby`, as OData writes them (OGC 18-088, 9.3.3.5).

/** A word, and where it stands. */
export interface Token {
  kind: 'name' | 'string' | 'number' | 'instant' | 'mark' | 'end'
  text: string
  at: number
}

/** What is wrong with an expression, and where. */
export class ExpressionMistake extends Error {
  override readonly name = 'ExpressionMistake'
}

const KINDS: readonly (readonly [Token['kind'], RegExp])[] = [
  ['string', /'(?:[^']|'')*'/y],
  ['instant', /\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?/y],
  ['number', /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y],
  ['name', /[A-Za-z_@][\w.@]*/y],
  ['mark', /[(),/-]/y],
]

/** The words of an expression, and a last one that is its end. Throws ExpressionMistake. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < text.length; ) {
    if (/\s/.test(text[at] ?? '')) {
      at += 1
      continue
    }
    const token = tokenAt(text, at)
    if (token === undefined) throw new ExpressionMistake(`"${text.slice(at, at + 10)}" at ${at} is no word`)
    tokens.push(token)
    at += token.text.length
  }
  return [...tokens, { kind: 'end', text: '', at: text.length }]
}

function tokenAt(text: string, at: number): Token | undefined {
  for (const [kind, pattern] of KINDS) {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0]
    if (found !== undefined) return { kind, text: found, at }
  }
  return undefined
}
