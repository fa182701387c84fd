// Commands on their way to gateways, and what came of them.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { RunningCollector } from '../../../cloud/collector/service.ts'
import { COMMANDS_WAITING_MAX } from '../../../cloud/store/commands.ts'
import type { Database } from '../../../cloud/store/database.ts'
import {
  COMMANDS_A_LOOK_MAX,
  findGateway,
  insertCommands,
  saveGatewayStatus,
} from '../../../cloud/store/gateways.ts'
import { Command } from '../../../protocol/command.ts'
import type { ProviderName } from '../../../protocol/ids.ts'
import type { GatewayHealth } from '../../../protocol/status.ts'
import { commandResultTopic, commandTopic } from '../../../protocol/topics.ts'
import { type FakeClock, openFakeClock } from '../../doubles/clock.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { connectClient, connectGateway, type GatewayClient } from '../../doubles/gateway-client.ts'
import { until } from '../../doubles/until.ts'
import { addGateway, HEALTH, openCollector, TOKEN } from './site.ts'

describe('commands', () => {
  let database: TestDatabase
  let db: Database
  let clock: FakeClock
  let collector: RunningCollector
  before(async () => {
    database = await openTestDatabase()
    db = database.db
    clock = openFakeClock()
    collector = await openCollector(db, { clock })
  })
  after(async () => {
    await collector.close()
    await database.close()
  })

  const ask = (provider: string, authorization?: string) =>
    fetch(`http://127.0.0.1:${collector.port}/collect/${provider}`, {
      method: 'POST',
      ...(authorization === undefined ? {} : { headers: { authorization } }),
    })

  const commandsOf = ({ messages, slug }: GatewayClient): Command[] =>
    messages
      .filter(({ topic }) => topic.startsWith(commandTopic(slug, '')))
      .map(({ payload }) => Command.parse(JSON.parse(payload.toString())))

  /** Lets the collector look for commands until one is there. */
  const arrives = (gateway: GatewayClient, count: number) =>
    until(`${count} commands arrive`, async () => {
      await clock.advance(2_000)
      return commandsOf(gateway).length >= count
    })

  /** A gateway that said of itself what it reads, and through whom. */
  const addReading = async (slug: string, ...providers: (ProviderName | undefined)[]) => {
    await addGateway(db, slug)
    const devices = providers.map((provider, index) => ({
      ...{ id: `device-${index}`, ok: 1, failed: 0 },
      ...(provider === undefined ? {} : { provider }),
    }))
    const found = await findGateway(db, slug)
    await saveGatewayStatus(db, found?.id ?? 0, 'health', { ...HEALTH, devices } satisfies GatewayHealth)
  }

  test('POST /collect/{provider} writes a command for every gateway that has it, sends it, and keeps the result', async () => {
    await addReading('gw-asked', undefined, 'twin')
    await addReading('gw-away', 'nettra', 'twin')
    await addReading('gw-modbus', undefined)
    await addGateway(db, 'gw-unheard')
    const gateway = await connectGateway(collector.mqttPort, { slug: 'gw-asked', token: TOKEN })

    const response = await ask('twin', 'Bearer operator')
    await arrives(gateway, 1)

    assert.equal(response.status, 202)
    assert.deepEqual(await response.json(), { provider: 'twin', gateways: 2 })
    const [command] = commandsOf(gateway)
    assert.ok(command?.kind === 'collect')
    assert.deepEqual([command.provider, command.by], ['twin', 'olga'])
    const result = { v: 1, id: command.id, status: 'done', at: clock.now(), readings: 4 }
    await gateway.publish(commandResultTopic('gw-asked', command.id), JSON.stringify(result))
    const rows = await db.query<{ slug: string; result: unknown; sent: boolean }>(
      `select g.slug, k.result, k.sent_at is not null as sent
       from commands k join gateways g on g.id = k.gateway_id order by g.slug`,
    )
    assert.deepEqual(rows, [
      { slug: 'gw-asked', result, sent: true },
      { slug: 'gw-away', result: null, sent: false },
    ])
    await gateway.close()
  })

  test('POST /collect/all asks every gateway, and a provider that nobody has asks none', async () => {
    const gateways = (await db.query('select 1 from gateways')).length

    const all = await ask('all', 'Bearer operator')
    const novus = await ask('novus', 'Bearer operator')

    assert.deepEqual(await all.json(), { provider: 'all', gateways })
    assert.deepEqual(await novus.json(), { provider: 'novus', gateways: 0 })
  })

  test('POST /collect/{provider} refuses who is not an operator, and a provider that there is not', async () => {
    const statuses = [
      await ask('twin'),
      await ask('twin', 'Bearer somebody'),
      await ask('nobody', 'Bearer operator'),
    ]

    assert.deepEqual(
      statuses.map(({ status }) => status),
      [401, 403, 404],
    )
    for (const response of statuses) {
      assert.equal(response.headers.get('content-type'), 'application/problem+json')
    }
  })

  test('runCommands() sends again what has no result, and neither what has one nor what has expired', async () => {
    await addGateway(db, 'gw-again')
    const [row] = await db.query<{ id: number }>(`select id from gateways where slug = 'gw-again'`)
    assert.ok(row)
    const now = clock.now()
    const command = (id: string, expiresAt: number) => ({
      gatewayId: row.id,
      id,
      document: { v: 1, id, expiresAt, by: 'olga', kind: 'restart' },
    })
    await insertCommands(db, [command('lasts', now + 3_600_000), command('expired', now - 1)], { now })
    const gateway = await connectGateway(collector.mqttPort, { slug: 'gw-again', token: TOKEN })

    await arrives(gateway, 2)

    assert.deepEqual(
      commandsOf(gateway).map(({ id }) => id),
      ['lasts', 'lasts'],
    )
    assert.ok(clock.now() - now >= 30_000)
    await gateway.close()
  })

  test('runCommands() sends to everybody else what waits, whatever waits for a gateway that does not listen', async () => {
    await addGateway(db, 'gw-deaf')
    await addGateway(db, 'gw-hears')
    // It signs in, and asks to hear nothing.
    const deaf = await connectClient(collector.mqttPort, { username: 'gw-deaf', password: TOKEN })
    const gateway = await connectGateway(collector.mqttPort, { slug: 'gw-hears', token: TOKEN })
    const give = (slug: string, count: number) =>
      db.query(
        `insert into commands (gateway_id, id, document)
         select g.id, 'r-' || n, jsonb_build_object(
           'v', 1, 'id', 'r-' || n, 'expiresAt', $3::float8, 'by', 'olga', 'kind', 'restart')
         from gateways g, generate_series(1, $2::int) as n where g.slug = $1 order by n`,
        [slug, count, clock.now() + 3_600_000],
      )
    await give('gw-deaf', 1_000)
    await give('gw-hears', COMMANDS_A_LOOK_MAX + 1)

    await arrives(gateway, COMMANDS_A_LOOK_MAX + 1)

    assert.deepEqual(
      commandsOf(gateway).map(({ id }) => id),
      Array.from({ length: COMMANDS_A_LOOK_MAX + 1 }, (_, index) => `r-${index + 1}`),
    )
    await Promise.all([deaf.close(), gateway.close()])
  })

  test('POST /collect/{provider} asks no gateway for which as many commands wait as may', async () => {
    await addReading('gw-full', 'nettra')
    await addReading('gw-room', 'nettra')
    const count = async () => {
      const response = await ask('nettra', 'Bearer operator')
      return ((await response.json()) as { gateways: number }).gateways
    }
    const before = await count()
    await db.query(
      `insert into commands (gateway_id, id, document)
       select g.id, 'r-' || n, jsonb_build_object('expiresAt', $2::float8)
       from gateways g, generate_series(2, $1::int) as n where g.slug = 'gw-full'`,
      [COMMANDS_WAITING_MAX, clock.now() + 1_000],
    )

    const whileFull = await count()
    await clock.advance(1_001)
    const afterwards = await count()

    assert.deepEqual([whileFull, afterwards], [before - 1, before])
  })
})
