// Gateways that come over nats-server, natively or by its MQTT port: what they say is carried by JetStream to the replica
// that has their partition.
//
// Who a gateway is, the nats-server has checked: its permissions let each user publish below its own name and nowhere else
// (docs/cloud.md). Here a name must be that of a gateway that may connect; it is asked again every minute, and at once when it was revoked.
//
// Promises:
//   N1. A message leaves its stream after the COMMIT that holds it. Streams promise nothing all the same: what they have no
//       room for, or lose, its gateway sends again.
//   N2. One gateway's batches of a lane are handled in their order, by one worker of one replica.
//   N3. When a replica dies, others have what was its own within seconds, with what it had in hand.

import { type NatsOptions, type NatsSession, openNatsSession } from '../../protocol/nats.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Unavailable } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'
import { backoffMs } from '../../protocol/runtime/retry.ts'
import { aborted, openScope } from '../../protocol/runtime/scope.ts'
import { stateTopic, toSubject, toTopic } from '../../protocol/topics.ts'
import { COMMITTED_SUBJECT, stateSubject } from '../nats-subjects.ts'
import type { Database } from '../store/database.ts'
import { gatewaysThatConnect, heardOverNats } from '../store/gateways.ts'
import { checkJetStream } from './jetstream.ts'
import { workPartition } from './nats-partition.ts'
import { openRawSpeaker, type RawSpeaker } from './nats-raw.ts'
import { openTaker, type Taker, type TakerDeps } from './nats-taker.ts'
import { LEASE_TIMING, type LeaseTiming, sharePartitions } from './partition-leases.ts'
import { partitionOf, SAID_PARTITION } from './partitions.ts'
import { openRefusals } from './refusals.ts'

const RECONNECT = { firstMs: 500, maxMs: 30_000 }
const CONNECT_TIMEOUT_MS = 10_000
/** A nats-server that answers nothing for so long is gone. */
const SILENCE_MS = 20_000
/** A gateway says how it is every minute. */
const HEARD_LATELY_MS = 150_000
/** So many messages that wait in one stream are a crowd. */
const CROWD = 1_000
/** Names of gateways are asked for so often. */
const NAMES_FOR_MS = 4_000
/** That something was committed is said at most so often. */
const COMMITTED_EVERY_MS = 50
const USERS_COMMAND = '`smarthydro-cloud nats users`'
/** So often it is looked whether this replica has subscribers of its own. */
const LOOK_EVERY_MS = 1_000

/** What a gate asks the rest of the collector. */
export interface NatsGateDeps extends TakerDeps {
  db: Database
  clock: Clock
  log: Log
  metrics: Metrics
  random: () => number
  /** Share of the writers' queue that is taken, 0 to 1. */
  load: () => number
  /** Whether this replica has subscribers; those of others have theirs. */
  hasSubscribers: () => boolean
  /** Another replica committed a reading, or kept a state. */
  onPeer: (topic: string, payload: Uint8Array) => void
}

/** Who this replica is, and how long it may be silent. */
export interface NatsGateOptions extends Partial<LeaseTiming> {
  /** Made of `a-z`, `0-9` and `-`; no other replica's. */
  replica: string
}

/** The way of gateways that come over nats-server. */
export interface NatsGate {
  /** Connects, takes, connects again, until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
  /** Says something to a gateway. False while there is no session. */
  tell(message: { topic: string; payload: string }): boolean
  /** Names of the gateways that were heard lately, when it is this replica that speaks to them. Throws Unavailable. */
  connectedGateways(): Promise<string[]>
  /** Share of the room for messages that wait at nats-server, 0 to 1. */
  load(): number
  /** A gateway was cut off: whether it may connect is asked again with its next message. */
  forget(gateway: string): void
  /** Says readings to subscribers at nats-server and to other replicas. */
  raw: RawSpeaker
  /** Tells other replicas of a gateway's state, for their subscribers. */
  announce(gateway: string, payload: string | Uint8Array): void
  /** Tells who waits for it that something was committed. */
  committed(): void
  /** Since when it takes what gateways say, on the clock's monotonic time; else why it does not. */
  hearing(): { since: number; partitions: readonly number[] } | { reason: string }
}

interface Up {
  session: NatsSession
  since: number
  raw: RawSpeaker
  /** What this replica works on. */
  partitions: Set<number>
  /** Why it does not work on what it has a lease for. */
  trouble: Map<number, string>
}

/** What there is of nats-server now, and why there is nothing. */
interface State {
  up: Up | undefined
  reason: string
  /** Messages that wait in each stream. */
  waiting: Map<string, number>
}

/** Opens a gate. Nothing is connected yet. */
export function openNatsGate(
  deps: NatsGateDeps,
  natsOptions: NatsOptions,
  options: NatsGateOptions,
): NatsGate {
  const { db, clock, log, metrics, random } = deps
  const state: State = { up: undefined, reason: 'not yet tried', waiting: new Map() }
  const taker = openTaker(deps)
  const work = openWork({ ...deps, take: taker.take }, options, state)

  const say = (subject: string, payload: string | Uint8Array): boolean =>
    ifUp(() => {
      state.up?.session.publish(subject, payload)
      return state.up !== undefined
    })

  return {
    async run(signal) {
      metrics.gauge('collector_nats_connected', 0)
      let attempt = 0
      const onUp = () => {
        attempt = 0
      }
      for (; !signal.aborted; attempt += 1) {
        const isLost = await runSession({ ...deps, work }, natsOptions, options, state, onUp, signal)
        const { reason } = state
        log.warn(isLost ? 'NATS lost' : 'NATS not reached', { url: natsOptions.url, reason, attempt })
        await clock.sleep(backoffMs(RECONNECT, attempt, random), signal)
      }
    },
    tell: ({ topic, payload }) => say(toSubject(topic), payload),
    connectedGateways: async () =>
      state.up?.partitions.has(SAID_PARTITION) === true ? heardOverNats(db, HEARD_LATELY_MS) : [],
    forget: taker.forget,
    load: () => Math.min(1, Math.max(0, ...state.waiting.values()) / CROWD),
    raw: {
      wants: topic => state.up?.raw.wants(topic) === true,
      say: (topic, payload) => {
        ifUp(() => {
          state.up?.raw.say(topic, payload)
          return true
        })
      },
    },
    announce: (gateway, payload) => void say(stateSubject(gateway), payload),
    committed: openHint({ clock }, () => say(COMMITTED_SUBJECT, '')),
    hearing() {
      if (state.up === undefined) return { reason: state.reason }
      const [trouble] = state.up.trouble.values()
      if (trouble !== undefined) return { reason: trouble }
      return { since: state.up.since, partitions: [...state.up.partitions].sort((a, b) => a - b) }
    },
  }
}

/** What it gives; false when the session has ended meanwhile. */
function ifUp(act: () => boolean): boolean {
  try {
    return act()
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    return false
  }
}

type Work = (up: Up, partition: number, signal: AbortSignal) => Promise<void>

/** Works on a partition, and notes in what is up whether that goes well. */
function openWork(
  deps: NatsGateDeps & Pick<Taker, 'take'>,
  { replica }: NatsGateOptions,
  { waiting }: State,
): Work {
  const { clock, log, metrics, load, take } = deps
  const refused = openRefusals(deps)
  const gatewaysOf = openPartitionNames(deps)
  const onWaiting = (stream: string, count: number) => {
    waiting.set(stream, count)
    const behind = [...waiting.values()].reduce((sum, one) => sum + one, 0)
    metrics.gauge('collector_nats_behind', behind)
  }
  return async ({ session, partitions, trouble }, partition, signal) => {
    const onReading = () => {
      trouble.delete(partition)
      partitions.add(partition)
      metrics.gauge('collector_nats_partitions', partitions.size)
    }
    const partitionDeps = { session, clock, log, replica, gatewaysOf, take, load, onReading, onWaiting }
    try {
      await workPartition(partitionDeps, partition, signal)
    } catch (error) {
      if (error instanceof Unavailable) {
        trouble.set(partition, error.message)
        refused('partition', { partition, reason: error.message })
      }
      throw error
    } finally {
      partitions.delete(partition)
      metrics.gauge('collector_nats_partitions', partitions.size)
    }
  }
}

/** Connects, and works until the session ends. Says whether there was one; why it ended is in the state. */
async function runSession(
  deps: NatsGateDeps & { work: Work },
  natsOptions: NatsOptions,
  { replica, ...timing }: NatsGateOptions,
  state: State,
  onUp: () => void,
  signal: AbortSignal,
): Promise<boolean> {
  const { db, clock, log, metrics, work } = deps
  let wasUp = false
  const end = (reason: string) => {
    state.up = undefined
    state.reason = reason
    state.waiting.clear()
    metrics.gauge('collector_nats_behind', 0)
    metrics.gauge('collector_nats_connected', 0)
  }
  try {
    await using scope = openScope(signal)
    const timeouts = { timeoutMs: CONNECT_TIMEOUT_MS, silenceMs: SILENCE_MS }
    const session = scope.use(
      await openNatsSession(
        { clock },
        natsOptions,
        { subjects: [], onMessage: () => {}, ...timeouts },
        signal,
      ),
    )
    await checkJetStream(session)
    const raw = openRawSpeaker({ session, clock, metrics })
    const up: Up = { session, since: clock.monotonic(), raw, partitions: new Set(), trouble: new Map() }
    state.up = up
    wasUp = true
    metrics.gauge('collector_nats_connected', 1)
    log.info('NATS connected', { url: natsOptions.url, replica })
    onUp()
    scope.run(async stop => {
      const cause = await Promise.race([session.gone, aborted(stop)])
      if (cause === undefined) return
      const reason = withAdvice(cause)
      end(reason)
      throw new Unavailable(reason)
    })
    scope.run(stop => hearPeers(deps, session, stop))
    const onHeld = (held: readonly number[]) => {
      for (const partition of up.trouble.keys()) if (!held.includes(partition)) up.trouble.delete(partition)
    }
    const leases = { db, clock, log, onHeld, work: (at: number, stop: AbortSignal) => work(up, at, stop) }
    scope.run(stop => sharePartitions(leases, { ...LEASE_TIMING, ...timing, replica }, stop))
    await scope.finished()
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof Unavailable)) throw error
    end(withAdvice(error.message))
  } finally {
    end(state.reason)
  }
  signal.throwIfAborted()
  return wasUp
}

/** What this side needs may differ from what it needed when the users were printed. */
const withAdvice = (reason: string): string =>
  /Not allowed to/.test(reason) && !reason.includes(USERS_COMMAND)
    ? `${reason}; its users must be those that ${USERS_COMMAND} prints now`
    : reason

/** Hears other replicas; their readings only while somebody here wants them. */
async function hearPeers(
  { clock, hasSubscribers, onPeer }: NatsGateDeps,
  session: NatsSession,
  signal: AbortSignal,
): Promise<void> {
  const states = stateSubject('+')
  session.hear(states, ({ subject, payload }) => onPeer(stateTopic(subject.split('.').at(-1) ?? ''), payload))
  let unhear: (() => void) | undefined
  for (;;) {
    if (hasSubscribers())
      unhear ??= session.hear('raw.v1.>', ({ subject, payload }) => onPeer(toTopic(subject), payload))
    else {
      unhear?.()
      unhear = undefined
    }
    await clock.sleep(LOOK_EVERY_MS, signal)
  }
}

/** The gateways of each partition, asked for now and then and not by each. */
function openPartitionNames({ db, clock }: NatsGateDeps): (partition: number) => Promise<readonly string[]> {
  let asked: { at: number; names: Promise<Map<number, string[]>> } | undefined
  return async partition => {
    if (asked === undefined || clock.monotonic() - asked.at >= NAMES_FOR_MS) {
      const names = gatewaysThatConnect(db).then(all => Map.groupBy(all, partitionOf))
      names.catch(() => {
        asked = undefined
      })
      asked = { at: clock.monotonic(), names }
    }
    return (await asked.names).get(partition) ?? []
  }
}

/** Says something soon, once for all that is to be said until then. */
function openHint({ clock }: { clock: Clock }, say: () => void): () => void {
  let isDue = false
  return () => {
    if (isDue) return
    isDue = true
    void clock.sleep(COMMITTED_EVERY_MS).then(() => {
      isDue = false
      say()
    })
  }
}
