// The order in which the LAN is shown things, when more comes while something is being shown.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type LanMessage, openLanShow } from '../../../edge/lan-show.ts'
import { openSparkplugNode } from '../../../edge/sparkplug/node.ts'
import type { Reading } from '../../../protocol/reading.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { until } from '../../doubles/until.ts'
import { keptLog } from '../buffer/folder.ts'

const READING: Reading = {
  ...{ seq: 1, point: 'pozo-7', variable: 'flow', at: Date.parse('2026-01-15T12:00:00Z'), value: 12.47 },
  ...{ quality: 'good', timeQuality: 'synced' },
}

/** A show whose listeners take each message when the test lets them. */
function openStage(points: readonly string[] = ['pozo-7']) {
  const { log, said } = keptLog()
  const taken: string[] = []
  const dropped: number[] = []
  const held: { topic: string; take: () => void }[] = []
  const publish = ({ topic }: LanMessage) =>
    new Promise<void>(resolve => {
      held.push({ topic, take: resolve })
    })
  const series = points.map(point => ({
    point,
    variable: 'flow' as const,
    meta: {
      ...{ v: 1 as const, gateway: 'gw-1', variable: 'flow' as const, unit: 'L/s' },
      ...{ source: 'meter', kind: 'modbus', everyMs: 60_000 },
    },
  }))
  const sparkplug = openSparkplugNode(
    { clock: openFakeClock() },
    { groupId: 'campo', nodeId: 'gw-1', bdSeq: 0 },
    series,
  )
  const show = openLanShow(
    { log, dropped: (_, count) => dropped.push(count), publish, sparkplug },
    { client: 'campo', project: 'los-aromos' },
  )
  /** Lets the listeners take the next `count` messages, and says which they were. */
  const take = async (count: number) => {
    for (let index = 0; index < count; index += 1) {
      await until('something is shown', () => held.length === 1)
      const [next] = held.splice(0)
      taken.push(next?.topic.split('/').slice(0, 3).join('/') ?? '')
      next?.take()
    }
    return taken.splice(0)
  }
  return { show, take, held, said, dropped }
}

const [NBIRTH, DBIRTH, DDATA, NDEATH, RAW] = [
  'spBv1.0/campo/NBIRTH',
  'spBv1.0/campo/DBIRTH',
  'spBv1.0/campo/DDATA',
  'spBv1.0/campo/NDEATH',
  'raw/v1/campo',
]

test('births that are asked for and notes that are left while births are shown need no reading to come', async () => {
  const { show, take, held } = openStage()
  await until('the first birth is shown', () => held.length === 1)

  show.births()
  assert.deepEqual(await take(1), [NBIRTH])
  show.note('$state/v1/x', '{}')

  assert.deepEqual(await take(4), [DBIRTH, '$state/v1/x', NBIRTH, DBIRTH])
})

test('whoever asks for births without end does not keep readings from being shown', async () => {
  const { show, take } = openStage()
  show.readings([READING])

  const shown: string[] = []
  for (let count = 0; count < 8; count += 1) {
    show.births()
    shown.push(...(await take(1)))
  }

  assert.deepEqual(shown.slice(0, 6), [NBIRTH, DBIRTH, RAW, DDATA, NBIRTH, DBIRTH])
})

test('after close() comes the death and nothing else, whatever still waited', async () => {
  const { show, take, held } = openStage()
  await take(2)
  show.readings([READING, { ...READING, seq: 2, at: READING.at + 1 }])
  await until('the first is shown', () => held.length === 1)

  const closed = show.close()
  show.readings([{ ...READING, seq: 3 }])
  show.births()

  assert.deepEqual(await take(3), [RAW, DDATA, NDEATH])
  await closed
  assert.deepEqual(held, [])
})

test('2 000 readings wait, no more: the next ones are counted and said', async () => {
  const { show, take, dropped, said } = openStage()
  await take(1)

  show.readings(
    Array.from({ length: 2_100 }, (_, index) => ({ ...READING, seq: index + 1, at: READING.at + index })),
  )
  show.readings([READING])
  await take(1)

  assert.deepEqual(dropped, [100, 1])
  assert.deepEqual(
    said('readings not shown on the LAN: too many at once').map(({ count }) => count),
    [100, 1],
  )
  await take(2)
  show.readings([READING])
  assert.deepEqual(dropped, [100, 1])
})

test('a reading that no birth names is said, and the next one is shown all the same', async () => {
  const { show, take, said } = openStage()
  await take(2)

  show.readings([{ ...READING, point: 'pozo-9' }])
  show.readings([READING])

  assert.deepEqual(await take(3), [RAW, RAW, DDATA])
  assert.equal(said('show on the LAN failed').length, 1)
})
