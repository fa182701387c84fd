// /gateways/{gateway}/enrolment and /revocation: by what a gateway is known, and how it is cut off.

import { createRoute, z } from '@hono/zod-openapi'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { revoke } from '../fleet/enrol.ts'
import { Problem } from '../problem.ts'
import type { Database } from '../store/database.ts'
import { type EnrolmentState, selectEnrolled, selectEnrolmentState } from '../store/fleet.ts'
import { InstantText, NoQuery, orNull, SlugText, toInstantTextOrNull } from './fields.ts'
import { byOf } from './fleet.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const REASON_LENGTH_MAX = 500

const State = z
  .strictObject({
    gateway: SlugText,
    state: z.enum(['certificate', 'token', 'revoked', 'none']).openapi({
      description: 'by what it may connect; `none`: it has not been enrolled yet',
    }),
    enrolledAt: orNull(InstantText),
    certificateEndsAt: orNull(InstantText),
    revokedAt: orNull(InstantText),
    claimExpiresAt: orNull(InstantText).openapi({ description: 'until when an open claim can be used' }),
  })
  .openapi('GatewayEnrolment')

const params = z.strictObject({ gateway: SlugText.openapi({ param: { name: 'gateway', in: 'path' } }) })

const stateRoute = createRoute({
  method: 'get',
  path: '/{gateway}/enrolment',
  tags: ['fleet'],
  summary: 'By what a gateway is known',
  request: { query: NoQuery, params },
  responses: {
    200: { description: 'its enrolment', content: { 'application/json': { schema: State } } },
    ...problemResponses(400, 401, 403, 404),
  },
})

const revokeRoute = createRoute({
  method: 'post',
  path: '/{gateway}/revocation',
  tags: ['fleet'],
  summary: 'Cut a gateway off: its certificates, its token, its claims',
  description:
    'Its sessions end within seconds. What it has measured stays on its disk, and is sent after it was enrolled with a new claim.',
  request: {
    query: NoQuery,
    params,
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z
            .strictObject({ reason: z.string().trim().min(1).max(REASON_LENGTH_MAX) })
            .openapi('RevocationAsked', { example: { reason: 'The card was stolen' } }),
        },
      },
    },
  },
  responses: {
    200: { description: 'its enrolment now', content: { 'application/json': { schema: State } } },
    ...problemResponses(400, 401, 403, 404, 413, 415),
  },
})

/** `/gateways/{gateway}/enrolment`, `/gateways/{gateway}/revocation`. */
export function gatewayEnrolment({ db, clock, log }: { db: Database; clock: Clock; log: Log }) {
  return openRouter()
    .openapi(stateRoute, async context => {
      const { gateway } = context.req.valid('param')
      const [row] = await selectEnrolled(db, [gateway], context.get('clientIds'))
      if (row === undefined) throw new Problem(404, 'Gateway not found')
      return context.json(toState(gateway, await selectEnrolmentState(db, row.id, clock.now())), 200)
    })
    .openapi(revokeRoute, async context => {
      const { gateway } = context.req.valid('param')
      const { reason } = context.req.valid('json')
      const [row] = await selectEnrolled(db, [gateway], context.get('clientIds'))
      if (row === undefined) throw new Problem(404, 'Gateway not found')
      const by = byOf(context.get('principal'))
      await revoke({ db, clock }, [row], { by, reason })
      log.warn('gateway revoked', { gateway, by, reason })
      return context.json(toState(gateway, await selectEnrolmentState(db, row.id, clock.now())), 200)
    })
}

function toState(gateway: string, row: EnrolmentState): z.infer<typeof State> {
  const { hasKey, hasToken, enrolledAt, revokedAt, certificateEndsAt, claimExpiresAt } = row
  const known = hasKey ? 'certificate' : hasToken ? 'token' : undefined
  return {
    gateway,
    state: known ?? (revokedAt === null ? 'none' : 'revoked'),
    enrolledAt: toInstantTextOrNull(hasKey ? enrolledAt : null),
    certificateEndsAt: toInstantTextOrNull(hasKey ? certificateEndsAt : null),
    revokedAt: toInstantTextOrNull(revokedAt),
    claimExpiresAt: toInstantTextOrNull(claimExpiresAt),
  }
}
