// The promises of cloud/collector/jetstream.ts, on the real nats-server.

import assert from 'node:assert/strict'
import { after, before, describe, type TestContext, test } from 'node:test'
import {
  checkJetStream,
  keepStream,
  type ReaderLimits,
  readStream,
  type StreamSettings,
} from '../../../cloud/collector/jetstream.ts'
import { MESSAGE_BYTES_MAX } from '../../../protocol/batch.ts'
import { type NatsSession, openNatsSession } from '../../../protocol/nats.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { Unavailable } from '../../../protocol/runtime/errors.ts'
import { type NatsServer, openNatsServer } from '../../doubles/nats-server.ts'
import { until } from '../../doubles/until.ts'
import { atEnd } from '../../edge/buffer/folder.ts'
import { skipWithout } from '../../peers.ts'

const clock = systemClock
const LIMITS: ReaderLimits = { messagesMax: 64, bytesMax: 2 * 2 ** 20 }

function settings(name: string, more: Partial<StreamSettings> = {}): StreamSettings {
  return {
    ...{ name, subjects: [`${name}.a`, `${name}.b`], maxBytes: 2 ** 20, maxAgeMs: 3_600_000 },
    ...{ maxPerSubject: 100, whenFull: 'refuse', ...more },
  }
}

describe('a stream', { skip: skipWithout('nats_server') }, () => {
  let server: NatsServer
  let session: NatsSession
  before(async () => {
    server = await openNatsServer()
    session = await sessionWith(server)
  })
  after(async () => {
    await session.close()
    await server.close()
  })

  /** A reader whose messages stay in hand until a test lets them go. */
  function openReader(
    context: TestContext,
    stream: string,
    { reader = 'first', limits = LIMITS, mayPull = (): boolean => true, over = session } = {},
  ) {
    const taken: string[] = []
    const inHand: PromiseWithResolvers<void>[] = []
    const stop = new AbortController()
    let isReading = false
    const work = {
      mayPull,
      handle: ({ payload }: { payload: Uint8Array }) => {
        taken.push(Buffer.from(payload).toString())
        const settled = Promise.withResolvers<void>()
        inHand.push(settled)
        return settled.promise
      },
      onReading: () => {
        isReading = true
      },
      onWaiting: () => {},
    }
    const ended = readStream({ session: over, clock }, { stream, reader, limits }, work, stop.signal).then(
      () => 'stopped',
      (error: unknown) => (error instanceof Unavailable ? error.message : String(error)),
    )
    const close = () => {
      stop.abort(new Error('stop'))
      return ended
    }
    atEnd(context, close)
    return { taken, inHand, ended, close, isReading: () => isReading }
  }

  const say = async (stream: string, ...texts: string[]) => {
    for (const text of texts) session.publish(`${stream}.a`, text)
    await session.flush(5_000)
  }
  const infoOf = async (stream: string) => {
    const answer = await session.ask(`$JS.API.STREAM.INFO.${stream}`, '', 5_000)
    const { config, state } = JSON.parse(Buffer.from(answer ?? '').toString())
    return { config, messages: state.messages }
  }
  const kept = async (stream: string): Promise<number> => (await infoOf(stream)).messages

  test('is made once, and changed when it should be another; what is in it stays, and what else an operator asked of it', async () => {
    await keepStream(session, settings('made'))
    await say('made', '1')
    await keepStream(session, settings('made'))
    const theirs = JSON.stringify({ ...(await infoOf('made')).config, description: 'theirs' })
    await session.ask('$JS.API.STREAM.UPDATE.made', theirs, 5_000)
    await keepStream(session, settings('made', { subjects: ['made.a', 'made.c'], maxBytes: 2 ** 21 }))

    const { config, messages } = await infoOf('made')
    assert.deepEqual([config.subjects, config.max_bytes, messages], [['made.a', 'made.c'], 2 ** 21, 1])
    assert.equal(config.description, 'theirs')
  })

  test('that cannot be is refused with what the server says', async () => {
    await keepStream(session, settings('one'))

    await assert.rejects(keepStream(session, settings('two', { subjects: ['one.a'] })), {
      name: 'Unavailable',
      message: 'Stream two: nats-server says "subjects overlap with an existing stream"',
    })
    await assert.rejects(keepStream(session, settings('huge', { maxBytes: 2 ** 50 })), {
      message: /^Stream huge: nats-server says "insufficient storage/,
    })
  })

  test('is handed on in order, bounded, and is empty when all is finished', async context => {
    await keepStream(session, settings('bounded'))
    const texts = Array.from({ length: 10 }, (_, index) => String(index))
    await say('bounded', ...texts)
    const { taken, inHand } = openReader(context, 'bounded', { limits: { ...LIMITS, messagesMax: 4 } })

    await until('four came', () => taken.length === 4)
    inHand[0]?.resolve()
    inHand[1]?.resolve()
    await until('two more came', () => taken.length === 6)
    assert.equal(await kept('bounded'), 8)
    for (let at = 0; at < 10; at += 1) {
      await until('it came', () => inHand.length > at)
      inHand[at]?.resolve()
    }

    await until('it is empty', async () => (await kept('bounded')) === 0)
    assert.deepEqual(taken, texts)
  })

  test('has no more bytes in hand than may be, and hands on the largest message there is', async context => {
    await keepStream(session, settings('bytes', { maxBytes: 2 ** 23 }))
    const large = 'x'.repeat(MESSAGE_BYTES_MAX)
    const limits = { messagesMax: 8, bytesMax: MESSAGE_BYTES_MAX * 2 }
    await say('bytes', large, large, large)
    const { taken, inHand } = openReader(context, 'bytes', { limits })

    await until('one came', () => taken.length === 1)
    inHand[0]?.resolve()
    await until('the second came', () => taken.length === 2)
    inHand[1]?.resolve()
    await until('the third came', () => taken.length === 3)
    inHand[2]?.resolve()

    assert.deepEqual([...new Set(taken)], [large])
  })

  test('is not pulled from while it may not be', async context => {
    await keepStream(session, settings('gated'))
    let may = false
    const { taken, isReading } = openReader(context, 'gated', { mayPull: () => may })
    await until('it is read', isReading)
    await say('gated', '1')
    assert.deepEqual([taken, await kept('gated')], [[], 1])

    may = true
    await until('it came', () => taken.length === 1)
  })

  test('has one reader: the one before is told, and what it had in hand is handed on again, in order', async context => {
    await keepStream(session, settings('handed'))
    await say('handed', '1', '2', '3')
    const first = openReader(context, 'handed')
    await until('all came', () => first.taken.length === 3)
    first.inHand[1]?.resolve()
    await until('one has left', async () => (await kept('handed')) === 2)

    const second = openReader(context, 'handed', { reader: 'second' })

    assert.match(await first.ended, /^Stream handed: Consumer Deleted, another reads it or it is gone$/)
    await until('the rest came', () => second.taken.length === 2)
    first.inHand[0]?.resolve()
    await say('handed', '4')
    await until('the next came', () => second.taken.length === 3)
    assert.deepEqual(second.taken, ['1', '3', '4'])
    assert.equal(first.taken.length, 3)
  })

  test('that is full refuses what comes, and takes again when there is room', async context => {
    await keepStream(session, settings('full', { maxPerSubject: 3 }))
    await say('full', '1', '2', '3', '4', '5')
    session.publish('full.b', 'other')
    await session.flush(5_000)
    assert.equal(await kept('full'), 4)
    const { taken, inHand } = openReader(context, 'full')
    await until('all came', () => taken.length === 4)
    for (const { resolve } of inHand) resolve()
    await until('it is empty', async () => (await kept('full')) === 0)

    await say('full', '4')
    await until('it came', () => taken.length === 5)
    assert.deepEqual(taken, ['1', '2', '3', 'other', '4'])
  })

  test('of last words has the last of each subject', async context => {
    await keepStream(session, settings('words', { maxPerSubject: 1, whenFull: 'forget-oldest' }))
    await say('words', '1', '2', '3')
    const { taken } = openReader(context, 'words')

    await until('it came', () => taken.length === 1)
    assert.deepEqual(taken, ['3'])
  })

  test('that is deleted under its reader ends it', async context => {
    await keepStream(session, settings('deleted'))
    const { ended, isReading, taken } = openReader(context, 'deleted')
    await until('it is read', isReading)
    await say('deleted', '1')
    await until('it came', () => taken.length === 1)

    await session.ask('$JS.API.STREAM.DELETE.deleted', '', 5_000)

    assert.match(await ended, /^Stream deleted: (Consumer Deleted|nothing is heard of it any more)/)
  })

  test('what a message brings that is refused stays, and comes to the next reader', async context => {
    await keepStream(session, settings('refused'))
    await say('refused', '1')
    const first = openReader(context, 'refused')
    await until('it came', () => first.taken.length === 1)
    first.inHand[0]?.reject(new Unavailable('the database is away'))
    assert.equal(await first.close(), 'stopped')

    const second = openReader(context, 'refused', { reader: 'second' })
    await until('it came again', () => second.taken.length === 1)
  })

  test('is where its server was killed and started again, with what it had', async context => {
    await keepStream(session, settings('restarted'))
    await say('restarted', '1', '2')
    const { ended, taken } = openReader(context, 'restarted')
    await until('they came', () => taken.length === 2)

    await server.stop()
    assert.match(await ended, /^Not connected$|^Stream restarted: nothing is heard of it any more$/)
    await server.start()
    session = await sessionWith(server)
    await keepStream(session, settings('restarted'))
    const second = openReader(context, 'restarted', { reader: 'second' })

    await until('they came again', () => second.taken.length === 2)
  })
})

describe('checkJetStream()', { skip: skipWithout('nats_server') }, () => {
  test('says what to change where there is none', async context => {
    const server = await openNatsServer({ jetstream: false })
    atEnd(context, () => server.close())
    const session = await sessionWith(server)
    atEnd(context, () => session.close())

    await assert.rejects(checkJetStream(session), {
      name: 'Unavailable',
      message:
        'nats-server has no JetStream: its configuration needs jetstream { store_dir: "/var/lib/nats" }',
    })
  })
})

const sessionWith = ({ port }: NatsServer): Promise<NatsSession> =>
  openNatsSession(
    { clock },
    { url: `nats://127.0.0.1:${port}`, name: 'test' },
    { subjects: [], onMessage: () => {}, timeoutMs: 10_000, silenceMs: 20_000 },
    new AbortController().signal,
  )
