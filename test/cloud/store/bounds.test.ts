// What the store keeps of gateways that send and send what nobody can use: so much, and no more.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commitBatches, TABLES_KEPT_MAX } from '../../../cloud/store/batches.ts'
import { DatabaseRefused } from '../../../cloud/store/database.ts'
import { markReplayed, setAside } from '../../../cloud/store/gateways.ts'
import { DISCOVERED_MAX } from '../../../cloud/store/series.ts'
import { describeOnEveryDatabase } from '../../doubles/databases.ts'
import { batchOf, reading, site, T } from './site.ts'

describeOnEveryDatabase('the bounds of the store', ({ db }) => {
  /** A gateway of which two messages are kept, and what is kept of it, the one that came last at the end. */
  const lettersOf = async (slug: string) => {
    const { gateway } = await site(db, slug)
    const { gatewayId } = gateway
    const kept = () =>
      db.query<{ id: number; text: string; times: number; replayed: boolean }>(
        `select id, convert_from(bytes, 'UTF8') as text, times, replayed_at is not null as replayed
           from dead_letters where gateway_id = $1 order by receipt`,
        [gatewayId],
      )
    return {
      /** Returns how many were lost for it. */
      put: async (text: string) => {
        const letter = {
          gatewayId,
          topic: 'gw/v1/gw/up/live',
          bytes: Buffer.from(text),
          reason: `no ${text}`,
        }
        return (await setAside(db, letter, { lettersMax: 2 })).dropped
      },
      replay: async (text: string) => {
        const letter = (await kept()).find(one => one.text === text)
        await markReplayed(db, letter?.id ?? 0, T)
      },
      kept: async () => (await kept()).map(({ text, times, replayed }) => [text, times, replayed]),
    }
  }

  test('setAside() keeps a message that comes again once, counts it, and drops what came longest ago beyond the bound', async () => {
    const { put, kept } = await lettersOf('letters')

    const dropped = []
    for (const text of ['a', 'a', 'b', 'a', 'c']) dropped.push(await put(text))

    assert.deepEqual(dropped, [0, 0, 0, 0, 1])
    assert.deepEqual(await kept(), [
      ['a', 3, false],
      ['c', 1, false],
    ])
  })

  test('setAside() drops what was taken in again before anything that was not, and that is no loss', async () => {
    const { put, replay, kept } = await lettersOf('replayed')

    for (const text of ['a', 'b']) await put(text)
    await replay('b')
    const dropped = await put('c')

    assert.equal(dropped, 0)
    assert.deepEqual(await kept(), [
      ['a', 1, false],
      ['c', 1, false],
    ])
  })

  test('setAside() keeps what comes again after it was taken in as something that is to be taken in', async () => {
    const { put, replay, kept } = await lettersOf('returned')

    await put('a')
    await replay('a')
    assert.deepEqual(await kept(), [['a', 1, true]])
    await put('a')

    assert.deepEqual(await kept(), [['a', 2, false]])
  })

  test('setAside() keeps as many of nobody as of any gateway', async () => {
    const letters = () => db.query('select 1 from dead_letters where gateway_id is null')
    const putOfNobody = (text: string) =>
      setAside(
        db,
        { gatewayId: 2_000_000_000, topic: 'gw/v1/gone/up/live', bytes: Buffer.from(text), reason: 'no' },
        { lettersMax: 2 },
      )

    for (const text of ['a', 'b', 'c']) await putOfNobody(text)

    assert.equal((await letters()).length, 2)
  })

  test('commitBatches() forgets the oldest of a gateway’s tables beyond their bound', async () => {
    const { deps, gateway } = await site(db, 'tables')
    await db.query(
      `insert into series_tables (gateway_id, id, bytes, first_seen_at)
         select $1, decode(lpad(to_hex(n), 16, '0'), 'hex'), '', to_timestamp(n) from generate_series(1, $2) as n`,
      [gateway.gatewayId, TABLES_KEPT_MAX],
    )
    const table = { id: 'ffffffffffffffff', bytes: Buffer.from('{}') }
    const batch = batchOf(1, [reading(1, 'pozo-7', 'flow', T, 1)])

    await commitBatches(deps, [{ ...gateway, lane: 'live', batch, table }])

    const [kept] = await db.query<{ count: number; oldest: string; newest: string }>(
      `select count(*), min(encode(id, 'hex')) as oldest, max(encode(id, 'hex')) as newest
         from series_tables where gateway_id = $1`,
      [gateway.gatewayId],
    )
    assert.deepEqual(kept, { count: TABLES_KEPT_MAX, oldest: '0000000000000002', newest: table.id })
  })

  test('commitBatches() makes no more points that nobody provisioned than a project may have', async () => {
    const { deps, gateway } = await site(db, 'crowd')
    await db.query(
      `insert into points (project_id, slug, name, origin)
         select $1, 'p-' || n, 'p', 'discovered' from generate_series(1, $2) as n`,
      [gateway.projectId, DISCOVERED_MAX],
    )
    const known = batchOf(1, [reading(1, 'p-1', 'flow', T, 1)])
    const more = batchOf(2, [reading(1, 'pozo-7', 'flow', T, 1)])

    await commitBatches(deps, [{ ...gateway, lane: 'live', batch: known }])

    await assert.rejects(
      commitBatches(deps, [{ ...gateway, lane: 'live', batch: more }]),
      (error: unknown) =>
        error instanceof DatabaseRefused &&
        error.isAboutData &&
        /project crowd has 10000 points/.test(error.message),
    )
    assert.deepEqual(
      await db.query(`select 1 from points where project_id = $1 and slug = 'pozo-7'`, [gateway.projectId]),
      [],
    )
  })
})
