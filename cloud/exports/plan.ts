// An export before its first byte: how many values there are, and a print of all of them.
//
//   X1. The bytes of an export follow from its values alone. Two of the same print are the same, byte for byte; so one that
//       broke off is gone on with by making it again and leaving out what has arrived.
//   X2. Where values change while they are being written the export breaks off: what came whole is one state of them.
//   X3. What is held in memory is one piece, however long the export is.

import { createHash } from 'node:crypto'
import type { Database, Sql } from '../store/database.ts'
import { type ExportedRow, selectPrints, selectSlice } from '../store/exports.ts'

const SLICE_MS = 6 * 3_600_000
const PRINTED_AT_ONCE_MS = 31 * 86_400_000
/** About how many values a piece has. */
const PIECE_VALUES = 20_000

/** A stretch of time with some thousand values. */
export interface Piece {
  from: number
  to: number
  count: number
  print: bigint
}

/** What an export will hold. */
export interface ExportPlan {
  pieces: readonly Piece[]
  /** How many values. */
  count: number
  /** Another one when any value is another. */
  print: string
}

/** The values changed while they were written. */
export class ExportChanged extends Error {
  override readonly name = 'ExportChanged'
}

/** Looks through the values of series within a stretch of time. */
export async function planExport(
  sql: Sql,
  seriesIds: readonly number[],
  { from, to }: { from: number; to: number },
): Promise<ExportPlan> {
  const pieces: Piece[] = []
  const hash = createHash('sha256')
  for (let start = from; start < to; start += PRINTED_AT_ONCE_MS) {
    const end = Math.min(to, start + PRINTED_AT_ONCE_MS)
    for (const { slice, count, print } of await selectPrints(sql, seriesIds, {
      ...{ from: start, to: end, sliceMs: SLICE_MS },
    })) {
      hash.update(`${slice} ${count} ${print}\n`)
      const within = { from: Math.max(start, slice * SLICE_MS), to: Math.min(end, (slice + 1) * SLICE_MS) }
      addSlice(pieces, { ...within, count, print: BigInt(print) })
    }
  }
  const count = pieces.reduce((sum, piece) => sum + piece.count, 0)
  return { pieces, count, print: hash.digest('base64url').slice(0, 27) }
}

/** Small slices are read together. */
function addSlice(pieces: Piece[], slice: Piece): void {
  const last = pieces.at(-1)
  if (last === undefined || last.count + slice.count > PIECE_VALUES) {
    pieces.push({ ...slice })
    return
  }
  last.to = slice.to
  last.count += slice.count
  last.print ^= slice.print
}

/** The values of an export, a piece at a time. Throws ExportChanged. */
export async function* readPieces(
  db: Database,
  seriesIds: readonly number[],
  { pieces }: ExportPlan,
): AsyncGenerator<ExportedRow[]> {
  for (const piece of pieces) yield await readPiece(db, seriesIds, piece)
}

function readPiece(db: Database, seriesIds: readonly number[], piece: Piece): Promise<ExportedRow[]> {
  return db.transaction(async tx => {
    await tx.query('set transaction isolation level repeatable read, read only')
    const prints = await selectPrints(tx, seriesIds, { ...piece, sliceMs: SLICE_MS })
    const count = prints.reduce((sum, one) => sum + one.count, 0)
    const print = prints.reduce((sum, one) => sum ^ BigInt(one.print), 0n)
    if (count !== piece.count || print !== piece.print) {
      throw new ExportChanged('The values changed while they were written: ask again')
    }
    return selectSlice(tx, seriesIds, piece)
  })
}
