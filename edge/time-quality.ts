// How well this machine's clock is known, and what stamps readings.
//
// Asked of chrony, where it runs, for it knows how far off it may be; else of systemd, which reads the kernel's flag
// whoever sets it. Where nobody can be asked, the clock counts as never synchronised: that it might be right is not known.
//
// Until the first synchronisation, readings are stamped by the clock that never steps, from one guess for the whole boot:
// whatever steps the wall clock makes meanwhile, one number puts all of them right (edge/hold.ts).

import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { ClockState } from '../protocol/batch.ts'
import type { TimeQuality } from '../protocol/reading.ts'
import type { Clock } from '../protocol/runtime/clock.ts'

const ASK_EVERY_MS = 30_000
const ASK_TIMEOUT_MS = 5_000
/** What a clock may drift when nothing disciplines it: the kernel's own assumption, 500 parts in a million. */
const DRIFT = 500e-6

/** Whether the clock is synchronised, and how far off it may be at most; `undefined` when nobody can say. */
export type ClockAnswer = boolean | { synced: boolean; errorMs: number } | undefined

/** What one poll stamps its readings with, from its beginning to its end. */
export interface Stamp {
  clock: Clock
  quality: TimeQuality
}

/** Knows how well the clock is known. */
export interface TimeQualityProbe {
  state(): ClockState
  stamp(): Stamp
  /** Wall clock minus steady clock, of the stamps before the first synchronisation. */
  readonly guessMs: number
  /** Whether it is worth waiting for a first synchronisation: it has not come, and somebody can tell when it does. */
  isAwaited(): boolean
  /** Asks again and again until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
}

/** Asks chrony, then systemd; `undefined` when neither can be asked. */
export async function askMachine(): Promise<ClockAnswer> {
  const tracking = await output('chronyc', ['-n', '-c', 'tracking'])
  return (tracking === undefined ? undefined : readTracking(tracking)) ?? (await askSystemd())
}

/** Asks systemd whether the clock is synchronised; `undefined` when it cannot be asked. */
export async function askSystemd(): Promise<boolean | undefined> {
  const answer = await output('timedatectl', ['show', '-p', 'NTPSynchronized', '--value'])
  return answer === undefined ? undefined : answer.trim() === 'yes'
}

/**
 * Reads `chronyc -c tracking`. The bound is the one of chrony's manual: the clock's distance from chrony's own idea of
 * the time, plus the root dispersion, plus half the root delay.
 */
export function readTracking(line: string): ClockAnswer {
  const fields = line.trim().split(',')
  const [offset, delay, dispersion] = [fields[4], fields[10], fields[11]].map(Number)
  const leap = fields[13]
  if (offset === undefined || delay === undefined || dispersion === undefined || leap === undefined)
    return undefined
  const errorMs = (Math.abs(offset) + dispersion + delay / 2) * 1000
  if (!Number.isFinite(errorMs)) return undefined
  return { synced: leap !== 'Not synchronised', errorMs }
}

/** Names this boot of the machine. Where the machine does not, each process is a boot of its own. */
export async function readBootId(path = '/proc/sys/kernel/random/boot_id'): Promise<string> {
  return await readFile(path, 'utf8').then(
    text => text.trim(),
    () => randomUUID(),
  )
}

/** Opens a probe. `ask` says whether the clock is synchronised now. */
export async function openTimeQuality(
  { clock }: { clock: Clock },
  ask: () => Promise<ClockAnswer>,
  { guessMs = clock.now() - clock.monotonic() }: { guessMs?: number | undefined } = {},
): Promise<TimeQualityProbe> {
  let everSynced = false
  let canTell = false
  let quality: TimeQuality = 'unsynced'
  let bound: { errorMs: number; at: number } | undefined
  const look = async () => {
    const answer = await ask()
    const synced = typeof answer === 'object' ? answer.synced : answer === true
    canTell = answer !== undefined
    everSynced ||= synced
    quality = synced ? 'synced' : everSynced ? 'holdover' : 'unsynced'
    if (synced) {
      bound = typeof answer === 'object' ? { errorMs: answer.errorMs, at: clock.monotonic() } : undefined
    }
  }
  const guessing: Clock = { ...clock, now: () => Math.round(clock.monotonic() + guessMs) }
  await look()
  return {
    guessMs,
    isAwaited: () => !everSynced && canTell,
    stamp: () => ({ clock: everSynced ? clock : guessing, quality }),
    state() {
      if (quality === 'unsynced' || bound === undefined) return { quality }
      return { quality, errorMs: bound.errorMs + (clock.monotonic() - bound.at) * DRIFT }
    },
    async run(signal) {
      while (!signal.aborted) {
        await clock.sleep(ASK_EVERY_MS, signal)
        await look()
      }
    },
  }
}

async function output(program: string, args: readonly string[]): Promise<string | undefined> {
  try {
    return (await promisify(execFile)(program, args, { timeout: ASK_TIMEOUT_MS })).stdout
  } catch {
    return undefined
  }
}
