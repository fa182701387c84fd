// Which partitions this replica works on: its part of them, as long as its lease lasts.
//
// Replicas do not talk: each says in the database that it is there, renews what it has, takes what is free and gives up what
// is more than its part. That two work on one partition for a moment harms nothing, because what is stored twice is stored
// once; that it does not last is the streams' doing, which have one reader each.

import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Database } from '../store/database.ts'
import { forgetReplica, releasePartitions, renewPartitions } from '../store/partitions.ts'
import { PARTITIONS } from './partitions.ts'

/** How long what a replica had stays with it after it was last seen, and how often it is seen. */
export interface LeaseTiming {
  leaseMs: number
  renewEveryMs: number
}

/** A replica that died is replaced within eight seconds. */
export const LEASE_TIMING: LeaseTiming = { leaseMs: 6_000, renewEveryMs: 1_500 }

/** What is needed to share partitions. */
export interface LeaseDeps {
  db: Database
  clock: Clock
  log: Log
  /**
   * Works on a partition until the signal aborts. When it throws Unavailable it is begun again as soon as the lease has
   * been renewed: nobody works on what may be another's by now.
   */
  work: (partition: number, signal: AbortSignal) => Promise<void>
  /** These are this replica's now, and no others. */
  onHeld: (partitions: readonly number[]) => void
}

interface Worker {
  stop: AbortController
  done: Promise<void>
}

/** Works on this replica's part of the partitions until the signal aborts, and gives them up then. */
export async function sharePartitions(
  { db, clock, log, work, onHeld }: LeaseDeps,
  { replica, leaseMs, renewEveryMs }: LeaseTiming & { replica: string },
  signal: AbortSignal,
): Promise<void> {
  const workers = new Map<number, Worker>()
  let failure: { error: unknown } | undefined

  const start = (partition: number) => {
    const stop = new AbortController()
    const done = work(partition, AbortSignal.any([signal, stop.signal])).catch((error: unknown) => {
      if (error instanceof Unavailable || stop.signal.aborted || signal.aborted) return
      failure ??= { error }
    })
    workers.set(partition, { stop, done: done.finally(() => workers.delete(partition)) })
  }
  const end = (partition: number) => {
    workers.get(partition)?.stop.abort(new Error('Another replica has this partition'))
    return workers.get(partition)?.done
  }
  const renew = async () => {
    const { held, surplus } = await renewPartitions(db, replica, { partitions: PARTITIONS, leaseMs })
    const [given, kept] = [held.slice(0, surplus), held.slice(surplus)]
    onHeld(kept)
    for (const partition of workers.keys()) if (!held.includes(partition)) void end(partition)
    for (const partition of kept) if (!workers.has(partition)) start(partition)
    if (given.length === 0) return
    await Promise.all(given.map(end))
    await releasePartitions(db, replica, given)
    log.info('partitions given up', { given, kept })
  }

  try {
    while (!signal.aborted) {
      try {
        await renew()
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error
        log.debug('partitions were not renewed', { reason: reasonOf(error) })
      }
      if (failure !== undefined) throw failure.error
      await clock.sleep(renewEveryMs, signal)
    }
  } finally {
    await Promise.all([...workers.keys()].map(end))
    await forgetReplica(db, replica).catch((error: unknown) => {
      if (!(error instanceof Unavailable)) throw error
    })
  }
}
