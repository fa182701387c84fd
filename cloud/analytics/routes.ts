// The analytics' own port: the documents of answers.ts, each asked for by its point or project.

import { type Context, Hono } from 'hono'
import { z } from 'zod'
import { pointKey } from '../../protocol/ids.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { findPoint, POINT_NAME, POINT_NAME_MISTAKE } from '../point-name.ts'
import { readQuery } from '../problem.ts'
import { selectAnomalies } from '../store/analyses.ts'
import type { Database } from '../store/database.ts'
import type { ClientIds } from '../store/queries.ts'
import { requireAllowed, type Verdict } from '../verdict.ts'
import {
  type Asking,
  pointBalances,
  pointBaseline,
  pointCapacity,
  pointProjection,
  pointUse,
  projectBalances,
  toAnomaly,
} from './answers.ts'
import { ANOMALY_KINDS } from './judge.ts'

/** Says whose rows a request may see. */
export type AuthorizeReader = (request: Request) => Promise<Verdict<{ clientIds: ClientIds }>>

const point = z.string().regex(POINT_NAME, POINT_NAME_MISTAKE)
const PointQuery = z.strictObject({ point })

const stretch = {
  by: z.enum(['day', 'month']).default('day'),
  from: z.iso.date().optional(),
  to: z.iso.date().optional(),
}

/** `client.project`. */
export const PROJECT_NAME = /^[a-z0-9][a-z0-9-]{0,62}\.[a-z0-9][a-z0-9-]{0,62}$/

const BalancesQuery = z.strictObject({ point, ...stretch })
const ProjectQuery = z.strictObject({
  project: z.string().regex(PROJECT_NAME, 'must be client.project'),
  ...stretch,
})
const UseQuery = z.strictObject({
  point,
  year: z.coerce.number().pipe(z.int().min(1900).max(2105)).optional(),
})
const AnomaliesQuery = z.strictObject({
  point,
  kind: z.enum(ANOMALY_KINDS).optional(),
  state: z.enum(['open', 'closed', 'withdrawn']).optional(),
})

const ANOMALIES_MAX = 1000

/** The routes of the analytics besides those that every service has. */
export function analyticsRoutes({
  db,
  clock,
  authorizeReader,
}: {
  db: Database
  clock: Clock
  authorizeReader: AuthorizeReader
}): Hono {
  const app = new Hono()
  const answer = <Query extends z.ZodType>(
    path: string,
    schema: Query,
    tell: (asking: Asking, query: z.output<Query>) => Promise<object>,
  ) =>
    app.get(path, async (context: Context) => {
      const { clientIds } = requireAllowed(await authorizeReader(context.req.raw))
      return context.json(await tell({ db, clock, clientIds }, readQuery(context, schema)))
    })
  answer('/balances', BalancesQuery, pointBalances)
  answer('/project-balances', ProjectQuery, projectBalances)
  answer('/use', UseQuery, pointUse)
  answer('/baseline', PointQuery, pointBaseline)
  answer('/projection', PointQuery, pointProjection)
  answer('/specific-capacity', PointQuery, pointCapacity)
  answer('/anomalies', AnomaliesQuery, async ({ clientIds }, { point: name, ...asked }) => {
    const found = await findPoint(db, clientIds, name)
    const page = { pointId: found.id, beforeId: Number.MAX_SAFE_INTEGER, limit: ANOMALIES_MAX }
    const items = await selectAnomalies(db, { ...page, ...asked })
    return { point: pointKey(found), items: items.map(toAnomaly) }
  })
  return app
}
