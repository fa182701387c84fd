// What the store keeps of gateways that send and send what nobody can use: so much, and no more.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { commitBatches, TABLES_KEPT_MAX } from '../../../cloud/store/batches.ts'
import { type Database, DatabaseRefused } from '../../../cloud/store/database.ts'
import { setAside } from '../../../cloud/store/gateways.ts'
import { migrate } from '../../../cloud/store/migrate.ts'
import { DISCOVERED_MAX } from '../../../cloud/store/series.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { BACKENDS, type TestDatabase, type TestServer } from '../../doubles/databases.ts'
import { batchOf, reading, site, T } from './site.ts'

for (const backend of BACKENDS) {
  describe(`the bounds of the store on ${backend.name}`, { skip: backend.skip }, () => {
    let server: TestServer
    let database: TestDatabase
    let db: Database
    before(async () => {
      server = await backend.start()
      database = await server.create()
      db = database.db
      await migrate(db, { log: silentLog })
    })
    after(async () => {
      await database.close()
      await server.close()
    })

    test('setAside() keeps a message that comes again once, counts it, and drops the oldest of a gateway beyond its bound', async () => {
      const { gateway } = await site(db, 'letters')
      const { gatewayId } = gateway
      const put = (text: string) =>
        setAside(
          db,
          { gatewayId, topic: 'gw/v1/gw/up/live', bytes: Buffer.from(text), reason: `no ${text}` },
          { lettersMax: 2 },
        )

      const dropped = []
      for (const text of ['a', 'a', 'b', 'a', 'c']) dropped.push((await put(text)).dropped)

      assert.deepEqual(dropped, [0, 0, 0, 0, 1])
      assert.deepEqual(
        await db.query(
          `select convert_from(bytes, 'UTF8') as text, times from dead_letters where gateway_id = $1 order by id`,
          [gatewayId],
        ),
        [
          { text: 'b', times: 1 },
          { text: 'c', times: 1 },
        ],
      )
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
}
