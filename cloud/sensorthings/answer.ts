// Answers of the SensorThings façade: an entity, a collection, a property, with what is expanded within.

import type { Sql } from '../store/database.ts'
import { isTrue } from './evaluate.ts'
import { lookUp, sorted } from './lookup.ts'
import {
  type Entity,
  entitiesOf,
  type Kind,
  LINKS,
  linkOf,
  related,
  type SeriesOf,
  seriesBehind,
  type World,
} from './model.ts'
import { type After, type Found, findObservation, findObservations, naming } from './observations.ts'
import { type Query, QueryMistake } from './query.ts'

/** How many entities an answer holds with all that is within them. */
const ENTITIES_MAX = 50_000

/** What an answer is made with. */
export interface Answering {
  sql: Sql
  world: World
  now: number
  /** `https://…/sta/v1.1` */
  base: string
}

/** Entities of a kind: all that may be seen, or those that another one leads to. */
export interface Source {
  kind: Kind
  /** Absent: all. */
  from: Entity | undefined
}

/** What a question finds of a collection. Throws QueryMistake. */
export async function find(
  answering: Answering,
  source: Source,
  query: Query,
  after?: After,
): Promise<Found> {
  const { world, now } = answering
  const { kind, from } = source
  if (kind === 'Observations') {
    return asyncNaming(() => findObservations(answering, seriesOf(world, from), query, after))
  }
  const all = from === undefined ? entitiesOf(world, kind) : related(world, from, kind)
  const { filter, orderBy, top, skip, isCounted } = query
  const fitting = naming('$filter', () =>
    filter === undefined ? all : all.filter(one => isTrue(filter, names => lookUp(world, one, names), now)),
  )
  const ordered = naming('$orderby', () => sorted(world, fitting, orderBy))
  const next = skip + top < ordered.length && top > 0 ? { skip: skip + top } : undefined
  return { items: ordered.slice(skip, skip + top), count: isCounted ? ordered.length : undefined, next }
}

async function asyncNaming<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    return naming('$filter', () => {
      throw error
    })
  }
}

const seriesOf = (world: World, from: Entity | undefined): readonly SeriesOf[] =>
  from === undefined ? world.series : seriesBehind(world, from)

/** The entity of a kind and an id, if it may be seen. */
export async function findOne(
  { sql, world }: Answering,
  kind: Kind,
  id: string,
): Promise<Entity | undefined> {
  if (kind === 'Observations') return findObservation(sql, world.series, id.replace(/^'(.*)'$/, '$1'))
  return entitiesOf(world, kind).find(one => String(one.id) === id)
}

/** The one entity that a link of another leads to, if there is one. */
export function followOne({ world }: Answering, from: Entity, kind: Kind): Entity | undefined {
  return kind === 'Observations' ? undefined : related(world, from, kind)[0]
}

/** The address of an entity. */
export const selfLink = (base: string, { kind, id }: Entity): string =>
  `${base}/${kind}(${typeof id === 'number' ? id : `'${id}'`})`

/** Counts what is put into an answer. */
export interface Budget {
  left: number
}

/** A new one for each answer. */
export const openBudget = (): Budget => ({ left: ENTITIES_MAX })

/** An entity as JSON, with what is expanded. Throws QueryMistake. */
export async function toJson(
  answering: Answering,
  entity: Entity,
  { select, expand }: Query,
  budget: Budget,
): Promise<Record<string, unknown>> {
  budget.left -= 1
  if (budget.left < 0) {
    throw new QueryMistake('$expand', `holds more than ${ENTITIES_MAX} entities: use $top within`)
  }
  const self = selfLink(answering.base, entity)
  const isWanted = (name: string) => select === undefined || select.includes(name)
  const known = [...Object.keys(entity.properties), ...Object.keys(LINKS[entity.kind]), 'id', '@iot.id']
  const strange = select?.find(name => !known.includes(name))
  if (strange !== undefined) throw new QueryMistake('$select', `there is no "${strange}" in ${entity.kind}`)
  const json: Record<string, unknown> = { '@iot.id': entity.id, '@iot.selfLink': self }
  for (const [name, value] of Object.entries(entity.properties)) if (isWanted(name)) json[name] = value
  for (const name of Object.keys(LINKS[entity.kind])) {
    if (isWanted(name)) json[`${name}@iot.navigationLink`] = `${self}/${name}`
  }
  for (const { name, query } of expand) {
    const link = linkOf(entity.kind, name)
    if (link === undefined) continue
    if (!link.isMany) {
      const one = followOne(answering, entity, link.kind)
      json[name] = one === undefined ? null : await toJson(answering, one, query, budget)
      continue
    }
    const found = await find(answering, { kind: link.kind, from: entity }, query)
    json[name] = await allToJson(answering, found.items, query, budget)
    if (found.count !== undefined) json[`${name}@iot.count`] = found.count
    if (found.next !== undefined) json[`${name}@iot.nextLink`] = nextLink(`${self}/${name}`, {}, found.next)
  }
  return json
}

/** Entities as JSON. */
export async function allToJson(
  answering: Answering,
  entities: readonly Entity[],
  query: Query,
  budget: Budget,
): Promise<Record<string, unknown>[]> {
  const all: Record<string, unknown>[] = []
  for (const entity of entities) all.push(await toJson(answering, entity, query, budget))
  return all
}

/** The address of what comes next: the same question, gone on with. */
export function nextLink(
  address: string,
  texts: Readonly<Record<string, string | undefined>>,
  next: NonNullable<Found['next']>,
): string {
  const params = new URLSearchParams()
  for (const [name, text] of Object.entries(texts)) {
    if (text !== undefined && name !== '$skip' && name !== '$skiptoken') params.set(name, text)
  }
  if ('skip' in next) params.set('$skip', String(next.skip))
  else params.set('$skiptoken', `${next.after.at}_${next.after.seriesId}`)
  return `${address}?${params.toString().replaceAll('%24', '$').replaceAll('+', '%20')}`
}
