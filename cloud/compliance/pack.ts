// A work's month as files that a person can sign and keep: a report, tables, and the hashes of all of it.
//
// Promises:
//   K1. The same facts give the same bytes: nothing here knows what time it is, who asks, or on which machine.
//   K2. Every row of the evidence stands there with the hash before it: each can be checked by itself, with SHA-256.
//   K3. The last row of the month is written down, not that of the chain, which goes on: `verify-evidence --pack` finds a chain
//       that was written anew since.

import { createHash } from 'node:crypto'
import { z } from 'zod'
import { Rejected } from '../../protocol/runtime/errors.ts'
import type { Database } from '../store/database.ts'
import { type LinkedRow, selectLinkedRows } from '../store/evidence.ts'
import type { ClientIds } from '../store/queries.ts'
import {
  type PackSlot,
  type PackWork,
  type Reconciliation,
  selectPackSlots,
  selectPackWork,
  selectReconciliations,
} from '../store/reconciliation.ts'
import { regulatorDate, regulatorMonth, regulatorTime } from './calendar.ts'
import { CHAINED_FIELDS, type ChainHead } from './chain.ts'
import { toPdf } from './pack-pdf.ts'
import type { PackedFile } from './tar.ts'

/** What a pack is made of. */
export interface PackFacts {
  month: string
  work: PackWork
  counts: Reconciliation
  slots: PackSlot[]
  evidence: LinkedRow[]
  /** The last row of `evidence`. */
  last: ChainHead | undefined
}

/** Collects what a pack is made of, as it was at one instant. Throws Rejected where there is no such work. */
export function collectPack(
  db: Database,
  clientIds: ClientIds,
  { workCode, month }: { workCode: string; month: string },
): Promise<PackFacts> {
  const { from, to } = regulatorMonth(month)
  return db.transaction(
    async tx => {
      const work = await selectPackWork(tx, clientIds, { workCode, at: to - 1 })
      const asked = { from, to, workCode, afterKey: 0, limit: 1 }
      const [counts] = await selectReconciliations(tx, clientIds, asked)
      if (work === undefined || counts === undefined) throw new Rejected(`There is no work ${workCode}`)
      const evidence = await selectLinkedRows(tx, workCode, { from, to })
      return {
        ...{ month, work, counts },
        slots: await selectPackSlots(tx, workCode, { from, to }),
        ...{ evidence, last: lastOf(workCode, evidence) },
      }
    },
    { asOfOneInstant: true },
  )
}

function lastOf(workCode: string, evidence: readonly LinkedRow[]): ChainHead | undefined {
  const last = evidence.at(-1)
  return last && { workCode, seq: Number(last.seq), hash: last.hash }
}

/** The files of a pack; SHA256SUMS, the last, covers the others. */
export async function toPack(facts: PackFacts): Promise<PackedFile[]> {
  const name = `${facts.work.workCode}-${facts.month}`
  const tables = [
    toFile(`${name}.json`, `${JSON.stringify(toDocument(facts), null, 2)}\n`),
    toFile(`${name}-declaraciones.csv`, toCsv(SLOT_COLUMNS, facts.slots.map(toSlotRow))),
    toFile(
      `${name}-evidencia.csv`,
      toCsv([...CHAINED_FIELDS, 'before', 'hash'], facts.evidence.map(toEvidenceRow)),
    ),
  ]
  const hashes = tables.map(file => ({ name: file.name, hash: hashOf(file) }))
  const report = { name: `${name}.pdf`, bytes: await toPdf(facts, hashes) }
  const files = [report, ...tables]
  const sums = files.map(file => `${hashOf(file)}  ${file.name}\n`).join('')
  return [...files, toFile('SHA256SUMS', sums)]
}

const toFile = (name: string, text: string): PackedFile => ({
  name,
  bytes: new Uint8Array(Buffer.from(text)),
})

const hashOf = ({ bytes }: PackedFile): string => createHash('sha256').update(bytes).digest('hex')

const toText = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString())

function toDocument({ month, work, counts, slots, last }: PackFacts): object {
  const { key: _, client: __, project: ___, point: ____, workCode: _____, ...counted } = counts
  return {
    ...{ version: 1, month, work, counts: counted },
    evidence: last ?? null,
    slots: slots.map(slot => ({
      ...slot,
      dueAt: toText(slot.dueAt),
      acceptedAt: toText(slot.acceptedAt),
      verifiedAt: toText(slot.verifiedAt),
    })),
  }
}

const SLOT_COLUMNS = [
  ...['fecha', 'hora', 'instante', 'canal', 'estado', 'motivo', 'caudal', 'totalizador', 'nivel'],
  ...['aceptado', 'comprobante', 'verificacion', 'verificado', 'intentos'],
]

function toSlotRow(slot: PackSlot): (string | null)[] {
  const { dueAt, channel, state, reason, declaration, attempts, acceptedAt, receipt, verification } = slot
  return [
    ...[regulatorDate(dueAt), regulatorTime(dueAt), toText(dueAt), channel, state, reason],
    ...[declaration?.flow ?? null, declaration?.total ?? null, declaration?.level ?? null],
    ...[toText(acceptedAt), receipt, verification, toText(slot.verifiedAt), String(attempts)],
  ]
}

const toEvidenceRow = (row: LinkedRow): (string | null)[] => [
  ...CHAINED_FIELDS.map(field => row[field]),
  ...[row.before, row.hash],
]

/** RFC 4180. What is absent is empty; what is an empty text is quoted. */
function toCsv(columns: readonly string[], rows: readonly (readonly (string | null)[])[]): string {
  return [columns, ...rows].map(row => `${row.map(toCell).join(',')}\r\n`).join('')
}

function toCell(text: string | null): string {
  if (text === null) return ''
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

const Anchored = z.looseObject({
  version: z.literal(1),
  evidence: z
    .strictObject({
      workCode: z.string(),
      seq: z.int().min(1),
      hash: z.string().regex(/^[0-9a-f]{64}$/),
    })
    .nullable(),
})

/**
 * The row of the chain that a pack's JSON file writes down; undefined where there was no evidence yet. Throws Rejected when
 * it is no such file.
 */
export function anchorOf(text: string): ChainHead | undefined {
  const { data } = Anchored.safeParse(jsonOrUndefined(text))
  if (data === undefined) throw new Rejected('This is not the JSON file of a pack')
  return data.evidence ?? undefined
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return undefined
  }
}
