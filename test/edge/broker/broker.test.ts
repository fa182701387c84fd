// The LAN broker, heard by Mosquitto's own clients.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { type LanBroker, openLanBroker } from '../../../edge/broker.ts'
import { GATEWAY_METRICS } from '../../../edge/health.ts'
import { RawMessage } from '../../../protocol/raw.ts'
import type { Reading } from '../../../protocol/reading.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { ConfigError } from '../../../protocol/runtime/errors.ts'
import { type Metrics, openMetrics } from '../../../protocol/runtime/metrics.ts'
import { connectClient } from '../../doubles/gateway-client.ts'
import { until } from '../../doubles/until.ts'
import { skipWithout } from '../../peers.ts'
import { atEnd, keptLog } from '../buffer/folder.ts'

const AT = Date.parse('2026-01-15T12:00:00Z')
const TOPIC = 'raw/v1/campo/los-aromos/pozo-7/flow'

const READING: Reading = {
  ...{ seq: 88_001, point: 'pozo-7', variable: 'flow', at: AT },
  ...{ value: 12.47, quality: 'good', timeQuality: 'synced' },
}

interface Stage {
  broker: LanBroker
  metrics: Metrics
  said: ReturnType<typeof keptLog>['said']
}

async function openStage(context: TestContext): Promise<Stage> {
  const { log, said } = keptLog()
  const metrics = openMetrics(GATEWAY_METRICS)
  const options = { host: '127.0.0.1', port: 0, client: 'campo', project: 'los-aromos' }
  const broker = await openLanBroker({ clock: systemClock, log, metrics }, options)
  atEnd(context, () => broker.close())
  return { broker, metrics, said }
}

interface Listener {
  child: ChildProcess
  lines: string[]
}

/** mosquitto_sub, subscribed. Lines are `retained topic payload`. */
async function listen(context: TestContext, { port }: LanBroker, filter: string): Promise<Listener> {
  const args = ['-h', '127.0.0.1', '-p', `${port}`, '-t', filter, '-F', '%r %t %p', '-d']
  const child = spawn('stdbuf', ['-oL', 'mosquitto_sub', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  atEnd(context, async () => {
    child.kill()
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  let text = ''
  const lines: string[] = []
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    lines.splice(0, lines.length, ...text.split('\n').filter(line => /^[01] /.test(line)))
  })
  await until('it is subscribed', () => /Subscribed|SUBACK/.test(text))
  return { child, lines }
}

const parsed = (line = ''): RawMessage => RawMessage.parse(JSON.parse(line.split(' ').slice(2).join(' ')))

describe('the LAN broker and Mosquitto’s clients', { skip: skipWithout('mosquitto_sub') }, () => {
  test('mosquitto_sub receives each reading on its topic, in the documented form', async context => {
    const { broker } = await openStage(context)
    const { lines } = await listen(context, broker, 'raw/v1/#')

    broker.publish([
      READING,
      { ...READING, seq: 88_002, variable: 'level', value: null, quality: 'no_answer' },
    ])
    await until('both came', () => lines.length === 2)

    assert.deepEqual(lines.sort(), [
      `0 ${TOPIC} {"v":12.47,"ts":${AT},"q":"good","u":"L/s","seq":88001,"tq":"synced"}`,
      `0 raw/v1/campo/los-aromos/pozo-7/level {"v":null,"ts":${AT},"q":"no_answer","u":"m","seq":88002,"tq":"synced"}`,
    ])
  })

  test('who comes later gets the newest reading of each series at once; a late one is marked and never kept', async context => {
    const { broker } = await openStage(context)
    const first = await listen(context, broker, 'raw/v1/campo/#')
    broker.publish([READING])
    broker.publish([{ ...READING, seq: 88_003, at: AT + 1_000, value: 13 }])
    broker.publish([{ ...READING, seq: 88_004, at: AT - 60_000, value: 9 }])
    await until('all came', () => first.lines.length === 3)
    assert.deepEqual(
      first.lines.map(line => [parsed(line).seq, parsed(line).h]),
      [
        [88_001, undefined],
        [88_003, undefined],
        [88_004, true],
      ],
    )

    const later = await listen(context, broker, 'raw/v1/campo/los-aromos/+/flow')
    await until('the retained one came', () => later.lines.length > 0)

    assert.equal(later.lines.length, 1)
    assert.ok(later.lines[0]?.startsWith('1 '))
    assert.deepEqual(parsed(later.lines[0]).seq, 88_003)
  })

  test('mosquitto_pub can publish nothing, not even as its last will', async context => {
    const { broker, metrics, said } = await openStage(context)
    const { lines } = await listen(context, broker, 'raw/v1/#')
    const at = ['-h', '127.0.0.1', '-p', `${broker.port}`]
    const publisher = spawn('mosquitto_pub', [...at, '-t', TOPIC, '-m', '{"v":0}', '-r', '-q', '1'])
    await once(publisher, 'exit')
    const will = ['--will-topic', TOPIC, '--will-payload', '{"v":0}', '--will-retain']
    const dying = spawn('mosquitto_sub', [...at, '-t', 'raw/v1/#', ...will])
    await until('it is connected', () => metrics.read()['gateway_lan_dropped_total{what="publish"}'] === 1)
    await until('it has subscribed', async () => {
      broker.publish([READING])
      return lines.length > 0
    })
    dying.kill('SIGKILL')
    await once(dying, 'exit')

    broker.publish([{ ...READING, seq: 90_000 }])
    await until('ours came', () => lines.some(line => parsed(line).seq === 90_000))
    assert.ok(lines.every(line => parsed(line).v === 12.47))
    assert.equal(said('publish refused on the LAN')[0]?.topic, TOPIC)
    const fresh = await listen(context, broker, 'raw/v1/#')
    await until('the retained one came', () => fresh.lines.length === 1)
    assert.equal(parsed(fresh.lines[0]).seq, 90_000)
  })
})

test('nothing but raw data can be subscribed to, and not without end', async context => {
  const { broker } = await openStage(context)
  const client = await connectClient(broker.port, { clientId: 'curious' })
  atEnd(context, () => client.close())

  for (const filter of ['#', '+/v1/#', '$SYS/#', 'gw/v1/#']) {
    assert.equal(await client.subscribe(filter), 128, filter)
  }
  for (let index = 0; index < 100; index += 1) {
    assert.notEqual(await client.subscribe(`raw/v1/campo/p/pozo-${index}/flow`), 128)
  }
  assert.equal(await client.subscribe('raw/v1/campo/p/pozo-100/flow'), 128)
})

test('a subscriber that does not read is cut off, and another one neither misses nor waits for anything (L1)', async context => {
  const { broker, metrics, said } = await openStage(context)
  const frozen = await rawSubscriber(broker.port, 'frozen')
  atEnd(context, () => frozen.destroy())
  frozen.pause()
  const healthy = await connectClient(broker.port, { clientId: 'healthy' })
  atEnd(context, () => healthy.close())
  await healthy.subscribe('raw/v1/#')
  let shown = 0

  // Until the sockets between here and there are full. Readings come also while the healthy one has not had the last
  // ones: if it had to wait for the frozen one, soon more would wait than may.
  await until(
    'the frozen one is cut off',
    () => {
      const count = healthy.messages.length === shown ? 800 : 50
      broker.publish(Array.from({ length: count }, (_, index) => ({ ...READING, seq: shown + index + 1 })))
      shown += count
      return said('LAN client cut off: it does not read').length > 0
    },
    { timeoutMs: 60_000 },
  )
  broker.publish([{ ...READING, seq: shown + 1 }])
  await until('all came', () => healthy.messages.length === shown + 1)

  assert.equal(metrics.read()['gateway_lan_dropped_total{what="reading"}'], undefined)
  assert.equal(metrics.read()['gateway_lan_dropped_total{what="connection"}'], 1)
  assert.deepEqual(
    said('LAN client cut off: it does not read').map(({ clientId }) => clientId),
    ['/frozen'],
  )
})

test('who says too much is cut off, and so is the connection after the last one (L2)', async context => {
  const { broker, metrics, said } = await openStage(context)
  const flood = connect(broker.port, '127.0.0.1')
  flood.on('error', () => {})
  // A CONNECT that claims to have 256 MB.
  flood.write(Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f, 0, 4, 77, 81, 84, 84, 4, 2, 0, 60, 255, 255]))
  const chunk = Buffer.alloc(65_536)
  await until('it is cut off', () => {
    if (!flood.destroyed) flood.write(chunk)
    return flood.destroyed
  })
  assert.equal(said('LAN client cut off: it said too much').length, 1)
  assert.equal(metrics.read()['gateway_lan_dropped_total{what="connection"}'], 1)

  const clients = await Promise.all(
    Array.from({ length: 64 }, (_, index) => connectClient(broker.port, { clientId: `client-${index}` })),
  )
  atEnd(context, () => Promise.all(clients.map(client => client.close())))
  await assert.rejects(connectClient(broker.port, { clientId: 'one too many' }))
  await until('it was refused', () => said('LAN connection refused').length === 1)
  assert.equal(metrics.read()['gateway_lan_dropped_total{what="connection"}'], 2)
})

test('an address that connects and never signs in takes nobody’s place (L2)', async context => {
  const { broker, metrics, said } = await openStage(context)
  const idle = Array.from({ length: 64 }, () => connect(broker.port, '127.0.0.1').on('error', () => {}))
  atEnd(context, () => idle.map(socket => socket.destroy()))
  await until('all but some are closed', () => said('LAN connection refused').length === 48)

  const elsewhere = await rawSubscriber(broker.port, 'elsewhere', '127.0.0.2')
  atEnd(context, () => elsewhere.destroy())

  assert.equal(metrics.read()['gateway_lan_dropped_total{what="connection"}'], 48)
  for (const socket of idle) socket.destroy()
  await until('there is room again', async () => {
    const again = await connectClient(broker.port, { clientId: 'again' }).catch(() => undefined)
    await again?.close()
    return again !== undefined
  })
})

test('who subscribes again and again, and so has everything retained shown again, is cut off (L2)', async context => {
  const { broker, said } = await openStage(context)
  const { port } = broker
  const greedy = await rawSubscriber(port, 'greedy')
  atEnd(context, () => greedy.destroy())
  greedy.resume()
  const modest = await rawSubscriber(port, 'modest')
  atEnd(context, () => modest.destroy())
  let answered = 0
  modest.on('data', chunk => (answered += chunk.length))

  // With the one that rawSubscriber() asked for itself, as often as may be.
  modest.write(Buffer.concat(Array.from({ length: 299 }, () => SUBSCRIBE)))
  greedy.write(Buffer.concat(Array.from({ length: 300 }, () => SUBSCRIBE)))
  await until('the greedy one is cut off', () => greedy.destroyed)
  await until('the modest one has its answers', () => answered === 299 * 5)

  assert.deepEqual(
    said('LAN client failed').map(({ clientId, reason }) => [clientId, reason]),
    [['/greedy', 'It subscribed too often']],
  )
})

test('a port that is taken is a mistake of the configuration', async context => {
  const { broker } = await openStage(context)
  const deps = { clock: systemClock, log: keptLog().log, metrics: openMetrics(GATEWAY_METRICS) }
  const options = { host: '127.0.0.1', port: broker.port, client: 'campo', project: 'los-aromos' }

  await assert.rejects(openLanBroker(deps, options), (error: unknown) => {
    assert.ok(error instanceof ConfigError)
    assert.match(error.mistakes[0]?.message ?? '', /cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE/)
    return error.mistakes[0]?.path === 'lanBroker'
  })
})

const mqttText = (value: string) => Buffer.concat([Buffer.from([0, value.length]), Buffer.from(value)])
const mqttPacket = (type: number, body: Buffer) => Buffer.concat([Buffer.from([type, body.length]), body])
const SUBSCRIBE = mqttPacket(
  0x82,
  Buffer.concat([Buffer.from([0, 1]), mqttText('raw/v1/#'), Buffer.from([0])]),
)

/** A subscriber on a bare socket, whose reading a test can stop. MQTT 3.1.1, sections 3.1 and 3.8. */
async function rawSubscriber(port: number, clientId: string, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress }).on('error', () => {})
  await once(socket, 'connect')
  socket.write(
    mqttPacket(0x10, Buffer.concat([mqttText('MQTT'), Buffer.from([4, 2, 0, 0]), mqttText(clientId)])),
  )
  await once(socket, 'data')
  socket.write(SUBSCRIBE)
  await once(socket, 'data')
  return socket
}
