// What a gateway sent: read, checked against who it is, handed to the committer, answered.
//
// Batches of one lane of a gateway are taken one after the other, in the order in which they came, and only so many of them wait
// at a time: a gateway that comes back again and again while the database is away does not fill the memory.

import type { Ack, Answer, Batch, SeriesTable } from '../../protocol/batch.ts'
import { type BatchHead, type Decoded, foreignVersion, nameOf, readBatchHead } from '../../protocol/codec.ts'
import { Rejected, Unavailable } from '../../protocol/runtime/errors.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'
import type { Lane } from '../../protocol/topics.ts'
import type { Database } from '../store/database.ts'
import type { GatewayRow } from '../store/gateways.ts'
import type { Committer, Job, Outcome } from './committer.ts'
import { readBatch, remember } from './read-batch.ts'

/** Batches of one gateway that may wait for their answer. It has two lanes of a few each, and may have reconnected. */
const WAITING_MAX = 64

/** Above this share of its queue the collector asks gateways to slow down. */
const CROWDED = 0.5
const SLOW_DOWN_MS = 1_000

/** What `reason` of an ack may hold. */
const ACK_REASON_LENGTH_MAX = 500

/** A message as it came. */
export interface Message {
  topic: string
  payload: Uint8Array
}

/** A message that was taken. */
export interface Taken {
  /** Resolves when it, or another like it, is committed and answered, or was answered at once. */
  done: Promise<void>
}

/** A message that nothing more is to be done with. */
export const TAKEN: Taken = { done: Promise.resolve() }

/** Takes batches in. */
export interface Intake {
  /**
   * Resolves when the batch has found its place in the queue, or waits there already. Throws Unavailable when the
   * database is not there, when too many batches of the gateway wait, or when this side is too old to read it: then the
   * gateway keeps it, and a newer version will.
   */
  take(gateway: GatewayRow, lane: Lane, message: Message): Promise<Taken>
  /** The committer tells how a job ended. */
  done(job: Job, outcome: Outcome): void
}

/** What an intake needs. */
export interface IntakeDeps {
  db: Database
  metrics: Metrics
  committer: () => Committer
  /** How crowded it is for a lane, 0 to 1. */
  load: (lane: Lane) => number
  sendAck: (gateway: string, answer: Answer) => void
  onCommitted: (gateway: GatewayRow, batch: Batch) => void
}

interface Waiting {
  key: string | undefined
  gateway: GatewayRow
  lane: Lane
  head: BatchHead | undefined
  table: { id: string; table: SeriesTable } | undefined
  settle: () => void
}

/** What is remembered of a gateway. */
interface Memory {
  tables: Map<string, SeriesTable>
  /** Names of the batches that wait for their answer, and when they have it. */
  waiting: Map<string, Taken>
  /** How many messages have come and are not answered yet. */
  count: number
  /** When the message before in the lane has found its place. */
  turns: Record<Lane, Promise<unknown>>
}

/** What became of a message, and whether it waits itself for an answer. */
interface Placed {
  taken: Taken
  waits: boolean
}

/** Opens an intake. */
export function openIntake({ db, metrics, committer, load, sendAck, onCommitted }: IntakeDeps): Intake {
  const memories = new Map<number, Memory>()
  const jobs = new Map<Job, Waiting>()

  const memoryOf = ({ id }: { id: number }): Memory => {
    const known = memories.get(id)
    if (known !== undefined) return known
    const turns = { live: Promise.resolve(), backlog: Promise.resolve() }
    const memory = { tables: new Map(), waiting: new Map(), count: 0, turns }
    memories.set(id, memory)
    return memory
  }

  /** Puts a message into the queue, unless it is answered at once or another like it waits there. */
  const place = async (gateway: GatewayRow, lane: Lane, { topic, payload }: Message): Promise<Placed> => {
    const memory = memoryOf(gateway)
    const version = foreignVersion(payload)
    if (version !== undefined)
      throw new Unavailable(`${gateway.slug} speaks version ${version}, which this cloud does not know yet`)
    const letter = { gatewayId: gateway.id, topic, bytes: payload, reason: '' }
    const enqueue = async (job: Job, rest: Pick<Waiting, 'head' | 'table'>): Promise<Placed> => {
      const key = keyOf(lane, rest.head)
      const like = key === undefined ? undefined : memory.waiting.get(key)
      if (like !== undefined) return { taken: like, waits: false }
      const { promise: done, resolve: settle } = Promise.withResolvers<void>()
      if (key !== undefined) memory.waiting.set(key, { done })
      jobs.set(job, { key, gateway, lane, settle, ...rest })
      await committer().enqueue(job)
      return { taken: { done }, waits: true }
    }
    const setAside = (reason: string) =>
      enqueue(
        { kind: 'letter', gatewayId: gateway.id, letter, reason },
        { head: readBatchHead(payload), table: undefined },
      )

    let decoded: Decoded
    try {
      decoded = await readBatch(db, gateway, memory.tables, payload)
    } catch (error) {
      if (error instanceof Rejected) return setAside(error.message)
      throw error
    }
    if (decoded.kind === 'table-unknown') {
      sendAck(gateway.slug, { ...ackOf(lane, decoded.head, load(lane)), status: 'table-unknown' })
      return { taken: TAKEN, waits: false }
    }
    const { batch, tableId, tableBytes } = decoded
    const table = tableBytes === undefined ? {} : { table: { id: tableId, bytes: tableBytes } }
    const incoming = { gatewayId: gateway.id, projectId: gateway.projectId, lane, batch, ...table }
    return enqueue(
      { kind: 'batch', gatewayId: gateway.id, letter, incoming },
      { head: batch, table: { id: tableId, table: batch.table } },
    )
  }

  return {
    async take(gateway, lane, message) {
      const memory = memoryOf(gateway)
      if (memory.count >= WAITING_MAX) {
        throw new Unavailable(`${memory.count} batches of ${gateway.slug} wait already`)
      }
      memory.count += 1
      metrics.count('collector_bytes_total', {}, message.payload.length)
      const placed = memory.turns[lane].then(() => place(gateway, lane, message))
      memory.turns[lane] = placed.catch(() => {})
      let waits = false
      try {
        const found = await placed
        waits = found.waits
        return found.taken
      } finally {
        if (!waits) memory.count -= 1
      }
    },

    done(job, outcome) {
      const from = jobs.get(job)
      if (from === undefined) throw new Error('A job ended that nobody waits for')
      jobs.delete(job)
      const { gateway, key, table, settle } = from
      const memory = memoryOf(gateway)
      if (key !== undefined) memory.waiting.delete(key)
      memory.count -= 1
      if (table !== undefined && outcome.kind !== 'set-aside') remember(memory.tables, table.id, table.table)
      sendAck(gateway.slug, answerTo(from, job, outcome, load(from.lane)))
      if (job.kind === 'batch' && outcome.kind === 'stored') {
        onCommitted(gateway, withoutRejected(job.incoming.batch, outcome.rejected))
      }
      settle()
    },
  }
}

function ackOf(lane: Lane, { epoch, first, last }: BatchHead, load: number): Omit<Ack, 'status'> {
  const slowDown = load > CROWDED ? { slowDownMs: SLOW_DOWN_MS } : {}
  return { v: 1, epoch, lane, first, through: last, rejected: [], ...slowDown }
}

function answerTo({ lane, head }: Waiting, job: Job, outcome: Outcome, load: number): Answer {
  if (outcome.kind === 'set-aside') {
    const reason = outcome.reason.slice(0, ACK_REASON_LENGTH_MAX)
    return head === undefined
      ? { v: 1, lane, status: 'unreadable', message: nameOf(job.letter.bytes), reason }
      : { ...ackOf(lane, head, load), status: 'set-aside', reason }
  }
  if (head === undefined) throw new Error('A batch was committed whose numbers nobody could read')
  const rejected = outcome.kind === 'stored' ? [...outcome.rejected] : []
  return { ...ackOf(lane, head, load), status: 'committed', rejected }
}

/** Two messages of the same key ask for the same answer. One whose numbers cannot be read has none. */
function keyOf(lane: Lane, head: BatchHead | undefined): string | undefined {
  return head === undefined ? undefined : `${lane}/${head.epoch}/${head.first}/${head.last}`
}

function withoutRejected(batch: Batch, rejected: readonly { seq: number }[]): Batch {
  if (rejected.length === 0) return batch
  const seqs = new Set(rejected.map(({ seq }) => seq))
  return { ...batch, readings: batch.readings.filter(({ seq }) => !seqs.has(seq)) }
}
