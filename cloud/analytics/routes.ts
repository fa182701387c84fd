// GET /balances: what a point has taken, day by day.

import { Hono } from 'hono'
import { z } from 'zod'
import { reasonsOf } from '../../protocol/mistakes.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Unavailable } from '../../protocol/runtime/errors.ts'
import { problem, refusal, toPointName, type Verdict } from '../processor/answer.ts'
import { addDays, dateOf } from '../processor/civil-time.ts'
import { selectBalances } from '../store/balances.ts'
import type { Database } from '../store/database.ts'
import { type ClientIds, selectPointsNamed } from '../store/queries.ts'
import { toBalances } from './balance.ts'

/** Says whose rows a request may see. */
export type AuthorizeReader = (request: Request) => Promise<Verdict<{ clientIds: ClientIds }>>

const DAYS_MAX = 400
const DAYS_DEFAULT = 31

const BalancesQuery = z.strictObject({
  point: z.string().max(200),
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
    const verdict = await authorizeReader(context.req.raw)
    if (verdict.kind !== 'allowed') return refusal(context, verdict) ?? problem(context, 403, 'Not allowed')
    const query = BalancesQuery.safeParse(context.req.query())
    if (!query.success) return problem(context, 400, 'Invalid request', reasonsOf(query.error))
    const now = clock.now()
    const { point, to = dateOf(now), from = addDays(to, 1 - DAYS_DEFAULT) } = query.data
    if (to < from || to > addDays(from, DAYS_MAX - 1)) {
      return problem(
        context,
        400,
        'Invalid request',
        `"to" must be at most ${DAYS_MAX - 1} days after "from"`,
      )
    }
    const name = toPointName(point)
    const [row, other] = name === undefined ? [] : await selectPointsNamed(db, verdict.clientIds, name)
    if (row === undefined) return problem(context, 404, 'No such point')
    if (other !== undefined)
      return problem(context, 409, 'Several points have this name', 'Give client.project.point')
    const days = toBalances(await selectBalances(db, { pointId: row.id, from, to }), { from, to, now })
    return context.json({
      point: `${row.client}.${row.project}.${row.point}`,
      from,
      to,
      ...totalOf(days),
      days,
    })
  })
  app.onError((error, context) => {
    if (error instanceof Unavailable) return problem(context, 503, 'Not available now')
    throw error
  })
  return app
}

/** What was taken over all days; null when nothing is known of any. */
function totalOf(days: readonly { consumptionM3: number | null }[]): {
  consumptionM3: number | null
  daysKnown: number
} {
  const known = days.map(({ consumptionM3 }) => consumptionM3).filter(m3 => m3 !== null)
  return {
    consumptionM3: known.length === 0 ? null : known.reduce((a, b) => a + b, 0),
    daysKnown: known.length,
  }
}
