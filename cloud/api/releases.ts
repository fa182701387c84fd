// /releases and /rollouts: what gateways run, the bytes of it, and how it comes to them.

import { createHash } from 'node:crypto'
import { createRoute, z } from '@hono/zod-openapi'
import {
  parseManifest,
  RELEASE_CHUNK_BYTES,
  RELEASE_MANIFEST_LENGTH_MAX,
  type ReleaseManifest,
  type ReleasePart,
  ReleaseVersion,
} from '../../protocol/release.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { Problem } from '../problem.ts'
import type { Database, Sql } from '../store/database.ts'
import {
  insertChunk,
  insertRelease,
  type ReleaseRow,
  selectChunk,
  selectChunkPlaces,
  selectPartSize,
  selectReleases,
} from '../store/releases.ts'
import { nameOf } from './decisions.ts'
import { InstantText, NoQuery, toInstantText } from './fields.ts'
import { problemResponses } from './problem.ts'
import { openRouter } from './router.ts'

/** Releases that are listed. */
const RELEASES_MAX = 100

const Hash = z.string().regex(/^[0-9a-f]{64}$/)
const PartParams = z.strictObject({ part: Hash.openapi({ param: { name: 'part', in: 'path' } }) })
const ChunkParams = z.strictObject({
  part: Hash.openapi({ param: { name: 'part', in: 'path' } }),
  place: z
    .string()
    .regex(/^\d{1,3}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().max(127))
    .openapi({ param: { name: 'place', in: 'path' }, type: 'integer', minimum: 0, maximum: 127 }),
})

const Release = z
  .strictObject({
    version: z.string(),
    note: z.string(),
    createdAt: InstantText,
    by: z.string(),
    architectures: z.array(z.string()),
    bytes: z.int().openapi({ description: 'of all its parts, as they are sent' }),
    missing: z
      .array(z.strictObject({ part: Hash, place: z.int() }))
      .openapi({ description: 'chunks that were not sent to us yet: without them it is not rolled out' }),
  })
  .openapi('Release')

const common = { tags: ['releases'] }
const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } })

const listRoute = createRoute({
  ...common,
  method: 'get',
  path: '/',
  summary: 'Releases of the gateway’s program, newest first',
  request: { query: NoQuery },
  responses: {
    200: {
      description: 'all of them',
      content: json(z.strictObject({ items: z.array(Release) }).openapi('Releases')),
    },
    ...problemResponses(400, 401, 403),
  },
})

const addRoute = createRoute({
  ...common,
  method: 'post',
  path: '/',
  summary: 'Add a release; its parts follow, chunk by chunk',
  description:
    'The manifest is what `npm run build:edge` writes. Each chunk that it names and that is `missing` is sent by itself.',
  request: {
    query: NoQuery,
    body: {
      required: true,
      content: json(
        z
          .strictObject({
            manifest: z.string().min(1).max(RELEASE_MANIFEST_LENGTH_MAX),
            note: z.string().trim().max(500).default(''),
          })
          .openapi('ReleaseAsked'),
      ),
    },
  },
  responses: {
    201: { description: 'it is there', content: json(Release) },
    ...problemResponses(400, 401, 403, 409, 413, 415, 422),
  },
})

const chunkRoute = createRoute({
  ...common,
  method: 'put',
  path: '/parts/{part}/chunks/{place}',
  summary: 'Send a chunk of a part that a release names',
  request: {
    query: NoQuery,
    params: ChunkParams,
    body: {
      required: true,
      content: { 'application/octet-stream': { schema: z.string().openapi({ format: 'binary' }) } },
    },
  },
  responses: {
    204: { description: 'it is kept' },
    ...problemResponses(400, 401, 403, 404, 413, 415, 422),
  },
})

const partRoute = createRoute({
  ...common,
  method: 'get',
  path: '/parts/{part}',
  summary: 'The bytes of a part, for gateways',
  description:
    'Its name is the hash of what it holds, which only the manifest says; what came is checked by who asked. `Range: bytes=N-` goes on from there.',
  request: { query: NoQuery, params: PartParams },
  responses: {
    200: {
      description: 'all of it',
      content: { 'application/octet-stream': { schema: z.string().openapi({ format: 'binary' }) } },
    },
    206: {
      description: 'from there on',
      content: { 'application/octet-stream': { schema: z.string().openapi({ format: 'binary' }) } },
    },
    416: { description: 'it ends before' },
    ...problemResponses(400, 404),
  },
})

interface Deps {
  db: Database
  clock: Clock
  log: Log
}

/** `/releases` and what lies below. */
export function releases({ db, clock, log }: Deps) {
  return openRouter()
    .openapi(listRoute, async context => {
      const rows = await selectReleases(db, RELEASES_MAX)
      return context.json({ items: await Promise.all(rows.map(row => toRelease(db, row))) }, 200)
    })
    .openapi(addRoute, async context => {
      const { manifest: text, note } = context.req.valid('json')
      const { version } = readManifest(text)
      const by = nameOf(context.get('principal'))
      const row = { version, manifest: text, note, createdAt: clock.now(), by }
      if (!(await insertRelease(db, row))) {
        throw new Problem(409, 'There is a release of this version', { detail: version })
      }
      log.info('release added', { version, by })
      return context.json(await toRelease(db, { id: 0, ...row }), 201)
    })
    .openapi(chunkRoute, async context => {
      const { part, place } = context.req.valid('param')
      const bytes = new Uint8Array(await context.req.arrayBuffer())
      const known = (await selectReleases(db, RELEASES_MAX))
        .flatMap(({ manifest }) => partsOf(readManifest(manifest)))
        .find(one => one.sha256 === part)
      const expected = known?.chunks[place]
      if (expected === undefined) throw new Problem(404, 'No release names this chunk')
      if (sha256(bytes) !== expected) {
        throw new Problem(422, 'It is not the chunk that the release names', { detail: `${part}, ${place}` })
      }
      await insertChunk(db, { part, place, bytes })
      return context.body(null, 204)
    })
    .openapi(partRoute, async context => {
      const { part } = context.req.valid('param')
      const size = await selectPartSize(db, part)
      if (size === undefined) throw new Problem(404, 'Part not found')
      const from = startOf(context.req.header('range'))
      if (from >= size) return context.body(null, 416, { 'content-range': `bytes */${size}` })
      return new Response(streamPart(db, part, from), {
        status: from === 0 ? 200 : 206,
        headers: {
          'content-type': 'application/octet-stream',
          'content-length': `${size - from}`,
          'accept-ranges': 'bytes',
          ...(from === 0 ? {} : { 'content-range': `bytes ${from}-${size - 1}/${size}` }),
        },
      })
    })
}

function readManifest(text: string): ReleaseManifest {
  try {
    return parseManifest(text)
  } catch (error) {
    if (!(error instanceof Rejected)) throw error
    throw new Problem(422, 'The manifest is none', { detail: error.message })
  }
}

/** The parts of a release, each once. */
export function partsOf({ machines }: ReleaseManifest): ReleasePart[] {
  return [...new Map(machines.flatMap(({ parts }) => parts).map(part => [part.sha256, part])).values()]
}

/** The chunks of a release that nobody has sent yet. */
export async function missingChunks(
  sql: Sql,
  manifest: ReleaseManifest,
): Promise<{ part: string; place: number }[]> {
  const parts = partsOf(manifest)
  const there = await selectChunkPlaces(
    sql,
    parts.map(({ sha256: hash }) => hash),
  )
  const known = new Set(there.map(({ part, place }) => `${part} ${place}`))
  return parts.flatMap(({ sha256: part, chunks }) =>
    chunks.flatMap((_, place) => (known.has(`${part} ${place}`) ? [] : [{ part, place }])),
  )
}

async function toRelease(db: Database, row: ReleaseRow): Promise<z.infer<typeof Release>> {
  const manifest = readManifest(row.manifest)
  return {
    ...{ version: row.version, note: row.note, createdAt: toInstantText(row.createdAt), by: row.by },
    architectures: manifest.machines.map(({ architecture }) => architecture),
    bytes: partsOf(manifest).reduce((sum, { bytes }) => sum + bytes, 0),
    missing: await missingChunks(db, manifest),
  }
}

/** Where an answer is to begin; what is asked in another way is answered from the beginning. */
function startOf(range: string | undefined): number {
  return Number(/^bytes=(\d{1,10})-$/.exec(range ?? '')?.[1] ?? 0)
}

/** A part from an offset on, chunk by chunk: who reads slowly holds one of them in memory. */
function streamPart(db: Database, part: string, from: number): ReadableStream<Uint8Array> {
  let place = Math.floor(from / RELEASE_CHUNK_BYTES)
  let skip = from % RELEASE_CHUNK_BYTES
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const bytes = await selectChunk(db, part, place)
        if (bytes === undefined) return controller.close()
        controller.enqueue(bytes.subarray(skip))
        place += 1
        skip = 0
      },
    },
    { highWaterMark: 1 },
  )
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** How a version stands in a path. */
export const VersionText = z.string().max(60).pipe(ReleaseVersion).openapi({ example: '1.4.0' })
