// Addresses of the SensorThings façade: `Datastreams(12)/Observations`, `Things(3)/name/$value`.

import { type Answering, findOne, followOne, type Source } from './answer.ts'
import { type Entity, isKind, linkOf } from './model.ts'

/** What an address leads to; `undefined` where there is nothing, or nothing that may be seen. */
export type Target =
  | { kind: 'collection'; source: Source; isRef: boolean }
  | { kind: 'entity'; entity: Entity }
  | { kind: 'property'; name: string; value: unknown; isRaw: boolean }
  | undefined

const SEGMENT = /^([A-Za-z]+)(?:\((\d+|'[^']*')\))?$/

/** What the parts of an address lead to. */
export async function resolve(answering: Answering, segments: readonly string[]): Promise<Target> {
  const [first = '', ...rest] = segments
  const [, name = '', id] = SEGMENT.exec(first) ?? []
  if (!isKind(name)) return undefined
  if (id === undefined) return ofCollection({ kind: name, from: undefined }, rest)
  let entity = await findOne(answering, name, id)
  for (const [place, segment] of rest.entries()) {
    if (entity === undefined) return undefined
    const [, link = '', within] = SEGMENT.exec(segment) ?? []
    const to = linkOf(entity.kind, link)
    if (to === undefined) return propertyOf(entity, rest.slice(place))
    if (!to.isMany) entity = followOne(answering, entity, to.kind)
    else if (within === undefined) return ofCollection({ kind: to.kind, from: entity }, rest.slice(place + 1))
    else entity = await findWithin(answering, { kind: to.kind, from: entity }, within)
  }
  return entity === undefined ? undefined : { kind: 'entity', entity }
}

function ofCollection(source: Source, rest: readonly string[]): Target {
  const [ref, ...more] = rest
  if (more.length > 0 || (ref !== undefined && ref !== '$ref')) return undefined
  return { kind: 'collection', source, isRef: ref === '$ref' }
}

/** `Things(1)/Datastreams(2)` is there when the Datastream is one of the Thing. */
async function findWithin(
  answering: Answering,
  { kind, from }: Source,
  id: string,
): Promise<Entity | undefined> {
  const found = await findOne(answering, kind, id)
  if (found === undefined || from === undefined) return undefined
  const { thing = from.of.series?.thing, series, code } = from.of
  const own = found.of.thing ?? found.of.series?.thing
  if (thing !== undefined && own !== undefined && own.id !== thing.id) return undefined
  if (series !== undefined && found.of.series !== undefined && found.of.series.id !== series.id)
    return undefined
  return code !== undefined && found.of.series?.code !== code ? undefined : found
}

function propertyOf({ properties }: Entity, [name = '', raw, ...more]: readonly string[]): Target {
  if (!Object.hasOwn(properties, name) || more.length > 0) return undefined
  if (raw !== undefined && raw !== '$value') return undefined
  return { kind: 'property', name, value: properties[name], isRaw: raw === '$value' }
}
