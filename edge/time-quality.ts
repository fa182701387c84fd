// How well this machine's clock is known.
//
// Asked of systemd, which reads the kernel's flag whoever sets it (timesyncd, chrony, ntpd). Where nobody can be asked,
// the clock counts as never synchronised: that it might be right is not known.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { ClockState } from '../protocol/batch.ts'
import type { Clock } from '../protocol/runtime/clock.ts'

const ASK_EVERY_MS = 30_000
const ASK_TIMEOUT_MS = 5_000

/** Knows how well the clock is known. */
export interface TimeQualityProbe {
  state(): ClockState
  /** Asks again and again until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
}

/** Asks systemd whether the clock is synchronised; `undefined` when it cannot be asked. */
export async function askSystemd(): Promise<boolean | undefined> {
  try {
    const { stdout } = await promisify(execFile)(
      'timedatectl',
      ['show', '-p', 'NTPSynchronized', '--value'],
      {
        timeout: ASK_TIMEOUT_MS,
      },
    )
    return stdout.trim() === 'yes'
  } catch {
    return undefined
  }
}

/** Opens a probe. `ask` says whether the clock is synchronised now. */
export async function openTimeQuality(
  { clock }: { clock: Clock },
  ask: () => Promise<boolean | undefined>,
): Promise<TimeQualityProbe> {
  let everSynced = false
  let state: ClockState = { quality: 'unsynced' }
  const look = async () => {
    const synced = await ask()
    everSynced ||= synced === true
    state = { quality: synced === true ? 'synced' : everSynced ? 'holdover' : 'unsynced' }
  }
  await look()
  return {
    state: () => state,
    async run(signal) {
      while (!signal.aborted) {
        await clock.sleep(ASK_EVERY_MS, signal)
        await look()
      }
    },
  }
}
