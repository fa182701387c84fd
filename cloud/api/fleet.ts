// /fleet: claims with which gateways are enrolled, their labels, and what happened. For operators.

import { createRoute, z } from '@hono/zod-openapi'
import { ClaimCode } from '../../protocol/claim-code.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import { CLAIM_DAYS, CLAIM_DAYS_MAX, CLAIMS_MAX, claimGateways, claimProject } from '../fleet/claims.ts'
import { toLabels } from '../fleet/labels.ts'
import { Problem } from '../problem.ts'
import type { Database } from '../store/database.ts'
import { selectFleetEvents } from '../store/fleet.ts'
import { InstantText, NoQuery, orNull, SlugText, toInstantText, toInstantTextOrNull } from './fields.ts'
import { fromCursor, Next, nextLink, pageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const Days = z
  .int()
  .min(1)
  .max(CLAIM_DAYS_MAX)
  .default(CLAIM_DAYS)
  .openapi({ description: 'how long it can be used' })
const CodeText = z.string().openapi({ example: 'K7QF-2M9X-4T8H-W3ZD' })

const ClaimsAsked = z
  .strictObject({
    gateways: z.array(SlugText).min(1).max(CLAIMS_MAX),
    days: Days,
    replace: z.boolean().default(false).openapi({
      description:
        'withdraw a claim that is open and draw another; draw one for a gateway that is enrolled too, as when its card is replaced',
    }),
  })
  .openapi('ClaimsAsked')

const Claim = z
  .strictObject({
    gateway: SlugText,
    state: z.enum(['drawn', 'open', 'enrolled', 'unknown']).openapi({
      description: '`open`: it has one that can be used; `enrolled`: it needs none',
    }),
    code: CodeText.nullable().openapi({ description: 'shown this once, when it was drawn' }),
    expiresAt: orNull(InstantText),
  })
  .openapi('Claim')

const claimsRoute = createRoute({
  method: 'post',
  path: '/claims',
  tags: ['fleet'],
  summary: 'Claim codes for gateways, each for one and once',
  request: {
    query: NoQuery,
    body: { required: true, content: { 'application/json': { schema: ClaimsAsked } } },
  },
  responses: {
    200: {
      description: 'one for each gateway, in the order asked',
      content: {
        'application/json': {
          schema: z.strictObject({ claims: z.array(Claim) }).openapi('Claims'),
        },
      },
    },
    ...problemResponses(400, 401, 403, 413, 415),
  },
})

const ProjectClaimAsked = z
  .strictObject({
    client: SlugText,
    project: SlugText,
    uses: z.int().min(1).max(CLAIMS_MAX).openapi({ description: 'how many gateways may enrol with it' }),
    days: Days,
  })
  .openapi('ProjectClaimAsked')

const projectRoute = createRoute({
  method: 'post',
  path: '/project-claims',
  tags: ['fleet'],
  summary: 'One claim code for many gateways of a project, which name themselves',
  description: 'It makes gateways that are not there yet, and never takes the place of one that is enrolled.',
  request: {
    query: NoQuery,
    body: { required: true, content: { 'application/json': { schema: ProjectClaimAsked } } },
  },
  responses: {
    201: {
      description: 'the code, shown this once',
      content: {
        'application/json': {
          schema: z
            .strictObject({ client: SlugText, project: SlugText, code: CodeText, expiresAt: InstantText })
            .openapi('ProjectClaim'),
        },
      },
    },
    ...problemResponses(400, 401, 403, 404, 413, 415),
  },
})

const LabelsAsked = z
  .strictObject({
    labels: z
      .array(
        z.strictObject({
          gateway: SlugText,
          code: CodeText.pipe(ClaimCode),
          client: z.string().max(120).default(''),
          place: z
            .string()
            .max(120)
            .default('')
            .openapi({ description: 'what a person calls where it goes' }),
        }),
      )
      .min(1)
      .max(CLAIMS_MAX),
  })
  .openapi('LabelsAsked')

const labelsRoute = createRoute({
  method: 'post',
  path: '/labels',
  tags: ['fleet'],
  summary: 'Labels to print, with the code and a QR code of the command that enrols',
  description: 'Codes are not kept, so they are given as they were drawn. 21 on a page of A4.',
  request: {
    query: NoQuery,
    body: { required: true, content: { 'application/json': { schema: LabelsAsked } } },
  },
  responses: {
    200: {
      description: 'the pages',
      content: { 'application/pdf': { schema: z.string().openapi({ format: 'binary' }) } },
    },
    ...problemResponses(400, 401, 403, 413, 415),
  },
})

const Event = z
  .strictObject({
    at: InstantText,
    kind: z.string().openapi({ example: 'enrolled' }),
    gateway: z.string().nullable(),
    by: z.string().openapi({ description: 'who did it, or from where it was tried' }),
    details: z.unknown(),
  })
  .openapi('FleetEvent')

const eventsRoute = createRoute({
  method: 'get',
  path: '/events',
  tags: ['fleet'],
  summary: 'What happened to gateways and their identities, and what was refused, newest first',
  request: {
    query: z.strictObject({
      gateway: SlugText.optional(),
      ...pageQuery({ limitMax: 1000, limitDefault: 100 }),
    }),
  },
  responses: {
    200: {
      description: 'a page of events',
      content: {
        'application/json': {
          schema: z.strictObject({ items: z.array(Event), next: Next }).openapi('FleetEventPage'),
        },
      },
    },
    ...problemResponses(400, 401, 403),
  },
})

/** `/fleet/claims`, `/fleet/project-claims`, `/fleet/labels`, `/fleet/events`. */
export function fleet({ db, clock }: { db: Database; clock: Clock }, { publicUrl }: { publicUrl: string }) {
  return openRouter()
    .openapi(claimsRoute, async context => {
      const { gateways, days, replace } = context.req.valid('json')
      const by = byOf(context.get('principal'))
      const asked = { clientIds: context.get('clientIds'), by, days, replace }
      const claims = await claimGateways({ db, clock }, [...new Set(gateways)], asked)
      return context.json(
        { claims: claims.map(one => ({ ...one, expiresAt: toInstantTextOrNull(one.expiresAt) })) },
        200,
      )
    })
    .openapi(projectRoute, async context => {
      const { client, project, uses, days } = context.req.valid('json')
      const by = byOf(context.get('principal'))
      const asked = { clientIds: context.get('clientIds'), by, days, uses }
      try {
        const { code, expiresAt } = await claimProject({ db, clock }, { client, project }, asked)
        return context.json({ client, project, code, expiresAt: toInstantText(expiresAt) }, 201)
      } catch (error) {
        if (!(error instanceof Rejected)) throw error
        throw new Problem(404, 'Not found', { detail: error.message })
      }
    })
    .openapi(labelsRoute, async context => {
      const { labels } = context.req.valid('json')
      const bytes = await toLabels(labels, { url: publicUrl, now: clock.now() })
      return context.body(new Uint8Array(bytes), 200, {
        'content-type': 'application/pdf',
        'content-disposition': 'attachment; filename="labels.pdf"',
      }) as never
    })
    .openapi(eventsRoute, async context => {
      const { gateway, cursor, limit } = context.req.valid('query')
      const beforeId = fromCursor('fleet-events', cursor, Number.MAX_SAFE_INTEGER)
      const asked = { gateway, beforeId, limit: limit + 1 }
      const rows = await selectFleetEvents(db, context.get('clientIds'), asked)
      const { items, next } = toPage(rows, { list: 'fleet-events', limit, keyOf: ({ id }) => id })
      const shown = items.map(({ id: _, at, ...event }) => ({ at: toInstantText(at), ...event }))
      return context.json({ items: shown, next }, 200, nextLink(context.req.url, next))
    })
}

/** Who asks, as it is written down. */
export const byOf = ({ email, name }: { email?: string; name: string }): string => email ?? name
