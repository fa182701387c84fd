// The evidence as a chain: each row's hash covers the row and the hash before it.
//
// The database computes the hashes when rows are added (migration 0013). Here they are computed again, from what is kept,
// by other code: who wants to check a copy elsewhere needs SHA-256 and the lines below.

import { createHash } from 'node:crypto'

/** A row of the evidence as it is hashed: every field as text. Instants are microseconds since 1970. */
export interface ChainedRow {
  seq: string
  id: string
  slotId: string
  workCode: string
  dueAt: string
  attempt: string
  leaseToken: string
  step: string
  at: string
  channel: string
  outcome: string | null
  detail: string
  receipt: string | null
  request: string | null
  httpStatus: string | null
  answer: string | null
}

/** The fields, in the order in which they are hashed. */
export const CHAINED_FIELDS = [
  'seq',
  'id',
  'slotId',
  'workCode',
  'dueAt',
  'attempt',
  'leaseToken',
  'step',
  'at',
  'channel',
  'outcome',
  'detail',
  'receipt',
  'request',
  'httpStatus',
  'answer',
] as const satisfies readonly (keyof ChainedRow)[]

/** The hash of a row after the hash before it, in hexadecimal; the first of a work comes after ''. */
export function hashOfRow(before: string, row: ChainedRow): string {
  const hash = createHash('sha256').update(Buffer.from(before, 'hex'))
  for (const field of CHAINED_FIELDS) {
    const text = row[field]
    hash.update(text === null ? '-' : `${Buffer.byteLength(text)}:${text}`)
  }
  return hash.digest('hex')
}

/** Where a chain is broken. */
export interface ChainBreak {
  workCode: string
  what: string
}

/** The last row of a work's chain. */
export interface ChainHead {
  workCode: string
  seq: number
  hash: string
}

/** Walks chains, work after work, row after row. */
export interface ChainWalk {
  /** The next row; returns what is wrong with it. */
  take(row: ChainedRow & { hash: string }): ChainBreak[]
  /** The ends that were walked to, against those that the database keeps; returns what is missing. */
  end(heads: readonly ChainHead[]): ChainBreak[]
}

/** Opens a walk. Rows come by work, and in each by their number. */
export function openChainWalk(): ChainWalk {
  const ends = new Map<string, ChainHead>()
  return {
    take({ hash, ...row }) {
      const { workCode } = row
      const last = ends.get(workCode) ?? { workCode, seq: 0, hash: '' }
      const seq = Number(row.seq)
      // The walk goes on from what is written, so that one wrong row is told once.
      ends.set(workCode, { workCode, seq, hash })
      const named = `row ${row.seq} (id ${row.id})`
      if (seq !== last.seq + 1) {
        const what =
          seq > last.seq ? `${span(last.seq + 1, seq - 1)} missing` : `${named} is out of its place`
        return [{ workCode, what }]
      }
      if (hashOfRow(last.hash, row) === hash) return []
      return [{ workCode, what: `${named} was altered, or the row before it was` }]
    },
    end(heads) {
      const kept = new Map(heads.map(head => [head.workCode, head]))
      const breaks = heads.flatMap(({ workCode, seq, hash }): ChainBreak[] => {
        const end = ends.get(workCode) ?? { seq: 0, hash: '' }
        if (end.seq < seq) return [{ workCode, what: `${span(end.seq + 1, seq)} missing at the end` }]
        if (end.seq > seq) return [{ workCode, what: `rows after ${seq} were added past the chain` }]
        return end.hash === hash ? [] : [{ workCode, what: `the end of the chain, row ${seq}, was altered` }]
      })
      const headless = [...ends.keys()].filter(workCode => !kept.has(workCode))
      return [...breaks, ...headless.map(workCode => ({ workCode, what: 'the end of the chain is missing' }))]
    },
  }
}

const span = (from: number, to: number): string => (from === to ? `row ${from}` : `rows ${from} to ${to}`)
