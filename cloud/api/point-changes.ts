// POST, PATCH and DELETE of /points: how a point comes to be, changes, and goes out of use.

import { createRoute } from '@hono/zod-openapi'
import { pointKey } from '../../protocol/ids.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { type PlaceMistake, type PointPlace, placeMistakes } from '../depths.ts'
import { findPoint } from '../point-name.ts'
import { type FieldProblem, invalidRequest } from '../problem.ts'
import type { Database, Sql } from '../store/database.ts'
import { lockPoint, POINT_COLUMNS, selectOwedWorks } from '../store/entities.ts'
import type { ClientIds, PointRow } from '../store/queries.ts'
import { insertRow, updateRow } from '../store/rows.ts'
import { nameOf } from './decisions.ts'
import {
  cannotBe,
  deleteUnused,
  etagOf,
  IfMatch,
  json,
  jsonBody,
  merged,
  patchBody,
  requireMatch,
  taken,
} from './entity.ts'
import { NoQuery, PointParam } from './fields.ts'
import { Point, PointAsked, PointPatch, toPoint } from './point-document.ts'
import { problemResponses } from './problem.ts'
import { findProjectRow } from './projects.ts'
import { openRouter } from './router.ts'

const tags = ['points']

const makeRoute = createRoute({
  ...{ method: 'post', path: '/', tags, summary: 'Make a point' },
  request: { query: NoQuery, body: jsonBody(PointAsked) },
  responses: {
    201: json('the point', Point),
    ...problemResponses(400, 401, 403, 404, 409, 413, 415, 422),
  },
})

const patchRoute = createRoute({
  ...{ method: 'patch', path: '/{point}', tags, summary: 'Change a point' },
  description:
    'What the patch names is changed and nothing else; null clears. `archived` takes it out of the lists when nothing is owed ' +
    'of it any more; what comes for it is stored all the same.',
  request: { query: NoQuery, params: PointParam, headers: IfMatch, body: patchBody(PointPatch) },
  responses: {
    200: json('the point', Point),
    ...problemResponses(400, 401, 403, 404, 409, 412, 413, 415, 422, 428),
  },
})

const deleteRoute = createRoute({
  ...{ method: 'delete', path: '/{point}', tags, summary: 'Delete a point that nothing rests on' },
  request: { query: NoQuery, params: PointParam, headers: IfMatch },
  responses: {
    204: { description: 'it is deleted' },
    ...problemResponses(400, 401, 403, 404, 409, 412, 422, 428),
  },
})

interface PointDeps {
  db: Database
  clock: Clock
  log: Log
}

/** POST `/points`, PATCH and DELETE `/points/{point}`. */
export function pointChanges({ db, clock, log }: PointDeps) {
  return openRouter()
    .openapi(makeRoute, async context => {
      const { project: key, ...asked } = context.req.valid('json')
      const clientIds = context.get('clientIds')
      requirePlace(asked)
      const row = await db.transaction(async tx => {
        const project = await findProjectRow(tx, clientIds, key, { isHeld: true })
        if (project.archivedAt !== null) throw cannotBe(`Project ${key} is archived`)
        const fields = { ...asked, projectId: project.id }
        const id = await insertRow(tx, 'points', POINT_COLUMNS, fields)
        if (id === undefined) throw taken(`a point ${key}.${asked.point}`)
        return findPoint(tx, clientIds, `${key}.${asked.point}`)
      })
      const point = toPoint(row)
      log.info('point made', { point: point.key, by: nameOf(context.get('principal')) })
      return context.json(point, 201, { etag: etagOf(point) })
    })
    .openapi(patchRoute, async context => {
      const { point: name } = context.req.valid('param')
      const fields = context.req.valid('json')
      const clientIds = context.get('clientIds')
      const row = await db.transaction(async tx => {
        const before = await findHeld(tx, clientIds, name)
        const key = pointKey(before)
        requireMatch(context.req.valid('header')['if-match'], toPoint(before), `point ${key}`)
        const { archived: _, ...place } = fields
        requirePlace(merged<PointPlace>(before, place))
        if (fields.archived !== undefined) await requireArchivable(tx, before, fields.archived, clock.now())
        // Who changes a point that was found in readings has looked at it.
        const provisioned = { ...fields, origin: 'provisioned' }
        await updateRow(tx, 'points', POINT_COLUMNS, { id: before.id, fields: provisioned, now: clock.now() })
        return findPoint(tx, clientIds, key)
      })
      const point = toPoint(row)
      log.info('point changed', { point: point.key, by: nameOf(context.get('principal')) })
      return context.json(point, 200, { etag: etagOf(point) })
    })
    .openapi(deleteRoute, async context => {
      const { point: name } = context.req.valid('param')
      const key = await db.transaction(async tx => {
        const before = await findHeld(tx, context.get('clientIds'), name)
        requireMatch(context.req.valid('header')['if-match'], toPoint(before), `point ${pointKey(before)}`)
        await deleteUnused(tx, 'point', { id: before.id, name: pointKey(before) })
        return pointKey(before)
      })
      log.info('point deleted', { point: key, by: nameOf(context.get('principal')) })
      return context.body(null, 204)
    })
}

async function findHeld(tx: Sql, clientIds: ClientIds, name: string): Promise<PointRow> {
  const { id, ...path } = await findPoint(tx, clientIds, name)
  await lockPoint(tx, id)
  return findPoint(tx, clientIds, pointKey(path))
}

function requirePlace(place: PointPlace): void {
  const errors = placeMistakes(place).map(
    (mistake): FieldProblem => ({ in: 'body', name: mistake.field, detail: placeText(mistake) }),
  )
  if (errors.length > 0) throw invalidRequest(errors)
}

const placeText = (mistake: PlaceMistake): string =>
  mistake.kind === 'alone'
    ? 'latitude and longitude go together'
    : `must not be deeper than the well, ${mistake.bottomM} m`

async function requireArchivable(tx: Sql, row: PointRow, archived: boolean, now: number): Promise<void> {
  if (!archived) {
    const project = await findProjectRow(tx, null, `${row.client}.${row.project}`)
    if (project.archivedAt !== null) throw cannotBe(`Project ${row.client}.${row.project} is archived`)
    return
  }
  const works = await selectOwedWorks(tx, row.id, now)
  if (works.length === 0) return
  const detail = `${works.join(', ')} is owed of point ${pointKey(row)}: end its obligation first`
  throw cannotBe(detail)
}
