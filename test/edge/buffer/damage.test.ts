// Real files of a real database, damaged in every way that was seen in the field or can be thought of.
//
// Whatever was done to them, the same is asked: the buffer opens unattended, every number is accounted for once, what
// is read is what was written, the counts are exact, and work goes on with the next number (B2, B5, B7).

import assert from 'node:assert/strict'
import { copyFile, cp, mkdir, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { type Buffer, openBuffer } from '../../../edge/buffer.ts'
import type { Reading } from '../../../protocol/reading.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { randomFrom } from '../../doubles/random.ts'
import {
  databaseFiles,
  keptLog,
  measurements,
  openTestBuffer,
  RESERVE_BYTES,
  removeState,
  scannedBytes,
  temporaryFolder,
} from './folder.ts'

const GROUPS = 60
const GROUP = 100
const ANSWERED = 50

interface Filled {
  path: string
  readings: Map<number, Reading>
  epoch: number
}

/** A closed buffer: three files of twenty groups each, or, with `inLog`, the last twenty groups in the log. */
async function filledBuffer(t: TestContext, { inLog = false } = {}): Promise<Filled> {
  const path = await temporaryFolder(t)
  const readings = new Map<number, Reading>()
  let epoch = 0
  for (let file = 0; file < 3; file += 1) {
    const buffer = await openTestBuffer(t, path)
    epoch = buffer.epoch
    for (let group = 0; group < GROUPS / 3; group += 1) {
      for (const reading of await buffer.append(measurements(GROUP, file * 100 + group))) {
        readings.set(reading.seq, reading)
      }
    }
    await buffer.ack(buffer.epoch, 1, ANSWERED)
    for (let number = 1; number <= ANSWERED; number += 1) readings.delete(number)
    await buffer.close()
  }
  // Opening turns the log into a file of records; closing leaves an empty log.
  if (!inLog) await (await openTestBuffer(t, path)).close()
  return { path, readings, epoch }
}

async function flip(path: string, from: number, length: number, byte = 0xa5): Promise<void> {
  const handle = await open(path, 'r+')
  await handle.write(new Uint8Array(length).fill(byte), 0, length, from)
  await handle.close()
}

const sizeOf = async (path: string) => (await stat(path)).size

/** Where the zeros at the end of a file begin. */
const usedOf = async (path: string) => (await readFile(path)).findLastIndex(byte => byte !== 0) + 1

/** The largest file with this ending. */
async function largest(path: string, ending: RegExp): Promise<string> {
  const files = await databaseFiles(path, ending)
  const sizes = await Promise.all(files.map(sizeOf))
  return files[sizes.indexOf(Math.max(...sizes))] as string
}

/** Opens, and asks everything that must hold. Returns the missing ranges. */
async function assertSurvives(t: TestContext, { path, readings, epoch }: Filled) {
  const { log, said } = keptLog()
  const buffer = await openTestBuffer(t, path, { log })
  await buffer.verified()
  assert.equal(buffer.epoch, epoch)
  assert.equal(buffer.status().nextSeq, GROUPS * GROUP + 1)

  const { found, missing } = await accounted(buffer)
  for (const reading of found.values()) {
    if (readings.has(reading.seq)) assert.deepEqual(reading, readings.get(reading.seq))
  }
  const lost = missing.reduce((sum, { first, last }) => sum + last - first + 1, 0)
  assert.equal(found.size + lost, readings.size)
  assert.ok(missing.every(({ reason }) => reason === 'damaged'))
  const { damaged, readings: kept } = buffer.status()
  assert.deepEqual({ damaged, kept }, { damaged: lost, kept: found.size })
  assert.equal(
    said('readings lost').reduce((sum, { count }) => sum + (count as number), 0),
    lost,
  )

  const [next] = await buffer.append(measurements(1))
  assert.equal(next?.seq, GROUPS * GROUP + 1)
  await buffer.verified()
  const { bytes } = buffer.status()
  await buffer.close()
  assert.equal(await scannedBytes(path, { damageExpected: true }), bytes)

  const again = await openTestBuffer(t, path)
  assert.deepEqual((await accounted(again)).missing, missing)
  for (const { first, last } of missing) await again.ack(again.epoch, first, last)
  assert.deepEqual((await accounted(again)).missing, [])
  return missing
}

/** Every unanswered number, with its reading or its missing range; that each comes exactly once is asserted. */
async function accounted(buffer: Buffer) {
  const found = new Map<number, Reading>()
  const missing: { first: number; last: number; reason: string }[] = []
  const covered: { first: number; last: number }[] = []
  let from = 1
  for (
    let stretch = await buffer.read(from, 500);
    stretch !== undefined;
    stretch = await buffer.read(from, 500)
  ) {
    const parts = [...stretch.readings.map(({ seq }) => ({ first: seq, last: seq })), ...stretch.missing]
    for (const { first, last } of parts.sort((a, b) => a.first - b.first)) covered.push({ first, last })
    for (const reading of stretch.readings) found.set(reading.seq, reading)
    missing.push(...stretch.missing)
    from = stretch.last + 1
  }
  assert.deepEqual(joined(covered), buffer.status().unackedRanges)
  return { found, missing: joined(missing) }
}

/** Ranges that follow each other without a gap, as one. */
function joined<R extends { first: number; last: number }>(ranges: readonly R[]): R[] {
  const all: R[] = []
  for (const range of ranges) {
    const before = all[all.length - 1]
    if (before !== undefined && before.last + 1 === range.first) before.last = range.last
    else all.push({ ...range })
  }
  return all
}

test('a log that lost its end costs the readings that were in it (B7)', async t => {
  const filled = await filledBuffer(t, { inLog: true })
  const log = await largest(filled.path, /\.log$/)
  await truncate(log, Math.floor((await usedOf(log)) / 2))

  const missing = await assertSurvives(t, filled)

  assert.equal(missing.length, 1)
  assert.equal(missing[0]?.last, GROUPS * GROUP)
})

test('a log whose end is zeros costs the readings that were there (B7)', async t => {
  const filled = await filledBuffer(t, { inLog: true })
  const log = await largest(filled.path, /\.log$/)
  const size = await usedOf(log)
  await truncate(log, size - 3000)
  await truncate(log, size)

  const missing = await assertSurvives(t, filled)

  assert.equal(missing[0]?.last, GROUPS * GROUP)
})

test('flipped bytes in the middle of a log cost what LevelDB silently drops (B7)', async t => {
  const filled = await filledBuffer(t, { inLog: true })
  const log = await largest(filled.path, /\.log$/)
  await flip(log, Math.floor((await usedOf(log)) / 3), 4)

  const missing = await assertSurvives(t, filled)

  assert.ok(missing.length > 0)
})

test('a log that is gone costs the readings that were only there (B7)', async t => {
  const filled = await filledBuffer(t, { inLog: true })
  await rm(await largest(filled.path, /\.log$/))

  const missing = await assertSurvives(t, filled)

  assert.deepEqual(missing, [{ first: 4001, last: 6000, reason: 'damaged' }])
})

for (const [how, damage] of Object.entries({
  'with flipped bytes': async (file: string) => flip(file, Math.floor((await sizeOf(file)) / 2), 40),
  'with another first byte': async (file: string) => flip(file, 0, 1),
  'of no length': async (file: string) => truncate(file, 0),
  'cut in half': async (file: string) => truncate(file, Math.floor((await sizeOf(file)) / 2)),
  'that is gone': async (file: string) => rm(file),
})) {
  for (const which of [0, 1, 2]) {
    test(`a table file ${how} costs what was in it, and reading goes on behind it: file ${which + 1} of 3 (B7)`, async t => {
      const filled = await filledBuffer(t)
      const files = await databaseFiles(filled.path, /\.ldb$/)
      const target = files[Math.min(which, files.length - 1)]
      assert.ok(target)
      await damage(target)

      await assertSurvives(t, filled)
    })
  }
}

for (const [what, pattern, damage] of [
  ['a MANIFEST of no length', /^MANIFEST/, (file: string) => truncate(file, 0)],
  ['a MANIFEST of other bytes', /^MANIFEST/, async (file: string) => flip(file, 0, await sizeOf(file))],
  ['no MANIFEST', /^MANIFEST/, (file: string) => rm(file)],
  ['a CURRENT of no length', /^CURRENT/, (file: string) => truncate(file, 0)],
  ['a CURRENT of other bytes', /^CURRENT/, (file: string) => writeFile(file, 'nonsense\n')],
  ['no CURRENT', /^CURRENT/, (file: string) => rm(file)],
] as const) {
  test(`${what} costs nothing: it is repaired, and what was answered stays answered (B3, B7)`, async t => {
    for (const inLog of [false, true]) {
      const filled = await filledBuffer(t, { inLog })
      for (const file of await databaseFiles(filled.path, pattern)) await damage(file)

      assert.deepEqual(await assertSurvives(t, filled), [])
    }
  })
}

test('bytes that flip while the buffer is open cost their block and no other (B7)', async t => {
  const { path, readings } = await filledBuffer(t)
  const buffer = await openTestBuffer(t, path)
  const file = await largest(path, /\.ldb$/)
  await flip(file, Math.floor((await sizeOf(file)) / 2), 8)

  const { found, missing } = await accounted(buffer)
  await buffer.verified()

  const lost = missing.reduce((sum, { first, last }) => sum + last - first + 1, 0)
  assert.ok(lost > 0 && lost < readings.size / 2)
  assert.equal(found.size + lost, readings.size)
  assert.equal(buffer.status().damaged, lost)
})

test('a buffer beyond repair is set aside under a dated name, and a new one is begun (B2, B7)', async t => {
  const { path, epoch } = await filledBuffer(t)
  const epochs = new Set([epoch])
  for (let time = 1; time <= 3; time += 1) {
    const current = join(path, 'level', 'CURRENT')
    await rm(current)
    await mkdir(join(current, 'in-the-way'), { recursive: true })
    const { log, said } = keptLog()
    const clock = openFakeClock(Date.parse('2026-03-01T00:00:00Z') + time * 1000)

    const buffer = await openBuffer({ clock, log }, { path, maxBytes: 2 ** 30, reserveBytes: RESERVE_BYTES })

    epochs.add(buffer.epoch)
    const [first] = await buffer.append(measurements(1))
    assert.equal(first?.seq, 1)
    assert.equal(said('buffer set aside beyond repair').length, 1)
    const lost = time === 1 ? GROUPS * GROUP - ANSWERED : 1
    assert.deepEqual(
      said('readings lost').map(({ count }) => count),
      [lost],
    )
    await buffer.close()
  }
  assert.equal(epochs.size, 4)
  const kept = (await readdir(path)).filter(name => name.startsWith('damaged-'))
  assert.deepEqual(kept.sort(), ['damaged-2026-03-01T00-00-02-000Z', 'damaged-2026-03-01T00-00-03-000Z'])
})

test('all files of no length cost everything, and everything is reported (B2, B7)', async t => {
  const filled = await filledBuffer(t)
  for (const file of await databaseFiles(filled.path, /./)) await truncate(file, 0)

  const missing = await assertSurvives(t, filled)

  assert.deepEqual(missing, [{ first: ANSWERED + 1, last: GROUPS * GROUP, reason: 'damaged' }])
})

test('without state and without witness what is left is kept under a new epoch (B2, B7)', async t => {
  const { path, epoch, readings } = await filledBuffer(t)
  await rm(join(path, 'witness'))
  await removeState(path)

  const buffer = await openTestBuffer(t, path)

  assert.notEqual(buffer.epoch, epoch)
  const { found, missing } = await accounted(buffer)
  for (const [seq, reading] of readings) assert.deepEqual(found.get(seq), reading)
  assert.deepEqual(missing, [])
  assert.equal((await buffer.append(measurements(1)))[0]?.seq, GROUPS * GROUP + 1)
})

test('a series list that is gone from either place is found in the other (B7)', async t => {
  const filled = await filledBuffer(t)
  await rm(join(filled.path, 'series'))
  await assertSurvives(t, filled)

  assert.match(await readFile(join(filled.path, 'series'), 'utf8'), /pozo-1\/flow/)
})

test('a witness that is damaged or of another buffer is not believed', async t => {
  const filled = await filledBuffer(t)
  const other = await filledBuffer(t)
  await copyFile(join(other.path, 'witness'), join(filled.path, 'witness'))

  assert.deepEqual(await assertSurvives(t, filled), [])
})

test('a table file that is gone costs one stretch of time, at most what a file of 1 MiB holds (B7)', {
  timeout: 60_000,
}, async t => {
  const path = await temporaryFolder(t)
  const filling = await openTestBuffer(t, path)
  for (let round = 0; round < 12; round += 1) {
    const groups = Array.from({ length: 100 }, (_, group) => noisy(500, round * 100 + group))
    await Promise.all(groups.map(group => filling.append(group)))
  }
  const { readings, bytes } = filling.status()
  await filling.close()
  await (await openTestBuffer(t, path)).close()
  const files = await databaseFiles(path, /\.ldb$/)
  assert.ok(files.length >= 3)
  const victim = await largest(path, /\.ldb$/)
  const victimBytes = await sizeOf(victim)
  await rm(victim)

  const buffer = await openTestBuffer(t, path)
  await buffer.verified()
  const { missing } = await accounted(buffer)

  const lost = missing.reduce((sum, { first, last }) => sum + last - first + 1, 0)
  assert.ok(lost > 0 && missing.length === 1, JSON.stringify(missing))
  assert.ok(victimBytes < 1.2 * 2 ** 20)
  // Noise is hardly compressed, so bytes on disk are bytes of records.
  assert.ok(
    lost < 1.3 * (victimBytes / bytes) * readings,
    `${lost} of ${readings} by ${victimBytes} of ${bytes}`,
  )
})

/** Measurements that hardly compress. */
function noisy(count: number, seed: number) {
  const random = randomFrom(seed)
  return measurements(count, seed).map(one => ({
    ...one,
    value: one.value === null ? null : Math.round(random() * 1e9) / 100,
  }))
}

const damage = fc.record({
  /** Which file, and where in it. */
  ...{ which: fc.nat(), at: fc.double({ min: 0, max: 1, noNaN: true }) },
  how: fc.constantFrom('flip', 'cut', 'zero', 'delete'),
  length: fc.integer({ min: 1, max: 5000 }),
})

test('whatever is done to whichever files, the buffer opens, and what it says is true (B2, B5, B7)', {
  timeout: 120_000,
}, async t => {
  const sources = [await filledBuffer(t), await filledBuffer(t, { inLog: true })]
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: 1 }),
      fc.array(damage, { minLength: 1, maxLength: 3 }),
      async (source, all) => {
        const filled = sources[source] as Filled
        const path = await temporaryFolder(t)
        await cp(filled.path, path, { recursive: true })
        for (const { which, at, how, length } of all) {
          const files = await databaseFiles(path, /./)
          const file = files[which % files.length]
          if (file === undefined) continue
          const place = Math.floor(at * (await sizeOf(file)))
          if (how === 'delete') await rm(file)
          else if (how === 'cut') await truncate(file, place)
          else await flip(file, place, length, how === 'flip' ? 0xa5 : 0)
        }

        await assertSurvives(t, { ...filled, path })
      },
    ),
    { numRuns: Number(process.env.DAMAGE_RUNS ?? 12) },
  )
})
