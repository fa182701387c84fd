// Observations: the readings of series, in the order of time, looked through a piece at a time.
//
// What is looked through for one answer is bounded; where that is not enough the answer says where to go on.

import { type Quality, qualityOf, TIME_MAX, timeQualityOf } from '../../protocol/reading.ts'
import { VARIABLES } from '../../protocol/variables.ts'
import type { Sql } from '../store/database.ts'
import { type ReadingRow, selectDerived, selectReadings } from '../store/queries.ts'
import { countValues } from '../store/sensorthings.ts'
import { type Bounds, isTrue, narrow } from './evaluate.ts'
import { lookUp, sorted } from './lookup.ts'
import { type Entity, type SeriesOf, toObservation, type World } from './model.ts'
import { type Query, QueryMistake } from './query.ts'
import { ExpressionMistake } from './tokens.ts'

/** How many series are read side by side. */
const SERIES_MAX = 200
/** How many readings are looked through for one answer. */
export const SCANNED_MAX = 100_000
const PIECE = 1_000

/** Where an answer goes on: after this reading. */
export interface After {
  at: number
  seriesId: number
}

/** What was found. */
export interface Found {
  items: Entity[]
  /** How many there are in all, when that was asked. */
  count: number | undefined
  /** Where the next ones begin: after a reading, or after so many. */
  next: { after: After } | { skip: number } | undefined
}

const isTimePath = ([name = '', ...rest]: readonly string[]): boolean =>
  rest.length === 0 && (name === 'phenomenonTime' || name === 'resultTime')

/** The observations of series that a question is about. Throws QueryMistake. */
export async function findObservations(
  { sql, world, now }: { sql: Sql; world: World; now: number },
  series: readonly SeriesOf[],
  query: Query,
  after?: After,
): Promise<Found> {
  if (series.length > SERIES_MAX) {
    throw new QueryMistake(
      '$filter',
      `asks of ${series.length} Datastreams at once, at most ${SERIES_MAX}: ask one's Observations`,
    )
  }
  const { filter, orderBy, top, skip, isCounted } = query
  const bounds = filter === undefined ? EVER : narrow(filter, isTimePath, EVER)
  const isFit = (entity: Entity) =>
    filter === undefined || isTrue(filter, names => lookUp(world, entity, names), now)
  const isDescending = orderBy[0]?.isDescending ?? false
  const isByTime = orderBy.length === 0 || (orderBy.length === 1 && isTimePath(orderBy[0]?.path ?? []))
  if (!isByTime) return sortedOnes({ sql, world }, series, query, { bounds, isFit })
  const items: Entity[] = []
  let [scanned, fitting] = [0, 0]
  let last: After | undefined
  let next: Found['next']
  for await (const [entity, key] of inOrder(sql, series, { bounds, isDescending, after })) {
    if (scanned === SCANNED_MAX || items.length === top) {
      next = last === undefined ? undefined : { after: last }
      break
    }
    scanned += 1
    last = key
    if (!isFit(entity)) continue
    fitting += 1
    if (fitting > skip) items.push(entity)
  }
  const count = isCounted ? await countAll(sql, series, query, { bounds, isFit }) : undefined
  // Nothing was taken, so that there is nothing to go on after.
  return { items, count, next: top === 0 ? undefined : next }
}

const EVER: Bounds = { from: 0, to: TIME_MAX }

interface Fitting {
  bounds: Bounds
  isFit: (entity: Entity) => boolean
}

/** All that fit, in another order than that of time. */
async function sortedOnes(
  { sql, world }: { sql: Sql; world: World },
  series: readonly SeriesOf[],
  { orderBy, top, skip, isCounted }: Query,
  fitting: Fitting,
): Promise<Found> {
  const all = await collect(sql, series, fitting, '$orderby')
  const items = naming('$orderby', () => sorted(world, all, orderBy)).slice(skip, skip + top)
  const next = skip + top < all.length && top > 0 ? { skip: skip + top } : undefined
  return { items, count: isCounted ? all.length : undefined, next }
}

async function countAll(
  sql: Sql,
  series: readonly SeriesOf[],
  { filter }: Query,
  fitting: Fitting,
): Promise<number> {
  if (filter === undefined)
    return countValues(
      sql,
      series.map(({ id }) => id),
    )
  return (await collect(sql, series, fitting, '$count')).length
}

async function collect(
  sql: Sql,
  series: readonly SeriesOf[],
  { bounds, isFit }: Fitting,
  option: string,
): Promise<Entity[]> {
  const found: Entity[] = []
  let scanned = 0
  for await (const [entity] of inOrder(sql, series, { bounds, isDescending: false })) {
    scanned += 1
    if (scanned > SCANNED_MAX) {
      throw new QueryMistake(
        option,
        `has more than ${SCANNED_MAX} readings to look through: narrow phenomenonTime`,
      )
    }
    if (isFit(entity)) found.push(entity)
  }
  return found
}

interface Cursor {
  series: SeriesOf
  rows: ReadingRow[]
  place: number
  isDone: boolean
}

/** The readings of series merged in the order of time, then of the series. */
async function* inOrder(
  sql: Sql,
  series: readonly SeriesOf[],
  { bounds, isDescending, after }: { bounds: Bounds; isDescending: boolean; after?: After | undefined },
): AsyncGenerator<[Entity, After]> {
  const cursors: Cursor[] = series
    .toSorted((a, b) => a.id - b.id)
    .map(one => ({ series: one, rows: [], place: 0, isDone: false }))
  for (;;) {
    let best: Cursor | undefined
    for (const cursor of cursors) {
      if (cursor.place === cursor.rows.length && !cursor.isDone)
        await refill(sql, cursor, { bounds, isDescending, after })
      const row = cursor.rows[cursor.place]
      const bestRow = best?.rows[best.place]
      if (row === undefined) continue
      if (bestRow === undefined || (isDescending ? row.at > bestRow.at : row.at < bestRow.at)) best = cursor
    }
    const row = best?.rows[best.place]
    if (best === undefined || row === undefined) return
    best.place += 1
    yield [toNamed(best.series, row), { at: row.at, seriesId: best.series.id }]
  }
}

async function refill(
  sql: Sql,
  cursor: Cursor,
  { bounds, isDescending, after }: { bounds: Bounds; isDescending: boolean; after?: After | undefined },
): Promise<void> {
  const { id, variable } = cursor.series
  const last = cursor.rows.at(-1)?.at
  let { from, to } = bounds
  // Of one instant the series come by their ids: one up to that of `after` has had its turn.
  const edge = last ?? after?.at
  const isPast = last !== undefined || (after !== undefined && id <= after.seriesId)
  if (edge !== undefined && isDescending) to = Math.min(to, isPast ? edge : edge + 1)
  else if (edge !== undefined) from = Math.max(from, isPast ? edge + 1 : edge)
  const select = VARIABLES[variable].origin === 'derived' ? selectDerived : selectReadings
  const order = isDescending ? 'desc' : 'asc'
  cursor.rows = from >= to ? [] : await select(sql, id, { from, to, order, limit: PIECE })
  cursor.place = 0
  cursor.isDone = cursor.rows.length < PIECE
}

function toNamed(series: SeriesOf, row: ReadingRow): Entity {
  const quality: Quality | 'unknown' = qualityOf(row.quality) ?? 'unknown'
  return toObservation(series, row, { quality, timeQuality: timeQualityOf(row.timeQuality) ?? 'unknown' })
}

/** The observation of an id, if there is one among these series. */
export async function findObservation(
  sql: Sql,
  series: readonly SeriesOf[],
  id: string,
): Promise<Entity | undefined> {
  const [, seriesText = '', atText = ''] = /^(\d{1,9})_(\d{1,15})$/.exec(id) ?? []
  const one = series.find(found => found.id === Number(seriesText) && seriesText !== '')
  const at = Number(atText)
  if (one === undefined || at >= TIME_MAX) return undefined
  for await (const [entity] of inOrder(sql, [one], {
    bounds: { from: at, to: at + 1 },
    isDescending: false,
  })) {
    return entity
  }
  return undefined
}

/** Runs what reads an expression, and names the option that it stands in. */
export function naming<Result>(option: string, work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    if (error instanceof ExpressionMistake) throw new QueryMistake(option, error.message)
    throw error
  }
}
