// How much the buffer writes on a disk in a day of ten devices of eight variables each minute.
//
// The figure is the kernel's own: sectors written to a block device of its own, an ext4 file system of 4 KiB blocks in a
// file, journal and all. The minutes of a tenth of a day pass as fast as they can; after each of them everything that
// waits in memory is written, as the kernel does after 30 s at the latest. The peer writes the very same records with
// LevelDB alone, synced. Needs root.

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { Level } from 'level'
import { blockRecord, encodeBody } from '../../edge/buffer/block.ts'
import { openBuffer } from '../../edge/buffer.ts'
import type { Measurement } from '../../protocol/reading.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import type { Variable } from '../../protocol/variables.ts'
import type { Figure } from './figure.ts'

const MINUTES = 144
const MINUTES_A_DAY = 1440
const DEVICES = 10
const VARIABLES: readonly Variable[] = [
  ...(['flow', 'total', 'level', 'pulses', 'pressure', 'temperature', 'conductivity', 'battery'] as const),
]
const DISK_BYTES = 2 ** 30
const SECTOR_BYTES = 512
const GB = 1e9

/** What a minute does. */
type Minute = (polls: readonly Measurement[][]) => Promise<void>

/** Gigabytes a day, with the cloud there and away. On Linux and as root only. */
export async function benchWear(): Promise<Figure[]> {
  if (!existsSync('/sys/block') || process.getuid?.() !== 0) return []
  const bare = await dayOn(openBare)
  const figures: Figure[] = []
  for (const [cloud, isThere] of [
    ['there', true],
    ['away', false],
  ] as const) {
    const value = await dayOn(folder => openBuffered(folder, isThere))
    figures.push({
      ...{ name: `wear: block writes a day, the cloud is ${cloud}`, value, unit: 'GB' },
      ...{ ratio: value / bare, peer: 'bare classic-level, same records, synced' },
    })
  }
  return figures
}

/** Ten devices on one bus: each poll is on disk before the next is made. Two batches a minute are answered. */
async function openBuffered(folder: string, isAnswered: boolean) {
  const options = { path: folder, maxBytes: DISK_BYTES, reserveBytes: 2 ** 20 }
  const buffer = await openBuffer({ clock: systemClock, log: silentLog }, options)
  const minute: Minute = async polls => {
    for (const poll of polls) await buffer.append(poll)
    if (!isAnswered) return
    const { firstUnacked, nextSeq } = buffer.status()
    await buffer.ack(buffer.epoch, firstUnacked, firstUnacked + 55)
    await buffer.ack(buffer.epoch, firstUnacked + 56, nextSeq - 1)
  }
  return { minute, close: () => buffer.close() }
}

async function openBare(folder: string) {
  const db = new Level<Uint8Array, Uint8Array>(folder, { keyEncoding: 'view', valueEncoding: 'view' })
  await db.open()
  let next = 1
  const minute: Minute = async polls => {
    for (const poll of polls) {
      const body = encodeBody(poll, ({ variable }) => VARIABLES.indexOf(variable))
      const record = blockRecord(next, { body, count: poll.length, class: 'regulatory' }, 0)
      await db.batch([{ type: 'put', ...record }], { sync: true })
      next += poll.length
    }
  }
  return { minute, close: () => db.close() }
}

/** Gigabytes that a day of it writes. */
async function dayOn(
  begin: (folder: string) => Promise<{ minute: Minute; close: () => Promise<void> }>,
): Promise<number> {
  const home = await mkdtemp(join(tmpdir(), 'smarthydro-wear-'))
  const [image, disk] = [join(home, 'disk.img'), join(home, 'disk')]
  await writeFile(image, '')
  await truncate(image, DISK_BYTES)
  await mkdir(disk)
  run('mkfs.ext4', '-q', '-F', '-b', '4096', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image)
  const device = run('losetup', '--find', '--show', image).trim()
  try {
    run('mount', device, disk)
    const { minute, close } = await begin(join(disk, 'buffer'))
    await minute(pollsOf(0))
    run('sync', '-f', disk)
    const before = await bytesWritten(device)
    for (let number = 1; number <= MINUTES; number += 1) {
      await minute(pollsOf(number))
      run('sync', '-f', disk)
    }
    const written = (await bytesWritten(device)) - before
    await close()
    return (written / GB) * (MINUTES_A_DAY / MINUTES)
  } finally {
    spawnSync('umount', [disk])
    run('losetup', '--detach', device)
    await rm(home, { recursive: true })
  }
}

const run = (command: string, ...args: string[]) => execFileSync(command, args, { encoding: 'utf8' })

/** The seventh number of a device's statistics (Documentation/block/stat.rst). */
async function bytesWritten(device: string): Promise<number> {
  const text = await readFile(`/sys/block/${basename(device)}/stat`, 'utf8')
  return Number(text.trim().split(/\s+/)[6]) * SECTOR_BYTES
}

function pollsOf(minute: number): Measurement[][] {
  return Array.from({ length: DEVICES }, (_, device) =>
    VARIABLES.map((variable, index) => ({
      ...{ point: `pozo-${device}`, variable, at: 1_767_268_800_000 + minute * 60_000 + device * 300 },
      ...{ value: ((minute * 7 + index * 13 + device) % 9_973) / 100 },
      ...{ quality: 'good', timeQuality: 'synced' },
    })),
  )
}
