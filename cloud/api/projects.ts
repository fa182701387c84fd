// /projects: a client's wells that belong together.

import { createRoute, z } from '@hono/zod-openapi'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { Problem } from '../problem.ts'
import type { Database, Sql } from '../store/database.ts'
import {
  PROJECT_COLUMNS,
  type ProjectRow,
  selectClient,
  selectProjectRow,
  selectProjects,
} from '../store/entities.ts'
import type { ClientIds } from '../store/queries.ts'
import { insertRow, updateRow } from '../store/rows.ts'
import { nameOf } from './decisions.ts'
import {
  ArchivedQuery,
  cannotBe,
  deleteUnused,
  etagOf,
  IfMatch,
  json,
  jsonBody,
  LineText,
  NameText,
  NoteText,
  patchBody,
  requireMatch,
  taken,
} from './entity.ts'
import { InstantText, NoQuery, ProjectKey, ProjectParam, SlugText, toInstantText } from './fields.ts'
import { fromCursor, Next, nextLink, PageQuery, toPage } from './paging.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

const Project = z
  .strictObject({
    key: ProjectKey,
    client: SlugText.openapi({ example: 'campo' }),
    project: SlugText.openapi({ example: 'los-aromos' }),
    name: z.string(),
    code: z.string().nullable().openapi({ description: 'what it is called elsewhere' }),
    note: z.string().nullable(),
    archived: z.boolean(),
    createdAt: InstantText,
  })
  .openapi('Project')

const ListedProject = z
  .strictObject({
    ...Project.shape,
    points: z.int().openapi({ description: 'in use' }),
    gateways: z.int().openapi({ description: 'in use' }),
  })
  .openapi('ListedProject')

const Asked = z
  .strictObject({
    client: SlugText.openapi({ example: 'campo' }),
    project: SlugText.openapi({ description: 'names it for good', example: 'los-aromos' }),
    name: NameText,
    code: LineText.default(null),
    note: NoteText.default(null),
  })
  .openapi('ProjectAsked')

const Patch = z
  .strictObject({
    name: NameText.optional(),
    code: LineText.optional(),
    note: NoteText.optional(),
    archived: z.boolean().optional(),
  })
  .openapi('ProjectPatch')

const tags = ['administration']

const listRoute = createRoute({
  ...{ method: 'get', path: '/', tags, summary: 'Projects that you may see' },
  request: {
    query: z.strictObject({ client: SlugText.optional(), archived: ArchivedQuery, ...PageQuery.shape }),
  },
  responses: {
    200: json(
      'a page of projects',
      z.strictObject({ items: z.array(ListedProject), next: Next }).openapi('ProjectPage'),
    ),
    ...problemResponses(400, 401, 403),
  },
})

const makeRoute = createRoute({
  ...{ method: 'post', path: '/', tags, summary: 'Make a project' },
  request: { query: NoQuery, body: jsonBody(Asked) },
  responses: {
    201: json('the project', Project),
    ...problemResponses(400, 401, 403, 404, 409, 413, 415, 422),
  },
})

const oneRoute = createRoute({
  ...{ method: 'get', path: '/{project}', tags, summary: 'One project' },
  request: { query: NoQuery, params: ProjectParam },
  responses: { 200: json('the project', Project), ...problemResponses(400, 401, 403, 404) },
})

const patchRoute = createRoute({
  ...{ method: 'patch', path: '/{project}', tags, summary: 'Change a project' },
  description:
    'What the patch names is changed and nothing else; null clears. `archived` when no point and no gateway of it is in use.',
  request: { query: NoQuery, params: ProjectParam, headers: IfMatch, body: patchBody(Patch) },
  responses: {
    200: json('the project', Project),
    ...problemResponses(400, 401, 403, 404, 412, 413, 415, 422, 428),
  },
})

const deleteRoute = createRoute({
  ...{ method: 'delete', path: '/{project}', tags, summary: 'Delete a project that has nothing' },
  request: { query: NoQuery, params: ProjectParam, headers: IfMatch },
  responses: {
    204: { description: 'it is deleted' },
    ...problemResponses(400, 401, 403, 404, 412, 422, 428),
  },
})

interface ProjectDeps {
  db: Database
  clock: Clock
  log: Log
}

/** `/projects`, `/projects/{project}`. */
export function projects({ db, clock, log }: ProjectDeps) {
  return openRouter()
    .openapi(listRoute, async context => {
      const { cursor, limit, archived, client = null } = context.req.valid('query')
      const afterId = fromCursor('projects', cursor, 0)
      const asked = { afterId, limit: limit + 1, archived, client }
      const rows = await selectProjects(db, context.get('clientIds'), asked)
      const { items, next } = toPage(rows, { list: 'projects', limit, keyOf: ({ id }) => id })
      return context.json({ items: items.map(toListed), next }, 200, nextLink(context.req.url, next))
    })
    .openapi(oneRoute, async context => {
      const key = context.req.valid('param').project
      const project = toProject(await findProjectRow(db, context.get('clientIds'), key))
      return context.json(project, 200, { etag: etagOf(project) })
    })
    .openapi(makeRoute, async context => {
      const asked = context.req.valid('json')
      const clientIds = context.get('clientIds')
      const row = await db.transaction(async tx => {
        const client = await selectClient(tx, clientIds, asked.client, { isHeld: true })
        if (client === undefined) throw new Problem(404, 'Client not found')
        if (client.archivedAt !== null) throw cannotBe(`Client ${client.client} is archived`)
        const fields = { ...asked, clientId: client.id }
        const id = await insertRow(tx, 'projects', PROJECT_COLUMNS, fields)
        const key = `${asked.client}.${asked.project}`
        if (id === undefined) throw taken(`a project ${key}`)
        return findProjectRow(tx, clientIds, key)
      })
      const project = toProject(row)
      log.info('project made', { project: project.key, by: nameOf(context.get('principal')) })
      return context.json(project, 201, { etag: etagOf(project) })
    })
    .openapi(patchRoute, async context => {
      const { project: key } = context.req.valid('param')
      const fields = context.req.valid('json')
      const clientIds = context.get('clientIds')
      const row = await db.transaction(async tx => {
        const before = await findProjectRow(tx, clientIds, key, { isHeld: true })
        requireMatch(context.req.valid('header')['if-match'], toProject(before), `project ${key}`)
        requireArchivable(before, fields.archived)
        await updateRow(tx, 'projects', PROJECT_COLUMNS, { id: before.id, fields, now: clock.now() })
        return findProjectRow(tx, clientIds, key)
      })
      log.info('project changed', { project: key, by: nameOf(context.get('principal')) })
      const project = toProject(row)
      return context.json(project, 200, { etag: etagOf(project) })
    })
    .openapi(deleteRoute, async context => {
      const { project: key } = context.req.valid('param')
      await db.transaction(async tx => {
        const before = await findProjectRow(tx, context.get('clientIds'), key, { isHeld: true })
        requireMatch(context.req.valid('header')['if-match'], toProject(before), `project ${key}`)
        await deleteUnused(tx, 'project', { id: before.id, name: key })
      })
      log.info('project deleted', { project: key, by: nameOf(context.get('principal')) })
      return context.body(null, 204)
    })
}

/** The project of this name. Throws Problem when there is none that may be seen. */
export async function findProjectRow(
  sql: Sql,
  clientIds: ClientIds,
  key: string,
  options: { isHeld?: boolean } = {},
): Promise<ProjectRow> {
  const [client = '', project = ''] = key.split('.')
  const row = await selectProjectRow(sql, clientIds, { client, project }, options)
  if (row === undefined) throw new Problem(404, 'Project not found')
  return row
}

function requireArchivable(row: ProjectRow, archived: boolean | undefined): void {
  const { points, gateways, clientArchivedAt } = row
  if (archived === true && points + gateways > 0) {
    throw cannotBe(
      `Project ${row.client}.${row.project} has ${points} points and ${gateways} gateways in use: archive those first`,
    )
  }
  if (archived === false && clientArchivedAt !== null) throw cannotBe(`Client ${row.client} is archived`)
}

function toProject(row: ProjectRow): z.infer<typeof Project> {
  const { client, project, name, code, note, archivedAt, createdAt } = row
  return {
    ...{ key: `${client}.${project}`, client, project, name, code, note },
    ...{ archived: archivedAt !== null, createdAt: toInstantText(createdAt) },
  }
}

const toListed = (row: ProjectRow): z.infer<typeof ListedProject> => ({
  ...toProject(row),
  ...{ points: row.points, gateways: row.gateways },
})
