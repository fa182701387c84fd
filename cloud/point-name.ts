// Which point a request means: `client.project.point`, or the last part alone while it names exactly one.

import { pointKey } from '../protocol/ids.ts'
import { Problem } from './problem.ts'
import type { Sql } from './store/database.ts'
import { type ClientIds, type PointRow, selectPointsNamed } from './store/queries.ts'

const SLUG = '[a-z0-9][a-z0-9-]{0,62}'

/** The form of such a name. */
export const POINT_NAME = new RegExp(`^${SLUG}(\\.${SLUG}\\.${SLUG})?$`)

/** What is wrong with another. */
export const POINT_NAME_MISTAKE = 'must be client.project.point, or a point alone'

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
