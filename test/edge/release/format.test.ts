// A buffer that another release has left: read, or left alone.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { Level } from 'level'
import { BUFFER_FORMATS, STATE_KEY } from '../../../edge/buffer/state.ts'
import { openBuffer } from '../../../edge/buffer.ts'
import { Unavailable } from '../../../protocol/runtime/errors.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { keptLog, openTestBuffer, temporaryFolder } from '../buffer/folder.ts'

test('a buffer of a format that a release does not read is refused, and nothing in it is given up', async context => {
  const path = await temporaryFolder(context)
  const buffer = await openTestBuffer(context, path)
  await buffer.append([
    { point: 'pozo-7', variable: 'flow', at: 1, value: 1, quality: 'good', timeQuality: 'synced' },
  ])
  await buffer.close()
  const setFormat = async (format: number) => {
    const db = new Level<Uint8Array, Uint8Array>(join(path, 'level'), {
      keyEncoding: 'view',
      valueEncoding: 'view',
    })
    const record = Buffer.from((await db.get(STATE_KEY)) ?? [])
    record[0] = format
    record.writeUInt32LE(crc32(record.subarray(0, -4)), record.length - 4)
    await db.put(STATE_KEY, record)
    await db.close()
  }

  await setFormat(BUFFER_FORMATS.writes + 1)
  const deps = { clock: openFakeClock(), log: keptLog().log }
  await assert.rejects(
    openBuffer(deps, { path, maxBytes: 2 ** 30 }),
    (error: unknown) =>
      error instanceof Unavailable && /is of format 3, and this release reads 2/.test(error.message),
  )

  await setFormat(BUFFER_FORMATS.writes)
  assert.equal((await openTestBuffer(context, path)).status().readings, 1)
})
