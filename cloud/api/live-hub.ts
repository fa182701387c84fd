// Tells whoever listens what has become the newest value of a point: one look at the database for all of them.
//
//   L1. A subscriber is told each change of what it may see, in order, and each once.
//   L2. Who comes back with the number of the last change it was told is told all that came after, or that it cannot be.
//   L3. Nobody is waited for: a subscriber that does not keep up is its own affair (live-stream.ts).
//
// What has changed is found by the batches that came or were processed, not by reading what is newest of every point.
// Numbers of batches are given before their COMMIT, so that a smaller one may appear after a larger: those of the last
// half minute are looked at again. What a person has computed anew is told with the next batch of its gateway.

import { randomUUID } from 'node:crypto'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Unavailable } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { isAbort } from '../../protocol/runtime/scope.ts'
import type { Database } from '../store/database.ts'
import {
  type OwnedPoint,
  type SeenBatch,
  selectBatchesAfter,
  selectNewestBatch,
  selectPointsOf,
  selectProcessed,
} from '../store/live.ts'
import { type LatestRow, selectLatest } from '../store/queries.ts'

const LOOK_EVERY_MS = 1_000
/** How long a batch's COMMIT may come after its number was given. */
const OVERLAP_MS = 30_000
/** Looking goes on for a while when the last one has left: most come back. */
const LINGER_MS = 120_000
const BATCHES_MAX = 20_000
const POINTS_A_TIME = 1_000
/** How many changes are remembered for those who come back. */
export const REMEMBERED_MAX = 10_000

/** The newest values of a point, some of which have changed. */
export interface LiveChange {
  /** `<hub>.<number>`; the next one's is greater. */
  id: string
  point: OwnedPoint
  latest: readonly LatestRow[]
}

/** Somebody who listens. */
export interface LiveSubscriber {
  /** Is told a change of any point: whether it may be seen is for the subscriber to say. */
  onChange(change: LiveChange): void
  /** Is told about once a second, with the id of what was told last to anybody. */
  onTick(now: number, at: string): void
  /** The hub ends. */
  onEnd(): void
}

/** Tells what changes. */
export interface LiveHub {
  /**
   * Tells `subscriber` what changes from now on. With the id of the last change it was told, `missed` are those since,
   * or `undefined` when they are not all remembered. `at` is the id that what comes now goes on after. What is read once
   * `isWatching` resolves is not older than the first change that is told.
   */
  subscribe(
    subscriber: LiveSubscriber,
    lastId?: string,
  ): {
    at: string
    missed: readonly LiveChange[] | undefined
    isWatching: Promise<void>
    leave(): void
  }
  /** How many listen. */
  listeners(): number
  close(): void
}

/** Opens a hub. It looks at nothing while nobody listens. */
export function openLiveHub(deps: { db: Database; clock: Clock; log: Log }): LiveHub {
  const { clock } = deps
  const subscribers = new Set<LiveSubscriber>()
  const remembered: LiveChange[] = []
  let told = 0
  let hub = randomUUID()
  let watching: AbortController | undefined
  let begun = Promise.withResolvers<void>()
  let leftAt = 0

  const tell = (point: OwnedPoint, latest: readonly LatestRow[]) => {
    told += 1
    const change = { id: `${hub}.${told}`, point, latest }
    remembered.push(change)
    if (remembered.length > REMEMBERED_MAX) remembered.shift()
    for (const subscriber of subscribers) subscriber.onChange(change)
  }
  const goesOn = () => {
    for (const subscriber of subscribers) subscriber.onTick(clock.now(), `${hub}.${told}`)
    return subscribers.size > 0 || clock.monotonic() - leftAt < LINGER_MS
  }
  const start = () => {
    const stop = new AbortController()
    watching = stop
    // Nobody looked meanwhile: what was remembered does not reach to now.
    hub = randomUUID()
    remembered.length = 0
    told = 0
    begun = Promise.withResolvers()
    watch(deps, { tell, goesOn, begin: begun.resolve }, stop.signal)
      .catch(error => {
        deps.log.error('live data ended', { error })
        for (const subscriber of [...subscribers]) subscriber.onEnd()
      })
      .finally(() => {
        if (watching === stop) watching = undefined
      })
  }

  return {
    subscribe(subscriber, lastId) {
      if (watching === undefined) start()
      subscribers.add(subscriber)
      return {
        at: `${hub}.${told}`,
        isWatching: begun.promise,
        missed: lastId === undefined ? undefined : missedSince(remembered, lastId, `${hub}.${told}`),
        leave() {
          subscribers.delete(subscriber)
          leftAt = clock.monotonic()
        },
      }
    },
    listeners: () => subscribers.size,
    close() {
      watching?.abort()
      for (const subscriber of [...subscribers]) subscriber.onEnd()
      subscribers.clear()
    },
  }
}

function missedSince(
  remembered: readonly LiveChange[],
  lastId: string,
  at: string,
): readonly LiveChange[] | undefined {
  if (lastId === at) return []
  const index = remembered.findIndex(({ id }) => id === lastId)
  if (index !== -1) return remembered.slice(index + 1)
  // Whoever was told nothing yet goes on after number 0.
  const [first] = remembered
  return first?.id.endsWith('.1') === true && lastId === first.id.replace(/\.1$/, '.0')
    ? [...remembered]
    : undefined
}

/** Whom watch() tells. */
interface Watcher {
  tell(point: OwnedPoint, latest: readonly LatestRow[]): void
  /** Whether anybody still wants it. */
  goesOn(): boolean
  /** Is called when it is known where changes begin. */
  begin(): void
}

/** Looks until nobody wants it any more. A database that does not answer is waited for: nothing is passed over. */
async function watch(
  { db, clock, log }: { db: Database; clock: Clock; log: Log },
  { tell, goesOn, begin }: Watcher,
  signal: AbortSignal,
): Promise<void> {
  const follow = openFollower(db)
  const known = new Map<number, string>()
  try {
    while (goesOn()) {
      try {
        const projects = await follow(clock.monotonic())
        begin()
        for await (const [point, latest] of changed(db, projects, known)) tell(point, latest)
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error
        log.warn('live data waits for the database', { reason: error.message })
      }
      await clock.sleep(LOOK_EVERY_MS, signal)
    }
  } catch (error) {
    if (!isAbort(error, signal)) throw error
  }
}

/** Says at each call which projects had a batch that came, or was processed, since the call before. */
function openFollower(db: Database): (now: number) => Promise<number[]> {
  let marks: { at: number; id: number }[] = []
  let seen = new Map<number, SeenBatch>()
  return async now => {
    const [oldest] = marks
    if (oldest === undefined) {
      marks = [{ at: now, id: await selectNewestBatch(db) }]
      return []
    }
    const batches = await selectBatchesAfter(db, oldest.id, BATCHES_MAX)
    const waiting = [...seen.values()].filter(({ processed }) => !processed)
    const processed = new Set(
      await selectProcessed(
        db,
        waiting.map(({ id }) => id),
      ),
    )
    const fresh = batches.filter(({ id }) => !seen.has(id))
    const followed = waiting.filter(({ id }) => processed.has(id))
    const newest = batches[0]?.id ?? marks.at(-1)?.id ?? oldest.id
    marks.push({ at: now, id: newest })
    // The last mark that is old enough stays: all that is above it is looked at again.
    while ((marks[1]?.at ?? now) <= now - OVERLAP_MS) marks.shift()
    const low = marks[0]?.id ?? 0
    seen = new Map(
      [...seen.values(), ...fresh]
        .map(one => (processed.has(one.id) ? { ...one, processed: true } : one))
        .filter(({ id, processed: done }) => id > low || !done)
        .slice(-BATCHES_MAX)
        .map(one => [one.id, one]),
    )
    return [...new Set([...fresh, ...followed].map(({ projectId }) => projectId))]
  }
}

/** Points of projects whose newest values are not those that are known. */
async function* changed(
  db: Database,
  projects: readonly number[],
  known: Map<number, string>,
): AsyncGenerator<[OwnedPoint, LatestRow[]]> {
  if (projects.length === 0) return
  for (let afterId = 0; ; ) {
    const points = await selectPointsOf(db, projects, { afterId, limit: POINTS_A_TIME })
    const rows = await selectLatest(
      db,
      points.map(({ id }) => id),
    )
    const byPoint = Map.groupBy(rows, ({ pointId }) => pointId)
    for (const point of points) {
      const latest = byPoint.get(point.id) ?? []
      const print = JSON.stringify(latest)
      if (latest.length === 0 || known.get(point.id) === print) continue
      known.set(point.id, print)
      yield [point, latest]
    }
    const last = points.at(-1)
    if (last === undefined || points.length < POINTS_A_TIME) return
    afterId = last.id
  }
}
