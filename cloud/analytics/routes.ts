// GET /balances: what a point has taken, day by day.

import { Hono } from 'hono'
import { z } from 'zod'
import { pointKey } from '../../protocol/ids.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { findPoint, POINT_NAME, POINT_NAME_MISTAKE } from '../point-name.ts'
import { invalidRequest, readQuery } from '../problem.ts'
import { addDays, dateOf } from '../processor/civil-time.ts'
import { selectBalances } from '../store/balances.ts'
import type { Database } from '../store/database.ts'
import type { ClientIds } from '../store/queries.ts'
import { requireAllowed, type Verdict } from '../verdict.ts'
import { toBalances, totalOf } from './balance.ts'

/** Says whose rows a request may see. */
export type AuthorizeReader = (request: Request) => Promise<Verdict<{ clientIds: ClientIds }>>

const DAYS_MAX = 400
const DAYS_DEFAULT = 31

const BalancesQuery = z.strictObject({
  point: z.string().regex(POINT_NAME, POINT_NAME_MISTAKE),
  from: z.iso.date().optional(),
  to: z.iso.date().optional(),
})

/** The routes of the analytics besides those that every service has. */
export function balanceRoutes({
  db,
  clock,
  authorizeReader,
}: {
  db: Database
  clock: Clock
  authorizeReader: AuthorizeReader
}): Hono {
  const app = new Hono()
  app.get('/balances', async context => {
    const { clientIds } = requireAllowed(await authorizeReader(context.req.raw))
    const now = clock.now()
    const query = readQuery(context, BalancesQuery)
    const { to = dateOf(now), from = addDays(to, 1 - DAYS_DEFAULT) } = query
    if (to < from || to > addDays(from, DAYS_MAX - 1)) {
      const detail = `must be the day of "from" (${from}) or at most ${DAYS_MAX - 1} days after it`
      throw invalidRequest([{ in: 'query', name: 'to', detail }])
    }
    const point = await findPoint(db, clientIds, query.point)
    const rows = await selectBalances(db, { pointId: point.id, from: addDays(from, -1), to })
    const total = totalOf(rows.filter(({ day }) => day >= from))
    const days = toBalances(rows, { from, to, now })
    return context.json({ point: pointKey(point), from, to, ...total, days })
  })
  return app
}
