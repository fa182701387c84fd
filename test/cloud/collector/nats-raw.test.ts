// The promises of cloud/collector/nats-raw.ts, on the real nats-server.

import assert from 'node:assert/strict'
import { after, before, describe, type TestContext, test } from 'node:test'
import { openRawSpeaker } from '../../../cloud/collector/nats-raw.ts'
import { COLLECTOR_METRICS } from '../../../cloud/collector/service.ts'
import { openNatsSession } from '../../../protocol/nats.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { openMetrics } from '../../../protocol/runtime/metrics.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { type NatsServer, openNatsServer } from '../../doubles/nats-server.ts'
import { until } from '../../doubles/until.ts'
import { atEnd } from '../../edge/buffer/folder.ts'
import { skipWithout } from '../../peers.ts'

describe('openRawSpeaker()', { skip: skipWithout('nats_server') }, () => {
  let server: NatsServer
  before(async () => {
    server = await openNatsServer()
  })
  after(() => server.close())

  const connect = async (context: TestContext, subjects: string[] = []) => {
    const heard: string[] = []
    const session = await openNatsSession(
      { clock: systemClock },
      { url: `nats://127.0.0.1:${server.port}`, name: 'test' },
      {
        subjects,
        onMessage: (subject, payload) => void heard.push(`${subject} ${Buffer.from(payload)}`),
        ...{ timeoutMs: 10_000, silenceMs: 20_000 },
      },
      new AbortController().signal,
    )
    atEnd(context, () => session.close())
    return { session, heard }
  }
  const openSpeaker = async (context: TestContext, bounds: { untakenBytesMax?: number } = {}) => {
    const clock = openFakeClock()
    const metrics = openMetrics(COLLECTOR_METRICS)
    const { session } = await connect(context)
    const dropped = () => metrics.read()['collector_spread_dropped_total{what="message"}'] ?? 0
    return { clock, session, dropped, ...openRawSpeaker({ session, clock, metrics }, bounds) }
  }

  test('W2: leaves a topic alone that nobody hears, and finds out two seconds later that somebody does', async context => {
    const { clock, wants, say } = await openSpeaker(context)
    assert.ok(wants('raw/v1/c/p/w/flow'))
    say('raw/v1/c/p/w/flow', '1')
    await until('it knows that nobody hears it', () => !wants('raw/v1/c/p/w/flow'))

    const { heard } = await connect(context, ['raw.v1.c.>'])
    say('raw/v1/c/p/w/flow', '2')
    await clock.advance(2_000)
    assert.ok(wants('raw/v1/c/p/w/flow'))
    for (const text of ['3', '4']) say('raw/v1/c/p/w/flow', text)

    await until('it is heard', () => heard.length === 2)
    assert.deepEqual(heard, ['raw.v1.c.p.w.flow 3', 'raw.v1.c.p.w.flow 4'])
  })

  test('W2: says all of a topic that is heard, and leaves the others alone meanwhile', async context => {
    const { wants, say } = await openSpeaker(context)
    const { heard } = await connect(context, ['raw.v1.c.p.w.flow'])

    for (let count = 0; count < 100; count += 1) {
      say('raw/v1/c/p/w/flow', String(count))
      say('raw/v1/c/p/w/level', String(count))
    }
    await until('all of it is heard', () => heard.length === 100)

    assert.deepEqual([wants('raw/v1/c/p/w/flow'), wants('raw/v1/c/p/w/level')], [true, false])
  })

  test('W1: drops and counts what nats-server does not take, and goes on when it does', async context => {
    const { say, dropped } = await openSpeaker(context, { untakenBytesMax: 2 ** 20 })
    const { heard } = await connect(context, ['raw.v1.>'])
    const large = 'x'.repeat(2 ** 18)

    for (let count = 0; count < 10; count += 1) say('raw/v1/c/p/w/flow', large)
    assert.equal(dropped(), 6)
    await until('it took four', () => heard.length === 4)
    await until('there is room again', () => {
      say('raw/v1/c/p/w/flow', 'small')
      return heard.some(text => text.endsWith('small'))
    })
  })
})
