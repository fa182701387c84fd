// The gate's bounds, and its patience, through the real nats-server.

import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { connect } from 'nats'
import { type NatsGate, type NatsGateLimits, openNatsGate } from '../../../cloud/collector/nats-gate.ts'
import { COLLECTOR_METRICS } from '../../../cloud/collector/service.ts'
import { BATCH_BYTES_MAX, TABLE_BYTES_MAX } from '../../../protocol/batch.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { Unavailable } from '../../../protocol/runtime/errors.ts'
import { openMetrics } from '../../../protocol/runtime/metrics.ts'
import { isAbort } from '../../../protocol/runtime/scope.ts'
import { healthTopic, toSubject } from '../../../protocol/topics.ts'
import { openNatsServer } from '../../doubles/nats-server.ts'
import { freePort } from '../../doubles/ports.ts'
import { until } from '../../doubles/until.ts'
import { atEnd, keptLog } from '../../edge/buffer/folder.ts'
import { skipWithout } from '../../peers.ts'
import { sha256 } from './site.ts'

/** A gate whose messages stay in hand until a test lets them go, and whose first look-ups may fail. */
function openGate(
  context: TestContext,
  port: number,
  limits: NatsGateLimits = {},
  { failing = 0 }: { failing?: number } = {},
) {
  const metrics = openMetrics(COLLECTOR_METRICS)
  const { log, said } = keptLog()
  const taken: string[] = []
  const inHand: PromiseWithResolvers<void>[] = []
  const asked: string[] = []
  const gate: NatsGate = openNatsGate(
    {
      ...{ clock: systemClock, log, metrics, random: () => 0.1 },
      findGateway: async slug => {
        asked.push(slug)
        if (asked.length <= failing) throw new Unavailable('the database is away')
        return { id: 1, slug, projectId: 1, project: 'p', client: 'c', tokenHash: sha256('x') }
      },
      onMessage: (_, __, { payload }) => {
        taken.push(Buffer.from(payload).toString())
        const settled = Promise.withResolvers<void>()
        inHand.push(settled)
        return settled.promise
      },
    },
    { url: `nats://127.0.0.1:${port}`, name: 'collector' },
    limits,
  )
  const stop = new AbortController()
  const done = gate.run(stop.signal).catch((error: unknown) => {
    if (!isAbort(error, stop.signal)) throw error
  })
  atEnd(context, () => {
    stop.abort(new Error('stop'))
    return done
  })
  const count = (name: string) => metrics.read()[name] ?? 0
  const overload = () => count('collector_refused_total{what="overload"}')
  const isUp = () => count('collector_nats_connected') === 1
  return { gate, taken, inHand, asked, said, overload, isUp, waiting: () => count('collector_nats_waiting') }
}

describe('openNatsGate()', { skip: skipWithout('nats_server') }, () => {
  const subject = toSubject(healthTopic('gw-1'))

  test('has so many messages and bytes in hand and no more, counts what it drops, and takes again what comes later', async context => {
    const server = await openNatsServer()
    atEnd(context, () => server.close())
    const { taken, inHand, asked, said, overload, isUp, waiting } = openGate(context, server.port, {
      ...{ waitingMax: 3, waitingBytesMax: 100 },
    })
    await until('it is up', isUp)
    const gateway = await connect({ servers: `127.0.0.1:${server.port}` })
    atEnd(context, () => gateway.close())

    for (const text of ['1', '2', '3', '4', '5']) gateway.publish(subject, text)
    await until('two were dropped', () => overload() === 2)
    assert.deepEqual([taken, waiting()], [['1', '2', '3'], 3])
    inHand[0]?.resolve()
    inHand[1]?.reject(new Unavailable('the database is away'))
    await until('there is room', () => waiting() === 1)
    gateway.publish(subject, 'x'.repeat(99))
    gateway.publish(subject, 'y')
    await until('one was dropped', () => overload() === 3)

    assert.deepEqual(taken.slice(3), ['x'.repeat(99)])
    assert.deepEqual(asked, ['gw-1'])
    assert.deepEqual(
      said('message over NATS refused').map(({ what }) => what),
      ['overload', 'message'],
    )
    inHand[2]?.resolve()
    inHand[3]?.resolve()
    await until('nothing is in hand', () => waiting() === 0)
  })

  test('leaves room for the others when one gateway says too much', async context => {
    const server = await openNatsServer()
    atEnd(context, () => server.close())
    const { taken, inHand, overload, isUp } = openGate(context, server.port, { waitingOfOneMax: 2 })
    await until('it is up', isUp)
    const gateway = await connect({ servers: `127.0.0.1:${server.port}` })
    atEnd(context, () => gateway.close())

    for (const text of ['1', '2', '3']) gateway.publish(subject, text)
    gateway.publish(toSubject(healthTopic('gw-2')), 'other')
    await until('the other came', () => taken.includes('other'))

    assert.deepEqual([taken, overload()], [['1', '2', 'other'], 1])
    for (const { resolve } of inHand) resolve()
  })

  test('asks again who a gateway is when that could not be found out', async context => {
    const server = await openNatsServer()
    atEnd(context, () => server.close())
    const { taken, inHand, asked, isUp, waiting } = openGate(context, server.port, {}, { failing: 1 })
    await until('it is up', isUp)
    const gateway = await connect({ servers: `127.0.0.1:${server.port}` })
    atEnd(context, () => gateway.close())

    gateway.publish(subject, 'unheard')
    await until('it was dropped', () => asked.length === 1 && waiting() === 0)
    gateway.publish(subject, 'heard')
    await until('it came', () => taken.length === 1)

    assert.deepEqual([taken, asked], [['heard'], ['gw-1', 'gw-1']])
    inHand[0]?.resolve()
  })

  test('takes nothing for a message of a gateway that is none, nor one that is too large', async context => {
    const server = await openNatsServer()
    atEnd(context, () => server.close())
    const { taken, inHand, isUp } = openGate(context, server.port)
    await until('it is up', isUp)
    const gateway = await connect({ servers: `127.0.0.1:${server.port}` })
    atEnd(context, () => gateway.close())

    for (const wrong of [
      'gw.v1.*.health',
      'gw.v1.GW.health',
      'gw.v1.gw-1.up.other',
      'gw.v1.gw-1.cmd.*.result',
    ]) {
      gateway.publish(wrong, 'wrong')
    }
    gateway.publish(subject, new Uint8Array(BATCH_BYTES_MAX + TABLE_BYTES_MAX + 1))
    gateway.publish(subject, 'right')
    await until('it came', () => taken.length > 0)

    assert.deepEqual(
      taken.map(text => text.slice(0, 9)),
      ['right'],
    )
    inHand[0]?.resolve()
  })

  test('tells a gateway something only while it was heard lately and there is a session, and comes back by itself', async context => {
    const port = await freePort()
    const { gate, taken, inHand, said, isUp } = openGate(context, port)
    await until('nobody was there', () => said('NATS not reached').length > 0)
    assert.deepEqual(gate.hearing(), { reason: `Cannot connect: ECONNREFUSED 127.0.0.1:${port}` })
    assert.equal(gate.tell('gw-1', { topic: 'gw/v1/gw-1/down/ack', payload: '{}' }), false)
    const server = await openNatsServer({ port })
    atEnd(context, () => server.close())
    await until('it is up', isUp)
    assert.ok('since' in gate.hearing())
    assert.equal(gate.tell('gw-1', { topic: 'gw/v1/gw-1/down/ack', payload: '{}' }), false)
    const gateway = await connect({ servers: `127.0.0.1:${server.port}` })
    atEnd(context, () => gateway.close())
    const heard: string[] = []
    gateway.subscribe('gw.v1.gw-1.down.ack', { callback: (_, message) => heard.push(message.string()) })
    gateway.publish(subject, 'here')
    await until('it came', () => taken.length === 1)
    inHand[0]?.resolve()

    assert.deepEqual(gate.connectedGateways(), ['gw-1'])
    assert.equal(gate.tell('gw-1', { topic: 'gw/v1/gw-1/down/ack', payload: '{}' }), true)
    await until('it was heard', () => heard.length === 1)
    await server.stop()
    await until('it is down', () => !isUp())
    assert.deepEqual(gate.connectedGateways(), [])
    assert.equal(said('NATS lost').length, 1)
  })
})
