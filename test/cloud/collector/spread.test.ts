// How the collector’s broker says things to subscribers: whoever listens holds nobody up, and asks for so much and no more.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { type BrokerDeps, openBroker } from '../../../cloud/collector/broker.ts'
import { filtersOf } from '../../../cloud/collector/guests.ts'
import { matches } from '../../../cloud/collector/raw.ts'
import { COLLECTOR_METRICS } from '../../../cloud/collector/service.ts'
import { openSpread } from '../../../cloud/collector/spread.ts'
import { openMetrics } from '../../../protocol/runtime/metrics.ts'
import { ackTopic, desiredTopic, stateTopic } from '../../../protocol/topics.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { freeze } from '../../doubles/frozen-subscriber.ts'
import { connectClient } from '../../doubles/gateway-client.ts'
import { until } from '../../doubles/until.ts'
import { atEnd, keptLog } from '../../edge/buffer/folder.ts'
import { SUBSCRIBERS, sha256, TOKEN } from './site.ts'

const READING = 'raw/v1/campo/los-aromos/pozo/flow'

/** A broker that knows one gateway, and who may subscribe. */
async function openScene(context: TestContext, deps: Partial<BrokerDeps> = {}) {
  const clock = openFakeClock()
  const metrics = openMetrics(COLLECTOR_METRICS)
  const { log, said } = keptLog()
  const row = { id: 1, slug: 'gw-1', projectId: 1, project: 'los-aromos', client: 'campo' }
  const broker = await openBroker(
    {
      ...{ clock, log, metrics, onMessage: async () => {}, saidLast: async () => [] },
      findGateway: async slug => (slug === 'gw-1' ? { ...row, tokenHash: sha256(TOKEN) } : undefined),
      authenticateSubscriber: async token => SUBSCRIBERS[token],
      ...deps,
    },
    { host: '127.0.0.1', port: 0 },
  )
  atEnd(context, async () => broker.close())
  const come = async (username: string, password: string) => {
    const client = await connectClient(broker.port, { username, password })
    atEnd(context, () => client.close())
    return client
  }
  return {
    ...{ broker, clock, said },
    count: (name: string) => metrics.read()[name] ?? 0,
    gateway: () => come('gw-1', TOKEN),
    subscriber: () => come('subscriber', 'campo-token'),
  }
}

test('openBroker() cuts off a subscriber that does not read, however much is said, and hears a gateway meanwhile', async context => {
  const { broker, count, gateway } = await openScene(context)
  const frozen = await freeze(broker.port, 'raw/v1/campo/#')
  const ended = new Promise(done => frozen.once('close', done))
  const gw = await gateway()
  const cutOff = () => count('collector_spread_dropped_total{what="subscriber"}')
  const payload = 'x'.repeat(1_000)

  for (let round = 0; cutOff() === 0; round += 1) {
    assert.ok(round < 200, 'it was not cut off')
    for (let one = 0; one < 2_000; one += 1) broker.spread(READING, payload)
    await gw.publish('gw/v1/gw-1/health', '{}')
  }
  frozen.resume()
  await ended

  await gw.publish('gw/v1/gw-1/health', '{}')
  assert.equal(cutOff(), 1)
  assert.equal(broker.hasSubscribers(), false)
})

test('openBroker() says what a gateway says to nobody by itself, and to each subscriber once what it is told to', async context => {
  const { broker, gateway, subscriber } = await openScene(context)
  const [gw, listener] = [await gateway(), await subscriber()]
  await listener.subscribe([stateTopic('gw-1'), 'raw/v1/campo/#', 'raw/v1/campo/+/+/flow'])

  await gw.publish(stateTopic('gw-1'), 'said by the gateway')
  broker.spread(stateTopic('gw-1'), 'said by the collector')
  broker.spread('raw/v1/rival/elsewhere/pozo/flow', 'not for it')
  broker.spread(READING, 'for both of its filters')
  broker.spread('raw/v1/campo/los-aromos/pozo/level', 'for one of them')
  await until('the last one comes', () => listener.messages.length >= 3)

  assert.deepEqual(
    listener.messages.map(({ topic, payload }) => [topic, payload.toString()]),
    [
      [stateTopic('gw-1'), 'said by the collector'],
      [READING, 'for both of its filters'],
      ['raw/v1/campo/los-aromos/pozo/level', 'for one of them'],
    ],
  )
})

test('openBroker() tells a gateway only what it asked to hear', async context => {
  const { broker, gateway } = await openScene(context)
  const gw = await gateway()
  await gw.subscribe(desiredTopic('gw-1'))

  assert.equal(broker.tell('gw-1', { topic: ackTopic('gw-1'), payload: 'an ack' }), false)
  assert.equal(broker.tell('gw-1', { topic: desiredTopic('gw-1'), payload: 'a configuration' }), true)
  await until('it comes', () => gw.messages.length > 0)

  assert.deepEqual(
    gw.messages.map(({ payload }) => payload.toString()),
    ['a configuration'],
  )
})

test('openBroker() grants a session a hundred filters, and another one for each that it gives back', async context => {
  const { broker, count, said, subscriber } = await openScene(context)
  const listener = await subscriber()
  const filters = Array.from({ length: 102 }, (_, index) => `raw/v1/campo/los-aromos/pozo-${index}/#`)

  const granted = await listener.subscribe(filters.slice(0, 100))
  assert.equal(granted.filter(code => code === 128).length, 0)
  for (const filter of filters.slice(100)) assert.equal(await listener.subscribe(filter), 128)
  assert.notEqual(await listener.subscribe(String(filters[0])), 128)
  await listener.unsubscribe(String(filters[1]))
  assert.notEqual(await listener.subscribe(String(filters[100])), 128)
  broker.spread('raw/v1/campo/los-aromos/pozo-1/flow', 'given back')
  broker.spread('raw/v1/campo/los-aromos/pozo-100/flow', 'taken instead')
  await until('it comes', () => listener.messages.length > 0)

  assert.deepEqual(
    listener.messages.map(({ payload }) => payload.toString()),
    ['taken instead'],
  )
  assert.equal(count('collector_refused_total{what="subscription"}'), 2)
  assert.equal(said('subscription refused').length, 1)
})

test('openBroker() says again after a while what is refused, each cause for itself', async context => {
  const { clock, count, said, subscriber } = await openScene(context)
  const listener = await subscriber()

  for (let one = 0; one < 3; one += 1) await listener.subscribe('#')
  await assert.rejects(listener.publish('anything', ''), /closed/i)
  assert.deepEqual([said('subscription refused').length, said('publish refused').length], [1, 1])
  await clock.advance(10_000)
  await (await subscriber()).subscribe('#')

  assert.equal(said('subscription refused').length, 2)
  assert.equal(count('collector_refused_total{what="subscription"}'), 4)
})

test('openBroker() ends a session that subscribes too often, having looked up little for it, one thing at a time', async context => {
  let [asked, atOnce, most] = [0, 0, 0]
  const { count, subscriber } = await openScene(context, {
    saidLast: async () => {
      asked += 1
      atOnce += 1
      most = Math.max(most, atOnce)
      await nextTurn()
      atOnce -= 1
      return []
    },
  })
  const [hasty, patient] = [await subscriber(), await subscriber()]

  void hasty.subscribe(Array.from({ length: 5_000 }, (_, index) => `raw/v1/campo/los-aromos/pozo-${index}/#`))
  await until('it is cut off', () => !hasty.isConnected())
  assert.equal(asked, 0)
  assert.equal(count('collector_refused_total{what="subscription"}'), 1)
  for (let packet = 0; packet < 3; packet += 1) {
    const filters = Array.from({ length: 100 }, (_, index) => `raw/v1/campo/los-aromos/pozo-${index}/#`)
    await patient.subscribe(filters)
  }
  await until('all were looked up', () => asked === 300)
  void patient.subscribe(READING)
  await until('it is cut off too', () => !patient.isConnected())

  assert.equal(most, 1)
})

test('openBroker() shows all that was said last, however much it is, to one that reads', async context => {
  const count = 20_000
  const { subscriber } = await openScene(context, {
    saidLast: async () =>
      Array.from({ length: count }, (_, index) => ({
        topic: READING,
        payload: `${index} ${'x'.repeat(500)}`,
      })),
  })
  const listener = await subscriber()

  await listener.subscribe('raw/v1/campo/#')
  await until('all of it comes', () => listener.messages.length >= count)

  assert.deepEqual(
    listener.messages.map(({ payload }) => Number.parseInt(payload.toString(), 10)),
    Array.from({ length: count }, (_, index) => index),
  )
})

test('openSpread() keeps so many messages, and so many bytes of them; what is too much it drops, counts and says once', async () => {
  const payload = 'four'
  for (const limits of [{ waitingMax: 5 }, { waitingBytesMax: 5 * payload.length }]) {
    const metrics = openMetrics(COLLECTOR_METRICS)
    const { log, said } = keptLog()
    const heard: string[] = []
    const listener = {
      behindBytes: () => 0,
      say: (topic: string) => void heard.push(topic),
      cutOff: () => assert.fail('it was cut off'),
    }
    const deps = { clock: openFakeClock(), log, metrics, listening: () => [listener] }
    const spread = openSpread(deps, limits)

    for (let round = 1; round <= 2; round += 1) {
      // The first one does not wait.
      for (let one = 0; one < 8; one += 1) spread.say(`${round}/${one}`, payload)
      await until('what waited is said', () => heard.length === 6 * round)
    }

    assert.deepEqual(
      heard,
      [1, 2].flatMap(round => [0, 1, 2, 3, 4, 5].map(one => `${round}/${one}`)),
    )
    assert.equal(metrics.read()['collector_spread_dropped_total{what="message"}'], 4)
    assert.equal(said('messages not said to subscribers: too many wait').length, 1)
  }
})

test('filtersOf() finds every filter that a topic matches', () => {
  const level = fc.constantFrom('a', 'b', '')
  const wanted = fc.constantFrom('a', 'b', '', '+')
  fc.assert(
    fc.property(
      fc.array(level, { minLength: 1, maxLength: 4 }),
      fc.array(wanted, { maxLength: 5 }),
      fc.boolean(),
      (levels, filterLevels, isOpen) => {
        const topic = ['raw', 'v1', ...levels].join('/')
        const filter = ['raw', 'v1', ...filterLevels, ...(isOpen ? ['#'] : [])].join('/')
        assert.equal(filtersOf(topic).includes(filter), matches(filter, topic), `${filter} ${topic}`)
      },
    ),
    { numRuns: 2_000 },
  )
})
