// How fast the buffer takes readings in and gives them back, held against LevelDB alone.
//
// The peer is a bare loop on the same library in the same run: the very same records, synced, without numbers, state,
// series, checks or accounting. Draining is reading 500 at a time and deleting them, synced, on both sides.

import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Level } from 'level'
import { blockRecord, encodeBody } from '../../edge/buffer/block.ts'
import { openBuffer } from '../../edge/buffer.ts'
import type { Measurement } from '../../protocol/reading.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { type Figure, median } from './figure.ts'

const GROUPS = [40, 500]
const APPENDS = 400
const ROUNDS = 3
const PER_READ = 500

/** Appends and drains a second, and bytes on disk. */
export async function benchBuffer(): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const size of GROUPS) {
    const rounds: { ours: Rates; bare: Rates; diskBytes: number }[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      const groups = Array.from({ length: APPENDS }, (_, group) => measurementsOf(size, group))
      const { diskBytes, ...ours } = await inFolder(folder => buffered(folder, groups))
      rounds.push({ ours, bare: await inFolder(folder => bare(folder, groups)), diskBytes })
    }
    for (const what of ['appends', 'drains'] as const) {
      figures.push({
        name: `buffer: durable ${what}, groups of ${size}`,
        value: median(rounds.map(({ ours }) => ours[what])),
        unit: 'readings/s',
        ratio: median(rounds.map(({ ours, bare: peer }) => ours[what] / peer[what])),
        peer: 'bare classic-level, same records, synced',
      })
    }
    figures.push({
      name: `buffer: bytes on disk, groups of ${size}`,
      value: median(rounds.map(({ diskBytes }) => diskBytes)) / (size * APPENDS),
      unit: 'B/reading',
    })
  }
  return figures
}

interface Rates {
  appends: number
  drains: number
}

async function buffered(path: string, groups: readonly Measurement[][]) {
  const options = { path, maxBytes: 2 ** 30, reserveBytes: 2 ** 20 }
  const first = await openBuffer({ clock: systemClock, log: silentLog }, options)
  const appends = await rateOf(groups, async () => {
    for (const group of groups) await first.append(group)
  })
  await first.close()
  // Opening again turns the log into tables, which is how a backlog lies on disk.
  const buffer = await openBuffer({ clock: systemClock, log: silentLog }, options)
  const diskBytes = await folderBytes(join(path, 'level'))
  const drains = await rateOf(groups, async () => {
    for (;;) {
      const stretch = await buffer.read(1, PER_READ)
      if (stretch === undefined) break
      await buffer.ack(buffer.epoch, stretch.first, stretch.last)
    }
  })
  await buffer.close()
  return { appends, drains, diskBytes }
}

async function bare(path: string, groups: readonly Measurement[][]): Promise<Rates> {
  const ids = new Map<string, number>()
  const idOf = ({ point, variable }: { point: string; variable: string }) => {
    const name = `${point}/${variable}`
    const id = ids.get(name) ?? ids.size
    ids.set(name, id)
    return id
  }
  let next = 1
  const records = groups.map(group => {
    const record = blockRecord(
      next,
      { body: encodeBody(group, idOf), count: group.length, class: 'regulatory' },
      0,
    )
    next += group.length
    return record
  })
  const options = { keyEncoding: 'view', valueEncoding: 'view' } as const
  const first = new Level<Uint8Array, Uint8Array>(path, options)
  await first.open()
  const appends = await rateOf(groups, async () => {
    for (const { key, value } of records) await first.batch([{ type: 'put', key, value }], { sync: true })
  })
  await first.close()
  const db = new Level<Uint8Array, Uint8Array>(path, options)
  await db.open()
  const perRead = Math.max(1, Math.floor(PER_READ / (groups[0]?.length ?? 1)))
  const drains = await rateOf(groups, async () => {
    let gte = new Uint8Array(0)
    for (;;) {
      const entries = await db.iterator({ gte, limit: perRead, highWaterMarkBytes: 2 ** 20 }).all()
      const last = entries[entries.length - 1]
      if (last === undefined) break
      gte = new Uint8Array(last[0])
      await db.batch(
        entries.map(([key]) => ({ type: 'del', key })),
        { sync: true },
      )
    }
  })
  await db.close()
  return { appends, drains }
}

async function rateOf(groups: readonly Measurement[][], work: () => Promise<void>): Promise<number> {
  const start = systemClock.monotonic()
  await work()
  const seconds = (systemClock.monotonic() - start) / 1000
  return (groups.length * (groups[0]?.length ?? 0)) / seconds
}

async function folderBytes(folder: string): Promise<number> {
  const names = await readdir(folder)
  const sizes = await Promise.all(names.map(async name => (await stat(join(folder, name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'smarthydro-bench-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Ten wells of four variables each minute, with the noise of instruments. */
function measurementsOf(count: number, seed: number): Measurement[] {
  const variables = ['flow', 'total', 'level', 'pulses'] as const
  return Array.from({ length: count }, (_, index) => {
    const minute = seed * Math.ceil(count / 40) + Math.floor(index / 40)
    const noise = ((index * 2_654_435_761 + minute * 40_503) % 997) / 100
    return {
      point: `pozo-${(Math.floor(index / 4) % 10) + 1}`,
      variable: variables[index % 4] ?? 'flow',
      at: 1_767_268_800_000 + minute * 60_000 + (Math.floor(index / 4) % 10) * 130,
      value: Math.round((10 + minute * 0.6 + noise) * 100) / 100,
      quality: 'good',
      timeQuality: 'synced',
    }
  })
}
