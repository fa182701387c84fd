// One partition at work: its streams made, and read, live before backlog.

import type { NatsSession } from '../../protocol/nats.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { openScope } from '../../protocol/runtime/scope.ts'
import { LANES } from '../../protocol/topics.ts'
import { type Carried, keepStream, type ReaderLimits, readStream } from './jetstream.ts'
import { laneStream, SAID_PARTITION, saidStream } from './partitions.ts'

/** In hand of one stream: what keeps the writers busy while more is fetched. */
const LIMITS: ReaderLimits = { messagesMax: 64, bytesMax: 2 * 2 ** 20 }
/** A backlog is fetched only while so much of the writers' queue is free that live data does not wait behind it. */
const BACKLOG_LOAD_MAX = 0.25
/** So often it is looked whether there are other gateways now. */
const LOOK_EVERY_MS = 5_000

/** What a partition needs. */
export interface PartitionDeps {
  session: NatsSession
  clock: Clock
  log: Log
  /** Names of this replica's readers begin so. */
  replica: string
  /** Names of the partition's gateways. Throws Unavailable. */
  gatewaysOf: (partition: number) => Promise<readonly string[]>
  take: (message: Carried, signal: AbortSignal) => Promise<void>
  /** Share of the writers' queue that is taken. */
  load: () => number
  /** It is read from now on. */
  onReading: () => void
  /** So many messages of a stream wait at nats-server. */
  onWaiting: (stream: string, count: number) => void
}

/** Works on a partition until the signal aborts. Throws Unavailable when it cannot. */
export async function workPartition(
  deps: PartitionDeps,
  partition: number,
  signal: AbortSignal,
): Promise<void> {
  if (partition === SAID_PARTITION) {
    await keepStream(deps.session, saidStream())
    await read(deps, saidStream().name, () => true, signal)
    return
  }
  const gateways = await untilSome(deps, partition, signal)
  for (const lane of LANES) await keepStream(deps.session, laneStream(partition, lane, gateways))
  await using scope = openScope(signal)
  for (const lane of LANES) {
    const mayPull = lane === 'live' ? () => true : () => deps.load() < BACKLOG_LOAD_MAX
    scope.run(stop => read(deps, laneStream(partition, lane, gateways).name, mayPull, stop))
  }
  scope.run(stop => followGateways(deps, partition, gateways, stop))
  await scope.finished()
}

/** A stream cannot be without subjects. */
async function untilSome(
  { clock, gatewaysOf, onReading }: PartitionDeps,
  partition: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  for (;;) {
    const gateways = await gatewaysOf(partition)
    if (gateways.length > 0) return gateways
    onReading()
    await clock.sleep(LOOK_EVERY_MS, signal)
  }
}

async function read(
  deps: PartitionDeps,
  stream: string,
  mayPull: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  const options = { stream, reader: deps.replica, limits: LIMITS }
  const work = {
    mayPull,
    handle: (message: Carried) => deps.take(message, signal),
    onReading: deps.onReading,
    onWaiting: (count: number) => deps.onWaiting(stream, count),
  }
  try {
    await readStream(deps, options, work, signal)
  } finally {
    deps.onWaiting(stream, 0)
  }
}

/** Has the streams carry what gateways say that came meanwhile, and no more what those say that are gone. */
async function followGateways(
  { session, clock, log, gatewaysOf }: PartitionDeps,
  partition: number,
  first: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  let carried = first.join()
  for (;;) {
    await clock.sleep(LOOK_EVERY_MS, signal)
    let gateways: readonly string[]
    try {
      gateways = await gatewaysOf(partition)
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      log.debug('gateways of a partition were not asked for', { partition, reason: reasonOf(error) })
      continue
    }
    if (gateways.length === 0 || gateways.join() === carried) continue
    for (const lane of LANES) await keepStream(session, laneStream(partition, lane, gateways))
    carried = gateways.join()
  }
}
