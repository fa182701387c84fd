// /rollouts: how a release comes to gateways, stage by stage, and where it stopped.

import { createRoute, z } from '@hono/zod-openapi'
import { parseManifest } from '../../protocol/release.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { toStages } from '../fleet/rollout.ts'
import { Problem } from '../problem.ts'
import type { Database } from '../store/database.ts'
import {
  insertMembers,
  insertRollout,
  type RolloutRow,
  selectMembers,
  selectReleasable,
  selectRelease,
  selectRollout,
  selectRollouts,
  updateRollout,
} from '../store/releases.ts'
import { nameOf } from './decisions.ts'
import {
  InstantText,
  NoQuery,
  numberParam,
  orNull,
  ProjectKey,
  SlugText,
  toInstantText,
  toInstantTextOrNull,
} from './fields.ts'
import { problemResponses } from './problem.ts'
import { findProjectRow } from './projects.ts'
import { missingChunks, VersionText } from './releases.ts'
import { openRouter } from './router.ts'

const ROLLOUTS_MAX = 100
const ID_MAX = 2_147_483_647

const Rollout = z
  .strictObject({
    id: z.int(),
    version: z.string(),
    project: orNull(ProjectKey).openapi({ description: 'null: gateways of all projects' }),
    state: z.enum(['running', 'halted', 'done']),
    stage: z
      .int()
      .min(0)
      .max(2)
      .openapi({ description: '0: one gateway in a hundred; 1: one in ten; 2: all' }),
    reason: z.string().nullable().openapi({ description: 'why it was halted' }),
    createdAt: InstantText,
    by: z.string(),
    endedAt: orNull(InstantText),
  })
  .openapi('Rollout')

const Member = z
  .strictObject({
    gateway: SlugText,
    stage: z.int(),
    state: z.enum(['waiting', 'asked', 'kept', 'settled', 'failed']).openapi({
      description:
        '`asked`: it fetches or tries it; `kept`: readings of its own were committed with it; `settled`: it has stood with it for ten minutes',
    }),
    reason: z.string().nullable(),
    version: z.string().nullable().openapi({ description: 'what it runs now' }),
    askedAt: orNull(InstantText),
    keptAt: orNull(InstantText),
  })
  .openapi('RolloutGateway')

const WithGateways = z
  .strictObject({ ...Rollout.shape, gateways: z.array(Member) })
  .openapi('RolloutWithGateways')

const common = { tags: ['releases'] }
const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } })
const Params = z.strictObject({ rollout: numberParam('rollout', ID_MAX) })

const listRoute = createRoute({
  ...common,
  method: 'get',
  path: '/',
  summary: 'Rollouts, newest first',
  request: { query: NoQuery },
  responses: {
    200: {
      description: 'the newest hundred',
      content: json(z.strictObject({ items: z.array(Rollout) }).openapi('Rollouts')),
    },
    ...problemResponses(400, 401, 403),
  },
})

const oneRoute = createRoute({
  ...common,
  method: 'get',
  path: '/{rollout}',
  summary: 'A rollout with each of its gateways',
  request: { query: NoQuery, params: Params },
  responses: {
    200: { description: 'it', content: json(WithGateways) },
    ...problemResponses(400, 401, 403, 404),
  },
})

const beginRoute = createRoute({
  ...common,
  method: 'post',
  path: '/',
  summary: 'Roll a release out',
  description:
    'To one gateway in a hundred, then to one in ten, then to all. It halts by itself when one goes back, refuses, is lost or is worse off.',
  request: {
    query: NoQuery,
    body: {
      required: true,
      content: json(
        z
          .strictObject({
            version: VersionText,
            project: ProjectKey.optional().openapi({ description: 'only gateways of this project' }),
          })
          .openapi('RolloutAsked'),
      ),
    },
  },
  responses: {
    201: { description: 'it runs', content: json(Rollout) },
    ...problemResponses(400, 401, 403, 404, 409, 413, 415),
  },
})

const haltRoute = createRoute({
  ...common,
  method: 'post',
  path: '/{rollout}/halt',
  summary: 'Ask no further gateway',
  description: 'Gateways that have the release keep it: to bring another one to them is another rollout.',
  request: {
    query: NoQuery,
    params: Params,
    body: {
      required: true,
      content: json(z.strictObject({ reason: z.string().trim().min(1).max(500) }).openapi('RolloutHalt')),
    },
  },
  responses: {
    200: { description: 'it is halted', content: json(Rollout) },
    ...problemResponses(400, 401, 403, 404, 409, 413, 415),
  },
})

interface Deps {
  db: Database
  clock: Clock
  log: Log
}

/** `/rollouts` and what lies below. */
export function rollouts(deps: Deps) {
  const { db, clock, log } = deps
  return openRouter()
    .openapi(listRoute, async context => {
      const rows = await selectRollouts(db, ROLLOUTS_MAX)
      return context.json({ items: rows.map(toRollout) }, 200)
    })
    .openapi(oneRoute, async context => {
      const row = await found(db, context.req.valid('param').rollout)
      const members = await selectMembers(db, row.id)
      const gateways = members.map(({ gateway, stage, state, reason, version, askedAt, keptAt }) => ({
        ...{ gateway, stage, state, reason, version },
        askedAt: toInstantTextOrNull(askedAt),
        keptAt: toInstantTextOrNull(keptAt),
      }))
      return context.json({ ...toRollout(row), gateways }, 200)
    })
    .openapi(beginRoute, async context => {
      const { version, project } = context.req.valid('json')
      const by = nameOf(context.get('principal'))
      const within = project && (await findProjectRow(db, context.get('clientIds'), project))
      const row = await beginRollout(deps, { version, by, projectId: within ? within.id : null })
      log.info('rollout begun', { version, by, rollout: row.id })
      return context.json(toRollout(row), 201)
    })
    .openapi(haltRoute, async context => {
      const { rollout: id } = context.req.valid('param')
      const by = nameOf(context.get('principal'))
      const reason = `${context.req.valid('json').reason} (${by})`
      await db.transaction(async tx => {
        const { state, stage } = await found(tx as Database, id)
        if (state !== 'running') throw new Problem(409, 'The rollout does not run', { detail: state })
        await updateRollout(tx, id, { state: 'halted', stage, reason }, clock.now())
      })
      log.warn('rollout halted by somebody', { rollout: id, by, reason })
      return context.json(toRollout(await found(db, id)), 200)
    })
}

/** Begins a rollout. Throws Problem when there is no such release, it is not whole, or nobody takes it. */
export async function beginRollout(
  { db, clock }: Pick<Deps, 'db' | 'clock'>,
  { version, projectId, by }: { version: string; projectId: number | null; by: string },
): Promise<RolloutRow> {
  const release = await selectRelease(db, version)
  if (release === undefined) throw new Problem(404, 'Release not found')
  const missing = await missingChunks(db, parseManifest(release.manifest))
  if (missing.length > 0) {
    throw new Problem(409, 'The release is not whole', {
      detail: `${missing.length} chunks were not sent yet`,
    })
  }
  const id = await db.transaction(async tx => {
    const members = toStages(await selectReleasable(tx, projectId), version)
    if (members.length === 0) throw new Problem(409, 'No gateway takes releases')
    const begun = await insertRollout(tx, { version, projectId, by, now: clock.now() })
    if (begun === undefined) throw new Problem(409, 'Another rollout runs')
    await insertMembers(tx, begun, members)
    return begun
  })
  return await found(db, id)
}

async function found(db: Pick<Database, 'query'>, id: number): Promise<RolloutRow> {
  const row = await selectRollout(db, id)
  if (row === undefined) throw new Problem(404, 'Rollout not found')
  return row
}

function toRollout({ createdAt, endedAt, manifest: _, ...row }: RolloutRow): z.infer<typeof Rollout> {
  return { ...row, createdAt: toInstantText(createdAt), endedAt: toInstantTextOrNull(endedAt) }
}
