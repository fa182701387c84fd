import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { RANGES_MAX } from '../../../edge/buffer/state.ts'
import { WAITING_READINGS_MAX } from '../../../edge/buffer/store.ts'
import { openBuffer } from '../../../edge/buffer.ts'
import { Rejected, Unavailable } from '../../../protocol/runtime/errors.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { keptLog, measurements, openTestBuffer, readAll, scannedBytes, temporaryFolder } from './folder.ts'

const numbers = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index)

test('append() gives numbers from 1 without gaps, and read() gives back what was measured (B1, B2, B4)', async t => {
  const buffer = await openTestBuffer(t, await temporaryFolder(t))

  const appended = await buffer.append(measurements(1203))
  const stretch = await buffer.read(1, 500)

  assert.deepEqual(
    appended.map(({ seq }) => seq),
    numbers(1, 1203),
  )
  const { epoch } = buffer
  assert.deepEqual(stretch, { epoch, first: 1, last: 500, readings: appended.slice(0, 500), missing: [] })
  assert.deepEqual((await buffer.read(501, 10))?.readings, appended.slice(500, 510))
})

test('appends that wait at the same time get numbers in the order they were asked (B1, B2)', async t => {
  const buffer = await openTestBuffer(t, await temporaryFolder(t))

  const groups = await Promise.all(numbers(1, 300).map(seed => buffer.append(measurements(3, seed))))

  assert.deepEqual(
    groups.flat().map(({ seq }) => seq),
    numbers(1, 900),
  )
  assert.deepEqual((await readAll(buffer)).seqs, numbers(1, 900))
})

test('append() of nothing gives nothing and takes no number', async t => {
  const buffer = await openTestBuffer(t, await temporaryFolder(t))

  assert.deepEqual(await buffer.append([]), [])
  assert.equal(buffer.status().nextSeq, 1)
})

test('append() refuses a measurement that could not be read back, and keeps those that wait beside it', async t => {
  const buffer = await openTestBuffer(t, await temporaryFolder(t))
  const [good] = measurements(1)
  assert.ok(good)

  const results = await Promise.allSettled([
    buffer.append([good]),
    buffer.append([good, { ...good, value: Number.NaN }]),
    buffer.append([{ ...good, value: null }]),
    buffer.append([good]),
  ])

  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected', 'fulfilled'],
  )
  assert.ok(results[1]?.status === 'rejected' && results[1].reason instanceof Rejected)
  assert.deepEqual((await readAll(buffer)).seqs, [1, 2])
})

test('append() refuses more than may wait for the disk', async t => {
  const buffer = await openTestBuffer(t, await temporaryFolder(t))
  const group = measurements(500)

  const calls = numbers(0, WAITING_READINGS_MAX / 500).map(() => buffer.append(group))
  const results = await Promise.allSettled(calls)

  const refused = results.filter(result => result.status === 'rejected')
  assert.equal(refused.length, 1)
  assert.ok(refused[0]?.reason instanceof Unavailable)
  assert.equal(buffer.status().readings, WAITING_READINGS_MAX)
})

test('ack() forgets exactly the numbers it names, also in the middle of a block, and the rest stays (B3)', async t => {
  const path = await temporaryFolder(t)
  const buffer = await openTestBuffer(t, path)
  await buffer.append(measurements(100))

  await buffer.ack(buffer.epoch, 11, 20)
  await buffer.ack(buffer.epoch, 1, 5)
  await buffer.ack(buffer.epoch, 11, 20)

  const left = [...numbers(6, 10), ...numbers(21, 100)]
  assert.deepEqual((await readAll(buffer)).seqs, left)
  const { firstUnacked, unackedRanges, readings } = buffer.status()
  assert.deepEqual(
    { firstUnacked, unackedRanges, readings },
    {
      firstUnacked: 6,
      unackedRanges: [
        { first: 6, last: 10 },
        { first: 21, last: 100 },
      ],
      readings: 85,
    },
  )
  await buffer.close()
  const again = await openTestBuffer(t, path)
  assert.deepEqual((await readAll(again)).seqs, left)
})

test('read() never spans answered numbers (B4)', async t => {
  const buffer = await openTestBuffer(t, await temporaryFolder(t))
  await buffer.append(measurements(30))
  await buffer.ack(buffer.epoch, 11, 20)

  assert.deepEqual(
    [await buffer.read(1, 500), await buffer.read(11, 500)].map(stretch => [stretch?.first, stretch?.last]),
    [
      [1, 10],
      [21, 30],
    ],
  )
  assert.equal(await buffer.read(31, 500), undefined)
})

test('ack() of numbers of another epoch forgets nothing (B3)', async t => {
  const buffer = await openTestBuffer(t, await temporaryFolder(t))
  await buffer.append(measurements(3))

  await buffer.ack(buffer.epoch === 1 ? 2 : 1, 1, 3)

  assert.deepEqual((await readAll(buffer)).seqs, [1, 2, 3])
})

test('ack() of numbers that were never given changes nothing', async t => {
  const buffer = await openTestBuffer(t, await temporaryFolder(t))
  await buffer.append(measurements(3))

  await buffer.ack(buffer.epoch, 3, 1_000_000)
  const [next] = await buffer.append(measurements(1))

  assert.equal(next?.seq, 4)
  assert.deepEqual((await readAll(buffer)).seqs, [1, 2, 4])
})

test('ack() of more blocks than one commit deletes goes on until all are gone (B3, B9)', async t => {
  const path = await temporaryFolder(t)
  const buffer = await openTestBuffer(t, path)
  await Promise.all(numbers(1, 5000).map(seed => buffer.append(measurements(1, seed))))

  await buffer.ack(buffer.epoch, 1, 4999)

  assert.deepEqual((await readAll(buffer)).seqs, [5000])
  const { bytes } = buffer.status()
  await buffer.close()
  assert.equal(await scannedBytes(path), bytes)
})

test('ack() refuses to leave more holes than it can remember, and goes on when they close (B3, B9)', async t => {
  const buffer = await openTestBuffer(t, await temporaryFolder(t))
  await buffer.append(measurements(2 * RANGES_MAX + 10))

  const acks = numbers(1, RANGES_MAX).map(index => buffer.ack(buffer.epoch, 2 * index, 2 * index))
  await Promise.all(acks)
  const beyond = 2 * RANGES_MAX + 2
  await assert.rejects(buffer.ack(buffer.epoch, beyond, beyond), Unavailable)
  assert.equal((await buffer.read(beyond, 1))?.first, beyond)

  await buffer.ack(buffer.epoch, 1, 100)
  await buffer.ack(buffer.epoch, beyond, beyond)
  assert.equal((await buffer.read(beyond, 1))?.first, beyond + 1)
})

test('the epoch and the count of numbers outlast the process, also when nothing is left (B2)', async t => {
  const path = await temporaryFolder(t)
  const buffer = await openTestBuffer(t, path)
  await buffer.append(measurements(50))
  await buffer.ack(buffer.epoch, 1, 50)
  const { epoch } = buffer
  await buffer.close()

  const again = await openTestBuffer(t, path)
  const [next] = await again.append(measurements(1))

  assert.deepEqual([again.epoch, next?.seq], [epoch, 51])
  assert.ok(epoch >= 1 && epoch <= 0xffffffff)
})

test('status() counts bytes to the byte (B5)', async t => {
  const path = await temporaryFolder(t)
  const buffer = await openTestBuffer(t, path)
  for (let seed = 0; seed < 40; seed += 1) await buffer.append(measurements(1 + ((seed * 37) % 600), seed))
  await buffer.ack(buffer.epoch, 1, 700)
  await buffer.ack(buffer.epoch, 1000, 1400)
  const { bytes } = buffer.status()
  await buffer.close()

  assert.equal(await scannedBytes(path), bytes)
  const again = await openTestBuffer(t, path)
  assert.equal(again.status().bytes, bytes)
})

test('status() says when the oldest reading was measured', async t => {
  const buffer = await openTestBuffer(t, await temporaryFolder(t))
  assert.equal(buffer.status().oldestAt, undefined)
  const appended = await buffer.append(measurements(10))
  await settled(() => buffer.status().oldestAt === appended[0]?.at)
  await buffer.ack(buffer.epoch, 1, 4)
  await buffer.append(measurements(1))
  await buffer.read(1, 1)

  await settled(() => buffer.status().oldestAt === appended[4]?.at)
})

test('above maxBytes the oldest are evicted, counted, logged and reported until answered (B6)', async t => {
  const path = await temporaryFolder(t)
  const { log, said } = keptLog()
  const maxBytes = 20_000
  const buffer = await openTestBuffer(t, path, { maxBytes, log })

  for (let seed = 0; seed < 100; seed += 1) {
    await buffer.append(measurements(100, seed))
    assert.ok(buffer.status().bytes <= maxBytes + 200)
  }

  const { evicted, readings } = buffer.status()
  assert.equal(evicted + readings, 10_000)
  assert.ok(evicted > 0)
  const counts = said('readings evicted').map(({ count }) => count as number)
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    evicted,
  )
  await buffer.close()
  const again = await openTestBuffer(t, path, { maxBytes })
  const stretch = await again.read(1, 10)
  assert.deepEqual(stretch?.missing, [{ first: 1, last: evicted, reason: 'evicted' }])
  assert.deepEqual(
    stretch?.readings.map(({ seq }) => seq),
    numbers(evicted + 1, evicted + 10),
  )
  assert.deepEqual([stretch?.first, stretch?.last], [1, evicted + 10])
  await again.ack(again.epoch, 1, evicted)
  assert.equal((await again.read(1, 10))?.first, evicted + 1)
})

test('eviction passes over what was answered in the middle (B3, B6)', async t => {
  const buffer = await openTestBuffer(t, await temporaryFolder(t), { maxBytes: 4_000 })
  for (let seed = 0; seed < 10; seed += 1) await buffer.append(measurements(50, seed))
  await buffer.ack(buffer.epoch, 26, 125)

  for (let seed = 0; seed < 40; seed += 1) await buffer.append(measurements(50, seed))

  const { evicted, readings, nextSeq } = buffer.status()
  assert.equal(evicted + readings, nextSeq - 1 - 100)
  assert.deepEqual((await buffer.read(1, 1))?.missing, [{ first: 1, last: 25, reason: 'evicted' }])
  const { missing } = await readAll(buffer)
  assert.equal(
    missing.reduce((sum, { first, last }) => sum + last - first + 1, 0),
    evicted,
  )
})

test('one append larger than maxBytes is kept alone (B6)', async t => {
  const buffer = await openTestBuffer(t, await temporaryFolder(t), { maxBytes: 500 })
  await buffer.append(measurements(10))

  await buffer.append(measurements(400, 1))

  assert.deepEqual((await readAll(buffer)).seqs, numbers(11, 410))
  assert.equal(buffer.status().evicted, 10)
})

test('openBuffer() makes a folder that only its owner may enter', async t => {
  const path = join(await temporaryFolder(t), 'site', 'buffer')
  await openTestBuffer(t, path)

  assert.equal((await stat(path)).mode & 0o777, 0o700)
})

test('openBuffer() refuses a folder that another process has open, and says so (B10)', async t => {
  const path = await temporaryFolder(t)
  await openTestBuffer(t, path)
  const other = `
    import { openBuffer } from '${import.meta.resolve('../../../edge/buffer.ts')}'
    import { silentLog } from '${import.meta.resolve('../../../protocol/runtime/log.ts')}'
    import { systemClock } from '${import.meta.resolve('../../../protocol/runtime/clock.ts')}'
    try { await openBuffer({ clock: systemClock, log: silentLog }, { path: ${JSON.stringify(path)}, maxBytes: 1e9 }) }
    catch (error) { console.log(error.name + ': ' + error.message) }
  `

  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', other], { encoding: 'utf8' })

  assert.match(stdout, /^Unavailable: .*another process has it open \(LEVEL_LOCKED\)/)
  await assert.rejects(
    openBuffer({ clock: openFakeClock(), log: silentLog }, { path, maxBytes: 1e9 }),
    /another process has it open/,
  )
})

test('close() writes what waits, and nothing is taken afterwards (B1)', async t => {
  const path = await temporaryFolder(t)
  const buffer = await openTestBuffer(t, path)

  const waiting = [buffer.append(measurements(5)), buffer.append(measurements(5))]
  await buffer.close()

  assert.equal((await Promise.all(waiting)).flat().length, 10)
  await assert.rejects(buffer.append(measurements(1)), /closed/)
  const again = await openTestBuffer(t, path)
  assert.equal(again.status().readings, 10)
})

async function settled(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 5000
  while (!condition()) {
    assert.ok(Date.now() < deadline, 'did not come true within 5 s')
    await new Promise(resolve => setImmediate(resolve))
  }
}
