// Rows that people look after: changed by the columns that are named and no other.

import type { Param, Sql } from './database.ts'

/** Tables whose rows are changed one by one. */
export type Table = 'clients' | 'projects' | 'points' | 'gateways' | 'documents' | 'contacts' | 'series'

/** Which column holds which field. What is not in it is not changed. */
export type Columns = Readonly<Record<string, string>>

/** Makes a row of the fields that have a column. Returns its number, or undefined when there is one of its name already. */
export async function insertRow(
  tx: Sql,
  table: Table,
  columns: Columns,
  fields: Readonly<Record<string, unknown>>,
): Promise<number | undefined> {
  const named = columnsOf(columns, fields)
  const [row] = await tx.query<{ id: number }>(
    `insert into ${table} (${named.map(([column]) => column).join(', ')})
     values (${named.map((_, index) => `$${index + 1}`).join(', ')}) on conflict do nothing returning id`,
    named.map(([, value]) => value),
  )
  return row?.id
}

/** Changes the fields that are named. `archived` says when it was, which is now. */
export async function updateRow(
  tx: Sql,
  table: Table,
  columns: Columns,
  { id, fields, now }: { id: number; fields: Readonly<Record<string, unknown>>; now: number },
): Promise<void> {
  const { archived, ...rest } = fields
  const named = columnsOf(columns, rest)
  const set = named.map(([column], index) => `${column} = $${index + 2}`)
  const values = named.map(([, value]) => value)
  if (archived === true) {
    set.push(`archived_at = coalesce(archived_at, to_timestamp($${values.length + 2}::float8 / 1000))`)
    values.push(now)
  }
  if (archived === false) set.push('archived_at = null')
  if (set.length === 0) return
  await tx.query(`update ${table} set ${set.join(', ')} where id = $1`, [id, ...values])
}

/** Names of columns are ours, never what somebody sent. */
function columnsOf(columns: Columns, fields: Readonly<Record<string, unknown>>): [string, Param][] {
  return Object.entries(columns)
    .filter(([field]) => fields[field] !== undefined)
    .map(([field, column]) => [column, fields[field] as Param])
}
