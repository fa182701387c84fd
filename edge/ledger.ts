// The days of the buffer's numbers: which civil day a reading was put on disk, told to the cloud with where it is now.
//
// The buffer numbers readings without gaps and knows of each number whether it was answered, so a day needs no counters,
// only the number it begins with. The cloud, which has the numbers of every batch, can then say of each one where it is.
//
// Promises:
//   L1. A number is of one day, and stays so: the number that a day begins with is on disk before it is told.
//   L2. What a power cut may cost is the count of readings that were measured and never put on disk, of a minute.
//   L3. While the file cannot be written, what comes belongs to the day before; nothing waits for it.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { civilDate } from '../protocol/civil-date.ts'
import { reasonsOf } from '../protocol/mistakes.ts'
import type { Clock } from '../protocol/runtime/clock.ts'
import { reasonOf } from '../protocol/runtime/errors.ts'
import type { Log } from '../protocol/runtime/log.ts'
import { type GatewayLedger, LEDGER_DAYS_MAX, LEDGER_RANGES_MAX, LedgerDay } from '../protocol/status.ts'
import { add, type Range, type Ranges } from './buffer/ranges.ts'
import type { Buffer } from './buffer.ts'
import { replaceFile } from './files.ts'

const HOUR_MS = 3_600_000

/** Days that are told although all of them is answered: a message may be lost, and a day be answered meanwhile. */
const ANSWERED_DAYS = 7

const File = z.strictObject({ v: z.literal(1), epoch: z.int(), days: z.array(LedgerDay).min(1) })
type File = z.infer<typeof File>

/** The days of the buffer's numbers. */
export interface Ledger {
  /** Begins a new day when there is one; resolves when it is on disk, or could not be put there. Before each append. */
  look(): Promise<void>
  /** What the cloud is told. */
  tell(): Promise<GatewayLedger>
}

/** What a ledger needs. */
export interface LedgerDeps {
  clock: Clock
  log: Log
  buffer: Pick<Buffer, 'epoch' | 'status'>
  /** Measurements that could not be put on disk since the process started. */
  lost: () => number
  /** Numbers that were sent in this session, and are not answered. */
  underWay: () => Ranges
}

/** Opens the ledger in a buffer's folder. */
export async function openLedger(
  { clock, log, buffer, lost, underWay }: LedgerDeps,
  folder: string,
): Promise<Ledger> {
  const path = join(folder, 'days.json')
  let file = await readDays({ log }, path)
  let lookedAt: number | undefined
  let lostCounted = 0
  let turn: Promise<unknown> = Promise.resolve()

  const save = async (next: File): Promise<void> => {
    try {
      await replaceFile(path, JSON.stringify(next))
      file = next
    } catch (error) {
      log.warn('days of the ledger not written', { reason: reasonOf(error) })
    }
  }

  const see = async () => {
    const hour = Math.floor(clock.now() / HOUR_MS)
    if (hour === lookedAt && file?.epoch === buffer.epoch) return
    const day = civilDate(clock.now()).toString()
    const { epoch, nextSeq, firstUnacked } = buffer.status()
    if (file?.epoch !== epoch) await save({ v: 1, epoch, days: [{ day, first: firstUnacked, lost: 0 }] })
    else if (file.days.at(-1)?.day !== day) await save({ ...file, days: begin(file.days, day, nextSeq) })
    if (file?.epoch === epoch && file.days.at(-1)?.day === day) lookedAt = hour
  }

  const countLost = async () => {
    const now = lost()
    const last = file?.days.at(-1)
    if (now === lostCounted || file === undefined || last === undefined) return
    const counted = { ...last, lost: last.lost + now - lostCounted }
    const next = { ...file, days: [...file.days.slice(0, -1), counted] }
    lostCounted = now
    // A disk that takes no readings may not take their count either: what is told counts, and is written when it can be.
    file = next
    await save(next)
  }

  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work)
    turn = mine.catch(() => {})
    return mine
  }
  await inTurn(see)
  return {
    look: () => inTurn(see),
    tell: () =>
      inTurn(async () => {
        await see()
        await countLost()
        const { epoch, nextSeq: next, firstUnacked, unackedRanges } = buffer.status()
        return {
          ...{ epoch, next },
          unanswered: toNumbers(unackedRanges),
          underWay: toNumbers(underWay()),
          days: file?.epoch === epoch ? worthTelling(file.days, firstUnacked) : [],
        }
      }),
  }
}

async function readDays({ log }: { log: Log }, path: string): Promise<File | undefined> {
  try {
    return File.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    log.warn('days of the ledger not readable: begun anew', { reason: reasonsOf(error) })
    return undefined
  }
}

/** The days with a new one, which takes the place of one that got no number. */
function begin(days: readonly LedgerDay[], day: string, first: number): LedgerDay[] {
  const before = days.at(-1)?.first === first && days.at(-1)?.lost === 0 ? days.slice(0, -1) : days
  const last = before.at(-1)
  if (last?.day === day) return [...before]
  // A day of nothing but losses needs a number to be told by: it takes the next one that is given.
  const from = last === undefined ? first : Math.max(first, last.first + 1)
  return [...before, { day, first: from, lost: 0 }].slice(-LEDGER_DAYS_MAX)
}

function worthTelling(days: readonly LedgerDay[], firstUnacked: number): LedgerDay[] {
  const isOpen = (index: number) => (days[index + 1]?.first ?? Infinity) > firstUnacked
  return days.filter((_, index) => isOpen(index) || index >= days.length - ANSWERED_DAYS)
}

/** The ranges, in pairs; of more than may be told, those with the smallest gaps between them are told as one. */
export function toNumbers(ranges: Ranges): [number, number][] {
  const gaps = ranges.slice(1).map(({ first }, index) => first - (ranges[index] as Range).last)
  const cuts = new Set(
    gaps
      .map((gap, index) => ({ gap, index }))
      .sort((a, b) => b.gap - a.gap)
      .slice(0, LEDGER_RANGES_MAX - 1)
      .map(({ index }) => index),
  )
  let joined: Ranges = []
  for (const [index, { first, last }] of ranges.entries()) {
    const before = joined.at(-1)
    const from = index > 0 && !cuts.has(index - 1) && before !== undefined ? before.last + 1 : first
    joined = add(joined, from, last)
  }
  return joined.map(({ first, last }) => [first, last])
}
