// Where imports are asked for: over the API and on the command line, the same. What is asked is written down here; the
// work is the runner's.

import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { findPoint } from '../point-name.ts'
import { Problem } from '../problem.ts'
import type { Database } from '../store/database.ts'
import { type ImportRow, type ImportState, insertImport, moveImport, selectImport } from '../store/imports.ts'
import type { ClientIds } from '../store/queries.ts'
import type { FormatSettings } from './format.ts'
import { FILE_BYTES_MAX } from './table.ts'

/** Who asks. */
export interface Asker {
  db: Database
  clock: Clock
  clientIds: ClientIds
  by: string
}

const NAME_LENGTH_MAX = 200

/** Takes a file in. The same file for the same point is the same import. */
export async function uploadImport(
  { db, clock, clientIds, by }: Asker,
  {
    point: pointName,
    name,
    bytes,
    settings,
  }: { point: string; name: string; bytes: Uint8Array; settings: FormatSettings },
): Promise<{ row: ImportRow; isNew: boolean }> {
  if (bytes.length === 0) throw new Problem(422, 'Nothing to import', { detail: 'The file is empty' })
  if (bytes.length > FILE_BYTES_MAX) {
    throw new Problem(413, 'Request too large', { detail: `At most ${FILE_BYTES_MAX} bytes` })
  }
  const point = await findPoint(db, clientIds, pointName)
  const compressed = await promisify(gzip)(bytes)
  const upload = {
    ...{ pointId: point.id, name: name.slice(0, NAME_LENGTH_MAX), size: bytes.length, compressed, settings },
    ...{ digest: createHash('sha256').update(bytes).digest(), askedBy: by, now: clock.now() },
  }
  const kept = await db.transaction(tx => insertImport(tx, upload))
  if (kept === undefined) {
    const detail = 'Too many imports of this point wait: confirm or discard some'
    throw new Problem(409, 'Too many imports', { detail })
  }
  return { row: await findImport({ db, clientIds }, kept.id), isNew: kept.isNew }
}

/** The import of this number. Throws Problem where there is none that may be seen. */
export async function findImport(
  { db, clientIds }: { db: Database; clientIds: ClientIds },
  id: number,
): Promise<ImportRow> {
  const row = await selectImport(db, clientIds, id)
  if (row === undefined) throw new Problem(404, 'Import not found')
  return row
}

/** Has a file read again, by other settings; what was found out or told before is forgotten. */
export function resetImport(asker: Asker, id: number, settings: FormatSettings): Promise<ImportRow> {
  return move(asker, id, { from: ['uploaded', 'previewed', 'refused'], to: 'uploaded', settings })
}

/** Has an import stored. Whatever was assumed of the file must be accepted by its name. */
export async function confirmImport(asker: Asker, id: number, accept: readonly string[]): Promise<ImportRow> {
  const row = await findImport(asker, id)
  if (row.state === 'confirmed' || row.state === 'done') return row
  if (row.state === 'previewed') {
    const open = (row.format?.assumed ?? []).filter(one => !accept.includes(one))
    if (open.length > 0) {
      const detail = `Look at the preview, and accept what is assumed: ${open.join(', ')}`
      throw new Problem(422, 'Not everything is accepted', { detail })
    }
  }
  return move(asker, id, { from: ['previewed'], to: 'confirmed', confirmedBy: asker.by })
}

/** Has an import taken out again. */
export async function requestUndo(asker: Asker, id: number): Promise<ImportRow> {
  const row = await findImport(asker, id)
  if (row.state === 'undoing' || row.state === 'undone') return row
  return move(asker, id, { from: ['confirmed', 'done'], to: 'undoing', undoneBy: asker.by })
}

/** Gives up an import of which nothing is stored. */
export async function discardImport(asker: Asker, id: number): Promise<ImportRow> {
  const row = await findImport(asker, id)
  if (row.state === 'discarded') return row
  return move(asker, id, { from: ['uploaded', 'previewed', 'refused'], to: 'discarded' })
}

async function move(
  { db, clock, clientIds }: Asker,
  id: number,
  change: {
    from: readonly ImportState[]
    to: ImportState
    settings?: FormatSettings
    confirmedBy?: string
    undoneBy?: string
  },
): Promise<ImportRow> {
  const row = await findImport({ db, clientIds }, id)
  if (!(await moveImport(db, id, { ...change, now: clock.now() }))) {
    const { state } = await findImport({ db, clientIds }, id)
    const detail = `Import ${id}, of ${row.client}.${row.project}.${row.point}, is ${state}, not ${change.from.join(' or ')}`
    throw new Problem(409, 'Not now', { detail })
  }
  return findImport({ db, clientIds }, id)
}
