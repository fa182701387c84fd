// Which point a request means: `client.project.point`, or the last part alone while it names exactly one.

import { z } from '@hono/zod-openapi'
import { pointKey } from '../../protocol/ids.ts'
import type { Sql } from '../store/database.ts'
import { type ClientIds, type PointRow, selectPointsNamed } from '../store/queries.ts'
import { Problem } from './problem.ts'

const SLUG = '[a-z0-9][a-z0-9-]{0,62}'

/** `{point}` in a path. */
export const PointParam = z.strictObject({
  point: z
    .string()
    .regex(new RegExp(`^${SLUG}(\\.${SLUG}\\.${SLUG})?$`), 'must be client.project.point, or a point alone')
    .openapi({
      param: { name: 'point', in: 'path' },
      description: '`client.project.point`; the point alone while it names exactly one that you may see',
      example: 'campo.los-aromos.pozo-7',
    }),
})

/**
 * The point that is meant. Throws Problem: 404 when there is none that may be seen, 409 with the candidates when the
 * name stands for several.
 */
export async function findPoint(sql: Sql, clientIds: ClientIds, name: string): Promise<PointRow> {
  const rows = await selectPointsNamed(sql, clientIds, parts(name))
  const [first] = rows
  if (first === undefined) throw new Problem(404, 'Point not found')
  if (rows.length > 1) {
    throw new Problem(409, 'The name stands for several points', { candidates: rows.map(pointKey) })
  }
  return first
}

function parts(name: string): { client?: string; project?: string; point: string } {
  const [client, project, point] = name.split('.')
  if (client === undefined || project === undefined || point === undefined) return { point: name }
  return { client, project, point }
}
