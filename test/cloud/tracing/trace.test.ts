// One trace from a sample to its receipt, of what was written down, and over OTLP to a collector on a socket.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, afterEach, before, beforeEach, describe, type TestContext, test } from 'node:test'
import { selectTracedWay } from '../../../cloud/store/traces.ts'
import { tellTrace } from '../../../cloud/tracing/cli.ts'
import { exportTraces, runTraceExport } from '../../../cloud/tracing/otlp.ts'
import { toTrace } from '../../../cloud/tracing/trace.ts'
import { Unavailable } from '../../../protocol/runtime/errors.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { ANSWERS } from '../../doubles/dga/faults.ts'
import { until } from '../../doubles/until.ts'
import { HOUR, MINUTE, openScene, type Scene } from '../compliance/scene.ts'

const WORK = 'OB-0602-7'
const DUE = Date.parse('2026-01-15T13:00:00Z')

describe('the trace of a declaration', () => {
  let database: TestDatabase
  let scene: Scene
  before(async () => {
    database = await openTestDatabase()
  })
  after(() => database.close())
  beforeEach(async () => {
    scene = await openScene(database.db)
  })
  afterEach(async () => {
    await database.db.transaction(async tx => {
      // What guards the audit of a real installation sleeps, for this transaction.
      await tx.query('set local session_replication_role = replica')
      await tx.query('delete from batches')
      await tx.query('delete from gateways')
    })
    await scene.close()
  })

  /** One slot that DGA refuses once; its readings came with a batch of a gateway half a minute later. */
  const declare = async () => {
    const { dga, site, register, toNextHour, clock } = scene
    dga.faults.add({ fault: ANSWERS.json500, work: WORK, channel: 'rest', times: 1 })
    const pointId = await register(WORK)
    await toNextHour(pointId)
    await database.db.query(
      `with g as (insert into gateways (project_id, slug) select project_id, 'gw-campo' from points where id = $1 returning id)
       insert into batches (id, gateway_id, epoch, lane, first, last, readings, config_version, received_at, processed_at)
       overriding system value
       select 1, id, 1, 0, 1, 3, 3, 0, to_timestamp($2::float8 / 1000), to_timestamp($2::float8 / 1000) + interval '2 s' from g`,
      [pointId, DUE + 30_000],
    )
    await site.round()
    await clock.advance(24 * HOUR)
    await site.round()
    await clock.advance(2 * MINUTE)
    await site.round()
  }
  const way = async () => {
    const found = await selectTracedWay(database.db, { workCode: WORK, dueAt: DUE })
    assert.ok(found)
    return found
  }

  test('has what was measured, carried, processed, tried and answered, one within the other', async () => {
    await declare()
    const { id, spans } = toTrace(await way())
    const [whole, ...parts] = spans
    assert.match(id, /^[0-9a-f]{32}$/)
    assert.equal(whole?.parentId, undefined)
    assert.ok(parts.every(({ parentId }) => parentId === whole?.id))
    assert.ok(
      parts.every(({ startAt, endAt }) => startAt >= (whole?.startAt ?? 0) && endAt <= (whole?.endAt ?? 0)),
    )
    assert.equal(new Set(spans.map(one => one.id)).size, spans.length)
    const seen = parts.map(({ name, startAt, endAt, failure }) => [
      name,
      startAt - DUE,
      endAt - startAt,
      failure,
    ])
    const carried = ['measure, keep and carry', 0, 30_000, undefined]
    const processed = ['process', 30_000, 2_000, undefined]
    assert.deepEqual(seen.slice(0, 6), [carried, processed, carried, processed, carried, processed])
    assert.deepEqual(
      seen.slice(6).map(([name, , , failure]) => [name, failure]),
      [
        ['wait for values and for the turn', undefined],
        ['declare over REST', 'unknown_outcome'],
        ['declare over REST', undefined],
        ['verify the receipt', undefined],
      ],
    )
    assert.equal(whole?.attributes['smarthydro.receipt'], (await way()).slot.receipt)
    assert.deepEqual(toTrace(await way()), { id, spans }, 'the same each time')
  })

  test('is told as lines, and of what is not owed it says so', async () => {
    await declare()
    const said: string[] = []
    const deps = { say: (text: string) => said.push(text) - said.length, version: '1.2.3' }
    assert.equal(await tellTrace({ work: WORK, at: '2026-01-15T13:00:00Z' }, deps)(database.db), 0)
    assert.match(said.join(''), /^2026-01-15T13:00:00\.000Z .* declaration {2}work=OB-0602-7/)
    assert.match(
      said.join(''),
      / 30\.000 s {4}measure, keep and carry {2}variable=flow {2}gateway=gw-campo {2}lane=live/,
    )
    assert.match(said.join(''), /failed: unknown_outcome/)
    assert.equal(await tellTrace({ work: WORK, at: '2026-01-15T14:00:00+01:30' }, deps)(database.db), 1)
    for (const wrong of [{}, { work: 'x', at: '2026-01-15T13:00:00Z' }, { work: WORK, at: 'yesterday' }])
      assert.throws(() => tellTrace(wrong, deps), { name: 'UsageError' })
  })

  test('goes to a collector as OTLP, again when it was not taken, each once when it was', async context => {
    const collector = await openCollector(context)
    collector.status = 503
    const stop = new AbortController()
    const { clock, site } = scene
    const exporting = runTraceExport(
      { db: database.db, clock, log: site.log, fetch },
      { url: collector.url, version: '1.2.3' },
      stop.signal,
    )
    await declare()
    await until('it was offered', async () => {
      await clock.advance(10_000)
      return collector.bodies.length > 0
    })
    collector.status = 200
    await until('it was taken', async () => {
      await clock.advance(10_000)
      return collector.taken === 1
    })
    await clock.advance(60_000)
    stop.abort()
    await exporting
    assert.equal(collector.taken, 1)
    const [{ resource, scopeSpans }] = collector.bodies.at(-1).resourceSpans
    assert.deepEqual(resource.attributes[0], { key: 'service.name', value: { stringValue: 'smarthydro' } })
    const [first] = scopeSpans[0].spans
    assert.deepEqual(
      [first.name, first.kind, first.startTimeUnixNano],
      ['declaration', 1, `${BigInt(DUE) * 1_000_000n}`],
    )
    await assert.rejects(
      exportTraces(fetch, { url: 'http://127.0.0.1:9', version: '1' }, []),
      (error: Error) => error instanceof Unavailable && /is not reached/.test(error.message),
    )
  })
})

async function openCollector(context: TestContext) {
  const opened = { url: '', status: 200, taken: 0, bodies: [] as ReturnType<typeof JSON.parse>[] }
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    opened.bodies.push({ path: request.url, ...JSON.parse(text) })
    if (opened.status === 200 && request.url === '/v1/traces') opened.taken += 1
    response.writeHead(opened.status, { 'content-type': 'application/json' }).end('{}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => void server.close())
  opened.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return opened
}
