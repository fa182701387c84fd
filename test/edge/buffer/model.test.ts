// Any sequence of appends, acks, reads and reopenings, against what a list would do.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Buffer, openBuffer } from '../../../edge/buffer.ts'
import type { Reading } from '../../../protocol/reading.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { measurements, RESERVE_BYTES, scannedBytes } from './folder.ts'

const seq = fc.integer({ min: 1, max: 400 })

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('append' as const), count: fc.integer({ min: 1, max: 60 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('append together' as const),
      counts: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 5 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('ack' as const),
      first: seq,
      length: fc.integer({ min: 1, max: 80 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      from: seq,
      most: fc.integer({ min: 1, max: 90 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('drain' as const), most: fc.integer({ min: 1, max: 90 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
)

test('a buffer does what a list of unanswered readings does (B1-B5)', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async steps => {
      const path = await mkdtemp(join(tmpdir(), 'smarthydro-model-'))
      const open = () =>
        openBuffer(
          { clock: openFakeClock(), log: silentLog },
          { path, maxBytes: 2 ** 30, reserveBytes: RESERVE_BYTES },
        )
      let buffer = await open()
      const { epoch } = buffer
      const kept = new Map<number, Reading>()
      let given = 0
      const append = async (count: number) => {
        given += count
        const first = given - count + 1
        const appended = await buffer.append(measurements(count, first))
        assert.deepEqual(
          appended.map(reading => reading.seq),
          Array.from({ length: count }, (_, index) => first + index),
        )
        for (const reading of appended) kept.set(reading.seq, reading)
      }
      try {
        for (const now of steps) {
          if (now.do === 'append') await append(now.count)
          else if (now.do === 'append together') await Promise.all(now.counts.map(append))
          else if (now.do === 'ack') {
            await buffer.ack(buffer.epoch, now.first, now.first + now.length - 1)
            for (let each = now.first; each < now.first + now.length; each += 1) kept.delete(each)
          } else if (now.do === 'read') await assertReads(buffer, kept, now.from, now.most)
          else if (now.do === 'drain') {
            for (;;) {
              const stretch = await assertReads(buffer, kept, 1, now.most)
              if (stretch === undefined) break
              await buffer.ack(buffer.epoch, stretch.first, stretch.last)
              for (let each = stretch.first; each <= stretch.last; each += 1) kept.delete(each)
            }
          } else {
            await buffer.close()
            buffer = await open()
          }
          const { readings, nextSeq, firstUnacked } = buffer.status()
          assert.deepEqual(
            { readings, nextSeq, firstUnacked, epoch: buffer.epoch },
            {
              readings: kept.size,
              nextSeq: given + 1,
              firstUnacked: Math.min(given + 1, ...kept.keys()),
              epoch,
            },
          )
        }
        const { bytes } = buffer.status()
        await buffer.close()
        assert.equal(await scannedBytes(path), bytes)
      } finally {
        await buffer.close()
        await rm(path, { recursive: true })
      }
    }),
    { numRuns: 40 },
  )
})

/** Reads, and compares with what a list would give: as many as allowed of the first run at or above `from`. */
async function assertReads(buffer: Buffer, kept: Map<number, Reading>, from: number, most: number) {
  const first = [...kept.keys()].filter(number => number >= from).sort((a, b) => a - b)[0]
  const stretch = await buffer.read(from, most)
  if (first === undefined) {
    assert.equal(stretch, undefined)
    return undefined
  }
  const run: Reading[] = []
  for (let number = first; kept.has(number) && run.length < most; number += 1)
    run.push(kept.get(number) as Reading)
  const { epoch } = buffer
  assert.deepEqual(stretch, { epoch, first, last: first + run.length - 1, readings: run, missing: [] })
  return stretch
}
