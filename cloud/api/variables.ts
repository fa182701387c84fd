// /variables, /points/{point}/variables: what is measured, where, and how it is shown.

import { createRoute, z } from '@hono/zod-openapi'
import { pointKey } from '../../protocol/ids.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { VARIABLE_NAMES, VARIABLES } from '../../protocol/variables.ts'
import { findPoint } from '../point-name.ts'
import { Problem } from '../problem.ts'
import type { Database } from '../store/database.ts'
import {
  selectVariables,
  selectVariableUse,
  VARIABLE_COLUMNS,
  type VariableRow,
} from '../store/point-records.ts'
import { updateRow } from '../store/rows.ts'
import { etagOf, IfMatch, json, LineText, patchBody, requireMatch } from './entity.ts'
import { NoQuery, PointKey, PointParam, toVariable, unitOfVariable, VariableName } from './fields.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const DECIMALS_MAX = 6
const PLACE_MAX = 999

const Kind = z
  .strictObject({
    variable: VariableName,
    unit: z.string().openapi({ example: 'L/s' }),
    dimension: z.string().openapi({ example: 'flow' }),
    origin: z.enum(['measured', 'derived']),
    points: z.int().openapi({ description: 'of yours that are in use and have it' }),
  })
  .openapi('VariableKind')

const Display = z
  .strictObject({
    point: PointKey,
    variable: VariableName,
    unit: z.string(),
    label: z.string().nullable().openapi({ description: 'what it is called here; null: as everywhere' }),
    decimals: z.int().nullable().openapi({ description: 'null: as everywhere' }),
    place: z
      .int()
      .nullable()
      .openapi({ description: 'among the others, lowest first; null: behind those that have one' }),
    hidden: z.boolean().openapi({ description: 'it is stored and not shown' }),
  })
  .openapi('PointVariable')

const Patch = z
  .strictObject({
    label: LineText,
    decimals: z.int().min(0).max(DECIMALS_MAX).nullable(),
    place: z.int().min(0).max(PLACE_MAX).nullable(),
    hidden: z.boolean(),
  })
  .partial()
  .openapi('PointVariablePatch')

const VariableParam = PointParam.extend({
  variable: z.enum(VARIABLE_NAMES).openapi({ param: { name: 'variable', in: 'path' }, example: 'flow' }),
})

const tags = ['points']

const kindsRoute = createRoute({
  ...{
    method: 'get',
    path: '/',
    tags,
    summary: 'Every variable there is, and how many of your points have it',
  },
  request: { query: NoQuery },
  responses: {
    200: json('the variables', z.strictObject({ items: z.array(Kind) }).openapi('VariableKinds')),
    ...problemResponses(400, 401, 403),
  },
})

const listRoute = createRoute({
  ...{ method: 'get', path: '/{point}/variables', tags },
  summary: 'The variables of a point, in the order in which they are shown',
  request: { query: NoQuery, params: PointParam },
  responses: {
    200: json(
      'its variables',
      z.strictObject({ point: PointKey, items: z.array(Display) }).openapi('PointVariables'),
    ),
    ...problemResponses(400, 401, 403, 404, 409),
  },
})

const oneRoute = createRoute({
  ...{ method: 'get', path: '/{point}/variables/{variable}', tags },
  summary: 'How a variable of a point is shown',
  request: { query: NoQuery, params: VariableParam },
  responses: { 200: json('the variable', Display), ...problemResponses(400, 401, 403, 404, 409) },
})

const patchRoute = createRoute({
  ...{ method: 'patch', path: '/{point}/variables/{variable}', tags },
  summary: 'Change how a variable of a point is shown',
  description: 'What the patch names is changed and nothing else; null clears. Values are not touched.',
  request: { query: NoQuery, params: VariableParam, headers: IfMatch, body: patchBody(Patch) },
  responses: {
    200: json('the variable', Display),
    ...problemResponses(400, 401, 403, 404, 409, 412, 413, 415, 428),
  },
})

/** `/variables`. */
export function variables({ db }: { db: Database }) {
  return openRouter().openapi(kindsRoute, async context => {
    const use = await selectVariableUse(db, context.get('clientIds'))
    const items = VARIABLE_NAMES.map(variable => {
      const { code, unit, dimension, origin } = VARIABLES[variable]
      const points = use.find(one => one.variable === code)?.points ?? 0
      return { variable, unit, dimension, origin, points }
    })
    return context.json({ items }, 200)
  })
}

/** `/points/{point}/variables`, `/points/{point}/variables/{variable}`. */
export function pointVariables({ db, clock }: { db: Database; clock: Clock }) {
  return openRouter()
    .openapi(listRoute, async context => {
      const point = await findPoint(db, context.get('clientIds'), context.req.valid('param').point)
      const items = (await selectVariables(db, point.id)).map(row => toDisplay(pointKey(point), row))
      return context.json({ point: pointKey(point), items }, 200)
    })
    .openapi(oneRoute, async context => {
      const { point: name, variable } = context.req.valid('param')
      const point = await findPoint(db, context.get('clientIds'), name)
      const [row] = await selectVariables(db, point.id, { variable: VARIABLES[variable].code })
      if (row === undefined) throw notThere(pointKey(point), variable)
      const display = toDisplay(pointKey(point), row)
      return context.json(display, 200, { etag: etagOf(display) })
    })
    .openapi(patchRoute, async context => {
      const { point: name, variable } = context.req.valid('param')
      const fields = context.req.valid('json')
      const point = await findPoint(db, context.get('clientIds'), name)
      const key = pointKey(point)
      const one = { variable: VARIABLES[variable].code, isHeld: true }
      const row = await db.transaction(async tx => {
        const [before] = await selectVariables(tx, point.id, one)
        if (before === undefined) throw notThere(key, variable)
        requireMatch(context.req.valid('header')['if-match'], toDisplay(key, before), `${variable} of ${key}`)
        await updateRow(tx, 'series', VARIABLE_COLUMNS, { id: before.seriesId, fields, now: clock.now() })
        const [after] = await selectVariables(tx, point.id, one)
        return after ?? before
      })
      const display = toDisplay(key, row)
      return context.json(display, 200, { etag: etagOf(display) })
    })
}

const notThere = (key: string, variable: string): Problem =>
  new Problem(404, 'Variable not found', { detail: `${key} has no ${variable}` })

function toDisplay(
  point: string,
  { seriesId: _, variable: code, ...row }: VariableRow,
): z.infer<typeof Display> {
  const variable = toVariable(code)
  return { point, variable, unit: unitOfVariable(variable), ...row }
}
