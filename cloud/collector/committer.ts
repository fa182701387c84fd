// From decoded batches to answers: grouped over gateways, committed, acknowledged.
//
// Invariants:
//   K1. A batch is answered only after the COMMIT that holds it, or the one that set it aside.
//   K2. Batches of one lane of a gateway are committed in the order in which they came; live ones go before a backlog, of
//       which each transaction has a batch at least.
//   K3. A slow or absent database slows the gateways down; nothing is dropped.
//   K4. A reading that the database refuses is rejected alone, a batch set aside alone; the others are committed, and the
//       bytes are kept with the reason, to be taken in again. When it is not the data that is refused but everything,
//       everything waits: the gateways have it on their disks.

import type { RejectedReading } from '../../protocol/batch.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'
import { backoffMs } from '../../protocol/runtime/retry.ts'
import { LANES, type Lane } from '../../protocol/topics.ts'
import { type Committed, commitBatches, commitWithoutPoison, type IncomingBatch } from '../store/batches.ts'
import { type Database, DatabaseRefused, type Sql } from '../store/database.ts'
import type { DeadLetter } from '../store/gateways.ts'
import type { SeriesIds } from '../store/series.ts'
import { keepLetter } from './letters.ts'

/** Readings in one transaction: more bring no speed and only a longer wait (measured: 1,000 to 5,000 are best). */
const GROUP_READINGS_MAX = 5_000

/** Batches of a lane that wait for one of the workers; beyond it, gateways wait for their PUBACK. */
const QUEUE_MAX = 256

const RETRY = { firstMs: 100, maxMs: 5_000 }

/** A database that refuses everything needs a person, and says so again about every minute. */
const REFUSALS_PER_LINE = 20

/** Something a gateway sent that waits for a COMMIT. */
export type Job = { gatewayId: number; letter: DeadLetter } & (
  | { kind: 'batch'; incoming: IncomingBatch }
  | { kind: 'letter'; reason: string }
)

/** How a job ended. */
export type Outcome = Committed | { kind: 'set-aside'; reason: string }

/** Takes batches, and says when they are committed. */
export interface Committer {
  /** Resolves when the job has found its place in the queue. Its end is told to `onDone`. */
  enqueue(job: Job): Promise<void>
  /** Share of the queue that is taken, 0 to 1: of a lane, or of the one that has more. */
  load(lane?: Lane): number
  /** One worker: takes jobs until the signal aborts. Start as many as `workers` says. */
  work(worker: number, signal: AbortSignal): Promise<void>
}

/** What a committer needs. */
export interface CommitterDeps {
  db: Database
  series: SeriesIds
  clock: Clock
  log: Log
  metrics: Metrics
  random: () => number
  onDone: (job: Job, outcome: Outcome) => void
}

/** Opens a committer for so many workers. */
export function openCommitter(deps: CommitterDeps, { workers }: { workers: number }): Committer {
  const lines = Array.from({ length: workers }, () => openLine())
  return {
    enqueue: job => (lines[job.gatewayId % workers] as Line).put(job),
    load(lane) {
      const of = (one: Lane) =>
        lines.reduce((sum, { length }) => sum + length(one), 0) / (workers * QUEUE_MAX)
      return lane === undefined ? Math.max(...LANES.map(of)) : of(lane)
    },
    async work(worker, signal) {
      const line = lines[worker] as Line
      while (!signal.aborted) {
        await line.filled(signal)
        await commitGroup(deps, line.take(), signal)
      }
    },
  }
}

interface Line {
  put(job: Job): Promise<void>
  filled(signal: AbortSignal): Promise<void>
  take(): Job[]
  length(lane: Lane): number
}

function openLine(): Line {
  const queues = { live: openQueue(), backlog: openQueue() }
  let wake = () => {}
  return {
    async put(job) {
      await queues[laneOf(job)].put(job)
      wake()
    },
    filled: signal =>
      new Promise((resolve, reject) => {
        const abort = () => reject(signal.reason)
        wake = () => {
          signal.removeEventListener('abort', abort)
          resolve()
        }
        if (queues.live.length() + queues.backlog.length() > 0) wake()
        else if (signal.aborted) abort()
        else signal.addEventListener('abort', abort, { once: true })
      }),
    take() {
      const live = queues.live.take(GROUP_READINGS_MAX)
      const left = GROUP_READINGS_MAX - live.reduce((sum, job) => sum + sizeOf(job), 0)
      return [...live, ...queues.backlog.take(left)]
    },
    length: lane => queues[lane].length(),
  }
}

interface Queue {
  put(job: Job): Promise<void>
  /** The first jobs, of so many readings together; one at least, when there is one. */
  take(readingsMax: number): Job[]
  length(): number
}

function openQueue(): Queue {
  const jobs: Job[] = []
  const waitingForRoom: (() => void)[] = []
  return {
    async put(job) {
      while (jobs.length >= QUEUE_MAX) await new Promise<void>(room => waitingForRoom.push(room))
      jobs.push(job)
    },
    take(readingsMax) {
      let readings = 0
      let count = 0
      for (const job of jobs) {
        readings += sizeOf(job)
        if (count > 0 && readings > readingsMax) break
        count += 1
      }
      const group = jobs.splice(0, count)
      for (const room of waitingForRoom.splice(0, count)) room()
      return group
    },
    length: () => jobs.length,
  }
}

const sizeOf = (job: Job): number => (job.kind === 'batch' ? job.incoming.batch.readings.length : 1)

/** What nobody could read is answered as soon as what is live. */
const laneOf = (job: Job): Lane => (job.kind === 'batch' ? job.incoming.lane : 'live')

async function commitGroup(deps: CommitterDeps, group: readonly Job[], signal: AbortSignal): Promise<void> {
  const batches = group.filter(job => job.kind === 'batch')
  if (batches.length > 0) await commitOrSplit(deps, batches, signal)
  for (const job of group) {
    if (job.kind === 'letter') await commitLetter(deps, job, job.reason, signal)
  }
}

type BatchJob = Extract<Job, { kind: 'batch' }>

/** Commits the jobs in one transaction, or, when the database refuses, each half by itself, down to the culprit (K4). */
async function commitOrSplit(
  deps: CommitterDeps,
  jobs: readonly BatchJob[],
  signal: AbortSignal,
): Promise<void> {
  const batches = jobs.map(({ incoming }) => incoming)
  const committed = await untilAvailable(deps, signal, () => orRefused(commitBatches(deps, batches)))
  if (!(committed instanceof DatabaseRefused)) {
    for (const [index, job] of jobs.entries()) finish(deps, job, committed[index] as Committed)
    return
  }
  const [only] = jobs
  if (jobs.length === 1 && only !== undefined) {
    await commitSpared(deps, only, signal)
    return
  }
  const middle = Math.ceil(jobs.length / 2)
  await commitOrSplit(deps, jobs.slice(0, middle), signal)
  await commitOrSplit(deps, jobs.slice(middle), signal)
}

/**
 * What is left of a batch that was refused; its bytes are set aside with it. The batch as a whole is set aside when it is
 * not its readings.
 */
async function commitSpared(deps: CommitterDeps, job: BatchJob, signal: AbortSignal): Promise<void> {
  const keep = (tx: Sql, refused: readonly RejectedReading[]) =>
    keepLetter({ ...deps, db: tx }, { ...job.letter, reason: reasonOfRefused(refused) })
  const committed = await untilAvailable(deps, signal, () =>
    orRefused(commitWithoutPoison(deps, job.incoming, keep)),
  )
  if (committed instanceof DatabaseRefused) {
    await commitLetter(deps, job, `The database refused it: ${committed.message}`, signal)
    return
  }
  if (committed.kind === 'stored' && committed.rejected.length > 0) {
    const { gatewayId, letter, incoming } = job
    const { rejected } = committed
    deps.log.error('readings rejected', {
      ...{ gatewayId, topic: letter.topic, epoch: incoming.batch.epoch },
      ...{ count: rejected.length, seq: rejected[0]?.seq, reason: rejected[0]?.reason },
    })
  }
  finish(deps, job, committed)
}

function reasonOfRefused(refused: readonly RejectedReading[]): string {
  const [first] = refused
  const which =
    refused.length === 1 ? `reading ${first?.seq}` : `${refused.length} readings, ${first?.seq} the first`
  return `The database refused ${which}: ${first?.reason}`
}

function finish({ metrics, log, onDone }: CommitterDeps, job: BatchJob, committed: Committed): void {
  const readings = (became: string, count: number) => {
    if (count > 0) metrics.count('collector_readings_total', { became }, count)
  }
  if (committed.kind === 'stored') {
    readings('inserted', committed.inserted)
    readings('duplicate', committed.duplicate)
    readings('revised', committed.revised)
    readings('rejected', committed.rejected.length)
    if (committed.reused) {
      const { epoch, first, last } = job.incoming.batch
      metrics.count('collector_numbers_reused_total')
      log.error('numbers came again with other readings: was the gateway restored from an older copy?', {
        ...{ gatewayId: job.gatewayId, epoch, first, last, inserted: committed.inserted },
      })
    }
  }
  metrics.count('collector_batches_total', { became: committed.kind })
  onDone(job, committed)
}

async function commitLetter(
  deps: CommitterDeps,
  job: Job,
  reason: string,
  signal: AbortSignal,
): Promise<void> {
  await untilAvailable(deps, signal, () => keepLetter(deps, { ...job.letter, reason }))
  deps.metrics.count('collector_batches_total', { became: 'set-aside' })
  deps.onDone(job, { kind: 'set-aside', reason })
}

/** A refusal of the data, as a value; a refusal of everything is still thrown. */
async function orRefused<T>(work: Promise<T>): Promise<T | DatabaseRefused> {
  try {
    return await work
  } catch (error) {
    if (error instanceof DatabaseRefused && error.isAboutData) return error
    throw error
  }
}

/** Does it again until the database is there and willing (K3). */
async function untilAvailable<T>(
  { clock, log, random }: CommitterDeps,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (error instanceof DatabaseRefused) {
        const { code, message: reason } = error
        if (attempt % REFUSALS_PER_LINE === 0) log.error('database refused, batches wait', { code, reason })
      } else if (error instanceof Unavailable) {
        if (attempt === 0) log.warn('database did not answer, batches wait', { reason: reasonOf(error) })
      } else throw error
      await clock.sleep(50 + backoffMs(RETRY, attempt, random), signal)
    }
  }
}
