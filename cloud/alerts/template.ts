// Templates of requests: `{{to}}` is where a value stands. What is filled in cannot end what it stands in: each place escapes
// it as it wants.

/** What a template may name. */
export const PLACEHOLDERS = [
  'to',
  'subject',
  'text',
  'id',
  'secret',
  'base64:secret',
  'severity',
  'point',
  'link',
] as const

/** What a template may name. */
export type Placeholder = (typeof PLACEHOLDERS)[number]

const PLACE = /\{\{\s*([^{}]{1,60}?)\s*\}\}/g

/** What a template names that nobody knows. */
export function unknownPlaceholders(template: string): string[] {
  return [...template.matchAll(PLACE)]
    .map(([, name = '']) => name)
    .filter(name => !PLACEHOLDERS.some(one => one === name))
}

/** How a place escapes what stands in it. */
export const ESCAPES = {
  url: encodeURIComponent,
  'application/x-www-form-urlencoded': encodeURIComponent,
  'application/json': (value: string) => JSON.stringify(value).slice(1, -1),
  'text/plain': (value: string) => value,
  // A line that ends begins another header.
  header: (value: string) => value.replaceAll(/[\r\n\0]+/g, ' '),
} satisfies Record<string, (value: string) => string>

/** A template filled in. */
export function fill(
  template: string,
  values: Record<Exclude<Placeholder, 'base64:secret'>, string>,
  escapeText: (value: string) => string,
): string {
  return template.replaceAll(PLACE, (_, name: Placeholder) =>
    escapeText(
      name === 'base64:secret' ? Buffer.from(values.secret, 'utf8').toString('base64') : (values[name] ?? ''),
    ),
  )
}
