// What a gateway sent: read, checked against who it is, handed to the committer, answered.

import type { Ack, Batch, SeriesTable } from '../../protocol/batch.ts'
import {
  type BatchHead,
  type Decoded,
  decodeBatch,
  decodeTable,
  readBatchHead,
} from '../../protocol/codec.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'
import type { Lane } from '../../protocol/topics.ts'
import type { Database } from '../store/database.ts'
import { findSeriesTable, type GatewayRow } from '../store/gateways.ts'
import type { Committer, Job, Outcome } from './committer.ts'

/** Tables remembered for each gateway: it uses one at a time, and an old one while a backlog drains. */
const TABLES_MAX = 8

/** Above this share of its queue the collector asks gateways to slow down. */
const CROWDED = 0.5
const SLOW_DOWN_MS = 1_000

/** Takes batches in. */
export interface Intake {
  /** Resolves when the batch has found its place in the queue. Throws Unavailable when the database is not there. */
  take(gateway: GatewayRow, lane: Lane, message: { topic: string; payload: Uint8Array }): Promise<void>
  /** The committer tells how a job ended. */
  done(job: Job, outcome: Outcome): void
}

/** What an intake needs. */
export interface IntakeDeps {
  db: Database
  metrics: Metrics
  committer: () => Committer
  sendAck: (gateway: string, ack: Ack) => void
  onCommitted: (gateway: GatewayRow, batch: Batch) => void
}

interface Waiting {
  gateway: GatewayRow
  lane: Lane
  head: BatchHead | undefined
  table?: { id: string; table: SeriesTable }
}

/** Opens an intake. */
export function openIntake({ db, metrics, committer, sendAck, onCommitted }: IntakeDeps): Intake {
  const tables = new Map<number, Map<string, SeriesTable>>()
  const waiting = new Map<Job, Waiting>()

  const remember = (gatewayId: number, id: string, table: SeriesTable) => {
    const known = tables.get(gatewayId) ?? new Map<string, SeriesTable>()
    known.delete(id)
    known.set(id, table)
    for (const oldest of [...known.keys()].slice(0, -TABLES_MAX)) known.delete(oldest)
    tables.set(gatewayId, known)
  }

  /** Reads a batch; a table that only the database knows is fetched first. */
  const decode = async (gateway: GatewayRow, bytes: Uint8Array): Promise<Decoded> => {
    const tableOf = (id: string) => tables.get(gateway.id)?.get(id)
    const decoded = decodeBatch(bytes, tableOf)
    if (decoded.kind === 'batch') return decoded
    const kept = await findSeriesTable(db, gateway.id, decoded.tableId)
    if (kept === undefined) return decoded
    remember(gateway.id, decoded.tableId, decodeTable(kept))
    return decodeBatch(bytes, tableOf)
  }

  const answer = ({ gateway, lane, head }: Waiting, rest: Pick<Ack, 'status'> & Partial<Ack>) => {
    // Not even its numbers can be read: there is nothing to answer to.
    if (head === undefined) return
    const { epoch, first, last } = head
    const slowDown = committer().load() > CROWDED ? { slowDownMs: SLOW_DOWN_MS } : {}
    sendAck(gateway.slug, { v: 1, epoch, lane, first, through: last, rejected: [], ...slowDown, ...rest })
  }

  return {
    async take(gateway, lane, { topic, payload }) {
      metrics.count('collector_bytes_total', {}, payload.length)
      const letter = { gatewayId: gateway.id, topic, bytes: payload, reason: '' }
      const setAside = async (reason: string) => {
        const job: Job = { kind: 'letter', gatewayId: gateway.id, letter, reason }
        waiting.set(job, { gateway, lane, head: readBatchHead(payload) })
        await committer().enqueue(job)
      }
      let decoded: Decoded
      try {
        decoded = await decode(gateway, payload)
      } catch (error) {
        if (!(error instanceof Rejected)) throw error
        await setAside(error.message)
        return
      }
      if (decoded.kind === 'table-unknown') {
        answer({ gateway, lane, head: decoded.head }, { status: 'table-unknown' })
        return
      }
      const { batch, tableId, tableBytes } = decoded
      const foreign = foreignTable(gateway, batch.table)
      if (foreign !== undefined) {
        await setAside(foreign)
        return
      }
      const table = tableBytes === undefined ? {} : { table: { id: tableId, bytes: tableBytes } }
      const incoming = { gatewayId: gateway.id, projectId: gateway.projectId, lane, batch, ...table }
      const job: Job = { kind: 'batch', gatewayId: gateway.id, letter, incoming }
      waiting.set(job, { gateway, lane, head: batch, table: { id: tableId, table: batch.table } })
      await committer().enqueue(job)
    },

    done(job, outcome) {
      const from = waiting.get(job)
      waiting.delete(job)
      if (from === undefined) throw new Error('A job ended that nobody waits for')
      if (outcome.kind === 'set-aside') {
        answer(from, { status: 'set-aside', reason: outcome.reason.slice(0, 500) })
        return
      }
      if (from.table !== undefined) remember(from.gateway.id, from.table.id, from.table.table)
      answer(from, { status: 'committed' })
      if (job.kind === 'batch') onCommitted(from.gateway, job.incoming.batch)
    },
  }
}

/** Why a table is not this gateway's; `undefined` when it is. A gateway writes into its own project and no other. */
function foreignTable(gateway: GatewayRow, table: SeriesTable): string | undefined {
  const ours = `${gateway.client}/${gateway.project}/${gateway.slug}`
  const theirs = `${table.client}/${table.project}/${table.gateway}`
  return ours === theirs ? undefined : `The batch says it is of ${theirs}, and came from ${ours}`
}
