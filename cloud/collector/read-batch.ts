// From the bytes of a message to a batch that its gateway may send.

import type { SeriesTable } from '../../protocol/batch.ts'
import { type Decoded, decodeBatch, decodeTable } from '../../protocol/codec.ts'
import { Rejected } from '../../protocol/runtime/errors.ts'
import { VARIABLES } from '../../protocol/variables.ts'
import type { Sql } from '../store/database.ts'
import { findSeriesTable, type GatewayRow } from '../store/gateways.ts'

/** Tables remembered for each gateway: it uses one at a time, and an old one while a backlog drains. */
const TABLES_MAX = 8

/**
 * Reads a batch with the tables given, by their names; one that only the database knows is fetched and put among them.
 * Throws Rejected, with what is wrong and where, when it is none or none that the gateway may send.
 */
export async function readBatch(
  db: Sql,
  gateway: GatewayRow,
  tables: Map<string, SeriesTable>,
  bytes: Uint8Array,
): Promise<Decoded> {
  const decoded = await decode(db, gateway, tables, bytes)
  const refusal = decoded.kind === 'batch' ? refusalOf(gateway, decoded.batch.table) : undefined
  if (refusal !== undefined) throw new Rejected(refusal)
  return decoded
}

/** Keeps the tables that were used last. */
export function remember(tables: Map<string, SeriesTable>, id: string, table: SeriesTable): void {
  tables.delete(id)
  tables.set(id, table)
  for (const oldest of [...tables.keys()].slice(0, -TABLES_MAX)) tables.delete(oldest)
}

async function decode(
  db: Sql,
  gateway: GatewayRow,
  tables: Map<string, SeriesTable>,
  bytes: Uint8Array,
): Promise<Decoded> {
  const decoded = decodeBatch(bytes, id => tables.get(id))
  if (decoded.kind === 'batch') return decoded
  const kept = await findSeriesTable(db, gateway.id, decoded.tableId)
  if (kept === undefined) return decoded
  remember(tables, decoded.tableId, decodeTable(kept))
  return decodeBatch(bytes, id => tables.get(id))
}

/**
 * Why a table is refused; `undefined` when it is not. A gateway writes into its own project and no other, and what it
 * measures: what the cloud computes from that would stand beside itself.
 */
function refusalOf(gateway: GatewayRow, table: SeriesTable): string | undefined {
  const ours = `${gateway.client}/${gateway.project}/${gateway.slug}`
  const theirs = `${table.client}/${table.project}/${table.gateway}`
  if (ours !== theirs) return `The batch says it is of ${theirs}, and came from ${ours}`
  const index = table.series.findIndex(({ variable }) => VARIABLES[variable].origin === 'derived')
  const derived = table.series[index]
  if (derived === undefined) return undefined
  return `series[${index}]: ${derived.variable} of ${derived.point} is computed by the cloud, and never measured`
}
