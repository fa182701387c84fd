// What a message over nats-server goes through before it is taken.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import type { Taken } from '../../../cloud/collector/intake.ts'
import { openTaker, type TakerDeps } from '../../../cloud/collector/nats-taker.ts'
import { COLLECTOR_METRICS } from '../../../cloud/collector/service.ts'
import { DatabaseRefused } from '../../../cloud/store/database.ts'
import { MESSAGE_BYTES_MAX } from '../../../protocol/batch.ts'
import { Unavailable } from '../../../protocol/runtime/errors.ts'
import { openMetrics } from '../../../protocol/runtime/metrics.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { until } from '../../doubles/until.ts'
import { keptLog } from '../../edge/buffer/folder.ts'
import { sha256 } from './site.ts'

/** A whole message of a version to come. */
function ofVersion(version: number): Uint8Array {
  const content = Buffer.from([version, 1, 2, 3])
  const sum = Buffer.alloc(4)
  sum.writeUInt32LE(crc32(content))
  return Buffer.concat([content, sum])
}

const HEALTH = 'gw.v1.gw-1.health'

function setUp(more: Partial<TakerDeps> = {}) {
  const clock = openFakeClock()
  const metrics = openMetrics(COLLECTOR_METRICS)
  const { log } = keptLog()
  const taken: string[] = []
  const asked: string[] = []
  const deps: TakerDeps = {
    ...{ clock, log, metrics, random: () => 0 },
    findGateway: async slug => {
      asked.push(slug)
      return { id: 1, slug, projectId: 1, project: 'p', client: 'c', tokenHash: sha256('x') }
    },
    onMessage: async (_, __, { payload }) => {
      taken.push(Buffer.from(payload).toString())
      return { done: Promise.resolve() }
    },
    ...more,
  }
  const taker = openTaker(deps)
  const stop = new AbortController()
  const take = (subject: string, text: string | Uint8Array) =>
    taker.take({ subject, payload: Buffer.from(text) }, stop.signal)
  const refused = (what: string) => metrics.read()[`collector_refused_total{what="${what}"}`] ?? 0
  const waiting = () => metrics.read().collector_nats_waiting
  return { clock, taken, asked, take, stop, refused, waiting }
}

test('openTaker() is done with what can never be taken, and counts it by its reason', async () => {
  const { take, taken, refused, waiting } = setUp({ findGateway: async () => undefined })

  for (const subject of [
    'gw.v1.*.health',
    'gw.v1.GW.health',
    'gw.v1.gw-1.up.other',
    'gw.v1.gw-1.cmd.*.result',
  ]) {
    await take(subject, 'wrong')
  }
  await take('gw.v1.gw-1.up.live', new Uint8Array(MESSAGE_BYTES_MAX + 1))
  await take('gw.v1.gw-1.up.live', ofVersion(2))
  await take(HEALTH, 'of nobody')

  assert.deepEqual(
    [...['publish', 'packet', 'version', 'gateway'].map(refused), taken.length, waiting()],
    [4, 1, 1, 1, 0, 0],
  )
})

test('openTaker() holds a message until the database has it, and those of its gateway behind it, but none of another', async () => {
  let failures = 3
  const order: string[] = []
  const { clock, take, waiting } = setUp({
    onMessage: async ({ slug }, _, { payload }) => {
      if (slug === 'gw-1' && failures > 0) {
        failures -= 1
        throw failures === 1
          ? new DatabaseRefused('read only', { code: '25006', cause: undefined })
          : new Unavailable('the database is away')
      }
      order.push(Buffer.from(payload).toString())
      return { done: Promise.resolve() }
    },
  })

  const [one, two, other] = [take(HEALTH, '1'), take(HEALTH, '2'), take('gw.v1.gw-2.health', 'other')]
  await other
  assert.deepEqual([order, waiting()], [['other'], 2])
  await clock.advance(60_000)
  await Promise.all([one, two])

  assert.deepEqual([order, failures, waiting()], [['other', '1', '2'], 0, 0])
})

test('openTaker() is done with a message when it is committed, and takes the next before that', async () => {
  const commits: PromiseWithResolvers<void>[] = []
  const { take } = setUp({
    onMessage: async (): Promise<Taken> => {
      const commit = Promise.withResolvers<void>()
      commits.push(commit)
      return { done: commit.promise }
    },
  })
  const done: number[] = []

  const takes = [1, 2].map(number => take(HEALTH, 'x').then(() => done.push(number)))
  await until('both are taken', () => commits.length === 2)
  commits[1]?.resolve()
  await takes[1]
  assert.deepEqual(done, [2])
  commits[0]?.resolve()
  await takes[0]
})

test('openTaker() leaves what it could not place where it was when it is stopped', async () => {
  const { take, stop, clock } = setUp({
    onMessage: async () => {
      throw new Unavailable('the database is away')
    },
  })

  const held = take(HEALTH, '1')
  const behind = take(HEALTH, '2')
  await until('it waits', () => clock.sleepers() === 1)
  stop.abort(new Error('another has it now'))

  await assert.rejects(held, { message: 'another has it now' })
  await assert.rejects(behind, { message: 'another has it now' })
})

test('openTaker() asks for a name once a minute, and again at once when it could not be found out', async () => {
  let failing = true
  const asked: string[] = []
  const { clock, take, taken } = setUp({
    findGateway: async slug => {
      asked.push(slug)
      if (failing) {
        failing = false
        throw new Unavailable('the database is away')
      }
      return { id: 1, slug, projectId: 1, project: 'p', client: 'c', tokenHash: sha256('x') }
    },
  })

  const held = take(HEALTH, '1')
  await clock.advance(1_000)
  await held
  await take(HEALTH, '2')
  assert.equal(asked.length, 2)
  await clock.advance(60_000)
  await take(HEALTH, '3')

  assert.deepEqual([taken, asked.length], [['1', '2', '3'], 3])
})

test('openTaker() says what failed for no reason that it knows, and goes on', async () => {
  const { take, refused } = setUp({
    onMessage: async () => {
      throw new TypeError('nobody thought of this')
    },
  })

  await take(HEALTH, '1')

  assert.equal(refused('message'), 1)
})
