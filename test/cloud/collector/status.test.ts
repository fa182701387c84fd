// What a gateway says of itself: the last stands, and nothing is taken that is not kept.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { COLLECTOR_METRICS } from '../../../cloud/collector/service.ts'
import { openStatusKeeper } from '../../../cloud/collector/status.ts'
import { type Database, DatabaseRefused } from '../../../cloud/store/database.ts'
import { findGateway, type GatewayRow } from '../../../cloud/store/gateways.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { openMetrics } from '../../../protocol/runtime/metrics.ts'
import { healthTopic, stateTopic } from '../../../protocol/topics.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { until } from '../../doubles/until.ts'
import { addGateway, HEALTH, T } from './site.ts'

describe('openStatusKeeper()', () => {
  let database: TestDatabase
  let db: Database
  before(async () => {
    database = await openTestDatabase()
    db = database.db
  })
  after(() => database.close())

  const openKeeper = () => {
    const keeper = openStatusKeeper({ db, log: silentLog, metrics: openMetrics(COLLECTOR_METRICS) })
    const says = (gateway: GatewayRow, kind: 'state' | 'health', document: unknown) => {
      const topic = kind === 'state' ? stateTopic(gateway.slug) : healthTopic(gateway.slug)
      const payload = Buffer.from(JSON.stringify(document))
      return keeper.take(gateway, { kind, gateway: gateway.slug }, { topic, payload }, 'mqtt')
    }
    return { says }
  }
  const gatewayOf = async (slug: string): Promise<GatewayRow> => {
    await addGateway(db, slug)
    const gateway = await findGateway(db, slug)
    assert.ok(gateway)
    return gateway
  }
  const stateOf = (version: string) => ({ v: 1, state: 'ready', version, since: T })

  test('keeps what a gateway said last, also when what it said before is slow to be kept', async () => {
    const { says } = openKeeper()
    const [gateway, other] = [await gatewayOf('gw-orderly'), await gatewayOf('gw-other')]
    await db.script(`
      create sequence updates;
      create function hold_the_first() returns trigger language plpgsql as
        $$ begin if nextval('updates') = 1 then perform pg_advisory_xact_lock(1); end if; return null; end $$;
      create trigger hold before update on gateways for each statement execute function hold_the_first()`)

    const said = await db.transaction(async tx => {
      await tx.query('select pg_advisory_xact_lock(1)')
      const first = says(gateway, 'state', stateOf('1.0.0'))
      await until('the first is held', async () => {
        const held = await db.query(`select 1 from pg_locks where locktype = 'advisory' and not granted`)
        return held.length > 0
      })
      const second = says(gateway, 'state', stateOf('2.0.0'))
      await says(other, 'state', stateOf('3.0.0'))
      return [first, second]
    })
    await Promise.all(said)
    await db.script('drop trigger hold on gateways')

    assert.deepEqual(
      await db.query(`select state->>'version' as version from gateways where id = $1`, [gateway.id]),
      [{ version: '2.0.0' }],
    )
  })

  test('takes nothing while the database refuses everything, and goes on when it does no more', async () => {
    const { says } = openKeeper()
    const gateway = await gatewayOf('gw-refused')
    await db.script('alter table gateways rename column health to health_away')

    await assert.rejects(
      says(gateway, 'health', HEALTH),
      (error: unknown) => error instanceof DatabaseRefused && error.code === '42703',
    )
    await db.script('alter table gateways rename column health_away to health')
    await says(gateway, 'health', HEALTH)

    assert.deepEqual(await db.query('select 1 from dead_letters where gateway_id = $1', [gateway.id]), [])
    assert.deepEqual(await db.query('select health from gateways where id = $1', [gateway.id]), [
      { health: HEALTH },
    ])
  })
})
