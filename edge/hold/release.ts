// Moves held readings into the buffer: with their true time, or as they are.

import { createReadStream } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { Measurement, type Reading } from '../../protocol/reading.ts'
import { Rejected, reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import { replaceFile, syncFolder } from '../files.ts'
import type { HoldDeps } from '../hold.ts'
import { type Files, Head, type Journal, unseal } from './journal.ts'

const GROUP = 500
const CORRECTIONS_MAX = 1_000

const Shift = z.strictObject({ v: z.literal(1), boot: z.string(), shiftMs: z.number(), known: z.boolean() })
type Shift = z.infer<typeof Shift>

type ReleaseDeps = Pick<HoldDeps, 'clock' | 'log' | 'buffer' | 'time'>

/**
 * Opens the way out. What it returns empties the journal, `known`: with the time as it is known now. Throws Unavailable;
 * what has moved by then does not move again in this process.
 */
export function openRelease(
  { clock, log, buffer, time }: ReleaseDeps,
  { files, boot }: { files: Files; boot: string },
): (known: boolean, journal: Journal) => Promise<void> {
  let moved = 0
  const onMoved = (lines: number) => {
    moved = lines
  }
  const release = async (known: boolean, journal: Journal) => {
    const offset = clock.now() - clock.monotonic()
    const shiftMs = known ? Math.round(offset - time.guessMs) : 0
    const shift = await decided(files, { v: 1, boot, shiftMs, known })
    const { count, damaged, first, through } = await empty({ log, buffer }, files.held, shift, moved, onMoved)
    if (damaged > 0) log.error('readings lost: damaged while they waited for the clock', { count: damaged })
    if (first !== undefined && shift.known) {
      const { errorMs } = time.state()
      const range = { boot: shift.boot, epoch: buffer.epoch, first, through }
      const entry = { ...range, shiftMs: shift.shiftMs, errorMs, at: clock.now() }
      await keepCorrection(files.folder, entry).catch((error: unknown) =>
        log.warn('correction not kept', { ...entry, error }),
      )
    }
    await journal.clear()
    moved = 0
    await rm(files.shift, { force: true })
    await syncFolder(files.folder)
    log.info('held readings released', { count, shiftMs: shift.shiftMs, corrected: shift.known })
  }
  return async (known, journal) => {
    try {
      await release(known, journal)
    } catch (error) {
      if (error instanceof Unavailable || (error as NodeJS.ErrnoException).code === undefined) throw error
      throw new Unavailable(`Cannot release held readings: ${reasonOf(error)}`, { cause: error })
    }
  }
}

/** The shift that was decided earlier and not finished, or this one, now on disk. */
async function decided({ shift }: Files, now: Shift): Promise<Shift> {
  const text = await readFile(shift, 'utf8').catch(() => undefined)
  if (text !== undefined) {
    try {
      return Shift.parse(JSON.parse(text))
    } catch {
      // It was cut off while it was written: nothing has moved yet.
    }
  }
  await replaceFile(shift, JSON.stringify(now))
  return now
}

/** Moves every reading of the file behind line `from` into the buffer; tells how far it is. */
async function empty(
  { log, buffer }: Pick<HoldDeps, 'log' | 'buffer'>,
  file: string,
  { shiftMs, known }: Shift,
  from: number,
  onMoved: (lines: number) => void,
) {
  const result = { count: 0, damaged: 0, first: undefined as number | undefined, through: 0 }
  const move = async (group: readonly Measurement[]) => {
    for (const readings of await appendAll({ log, buffer }, group)) {
      result.count += readings.length
      result.first ??= readings[0]?.seq
      result.through = readings.at(-1)?.seq ?? result.through
    }
  }
  let group: Measurement[] = []
  let lines = 0
  for await (const line of createInterface({
    input: createReadStream(file),
    crlfDelay: Number.POSITIVE_INFINITY,
  })) {
    lines += 1
    if (lines <= from) continue
    const document = unseal(line)
    if (lines === 1 && Head.safeParse(document).success) continue
    const parsed = Measurement.safeParse(document)
    if (!parsed.success) {
      result.damaged += 1
      continue
    }
    group.push(
      known ? { ...parsed.data, at: parsed.data.at + shiftMs, timeQuality: 'corrected' } : parsed.data,
    )
    if (group.length < GROUP) continue
    await move(group)
    onMoved(lines)
    group = []
  }
  await move(group)
  onMoved(lines)
  return result
}

/** All at once, or, when one of them is impossible, each by itself. */
async function appendAll(
  { log, buffer }: Pick<HoldDeps, 'log' | 'buffer'>,
  group: readonly Measurement[],
): Promise<Reading[][]> {
  if (group.length === 0) return []
  try {
    return [await buffer.append(group)]
  } catch (error) {
    if (!(error instanceof Rejected)) throw error
    if (group.length === 1) {
      log.error('readings lost: they could not be stored', { count: 1, reason: error.message })
      return []
    }
    const appended: Reading[][] = []
    for (const one of group) appended.push(...(await appendAll({ log, buffer }, [one])))
    return appended
  }
}

/** Keeps what was done to which numbers, the newest thousand. */
async function keepCorrection(folder: string, entry: unknown): Promise<void> {
  const file = join(folder, 'corrections.json')
  const before = await readFile(file, 'utf8').then(
    text => JSON.parse(text) as unknown,
    () => [],
  )
  const entries = [...(Array.isArray(before) ? before : []), entry].slice(-CORRECTIONS_MAX)
  await replaceFile(file, JSON.stringify(entries))
}
