// What the buffer's tests share: folders that clean up after themselves, measurements, and a look at the bare records.

import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { Level } from 'level'
import { STATE_KEY } from '../../../edge/buffer/state.ts'
import { type Buffer, openBuffer } from '../../../edge/buffer.ts'
import type { Measurement } from '../../../protocol/reading.ts'
import { type Fields, type Log, openLog } from '../../../protocol/runtime/log.ts'
import { openFakeClock } from '../../doubles/clock.ts'

/** Small, so that tests do not fill disks with it. */
export const RESERVE_BYTES = 64 * 1024

const stacks = new WeakMap<TestContext, (() => unknown)[]>()

/** Has `work` done when the test is over, the last asked first: what was opened in a folder closes before it goes. */
export function atEnd(context: TestContext, work: () => unknown): void {
  const known = stacks.get(context)
  const stack = known ?? []
  stack.push(work)
  if (known !== undefined) return
  stacks.set(context, stack)
  context.after(async () => {
    for (const each of stack.reverse()) await each()
  })
}

/** A folder that is gone when the test is over. */
export async function temporaryFolder(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'smarthydro-buffer-'))
  atEnd(context, () => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A log that is kept, to ask what was said. */
export function keptLog(): { log: Log; said: (event: string) => Fields[] } {
  const lines: Fields[] = []
  const log = openLog(
    { clock: openFakeClock(), write: line => lines.push(JSON.parse(line)) },
    { level: 'info' },
  )
  return { log, said: event => lines.filter(line => line.event === event) }
}

/** Opens a buffer and closes it when the test is over. */
export async function openTestBuffer(
  context: TestContext,
  path: string,
  { maxBytes = 2 ** 30, log = keptLog().log, reserveBytes = RESERVE_BYTES } = {},
): Promise<Buffer> {
  const buffer = await openBuffer({ clock: openFakeClock(), log }, { path, maxBytes, reserveBytes })
  atEnd(context, () => buffer.close())
  return buffer
}

/** `count` measurements that differ from each other and from those of another `seed`. */
export function measurements(count: number, seed = 0): Measurement[] {
  return Array.from({ length: count }, (_, index) => ({
    point: `pozo-${(index % 10) + 1}`,
    variable: index % 2 === 0 ? 'flow' : 'level',
    at: 1_767_268_800_000 + seed * 60_000 + index * 1000,
    value: index % 7 === 6 ? null : (seed * 1000 + index) / 100,
    quality: index % 7 === 6 ? 'no_answer' : 'good',
    timeQuality: 'synced',
  }))
}

/** The sum of all key and value lengths, counted by a plain scan of the closed database. */
export async function scannedBytes(path: string, { damageExpected = false } = {}): Promise<number> {
  const db = new Level<Uint8Array, Uint8Array>(join(path, 'level'), {
    keyEncoding: 'view',
    valueEncoding: 'view',
  })
  await db.open()
  let bytes = 0
  const iterator = db.iterator()
  try {
    // One by one: LevelDB says only at the end that it stepped over damage, and takes back its last handful.
    for (let [entry] = await iterator.nextv(1); entry !== undefined; [entry] = await iterator.nextv(1)) {
      bytes += entry[0].length + entry[1].length
    }
  } catch (error) {
    if (!damageExpected) throw error
  }
  await iterator.close()
  await db.close()
  return bytes
}

/** Takes away what a closed buffer knows of itself. */
export async function removeState(path: string): Promise<void> {
  const db = new Level<Uint8Array, Uint8Array>(join(path, 'level'), {
    keyEncoding: 'view',
    valueEncoding: 'view',
  })
  await db.del(STATE_KEY)
  await db.close()
}

/** Files of the database whose names end in one of these. */
export async function databaseFiles(path: string, ending: RegExp): Promise<string[]> {
  const names = await readdir(join(path, 'level'))
  return names
    .filter(name => ending.test(name))
    .sort()
    .map(name => join(path, 'level', name))
}

/** Everything that read() gives, from the head to the end, without answering any of it. */
export async function readAll(buffer: Buffer): Promise<{
  seqs: number[]
  missing: { first: number; last: number; reason: string }[]
}> {
  const seqs: number[] = []
  const missing: { first: number; last: number; reason: string }[] = []
  let from = 1
  for (;;) {
    const stretch = await buffer.read(from, 500)
    if (stretch === undefined) return { seqs, missing }
    for (const { seq } of stretch.readings) seqs.push(seq)
    missing.push(...stretch.missing)
    from = stretch.last + 1
  }
}
