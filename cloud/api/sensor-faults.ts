// /compliance/sensor-faults: sensors that do not measure, or measure wrongly, until when at the latest.

import { createRoute, z } from '@hono/zod-openapi'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { QUANTITIES } from '../compliance/declaration.ts'
import { findPoint } from '../point-name.ts'
import { invalidRequest, Problem } from '../problem.ts'
import type { Database } from '../store/database.ts'
import { endFault, type FaultRow, insertFault, listFaults, lockFault } from '../store/sensor-faults.ts'
import { nameOf } from './decisions.ts'
import {
  InstantQuery,
  InstantText,
  NoQuery,
  numberParam,
  orNull,
  PointKey,
  PointParam,
  toInstantText,
  toInstantTextOrNull,
} from './fields.ts'
import { fromCursor, Next, nextLink, PointPageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const DAY_MS = 86_400_000

/** Nobody leaves a sensor broken for longer without saying so again. */
const AHEAD_MAX_MS = 90 * DAY_MS
const BACK_MAX_MS = 366 * DAY_MS

const Fault = z
  .strictObject({
    id: z.int(),
    point: PointKey,
    quantity: z.enum(QUANTITIES),
    state: z.enum(['declared', 'expired', 'ended']).openapi({
      description:
        '`expired`: its time is over, and nobody has said that it is mended; `ended`: somebody has',
    }),
    from: InstantText,
    until: InstantText.openapi({ description: 'from here on the sensor is believed again' }),
    reason: z.string(),
    declaredBy: z.string(),
    declaredAt: InstantText,
    endedBy: z.string().nullable(),
    endedAt: orNull(InstantText),
    endedReason: z.string().nullable(),
  })
  .openapi('SensorFault')

const FaultPage = z.strictObject({ items: z.array(Fault), next: Next }).openapi('SensorFaultPage')

const Reason = z.string().trim().min(3).max(500).openapi({ example: 'Cable del piezómetro cortado' })

const Declared = z
  .strictObject({
    point: PointParam.shape.point,
    quantity: z.enum(QUANTITIES),
    from: InstantQuery,
    until: InstantQuery.openapi({
      description: 'at most 90 days from now: it ends by itself, and that is raised',
    }),
    reason: Reason,
  })
  .openapi('SensorFaultAsked')

const Ended = z
  .strictObject({
    until: InstantQuery.optional().openapi({
      description: 'when it was mended; now, if it is not told. Not after `from`: it was a mistake',
    }),
    reason: Reason,
  })
  .openapi('SensorFaultEnd')

const Written = z
  .strictObject({
    fault: Fault,
    slots: z.int().openapi({ description: 'how many slots are looked at again' }),
  })
  .openapi('SensorFaultWritten')

const listRoute = createRoute({
  method: 'get',
  path: '/',
  tags: ['compliance'],
  summary: 'Sensors that were declared faulty, newest first',
  request: {
    query: PointPageQuery,
  },
  responses: {
    200: { description: 'a page of faults', content: { 'application/json': { schema: FaultPage } } },
    ...problemResponses(400, 401, 403, 404, 409),
  },
})

const declareRoute = createRoute({
  method: 'post',
  path: '/',
  tags: ['compliance'],
  summary: 'Declare a sensor faulty',
  description:
    'Slots that need it are `not_measured` with the reason, instead of declaring what a broken sensor says; what is ' +
    'declared or decided already stays. A person may give their value (`replace`).',
  request: {
    query: NoQuery,
    body: { required: true, content: { 'application/json': { schema: Declared } } },
  },
  responses: {
    201: { description: 'it is declared', content: { 'application/json': { schema: Written } } },
    ...problemResponses(400, 401, 403, 404, 409, 413, 415),
  },
})

const endRoute = createRoute({
  method: 'post',
  path: '/{fault}/end',
  tags: ['compliance'],
  summary: 'Say that a sensor is mended, or was never broken',
  request: {
    query: NoQuery,
    params: z.strictObject({
      fault: numberParam('fault'),
    }),
    body: { required: true, content: { 'application/json': { schema: Ended } } },
  },
  responses: {
    200: { description: 'it is ended', content: { 'application/json': { schema: Written } } },
    ...problemResponses(400, 401, 403, 404, 413, 415, 422),
  },
})

interface FaultDeps {
  db: Database
  clock: Clock
  log: Log
}

/** `/compliance/sensor-faults`, `/compliance/sensor-faults/{fault}/end`. */
export function sensorFaults({ db, clock, log }: FaultDeps) {
  return openRouter()
    .openapi(listRoute, async context => {
      const { point, cursor, limit } = context.req.valid('query')
      const clientIds = context.get('clientIds')
      const pointId = point === undefined ? null : (await findPoint(db, clientIds, point)).id
      const beforeId = fromCursor('sensor-faults', cursor, Number.MAX_SAFE_INTEGER)
      const rows = await listFaults(db, { clientIds, pointId, beforeId, limit: limit + 1 })
      const { items, next } = toPage(rows, { list: 'sensor-faults', limit, keyOf: ({ id }) => id })
      const now = clock.now()
      const page = { items: items.map(row => toFault(row, now)), next }
      return context.json(page, 200, nextLink(context.req.url, next))
    })
    .openapi(declareRoute, async context => {
      const { point: name, ...asked } = context.req.valid('json')
      const clientIds = context.get('clientIds')
      const by = nameOf(context.get('principal'))
      const now = clock.now()
      requireSpan(asked, now)
      const { id: pointId } = await findPoint(db, clientIds, name)
      const written = await db.transaction(async tx => {
        const { id, slots } = await insertFault(tx, { ...asked, pointId, by, now })
        return { fault: await lockFault(tx, clientIds, id), slots }
      })
      if (written.fault === undefined) throw new Problem(404, 'Point not found')
      const fault = toFault(written.fault, now)
      log.warn('sensor declared faulty', {
        point: fault.point,
        quantity: fault.quantity,
        until: fault.until,
        by,
      })
      return context.json({ fault, slots: written.slots }, 201)
    })
    .openapi(endRoute, async context => {
      const { fault: id } = context.req.valid('param')
      const { until: asked, reason } = context.req.valid('json')
      const clientIds = context.get('clientIds')
      const by = nameOf(context.get('principal'))
      const now = clock.now()
      const written = await db.transaction(async tx => {
        const fault = await lockFault(tx, clientIds, id)
        if (fault === undefined) throw new Problem(404, 'Sensor fault not found')
        const until = Math.min(asked ?? now, fault.until)
        if (fault.endedAt !== null)
          throw new Problem(422, 'It is ended already', {
            detail: `The fault of ${fault.key} was ended by ${fault.endedBy}`,
          })
        const slots = await endFault(tx, fault, { until, reason, by, now })
        return { fault: await lockFault(tx, clientIds, id), slots }
      })
      if (written.fault === undefined) throw new Problem(404, 'Sensor fault not found')
      const fault = toFault(written.fault, now)
      log.info('sensor fault ended', { point: fault.point, quantity: fault.quantity, until: fault.until, by })
      return context.json({ fault, slots: written.slots }, 200)
    })
}

function requireSpan({ from, until }: { from: number; until: number }, now: number): void {
  const wrong = (name: string, detail: string) => invalidRequest([{ in: 'body', name, detail }])
  if (until <= from) throw wrong('until', 'must be after from')
  if (until <= now - BACK_MAX_MS || from < now - BACK_MAX_MS)
    throw wrong('from', 'must not be more than a year ago')
  if (until > now + AHEAD_MAX_MS) throw wrong('until', 'must be at most 90 days from now')
}

function toFault(row: FaultRow, now: number): z.infer<typeof Fault> {
  const { id, key: point, quantity, from, until, reason, declaredBy, declaredAt, ...end } = row
  const { endedAt, endedBy, endedReason } = end
  return {
    ...{ id, point, quantity, reason, declaredBy, endedBy, endedReason },
    state: endedAt !== null ? 'ended' : until <= now ? 'expired' : 'declared',
    ...{ from: toInstantText(from), until: toInstantText(until) },
    ...{ declaredAt: toInstantText(declaredAt), endedAt: toInstantTextOrNull(endedAt) },
  }
}
