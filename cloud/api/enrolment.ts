// /enrolment: what a gateway asks before it can show who it is. For anybody: a code, or a key that is known, is what counts.

import { createRoute, z } from '@hono/zod-openapi'
import {
  EnrolmentRequest,
  Identity,
  Nonce,
  RenewalRequest,
  SignedTime,
  timeText,
} from '../../protocol/enrolment.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'
import type { Authority } from '../fleet/authority.ts'
import { type Enrolment, enrol, renew, type UplinkFacts } from '../fleet/enrol.ts'
import { Problem } from '../problem.ts'
import type { Database } from '../store/database.ts'
import { addressOf } from './address.ts'
import { NoQuery } from './fields.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'
import { openTries } from './tries.ts'

/** Wrong codes from one address, and from all, before nobody looks at what comes. A fleet may share an address. */
const TRIES = { each: 20, all: 1_000, withinMs: 10 * 60_000 }

// Named here and not in protocol/, which knows nothing of the API's document.
const IdentityDocument = z.strictObject(Identity.shape).openapi('GatewayIdentity')
const Enrols = z.strictObject(EnrolmentRequest.shape).openapi('EnrolmentRequest')
const Renews = z.strictObject(RenewalRequest.shape).openapi('RenewalRequest')
const Time = z.strictObject(SignedTime.shape).openapi('SignedTime')

const enrolRoute = createRoute({
  method: 'post',
  path: '/',
  tags: ['fleet'],
  summary: 'Enrol a gateway with its claim code',
  description:
    'The code is used once; the same request again, with the same key, is given the same answer. `smarthydro-edge enroll` asks this.',
  security: [],
  request: {
    query: NoQuery,
    body: {
      required: true,
      content: { 'application/json': { schema: Enrols } },
    },
  },
  responses: {
    201: { description: 'enrolled', content: { 'application/json': { schema: IdentityDocument } } },
    ...problemResponses(400, 403, 413, 415, 429),
  },
})

const renewRoute = createRoute({
  method: 'post',
  path: '/renewal',
  tags: ['fleet'],
  summary: 'The next certificate of a gateway, for the key that it is known by',
  description:
    'A request is signed by its key, and that is proof enough: a certificate is of no use without it. One that has expired is renewed too, for two years, unless the gateway was revoked.',
  security: [],
  request: {
    query: NoQuery,
    body: {
      required: true,
      content: { 'application/json': { schema: Renews } },
    },
  },
  responses: {
    201: { description: 'renewed', content: { 'application/json': { schema: IdentityDocument } } },
    ...problemResponses(400, 403, 413, 415, 429),
  },
})

const timeRoute = createRoute({
  method: 'get',
  path: '/time',
  tags: ['fleet'],
  summary: 'The time, signed with the fleet’s key',
  description:
    'For a gateway whose clock is so wrong that it can believe no certificate. What is signed is `smarthydro time {at} {nonce}`, Ed25519.',
  security: [],
  request: { query: z.strictObject({ nonce: Nonce }) },
  responses: {
    200: {
      description: 'the time',
      content: { 'application/json': { schema: Time } },
    },
    ...problemResponses(400),
  },
})

/** What enrolling needs. */
export interface EnrolmentDeps {
  db: Database
  clock: Clock
  log: Log
  metrics: Metrics
  authority: Authority
}

/** `/enrolment`, `/enrolment/renewal`, `/enrolment/time`. */
export function enrolment(
  deps: EnrolmentDeps,
  { trustedProxies, uplink }: { trustedProxies: readonly string[]; uplink: UplinkFacts },
) {
  const { clock, log, metrics, authority } = deps
  const tries = openTries({ clock }, TRIES)
  const answered = async (from: string, act: () => Promise<Enrolment>): Promise<Identity> => {
    const waitMs = tries.waitMs(from)
    if (waitMs > 0) {
      metrics.count('fleet_refused_total', { what: 'tries' })
      throw new Problem(429, 'Too many refusals', { retryAfterS: waitMs / 1000 })
    }
    const outcome = await act()
    if (outcome.kind === 'enrolled') {
      log.info('gateway certified', { gateway: outcome.identity.gateway, from })
      return outcome.identity
    }
    const { what, reason } = outcome
    tries.failed(from)
    metrics.count('fleet_refused_total', { what })
    log.warn('enrolment refused', { what, reason, from })
    throw new Problem(403, 'Not enrolled', { detail: reason })
  }
  return openRouter()
    .openapi(enrolRoute, async context => {
      const from = addressOf(context, trustedProxies)
      const { code, request, gateway } = context.req.valid('json')
      const asked = { code, request, gateway, from }
      return context.json(await answered(from, () => enrol(deps, uplink, asked)), 201)
    })
    .openapi(renewRoute, async context => {
      const from = addressOf(context, trustedProxies)
      const asked = { ...context.req.valid('json'), from }
      return context.json(await answered(from, () => renew(deps, uplink, asked)), 201)
    })
    .openapi(timeRoute, async context => {
      const { nonce } = context.req.valid('query')
      const at = clock.now()
      const bytes = new TextEncoder().encode(timeText(at, nonce))
      const signature = Buffer.from(await authority.sign(bytes)).toString('base64')
      return context.json({ at, nonce, signature }, 200)
    })
}
