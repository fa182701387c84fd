// Gateways that fall silent, and those that are heard though nobody heard them come.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { runPresence } from '../../../cloud/collector/presence.ts'
import type { Database } from '../../../cloud/store/database.ts'
import { findGateway, saveGatewayStatus } from '../../../cloud/store/gateways.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { isAbort } from '../../../protocol/runtime/scope.ts'
import { stateTopic } from '../../../protocol/topics.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { until } from '../../doubles/until.ts'
import { atEnd } from '../../edge/buffer/folder.ts'
import { addGateway, HEALTH, T } from './site.ts'

describe('runPresence()', () => {
  let database: TestDatabase
  let db: Database
  before(async () => {
    database = await openTestDatabase()
    db = database.db
  })
  after(() => database.close())

  /** A gateway that said these things, so many seconds ago. */
  const addSaid = async (slug: string, said: { state?: [string, number]; health?: number }) => {
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
  const states = async () => {
    const rows = await db.query<{ slug: string; state: string | null }>(
      `select slug, state->>'state' as state from gateways order by slug`,
    )
    return Object.fromEntries(rows.map(({ slug, state }) => [slug, state]))
  }

  test('one that is silent is lost, unless it said that it leaves; one that speaks is there; both only when we could have heard', async context => {
    await addSaid('gw-well', { state: ['ready', 900], health: 10 })
    await addSaid('gw-silent', { state: ['ready', 900], health: 200 })
    await addSaid('gw-mute', { state: ['init', 200] })
    await addSaid('gw-left', { state: ['disconnected', 900], health: 901 })
    await addSaid('gw-back', { state: ['disconnected', 900], health: 10 })
    await addSaid('gw-new', { health: 10 })
    await addSaid('gw-nothing', {})
    const clock = openFakeClock()
    const announced: [string, string][] = []
    let hears: number | undefined
    const stop = new AbortController()
    const deps = {
      ...{ db, clock, log: silentLog },
      hearsSince: () => hears,
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

    await pass(600)
    assert.equal((await states())['gw-silent'], 'ready')
    hears = clock.monotonic()
    await pass(135)
    assert.equal((await states())['gw-silent'], 'ready')
    await pass(15)

    assert.deepEqual(await states(), {
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
    assert.equal((await states())['gw-silent'], 'ready')
  })
})
