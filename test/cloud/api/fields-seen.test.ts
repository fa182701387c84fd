// Fields that not every role sees, in every answer of the API, by the document.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { FIELDS, placesOf } from '../../../cloud/api/fields-seen.ts'
import { RULES } from '../../../cloud/api/rules.ts'
import type { Role } from '../../../cloud/store/accounts.ts'
import { fill } from './content.ts'
import { pathsOf } from './questions.ts'
import { type ApiScene, openApiScene } from './scene.ts'
import type { Schema } from './schema.ts'

/** What holds somebody's name or address. */
const OF_SOMEBODY = /(^|[a-z])By$|^by$|^email$|^assignedTo$/

/** Schemas of which such a field is one's own, no person’s, or for who asks to be told. */
const NOBODYS = [
  'ApiKey',
  'Balances',
  'Consumption',
  'Contact',
  'Me',
  'ProjectBalances',
  'SessionUser',
  'Delivery',
]

describe('fields that not every role sees', () => {
  let api: ApiScene
  before(async () => {
    api = await openApiScene()
    await fill(api)
  })
  after(() => api.close())

  const schemas = () => api.document.components.schemas as Record<string, Schema & { properties?: object }>
  const reading = () =>
    Object.entries(api.document.paths).flatMap(([template, operations]) =>
      operations.get === undefined ? [] : [{ route: `GET ${template}`, template, operation: operations.get }],
    )

  test('are those of the document, and none that names somebody is forgotten', () => {
    for (const [name, fields] of Object.entries(FIELDS)) {
      const properties = Object.keys(schemas()[name]?.properties ?? {})
      for (const field of Object.keys(fields)) assert.ok(properties.includes(field), `${name}.${field}`)
    }
    const shown = new Set<string>()
    const walk = (part: unknown): void => {
      if (typeof part !== 'object' || part === null) return
      const { $ref } = part as { $ref?: string }
      const name = $ref?.split('/').at(-1)
      if (name !== undefined && !shown.has(name)) {
        shown.add(name)
        walk(schemas()[name])
      }
      for (const inner of Object.values(part)) walk(inner)
    }
    for (const { route, operation } of reading()) {
      const rule = RULES[route]
      const isForReaders = rule !== 'public' && rule?.roles.some(role => role.endsWith('_reader')) === true
      if (isForReaders) walk(operation.responses['200'])
    }
    const forgotten = [...shown].flatMap(name =>
      Object.keys(schemas()[name]?.properties ?? {})
        .filter(field => OF_SOMEBODY.test(field) && FIELDS[name]?.[field] === undefined)
        .filter(() => !NOBODYS.includes(name))
        .map(field => `${name}.${field}`),
    )
    assert.deepEqual(forgotten, [], 'say in FIELDS of fields-seen.ts who sees them')
  })

  test('are there for who may see them alone, in answers that are as the document says', async () => {
    let hidden = 0
    for (const { route, template, operation } of reading()) {
      const rule = RULES[route]
      if (rule === 'public' || rule === undefined || placesOf(api.document, route).length === 0) continue
      const [path = ''] = pathsOf(template, operation, 'campo')
      for (const role of ['client_reader', 'regulator_reader'] as const satisfies readonly Role[]) {
        if (!rule.roles.includes(role)) continue
        const { status, body } = await api.ask(route, { path, token: api.tokens[`${role} of campo`] ?? '' })
        assert.equal(status, 200, route)
        for (const place of placesOf(api.document, route)) {
          if (place.roles.includes(role)) continue
          for (const value of valuesAt(body, place.path)) {
            assert.ok(
              value === null || value === undefined || value === '•••',
              `${role} at ${route}: ${place.path.join('.')}`,
            )
            if (value === '•••') hidden += 1
          }
        }
      }
    }
    assert.ok(hidden > 3, `${hidden} fields were hidden`)
  })
})

function valuesAt(value: unknown, [step, ...rest]: readonly string[]): unknown[] {
  if (step === undefined) return [value]
  if (typeof value !== 'object' || value === null) return []
  if (step === '*') return Array.isArray(value) ? value.flatMap(one => valuesAt(one, rest)) : []
  return valuesAt((value as Record<string, unknown>)[step], rest)
}
