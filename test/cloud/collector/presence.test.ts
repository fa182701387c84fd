// Gateways that fall silent, and those that are heard though nobody heard them come.

import assert from 'node:assert/strict'
import { after, before, describe, type TestContext, test } from 'node:test'
import { runPresence } from '../../../cloud/collector/presence.ts'
import type { Database } from '../../../cloud/store/database.ts'
import { startEmbeddedPostgres } from '../../../cloud/store/embedded.ts'
import { findGateway, saveGatewayStatus } from '../../../cloud/store/gateways.ts'
import { migrate } from '../../../cloud/store/migrate.ts'
import { openPostgres } from '../../../cloud/store/postgres.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { isAbort } from '../../../protocol/runtime/scope.ts'
import { stateTopic } from '../../../protocol/topics.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { until } from '../../doubles/until.ts'
import { atEnd, temporaryFolder } from '../../edge/buffer/folder.ts'
import { addGateway, HEALTH, T } from './site.ts'

describe('runPresence()', () => {
  let database: TestDatabase
  let db: Database
  before(async () => {
    database = await openTestDatabase()
    db = database.db
  })
  after(() => database.close())

  test('one that is silent is lost, unless it said that it leaves; one that speaks is there; both only when we could have heard', async context => {
    await addSaid(db, 'gw-well', { state: ['ready', 900], health: 10 })
    await addSaid(db, 'gw-silent', { state: ['ready', 900], health: 200 })
    await addSaid(db, 'gw-mute', { state: ['init', 200] })
    await addSaid(db, 'gw-left', { state: ['disconnected', 900], health: 901 })
    await addSaid(db, 'gw-back', { state: ['disconnected', 900], health: 10 })
    await addSaid(db, 'gw-new', { health: 10 })
    await addSaid(db, 'gw-nothing', {})
    let hears: number | undefined
    const { clock, announced, pass } = run(context, db, () => hears)

    await pass(600)
    assert.equal((await states(db))['gw-silent'], 'ready')
    hears = clock.monotonic()
    await pass(135)
    assert.equal((await states(db))['gw-silent'], 'ready')
    await pass(15)

    assert.deepEqual(await states(db), {
      ...{ 'gw-well': 'ready', 'gw-silent': 'lost', 'gw-mute': 'lost', 'gw-left': 'disconnected' },
      ...{ 'gw-back': 'ready', 'gw-new': 'ready', 'gw-nothing': null },
    })
    assert.deepEqual(
      announced.toSorted(([a], [b]) => a.localeCompare(b)),
      [
        [stateTopic('gw-back'), 'ready'],
        [stateTopic('gw-mute'), 'lost'],
        [stateTopic('gw-new'), 'ready'],
        [stateTopic('gw-silent'), 'lost'],
      ],
    )
    const { id = 0 } = (await findGateway(db, 'gw-silent')) ?? {}
    await saveGatewayStatus(db, id, 'health', HEALTH)
    await pass(15)
    assert.equal((await states(db))['gw-silent'], 'ready')
  })

  test('nobody is lost for what the database could not hear while it was away', async context => {
    const dir = await temporaryFolder(context)
    const deps = { clock: systemClock, log: silentLog }
    let server = await startEmbeddedPostgres(deps, { dir })
    atEnd(context, () => server.close())
    const db = openPostgres(deps, { url: server.url, poolMax: 2 })
    atEnd(context, () => db.close())
    await migrate(db, deps)
    await addSaid(db, 'gw-unheard', { state: ['ready', 900], health: 200 })
    const { announced, pass } = run(context, db, () => 0)

    await pass(135)
    await server.close()
    await pass(15)
    server = await startEmbeddedPostgres(deps, { dir, port: Number(new URL(server.url).port) })
    await pass(135)
    assert.deepEqual(announced, [])
    await pass(15)

    assert.deepEqual(announced, [[stateTopic('gw-unheard'), 'lost']])
  })
})

/** A gateway that said these things, so many seconds ago. */
async function addSaid(
  db: Database,
  slug: string,
  said: { state?: [string, number]; health?: number },
): Promise<void> {
  await addGateway(db, slug)
  const { id = 0 } = (await findGateway(db, slug)) ?? {}
  if (said.state !== undefined) {
    await saveGatewayStatus(db, id, 'state', { v: 1, state: said.state[0], version: '1.0.0', since: T })
  }
  if (said.health !== undefined) await saveGatewayStatus(db, id, 'health', HEALTH)
  await db.query(
    `update gateways set state_at = state_at - $2 * interval '1 s', health_at = health_at - $3 * interval '1 s' where id = $1`,
    [id, said.state?.[1] ?? 0, said.health ?? 0],
  )
}

/** What is said of every gateway. */
async function states(db: Database): Promise<Record<string, string | null>> {
  const rows = await db.query<{ slug: string; state: string | null }>(
    `select slug, state->>'state' as state from gateways order by slug`,
  )
  return Object.fromEntries(rows.map(({ slug, state }) => [slug, state]))
}

/** Runs presence on a clock that stands still. */
function run(context: TestContext, db: Database, hearsSince: () => number | undefined) {
  const clock = openFakeClock()
  const announced: [string, string][] = []
  const stop = new AbortController()
  const deps = {
    ...{ db, clock, log: silentLog, hearsSince },
    announce: (topic: string, payload: string) => announced.push([topic, JSON.parse(payload).state]),
  }
  const done = runPresence(deps, stop.signal).catch((error: unknown) => {
    if (!isAbort(error, stop.signal)) throw error
  })
  atEnd(context, () => {
    stop.abort(new Error('stop'))
    return done
  })
  /** Lets so much time pass, look by look. */
  const pass = async (seconds: number) => {
    for (let passed = 0; passed < seconds; passed += 15) {
      await until('it sleeps', () => clock.sleepers() === 1)
      await clock.advance(15_000)
    }
    await until('it sleeps', () => clock.sleepers() === 1)
  }
  return { clock, announced, pass }
}
