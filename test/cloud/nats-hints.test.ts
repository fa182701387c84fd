// What processors are told by nats-server, through the real one.

import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { openHints } from '../../cloud/nats-hints.ts'
import { COMMITTED_SUBJECT } from '../../cloud/nats-subjects.ts'
import { openNatsSession } from '../../protocol/nats.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { isAbort } from '../../protocol/runtime/scope.ts'
import { type NatsServer, openNatsServer } from '../doubles/nats-server.ts'
import { until } from '../doubles/until.ts'
import { atEnd, keptLog } from '../edge/buffer/folder.ts'
import { skipWithout } from '../peers.ts'

const FOR_EVER_MS = 3_600_000

describe('openHints()', { skip: skipWithout('nats_server') }, () => {
  /** Hints that are waited for without end by whoever can hear them, and counted. */
  function openCounted(context: TestContext, { port }: NatsServer, { pollMs }: { pollMs: number }) {
    const { log, said } = keptLog()
    const stop = new AbortController()
    const nats = { url: `nats://127.0.0.1:${port}`, name: 'test' }
    const hints = openHints(
      { clock: systemClock, log, random: () => 0 },
      { nats, subject: COMMITTED_SUBJECT, pollMs, hintedMs: FOR_EVER_MS },
    )
    let count = 0
    const waitAgain = async () => {
      while (!stop.signal.aborted) {
        await hints.next(stop.signal)
        count += 1
      }
    }
    const unlessStopped = (error: unknown) => {
      if (!isAbort(error, stop.signal)) throw error
    }
    const done = [hints.run(stop.signal).catch(unlessStopped)]
    atEnd(context, () => {
      stop.abort(new Error('stop'))
      return Promise.all(done)
    })
    return { said, count: () => count, begin: () => void done.push(waitAgain().catch(unlessStopped)) }
  }

  test('wakes who waits when something was committed, and at once who was busy meanwhile', async context => {
    const server = await openNatsServer()
    atEnd(context, () => server.close())
    const { said, count, begin } = openCounted(context, server, { pollMs: FOR_EVER_MS })
    await until('it hears', () => said('NATS connected').length === 1)
    const nats = { url: `nats://127.0.0.1:${server.port}`, name: 'teller' }
    const connect = { subjects: [], onMessage: () => {}, timeoutMs: 10_000, silenceMs: 20_000 }
    const teller = await openNatsSession({ clock: systemClock }, nats, connect, new AbortController().signal)
    atEnd(context, () => teller.close())
    const tell = async () => {
      teller.publish(COMMITTED_SUBJECT, '')
      await teller.flush(10_000)
    }

    await tell()
    begin()
    await until('it was told what came before', () => count() === 1)
    await tell()
    await until('it was told', () => count() === 2)
    assert.equal(count(), 2)
  })

  test('has the database asked now and then while nats-server is away, and once more when it goes', async context => {
    const server = await openNatsServer()
    atEnd(context, () => server.close())
    const { said, count, begin } = openCounted(context, server, { pollMs: 10 })
    await until('it hears', () => said('NATS connected').length === 1)
    begin()

    await server.stop()
    await until('it asks by itself', () => count() > 3)
    await server.start()
    await until('it hears again', () => said('NATS connected').length === 2)

    assert.ok(said('NATS not heard, the database is asked instead').length > 0)
  })
})
