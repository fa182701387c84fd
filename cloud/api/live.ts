// /live: the newest values as they change, as server-sent events (HTML Standard, 9.2).
//
//   event: latest   values of points, all of them that were there at first, then of each point that changes
//   event: ready    what was there is told; what comes now are changes
//   event: reset    what came since `Last-Event-ID` is not remembered any more; everything follows anew
//   event: lagging  the reader does not keep up; the stream ends, and goes on with `Last-Event-ID`
//
// Whoever listens is judged again each minute: a session that has ended ends the stream.

import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { pointKey } from '../../protocol/ids.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { findPoint, POINT_NAME, POINT_NAME_MISTAKE } from '../point-name.ts'
import { Problem } from '../problem.ts'
import type { Database } from '../store/database.ts'
import { type ClientIds, selectLatest, selectPoints } from '../store/queries.ts'
import type { Access, Principal } from './access.ts'
import type { LiveChange, LiveHub } from './live-hub.ts'
import { type EventStream, openEventStream, QUEUE_MAX } from './live-stream.ts'
import { toLatest } from './points.ts'
import { problemResponses } from './problem.ts'
import { type ApiEnv, openRouter } from './router.ts'
import type { RoleRule } from './rules.ts'

const STREAMS_MAX = 5_000
const STREAMS_OF_ONE_MAX = 200
const POINTS_MAX = 100
const POINTS_A_TIME = 500
const JUDGE_EVERY_MS = 60_000
const LAST_ID_LENGTH_MAX = 100

const route = createRoute({
  method: 'get',
  path: '/',
  tags: ['readings'],
  summary: 'The newest values as they change, as server-sent events',
  description:
    'First every point, in events `latest` whose data is `{items: [PointLatest, …]}`, then an event `ready`, then each point that changes. With `Last-Event-ID` only what has changed since; an event `reset` says when that is not remembered any more, and everything follows anew. A line that begins with `:` comes at least every 15 seconds. Whoever does not keep up gets an event `lagging` and the end, and goes on with `Last-Event-ID`. A browser’s EventSource does all of this by itself.',
  request: {
    query: z.strictObject({
      point: z
        .string()
        .min(1)
        .max(POINTS_MAX * 200)
        .transform(text => text.split(','))
        .pipe(z.array(z.string().regex(POINT_NAME, POINT_NAME_MISTAKE)).max(POINTS_MAX))
        .optional()
        .openapi({
          type: 'string',
          description: `of these points alone, with commas between them; at most ${POINTS_MAX}`,
          example: 'campo.los-aromos.pozo-7',
        }),
      start: z.enum(['all', 'changes']).default('all').openapi({
        description: '`changes`: without telling first what is there',
      }),
    }),
  },
  responses: {
    200: {
      description: 'events, until one side ends it',
      content: { 'text/event-stream': { schema: z.string() } },
    },
    ...problemResponses(400, 401, 403, 404, 409, 429),
  },
})

/** What live data is told with. */
export interface LiveDeps {
  db: Database
  clock: Clock
  log: Log
  access: Access
  live: LiveHub
}

/** `/live`. `rule` is the one that listeners are judged by again. */
export function live(deps: LiveDeps, rule: RoleRule) {
  const streams = new Map<string, number>()
  return openRouter().openapi(route, async context => {
    const { point, start } = context.req.valid('query')
    const principal = context.get('principal')
    const clientIds = context.get('clientIds')
    const points = point === undefined ? undefined : await pointsNamed(deps.db, clientIds, point)
    const leave = enter(deps.live, streams, principal)
    const lastId = context.req.header('last-event-id')?.slice(0, LAST_ID_LENGTH_MAX)
    const body = listen(deps, { context, rule, clientIds, points, start, lastId, leave })
    return context.body(body, 200, {
      ...{ 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' },
      // nginx keeps what it passes on otherwise.
      'x-accel-buffering': 'no',
    })
  })
}

async function pointsNamed(db: Database, clientIds: ClientIds, names: readonly string[]): Promise<number[]> {
  const ids: number[] = []
  for (const name of new Set(names)) ids.push((await findPoint(db, clientIds, name)).id)
  return ids
}

/** Counts one more stream of somebody. Throws Problem when there are too many. */
function enter(hub: LiveHub, streams: Map<string, number>, { kind, id }: Principal): () => void {
  const who = `${kind} ${id}`
  const count = streams.get(who) ?? 0
  if (count >= STREAMS_OF_ONE_MAX || hub.listeners() >= STREAMS_MAX) {
    const detail = `At most ${STREAMS_OF_ONE_MAX} streams of one, and ${STREAMS_MAX} of all`
    throw new Problem(429, 'Too many streams', { detail, retryAfterS: 30 })
  }
  streams.set(who, count + 1)
  return () => {
    const left = (streams.get(who) ?? 1) - 1
    if (left === 0) streams.delete(who)
    else streams.set(who, left)
  }
}

interface Listening {
  context: Context<ApiEnv>
  rule: RoleRule
  clientIds: ClientIds
  /** All that may be seen, when absent. */
  points: readonly number[] | undefined
  start: 'all' | 'changes'
  lastId: string | undefined
  leave: () => void
}

function listen(deps: LiveDeps, asked: Listening): ReadableStream<Uint8Array> {
  const { clock, log } = deps
  const { raw } = asked.context.req
  const requestId = asked.context.get('requestId')
  let clientIds = asked.clientIds
  let judgedAt = clock.now()
  let leaveHub: (() => void) | undefined
  const onGone = () => {
    leaveHub?.()
    asked.leave()
  }
  const stream = openEventStream({ now: judgedAt, onGone, signal: raw.signal })
  const isWanted = ({ point }: LiveChange) =>
    (clientIds === null || clientIds.includes(point.clientId)) &&
    (asked.points === undefined || asked.points.includes(point.id))
  const tell = (change: LiveChange) => {
    if (isWanted(change)) stream.send({ name: 'latest', id: change.id, data: { items: [toItem(change)] } })
  }
  const judge = async () => {
    const verdict = await deps.access.judge(raw, asked.rule)
    if (verdict.kind === 'allowed') clientIds = verdict.clientIds
    else stream.end()
  }
  const fail = (error: unknown) => {
    log.warn('live stream ended', { requestId, error })
    stream.end()
  }
  // What changes while everything is told waits until it is.
  let held: LiveChange[] | undefined = []
  const subscription = deps.live.subscribe(
    {
      onChange: change => {
        if (held === undefined) tell(change)
        else if (held.length < QUEUE_MAX) held.push(change)
        else stream.end()
      },
      onTick: (now, at) => {
        stream.beat(now, held === undefined ? at : undefined)
        if (now - judgedAt < JUDGE_EVERY_MS) return
        judgedAt = now
        judge().catch(fail)
      },
      onEnd: () => stream.end(),
    },
    asked.lastId,
  )
  leaveHub = subscription.leave
  if (raw.signal.aborted) leaveHub()
  const release = () => {
    for (const change of held ?? []) tell(change)
    held = undefined
  }
  subscription.isWatching
    .then(() => begin(deps.db, stream, { ...asked, ...subscription, tell }))
    .then(release, fail)
  return stream.body
}

/** Tells what was missed, or everything. */
async function begin(
  db: Database,
  stream: EventStream,
  {
    clientIds,
    points,
    start,
    lastId,
    at,
    missed,
    tell,
  }: Listening & {
    at: string
    missed: readonly LiveChange[] | undefined
    tell: (change: LiveChange) => void
  },
): Promise<void> {
  for (const change of missed ?? []) tell(change)
  if (missed !== undefined) return stream.send({ name: 'ready', id: at, data: {} })
  if (lastId !== undefined) stream.send({ name: 'reset', data: {} })
  if (lastId !== undefined || start === 'all') {
    for await (const items of everything(db, clientIds, points)) {
      stream.send({ name: 'latest', data: { items } })
      if (!(await stream.drained())) return
    }
  }
  stream.send({ name: 'ready', id: at, data: {} })
}

async function* everything(db: Database, clientIds: ClientIds, wanted: readonly number[] | undefined) {
  for (let afterId = 0; ; ) {
    const points = await selectPoints(db, clientIds, { afterId, limit: POINTS_A_TIME })
    const chosen = points.filter(({ id }) => wanted?.includes(id) ?? true)
    const rows = Map.groupBy(
      await selectLatest(
        db,
        chosen.map(({ id }) => id),
      ),
      ({ pointId }) => pointId,
    )
    const items = chosen.map(point => ({
      point: pointKey(point),
      latest: (rows.get(point.id) ?? []).map(toLatest),
    }))
    if (items.length > 0) yield items
    const last = points.at(-1)
    if (last === undefined || points.length < POINTS_A_TIME) return
    afterId = last.id
  }
}

const toItem = ({ point, latest }: LiveChange) => ({ point: pointKey(point), latest: latest.map(toLatest) })
