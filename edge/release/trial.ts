// The trial of a release, seen by the release itself: it stays when the cloud has committed a reading that it measured.
//
// That it starts, polls and sends proves nothing: only an answer to what it has put on disk itself goes the whole way.
// Whoever does not get that far is stopped by the launcher, which is code of another release.

import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Shelf } from './shelf.ts'

const LOOK_EVERY_MS = 1_000

/** What a trial needs. */
export interface TrialDeps {
  clock: Clock
  log: Log
  shelf: Shelf
  /** How many of the readings that this process measured the cloud has committed. */
  ownCommitted: () => number
}

/** Says of the release that runs, when `version` is on trial, that it has proved itself, as soon as it has. Ends then. */
export async function runTrial(
  { clock, log, shelf, ownCommitted }: TrialDeps,
  version: string,
  signal: AbortSignal,
): Promise<void> {
  if (shelf.state().trial?.version !== version) return
  log.info('release on trial', { version, leftMs: shelf.state().trial?.leftMs })
  while (!signal.aborted) {
    if (ownCommitted() > 0) {
      try {
        await shelf.prove(version)
        return log.info('release proved itself', { version })
      } catch (error) {
        log.warn('release could not say that it proved itself', { version, reason: reasonOf(error) })
      }
    }
    await clock.sleep(LOOK_EVERY_MS, signal)
  }
}
