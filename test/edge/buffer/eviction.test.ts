// A full buffer: what no authority asks for goes first, and whatever goes is accounted for.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Buffer, type BufferOptions, openBuffer } from '../../../edge/buffer.ts'
import type { Measurement, Reading } from '../../../protocol/reading.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { REGULATORY, type Variable } from '../../../protocol/variables.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import {
  databaseFiles,
  keptLog,
  openTestBuffer,
  RESERVE_BYTES,
  removeState,
  scannedBytes,
  temporaryFolder,
} from './folder.ts'

const VARIABLES = [
  'flow',
  'temperature',
  'total',
  'battery',
  'level',
  'voltage',
  'pulses',
  'pressure',
] as const

/** What one device of these variables gives at one poll. */
function poll(minute: number, variables: readonly Variable[] = VARIABLES): Measurement[] {
  return variables.map((variable, index) => ({
    ...{ point: 'pozo-7', variable, at: 1_767_268_800_000 + minute * 60_000 },
    ...{ value: (minute * 7 + index * 13) / 100, quality: 'good', timeQuality: 'synced' },
  }))
}

const isRegulatory = ({ variable }: { variable: Variable }) => REGULATORY.includes(variable)

/** Every unanswered number with what is said of it, each once. */
async function account(buffer: Buffer) {
  const kept: Reading[] = []
  const evicted: number[] = []
  const damaged: number[] = []
  let next = 1
  for (;;) {
    const stretch = await buffer.read(next, 500)
    if (stretch === undefined) break
    const parts = [
      ...stretch.readings.map(reading => ({ first: reading.seq, last: reading.seq })),
      ...stretch.missing,
    ].sort((a, b) => a.first - b.first)
    let expected = stretch.first
    for (const { first, last } of parts) {
      assert.equal(first, expected)
      expected = last + 1
    }
    assert.equal(expected, stretch.last + 1)
    kept.push(...stretch.readings)
    for (const { first, last, reason } of stretch.missing) {
      const list = reason === 'evicted' ? evicted : damaged
      for (let number = first; number <= last; number += 1) list.push(number)
    }
    next = stretch.last + 1
  }
  return { kept, evicted, damaged }
}

test('a full buffer gives up what no authority asks for, the oldest first, and keeps the rest whole (B6)', async t => {
  const path = await temporaryFolder(t)
  const { log, said } = keptLog()
  const buffer = await openTestBuffer(t, path, { maxBytes: 40_000, log })
  const appended = new Map<number, Reading>()

  while (buffer.status().evicted < 400) {
    for (const reading of await buffer.append(poll(appended.size / 8))) appended.set(reading.seq, reading)
  }

  const { kept, evicted } = await account(buffer)
  assert.deepEqual(
    kept,
    [...appended.values()].filter(({ seq }) => !evicted.includes(seq)),
  )
  const [gone, left] = [
    evicted.map(seq => appended.get(seq) as Reading),
    kept.filter(one => !isRegulatory(one)),
  ]
  assert.ok(gone.every(one => !isRegulatory(one)))
  assert.ok((left[0]?.seq ?? 0) > (evicted.at(-1) ?? 0))
  const { evictedOf, readings } = buffer.status()
  assert.deepEqual(
    { evictedOf, readings },
    { evictedOf: { regulatory: 0, other: evicted.length }, readings: kept.length },
  )
  const counts = said('readings evicted').map(({ other }) => other as number)
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    evicted.length,
  )
  await buffer.close()

  const again = await openTestBuffer(t, path, { maxBytes: 40_000 })
  assert.deepEqual(await account(again), { kept, evicted, damaged: [] })
  assert.equal(again.status().damaged, 0)
})

test('only when nothing else is left do regulatory readings go, the oldest first (B6)', async t => {
  const buffer = await openTestBuffer(t, await temporaryFolder(t), { maxBytes: 10_000 })

  for (let minute = 0; buffer.status().evictedOf.regulatory < 100; minute += 1)
    await buffer.append(poll(minute))

  const { kept } = await account(buffer)
  const newest = buffer.status().nextSeq - 8
  assert.ok(kept.every(one => isRegulatory(one) || one.seq >= newest))
  const regulatory = kept.filter(isRegulatory).map(({ at }) => at)
  assert.equal(
    new Set(regulatory).size,
    ((regulatory.at(-1) as number) - (regulatory[0] as number)) / 60_000 + 1,
  )
})

test('the configuration may say which variables go last (B6)', async t => {
  const path = await temporaryFolder(t)
  const options = { path, maxBytes: 5_000, evictLast: ['temperature'] as const, reserveBytes: RESERVE_BYTES }
  const buffer = await openBuffer({ clock: openFakeClock(), log: silentLog }, options)

  for (let minute = 0; minute < 100; minute += 1) await buffer.append(poll(minute, ['flow', 'temperature']))

  const { kept, evicted } = await account(buffer)
  await buffer.close()
  assert.ok(evicted.length > 0)
  assert.equal(kept.filter(({ variable }) => variable === 'temperature').length, 100)
})

test('damage among what was evicted is told from it, and costs what was there (B6, B7)', async t => {
  const path = await temporaryFolder(t)
  const maxBytes = 60_000
  let buffer = await openTestBuffer(t, path, { maxBytes })
  for (let minute = 0; buffer.status().evicted < 800; minute += 1) {
    await buffer.append(poll(minute))
    if (minute % 150 !== 149) continue
    await buffer.close()
    buffer = await openTestBuffer(t, path, { maxBytes })
  }
  const before = await account(buffer)
  await buffer.close()
  await (await openTestBuffer(t, path, { maxBytes })).close()
  const files = await databaseFiles(path, /\.ldb$/)
  assert.ok(files.length > 1)
  await rm(files[0] as string)

  const { log, said } = keptLog()
  const again = await openTestBuffer(t, path, { maxBytes, log })
  const { kept, evicted, damaged } = await account(again)

  const left = new Set(kept.map(({ seq }) => seq))
  const lost = before.kept.filter(({ seq }) => !left.has(seq))
  assert.ok(lost.length > 0 && lost.length < before.kept.length)
  assert.ok(lost.every(({ seq }) => damaged.includes(seq)))
  assert.ok(evicted.every(seq => before.evicted.includes(seq)))
  // Of the evicted ones, only those directly beside what was lost may be told as lost with it.
  assert.ok(damaged.length < 2 * lost.length + 8)
  assert.equal(again.status().readings, kept.length)
  assert.ok(said('readings lost').length > 0)
})

test('what was evicted is still known as that when the state is gone (B6, B7)', async t => {
  const path = await temporaryFolder(t)
  const buffer = await openTestBuffer(t, path, { maxBytes: 20_000 })
  for (let minute = 0; buffer.status().evicted < 200; minute += 1) await buffer.append(poll(minute))
  const before = await account(buffer)
  await buffer.close()
  await removeState(path)

  const again = await openTestBuffer(t, path, { maxBytes: 20_000 })

  assert.deepEqual(await account(again), before)
  assert.equal(again.status().readings, before.kept.length)
})

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      polls: fc.array(fc.subarray([...VARIABLES], { minLength: 1 }), { minLength: 1, maxLength: 12 }),
      together: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      ...{ do: fc.constant('ack' as const), from: fc.integer({ min: 1, max: 300 }) },
      most: fc.integer({ min: 1, max: 60 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      ...{ do: fc.constant('forget' as const), from: fc.integer({ min: 1, max: 300 }) },
      most: fc.integer({ min: 1, max: 30 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
)

test('whatever comes and goes, every number is kept, answered or evicted by its class (B3-B6)', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 800, max: 3000 }),
      async (steps, maxBytes) => {
        const path = await mkdtemp(join(tmpdir(), 'smarthydro-eviction-'))
        const scene = await openScene({ path, maxBytes, reserveBytes: RESERVE_BYTES })
        try {
          for (const now of steps) {
            if (now.do === 'append') await scene.append(now.polls, now.together)
            else if (now.do === 'reopen') await scene.reopen()
            else await scene.ack(now)
            await scene.check()
          }
        } finally {
          await scene.close()
        }
        await rm(path, { recursive: true })
      },
    ),
    { numRuns: 20 },
  )
})

for (const [readingClass, variables] of [
  ['regulatory', ['flow', 'level']],
  ['other', ['battery', 'voltage']],
] as const) {
  test(`a block of class ${readingClass} that is answered and would be evicted in one commit is counted once (B5)`, async t => {
    const path = await temporaryFolder(t)
    const buffer = await openTestBuffer(t, path, { maxBytes: 6_000 })
    const blocks: Reading[][] = []
    while (buffer.status().bytes < 5_500) blocks.push(await buffer.append(poll(blocks.length, variables)))
    const [first, last] = [blocks[1]?.[0]?.seq as number, blocks[4]?.at(-1)?.seq as number]
    const many = Array.from({ length: 100 }, (_, minute) => poll(1_000 + minute, variables)).flat()

    // The first append occupies the disk: what is asked for meanwhile shares the next write.
    await Promise.all([
      buffer.append(poll(999, variables)),
      buffer.ack(buffer.epoch, first, last),
      buffer.append(many),
    ])

    const { bytes, evicted, unackedRanges } = buffer.status()
    assert.ok(evicted > last, `${evicted} evicted`)
    assert.deepEqual(
      unackedRanges.map(range => range.first),
      [1, last + 1],
    )
    await buffer.close()
    assert.equal(await scannedBytes(path), bytes)
  })
}

/** A buffer, and what a list would know of it. */
async function openScene(options: BufferOptions) {
  const open = () => openBuffer({ clock: openFakeClock(), log: silentLog }, options)
  let buffer = await open()
  const appended = new Map<number, Reading>()
  const gone = new Set<number>()
  const answered = new Set<number>()
  let minute = 0
  let evictedBefore = { regulatory: 0, other: 0 }

  const addEvicted = () => {
    const { regulatory, other } = buffer.status().evictedOf
    evictedBefore = { regulatory: evictedBefore.regulatory + regulatory, other: evictedBefore.other + other }
  }

  return {
    async append(polls: readonly (readonly Variable[])[], together: boolean) {
      const appends: Promise<Reading[]>[] = []
      for (const variables of polls) {
        minute += 1
        appends.push(buffer.append(poll(minute, variables)))
        if (!together) await appends.at(-1)
      }
      for (const readings of await Promise.all(appends)) {
        for (const reading of readings) appended.set(reading.seq, reading)
      }
    },
    /** As the uplink does, what was read; and as it never does, any numbers at all. */
    async ack({ do: how, from, most }: { do: 'ack' | 'forget'; from: number; most: number }) {
      const stretch = how === 'ack' ? await buffer.read(from, most) : { first: from, last: from + most }
      if (stretch === undefined) return
      await buffer.ack(buffer.epoch, stretch.first, stretch.last)
      for (let seq = stretch.first; seq <= stretch.last && seq < buffer.status().nextSeq; seq += 1)
        answered.add(seq)
    },
    async reopen() {
      addEvicted()
      await buffer.close()
      assert.equal(await scannedBytes(options.path), buffer.status().bytes)
      buffer = await open()
    },
    async check() {
      const { kept, evicted, damaged } = await account(buffer)
      assert.deepEqual(damaged, [])
      for (const seq of evicted) gone.add(seq)
      assert.deepEqual(
        kept,
        [...appended.values()].filter(({ seq }) => !answered.has(seq) && !gone.has(seq)),
      )
      const { evictedOf, readings, damaged: lost } = buffer.status()
      assert.deepEqual({ readings, lost }, { readings: kept.length, lost: 0 })
      const byClass = [...gone].map(seq => isRegulatory(appended.get(seq) as Reading))
      assert.deepEqual(
        {
          regulatory: evictedBefore.regulatory + evictedOf.regulatory,
          other: evictedBefore.other + evictedOf.other,
        },
        { regulatory: byClass.filter(one => one).length, other: byClass.filter(one => !one).length },
      )
      const others = kept.filter(one => !isRegulatory(one))
      const goneOthers = evicted.filter(seq => !isRegulatory(appended.get(seq) as Reading))
      assert.ok((others[0]?.seq ?? Infinity) > (goneOthers.at(-1) ?? 0))
    },
    async close() {
      await buffer.close()
    },
  }
}
