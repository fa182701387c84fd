// JSON pointers, RFC 6901: where something lies in a document.

/** What lies at a pointer; `undefined` where nothing does. The pointer is one of the configuration's: its form is right. */
export function valueAt(document: unknown, pointer: string): unknown {
  const parts = pointer.split('/').slice(1)
  return valueIn(
    document,
    parts.map(part => part.replaceAll('~1', '/').replaceAll('~0', '~')),
  )
}

/** What lies where these steps lead; `undefined` where nothing does. */
export function valueIn(document: unknown, parts: readonly string[]): unknown {
  return parts.reduce<unknown>(stepInto, document)
}

function stepInto(value: unknown, part: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  if (Array.isArray(value)) return /^(0|[1-9]\d{0,8})$/.test(part) ? value[Number(part)] : undefined
  return Object.hasOwn(value, part) ? (value as Record<string, unknown>)[part] : undefined
}
