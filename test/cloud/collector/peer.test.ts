// The collector against a gateway in another language, which speaks MQTT by itself and knows protocol/README.md only.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import type { RunningCollector } from '../../../cloud/collector/service.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { addGateway, openCollector, TOKEN } from './site.ts'

describe('a gateway written in another language from protocol/README.md alone', () => {
  let database: TestDatabase
  let collector: RunningCollector
  before(async () => {
    database = await openTestDatabase()
    collector = await openCollector(database.db)
  })
  after(async () => {
    await collector.close()
    await database.close()
  })

  test('is let in, hears what it may, is asked for its table, and has its readings committed', async () => {
    await addGateway(database.db, 'gw-py')
    const script = new URL('../../peers/gateway.py', import.meta.url).pathname
    const args = [script, String(collector.mqttPort), 'gw-py', TOKEN]

    const { stdout } = await promisify(execFile)('/usr/bin/python3', args, { encoding: 'utf8' })

    const ack = (first: number, status: string) => [
      'gw/v1/gw-py/down/ack',
      { v: 1, epoch: 99, lane: 'live', first, through: first + 5, status, rejected: [] },
    ]
    assert.deepEqual(
      stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line)),
      [
        { what: 'connack to MQTT 5', value: 1 },
        { what: 'connack with a wrong token', value: 4 },
        { what: 'connack', value: 0 },
        { what: 'suback', value: [1, 1, 1, 128, 128] },
        { what: 'ack', value: ack(41, 'table-unknown') },
        { what: 'ack', value: ack(41, 'committed') },
        { what: 'ack', value: ack(47, 'committed') },
        { what: 'connack of a second connection', value: 0 },
        { what: 'first connection', value: 'closed' },
        { what: "publish to another's topic", value: 'closed' },
      ],
    )
    assert.deepEqual(
      await database.db.query(
        `select p.slug as point, p.origin, count(*)::int as readings
         from readings r join series s on s.id = r.series_id join points p on p.id = s.point_id
         group by 1, 2 order by 1`,
      ),
      [
        { point: 'pozo-7', origin: 'discovered', readings: 3 },
        { point: 'pozo-8', origin: 'discovered', readings: 1 },
      ],
    )
  })
})
