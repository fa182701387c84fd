// How far each key of each device has been read, so that an outage of ours is filled from what a provider has kept.
//
// It is a help and no record: what is lost of it costs some readings that travel twice, which changes nothing, or some
// history that is not fetched. So it is written at most once a minute, and a damaged file is begun anew.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { Instant } from '../../protocol/reading.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Closable } from '../../protocol/runtime/scope.ts'
import { replaceFile } from '../files.ts'

/** What is known of one key. */
export const Mark = z.strictObject({
  /** The device's time of the newest sample that is on disk. */
  newest: Instant,
  /** What lies before it and is still to be asked for, both ends included; how often that was tried in vain. */
  gap: z.strictObject({ from: Instant, to: Instant, tries: z.int().min(0) }).optional(),
})

/** What is known of one key. */
export type Mark = z.infer<typeof Mark>

/** Marks by key. */
export type MarksOfDevice = ReadonlyMap<string, Mark>

/** What is known of all devices. */
export interface Marks extends Closable {
  of(device: string): MarksOfDevice
  /** Takes the place of what was known of these keys. Never rejects. */
  put(device: string, marks: MarksOfDevice): Promise<void>
}

const WRITE_EVERY_MS = 60_000
const File = z.strictObject({ v: z.literal(1), devices: z.record(z.string(), z.record(z.string(), Mark)) })

/** Opens the marks in a folder. Those of devices that are not among `devices` are forgotten. */
export async function openMarks(
  { clock, log }: { clock: Clock; log: Log },
  { folder, devices }: { folder: string; devices: readonly string[] },
): Promise<Marks> {
  const file = join(folder, 'providers.json')
  const kept = await readMarks({ log }, file)
  const all = new Map(devices.map(device => [device, new Map(kept.get(device))]))
  const ofDevice = (device: string): Map<string, Mark> => {
    const marks = all.get(device) ?? new Map<string, Mark>()
    all.set(device, marks)
    return marks
  }
  let isChanged = false
  let writtenAt = Number.NEGATIVE_INFINITY
  let turn: Promise<void> = Promise.resolve()

  const write = (): Promise<void> => {
    isChanged = false
    writtenAt = clock.monotonic()
    const document = {
      v: 1,
      devices: Object.fromEntries([...all].map(([device, marks]) => [device, Object.fromEntries(marks)])),
    }
    turn = turn
      .then(() => replaceFile(file, JSON.stringify(document)))
      .catch((error: unknown) => {
        isChanged = true
        log.warn('marks of providers not written', { file, reason: reasonOf(error) })
      })
    return turn
  }

  return {
    of: ofDevice,
    async put(device, marks) {
      const known = ofDevice(device)
      for (const [key, mark] of marks) {
        isChanged ||= !isDeepStrictEqual(known.get(key), mark)
        known.set(key, mark)
      }
      if (isChanged && clock.monotonic() - writtenAt >= WRITE_EVERY_MS) await write()
    },
    close: async () => {
      if (isChanged) await write()
    },
  }
}

async function readMarks({ log }: { log: Log }, file: string): Promise<Map<string, Map<string, Mark>>> {
  try {
    const { devices } = File.parse(JSON.parse(await readFile(file, 'utf8')))
    return new Map(Object.entries(devices).map(([device, marks]) => [device, new Map(Object.entries(marks))]))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return new Map()
    log.warn('marks of providers forgotten: their file could not be read', {
      file,
      reason: error instanceof z.ZodError ? 'it is not what we write' : reasonOf(error),
    })
    return new Map()
  }
}
