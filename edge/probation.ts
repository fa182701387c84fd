// Whether things have got worse since a configuration was applied.
//
// Worse is, of what worked before and is still wanted: a device of which nothing came in three polls, or of six or more
// polls less than half, where it was more before; a cloud that acked and is not there for two minutes; readings that the
// cloud rejects, where it rejected none. A device that is new is not missed, and one that was taken out neither.

import { z } from 'zod'

/** How a gateway is doing; numbers count since its process started. */
export interface Vitals {
  sources: readonly { id: string; ok: number; failed: number; lastFailure?: string | undefined }[]
  connected: boolean
  rejected: number
}

/** How it was doing before. It outlives the process. */
export const Baseline = z.strictObject({
  /** The sources that brought values with their last poll. */
  working: z.array(z.string()),
  connected: z.boolean(),
  rejecting: z.boolean(),
})

/** How it was doing before. */
export type Baseline = z.infer<typeof Baseline>

/** Polls after which a source that brought nothing is missed. */
const SILENT_POLLS = 3
/** Polls after which a share of failures says something. */
const SHARE_POLLS = 6
const AWAY_MAX_MS = 120_000

/** How it is doing now, for later. `rejectedBefore` is how many were rejected some minutes ago. */
export function baselineOf({ sources, connected, rejected }: Vitals, rejectedBefore: number): Baseline {
  const working = sources.filter(({ ok, lastFailure }) => ok > 0 && lastFailure === undefined)
  return { working: working.map(({ id }) => id), connected, rejecting: rejected > rejectedBefore }
}

/** Watches a gateway against its baseline. */
export interface Probation {
  /** What has got worse, in words; `undefined` while nothing has. To be asked every few seconds. */
  look(vitals: Vitals, now: number): string | undefined
}

/** Begins to watch. `first` is how things are at that moment, `now` on the monotonic clock. */
export function openProbation(baseline: Baseline, first: Vitals, now: number): Probation {
  const before = new Map(first.sources.map(one => [one.id, one]))
  let connectedAt = now

  return {
    look({ sources, connected, rejected }, at) {
      if (connected) connectedAt = at
      for (const { id, ok, failed, lastFailure } of sources) {
        if (!baseline.working.includes(id)) continue
        const start = before.get(id)
        // Counts of a source that was opened anew begin at nothing.
        const isAnew = start === undefined || ok < start.ok || failed < start.failed
        const [came, missed] = isAnew ? [ok, failed] : [ok - start.ok, failed - start.failed]
        const reason = lastFailure === undefined ? '' : `: ${lastFailure}`
        if (came === 0 && missed >= SILENT_POLLS)
          return `${id}, which answered before, brought nothing in ${missed} polls${reason}`
        if (came + missed >= SHARE_POLLS && missed > came)
          return `${id}, which answered before, failed in ${missed} of ${came + missed} polls${reason}`
      }
      if (baseline.connected && at - connectedAt >= AWAY_MAX_MS)
        return `the cloud, which was there before, was not reached for ${AWAY_MAX_MS / 1000} s`
      if (!baseline.rejecting && rejected > first.rejected)
        return `the cloud rejected ${rejected - first.rejected} readings, and none before`
      return undefined
    },
  }
}
