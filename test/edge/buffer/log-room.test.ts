import assert from 'node:assert/strict'
import { cp, open, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openLogRoom } from '../../../edge/buffer/log-room.ts'
import { databaseFiles, measurements, openTestBuffer, readAll, temporaryFolder } from './folder.ts'

test('most writes leave the length of the log as it is, so that a sync has nothing else to write down (B1)', async t => {
  const path = await temporaryFolder(t)
  const buffer = await openTestBuffer(t, path)
  await buffer.append(measurements(8))
  const [log = ''] = await databaseFiles(path, /\.log$/)
  const { size } = await stat(log)

  let used = 0
  for (let seed = 1; seed < 200; seed += 1) {
    await buffer.append(measurements(8, seed))
    const now = (await readFile(log)).findLastIndex(byte => byte !== 0)
    assert.ok(now > used)
    used = now
  }

  assert.equal((await stat(log)).size, size)
})

test('a log that outgrew its room several times, cut off with zeros behind it, gives back all that was confirmed (B1)', async t => {
  const path = await temporaryFolder(t)
  const buffer = await openTestBuffer(t, path)
  for (let seed = 0; seed < 300; seed += 1) await buffer.append(measurements(500, seed))
  const [log = ''] = await databaseFiles(path, /\.log$/)
  assert.ok((await stat(log)).size > 4 * 64 * 1024)
  const copy = join(await temporaryFolder(t), 'copy')

  // As after a power cut: nothing was closed.
  await cp(path, copy, { recursive: true })

  const again = await openTestBuffer(t, copy)
  const { seqs, missing } = await readAll(again)
  assert.deepEqual([seqs.length, missing], [150_000, []])
})

test('openLogRoom() writes behind what a log holds, never over it, and only in the newest', async t => {
  const folder = await temporaryFolder(t)
  const [older, newer] = [join(folder, '000009.log'), join(folder, '000010.log')]
  await writeFile(older, 'older')
  await writeFile(newer, 'records')
  const room = openLogRoom(folder)
  const take = async () => {
    await room.take()
    return (await readFile(newer, 'utf8')).replace(/\0+$/, '')
  }

  assert.equal(await take(), 'records')
  const { size } = await stat(newer)
  const handle = await open(newer, 'r+')
  await handle.write(' and more', 7)
  assert.equal(await take(), 'records and more')
  assert.equal((await stat(newer)).size, size)
  await handle.write('x'.repeat(size), 16)
  assert.equal(await take(), `records and more${'x'.repeat(size)}`)
  await handle.close()
  assert.ok((await stat(newer)).size > size + 16)
  assert.equal(await readFile(older, 'utf8'), 'older')
})
