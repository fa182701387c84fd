// A disk that fills up, for real: a file system of a few megabytes in memory. Needs root to mount it.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Unavailable } from '../../../protocol/runtime/errors.ts'
import { skipUnlessRoot } from '../../doubles/root.ts'
import {
  atEnd,
  keptLog,
  measurements,
  openTestBuffer,
  readAll,
  scannedBytes,
  temporaryFolder,
} from './folder.ts'

const DISK = 24 * 2 ** 20
const RESERVE = 3 * 2 ** 20
const skip = skipUnlessRoot('mounts a small file system')

/** A file system of `DISK` bytes. Registered before anything is opened on it, so that it is unmounted last. */
async function smallDisk(t: TestContext): Promise<string> {
  const folder = await temporaryFolder(t)
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', folder], {
    encoding: 'utf8',
  })
  assert.equal(mount.status, 0, mount.stderr)
  atEnd(t, () => spawnSync('umount', ['-l', folder]))
  return folder
}

/** Takes all space but `left` bytes. */
async function fill(disk: string, left: number): Promise<string> {
  const path = join(disk, 'somebody-elses-file')
  const { bavail, bsize } = await statfs(disk)
  await writeFile(path, new Uint8Array(Math.max(0, bavail * bsize - left)))
  return path
}

test('a full disk refuses appends, loses nothing, lets acks through, and works again with space (B3, B8)', {
  skip,
}, async t => {
  const disk = await smallDisk(t)
  const { log, said } = keptLog()
  const buffer = await openTestBuffer(t, join(disk, 'buffer'), { log, reserveBytes: RESERVE })
  await buffer.append(measurements(500))
  const filler = await fill(disk, 600_000)

  let confirmed = 500
  let refusal: unknown
  for (let seed = 1; refusal === undefined && seed < 5000; seed += 1) {
    try {
      confirmed = (await buffer.append(measurements(500, seed))).at(-1)?.seq ?? 0
    } catch (error) {
      refusal = error
    }
  }

  assert.ok(refusal instanceof Unavailable)
  assert.match(refusal.message, /disk of .* is full \(.* free, .* needed\); free space there or lower/)
  assert.ok(confirmed > 500)
  await assert.rejects(buffer.append(measurements(1)), Unavailable)
  assert.equal((await readAll(buffer)).seqs.length, confirmed)

  await buffer.ack(buffer.epoch, 1, 700)
  assert.equal((await buffer.read(1, 1))?.first, 701)
  assert.ok(said('buffer not written').length > 0)

  await rm(filler)
  const [next] = await buffer.append(measurements(1))
  assert.equal(next?.seq, confirmed + 1)
  const { seqs, missing } = await readAll(buffer)
  assert.deepEqual([seqs.length, seqs[0], missing.length], [confirmed + 1 - 700, 701, 0])
  assert.equal(said('disk found with space again').length, 1)
  const { bytes } = buffer.status()
  await buffer.close()
  assert.equal(await scannedBytes(join(disk, 'buffer')), bytes)
})

test('a buffer opens on a full disk, and what is in it can be read and answered (B8)', { skip }, async t => {
  const disk = await smallDisk(t)
  const path = join(disk, 'buffer')
  const before = await openTestBuffer(t, path, { reserveBytes: RESERVE })
  for (let seed = 0; seed < 20; seed += 1) await before.append(measurements(500, seed))
  await before.close()
  const filler = await fill(disk, 0)

  const buffer = await openTestBuffer(t, path, { reserveBytes: RESERVE })
  await assert.rejects(buffer.append(measurements(1)), Unavailable)
  assert.equal((await readAll(buffer)).seqs.length, 10_000)
  for (let stretch = await buffer.read(1, 500); stretch !== undefined; stretch = await buffer.read(1, 500)) {
    await buffer.ack(buffer.epoch, stretch.first, stretch.last)
  }

  assert.equal(buffer.status().readings, 0)
  await rm(filler)
  assert.equal((await buffer.append(measurements(1)))[0]?.seq, 10_001)
})

test('a disk that fills up again and again while readings come and go costs none that was confirmed (B1, B8)', {
  skip,
}, async t => {
  const disk = await smallDisk(t)
  const path = join(disk, 'buffer')
  let buffer = await openTestBuffer(t, path, { reserveBytes: RESERVE })
  const kept = new Set<number>()
  let refused = 0
  for (let round = 0; round < 6; round += 1) {
    const filler = await fill(disk, 300_000 + round * 100_000)
    for (let seed = 0; seed < 300; seed += 1) {
      const results = await Promise.allSettled(
        [1, 2, 3].map(part => buffer.append(measurements(300, seed * part))),
      )
      for (const result of results) {
        if (result.status === 'rejected') refused += 1
        else for (const { seq } of result.value) kept.add(seq)
      }
      if (results.some(({ status }) => status === 'rejected')) break
    }
    const head = await buffer.read(1, 400)
    if (head !== undefined) {
      await buffer.ack(buffer.epoch, head.first, head.last)
      for (let seq = head.first; seq <= head.last; seq += 1) kept.delete(seq)
    }
    if (round % 2 === 1) {
      await buffer.close()
      buffer = await openTestBuffer(t, path, { reserveBytes: RESERVE })
    }
    const found = new Set((await readAll(buffer)).seqs)
    assert.deepEqual(
      [...kept].filter(seq => !found.has(seq)),
      [],
    )
    await rm(filler)
  }
  assert.ok(refused > 0)
  assert.deepEqual((await readAll(buffer)).missing, [])
})
