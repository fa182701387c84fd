// Readings that were taken before the clock was first synchronised wait here, on disk, for the synchronisation.
//
// Promises:
//   C1. A reading is on disk, here or in the buffer, when store() resolves; it enters the buffer once, and in order.
//   C2. When the clock is synchronised in the same boot, however many processes later, what waits gets its true time and
//       the time quality `corrected`. By how much it was moved is kept beside the numbers it got (`corrections.json`).
//   C3. Nothing waits for ever: above its bound in bytes, after another boot, or when the cloud is reached and the clock is
//       still not synchronised, what waits goes on as it is, `unsynced`.
//   C4. The shift is on disk before the first reading moves: a crash between them makes no reading twice, as the same
//       series and time are the same reading.
//
// Files in the buffer's folder: `held` (a line for whose boot it is, then a line each reading, each with its CRC),
// `held-shift` (there while `held` is being emptied).

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Measurement, Reading } from '../protocol/reading.ts'
import type { Clock } from '../protocol/runtime/clock.ts'
import { Unavailable } from '../protocol/runtime/errors.ts'
import type { Log } from '../protocol/runtime/log.ts'
import type { Closable } from '../protocol/runtime/scope.ts'
import type { Buffer } from './buffer.ts'
import { openJournal, readHead, wholeBytes } from './hold/journal.ts'
import { openRelease } from './hold/release.ts'
import type { TimeQualityProbe } from './time-quality.ts'

const BYTES_MAX = 32 * 2 ** 20
/** For how long the cloud is reached before the clock is given up: who reaches it mostly reaches a time server too. */
const GIVE_UP_MS = 10 * 60_000
const LOOK_EVERY_MS = 5_000

/** Where readings go on their way to the buffer. */
export interface Hold extends Closable {
  /** Keeps measurements; on disk when it resolves. Throws what the buffer's append() throws. */
  store(measurements: readonly Measurement[]): Promise<{ readings: Reading[]; held: Measurement[] }>
  /** Sees to C2 and C3 while nothing is stored, until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
  status(): { bytes: number }
}

/** What holding needs. */
export interface HoldDeps {
  clock: Clock
  log: Log
  buffer: Pick<Buffer, 'append' | 'epoch'>
  time: Pick<TimeQualityProbe, 'guessMs' | 'isAwaited' | 'stamp' | 'state'>
  /** Whether the cloud is reached. */
  connected: () => boolean
  /** Told when readings have entered the buffer by themselves. */
  onReleased: () => unknown
}

/** The guess that readings of this boot were stamped with by an earlier process, if there was one. */
export async function readGuess(folder: string, boot: string): Promise<number | undefined> {
  const head = await readHead(join(folder, 'held'))
  return head?.boot === boot ? head.guessMs : undefined
}

/** Opens the hold in a buffer's folder; what an earlier boot left goes on as it is. */
export async function openHold(
  deps: HoldDeps,
  { folder, boot, maxBytes = BYTES_MAX }: { folder: string; boot: string; maxBytes?: number },
): Promise<Hold> {
  const { clock, log, buffer, time, connected, onReleased } = deps
  const files = { held: join(folder, 'held'), shift: join(folder, 'held-shift'), folder }
  const head = await readHead(files.held)
  const journal = openJournal(files, { v: 1, boot, guessMs: time.guessMs }, await wholeBytes(files.held))
  // What an earlier boot left is nothing that a synchronisation in this one says anything about.
  let isForeign = journal.bytes() > 0 && head?.boot !== boot
  const releasing = openRelease({ clock, log, buffer, time }, { files, boot })
  let isGivenUp = false
  let connectedAt: number | undefined
  let turn: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = turn.then(work)
    turn = mine.catch(() => {})
    return mine
  }

  const release = async (synced: boolean) => {
    await releasing(synced && !isForeign, journal)
    isForeign = false
    onReleased()
  }
  const wait = (error: unknown) => {
    if (!(error instanceof Unavailable)) throw error
    log.warn('held readings wait', { reason: error.message })
  }
  const see = async () => {
    if (connected()) connectedAt ??= clock.monotonic()
    else connectedAt = undefined
    const hasWaited = connectedAt !== undefined && clock.monotonic() - connectedAt >= GIVE_UP_MS
    if (time.isAwaited() && hasWaited && !isGivenUp) {
      isGivenUp = true
      log.warn('clock given up: readings go on unsynced', {})
    }
    if (journal.bytes() === 0) return
    const isKnown = time.stamp().quality !== 'unsynced'
    const isDue = isKnown || !time.isAwaited() || isForeign || isGivenUp || journal.bytes() >= maxBytes
    if (isDue) await release(isKnown)
  }
  if (journal.bytes() === 0) await rm(files.shift, { force: true })
  if (isForeign) await release(false).catch(wait)
  return {
    status: () => ({ bytes: journal.bytes() }),
    async store(measurements) {
      const { appending, held } = await inTurn(async () => {
        await see().catch(wait)
        const waits = (one: Measurement) => one.timeQuality === 'unsynced' && !isGivenUp && !isForeign
        // A poll that began before the synchronisation ends after it: its stamps are still of the guess.
        const holds = time.isAwaited() || time.stamp().quality !== 'unsynced'
        const held = holds ? measurements.filter(waits) : []
        const rest = measurements.filter(one => !held.includes(one))
        const appending = rest.length === 0 ? Promise.resolve([]) : buffer.append(rest)
        appending.catch(() => {})
        // Nobody else waits for the disk meanwhile: what several lines append together shares a write.
        if (held.length === 0) return { appending, held }
        const readings = await appending
        await journal.append(held)
        await see().catch(wait)
        return { appending: Promise.resolve(readings), held }
      })
      return { readings: await appending, held }
    },
    async run(signal) {
      while (!signal.aborted) {
        await clock.sleep(LOOK_EVERY_MS, signal)
        await inTurn(see).catch(wait)
      }
    },
    close: () => inTurn(journal.close),
  }
}
