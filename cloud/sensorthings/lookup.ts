// What a path leads to from an entity: a property, one within it, or one of an entity that it leads to.

import type { Value } from './filter.ts'
import { type Entity, linkOf, related, type World } from './model.ts'
import type { Order } from './query.ts'
import { ExpressionMistake } from './tokens.ts'

const INSTANTS = new Set(['phenomenonTime', 'resultTime'])

/** The values that a path leads to. Throws ExpressionMistake when no entity of the kind has such a path. */
export function lookUp(world: World, entity: Entity, names: readonly string[]): readonly Value[] {
  const [first = '', ...rest] = names
  if (first === 'id' || first === '@iot.id') return [entity.id]
  const link = linkOf(entity.kind, first)
  if (link !== undefined) {
    if (link.kind === 'Observations')
      throw new ExpressionMistake('cannot look into Observations from elsewhere')
    return related(world, entity, link.kind).flatMap(one => lookUp(world, one, rest))
  }
  if (!Object.hasOwn(entity.properties, first)) {
    throw new ExpressionMistake(`there is no "${first}" in ${entity.kind}`)
  }
  const value = within(entity.properties[first], rest)
  return INSTANTS.has(first) && typeof value === 'string' ? [{ instant: Date.parse(value) }] : [value]
}

function within(value: unknown, names: readonly string[]): Value {
  const found = names.reduce<unknown>(
    (part, name) =>
      typeof part === 'object' && part !== null && Object.hasOwn(part, name)
        ? (part as Record<string, unknown>)[name]
        : null,
    value,
  )
  return found === null || ['boolean', 'number', 'string'].includes(typeof found) ? (found as Value) : null
}

/** The entities in an order; those that are equal in it stay as they were. */
export function sorted(
  world: World,
  entities: readonly Entity[],
  order: readonly Order[],
): readonly Entity[] {
  if (order.length === 0) return entities
  const keyed = entities.map(entity => ({
    entity,
    keys: order.map(({ path }) => keyOf(lookUp(world, entity, path)[0])),
  }))
  const compare = (a: (number | string)[], b: (number | string)[]): number => {
    for (const [place, { isDescending }] of order.entries()) {
      const [x = '', y = ''] = [a[place], b[place]]
      if (x === y) continue
      const isLess = typeof x === typeof y ? x < y : typeof x === 'number'
      return isLess === isDescending ? 1 : -1
    }
    return 0
  }
  return keyed.toSorted((a, b) => compare(a.keys, b.keys)).map(({ entity }) => entity)
}

/** What is absent comes first. */
function keyOf(value: Value | undefined): number | string {
  if (value === null || value === undefined) return Number.NEGATIVE_INFINITY
  if (typeof value === 'object') return value.instant
  return typeof value === 'boolean' ? Number(value) : value
}
