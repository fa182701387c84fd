// The rows that better-auth reads and writes: its tables and fields in our spelling.
//
// Names of tables and columns come from a list and a pattern, values only ever as parameters.

import type { Param, Sql } from './database.ts'

/** The tables that better-auth knows, by its own names for them. */
const AUTH_TABLES: Record<string, string> = {
  user: 'auth.users',
  session: 'auth.sessions',
  account: 'auth.accounts',
  verification: 'auth.verifications',
  twoFactor: 'auth.two_factors',
}

/** What may be asked of a row: `field operator value`, joined by AND or OR. */
export interface AuthCondition {
  field: string
  operator: string
  value: unknown
  connector: 'AND' | 'OR'
}

/** A row in better-auth's spelling. */
export type AuthRow = Record<string, unknown>

/** Statements on one of better-auth's tables. */
export interface AuthTable {
  insert(row: AuthRow): Promise<AuthRow>
  find(
    where: readonly AuthCondition[],
    options?: { limit?: number; offset?: number; sortBy?: { field: string; direction: 'asc' | 'desc' } },
  ): Promise<AuthRow[]>
  update(where: readonly AuthCondition[], changes: AuthRow): Promise<AuthRow[]>
  delete(where: readonly AuthCondition[]): Promise<AuthRow[]>
  count(where: readonly AuthCondition[]): Promise<number>
}

/** One of better-auth's tables. Fields are its own (`userId`); columns are ours (`user_id`). Instants are Dates. */
export function authTable(sql: Sql, model: string): AuthTable {
  const table = AUTH_TABLES[model]
  if (table === undefined) throw new Error(`Unknown table ${model}`)
  const run = async (text: string, params: readonly Param[]) => {
    const rows = await sql.query<AuthRow>(text, params)
    return rows.map(fromRow)
  }
  return {
    async insert(row) {
      const params: Param[] = []
      const columns = Object.keys(row).map(columnOf)
      const values = Object.values(row).map(value => place(params, value))
      const text = `insert into ${table} (${columns.join(', ')}) values (${values.join(', ')}) returning *`
      return (await run(text, params))[0] as AuthRow
    },
    find(where, { limit = 100, offset = 0, sortBy } = {}) {
      const params: Param[] = []
      const order = sortBy === undefined ? '' : ` order by ${columnOf(sortBy.field)} ${sortBy.direction}`
      const text = `select * from ${table}${whereText(where, params)}${order} limit ${place(params, limit)} offset ${place(params, offset)}`
      return run(text, params)
    },
    update(where, changes) {
      const params: Param[] = []
      const set = Object.entries(changes).map(
        ([field, value]) => `${columnOf(field)} = ${place(params, value)}`,
      )
      return run(`update ${table} set ${set.join(', ')}${whereText(where, params)} returning *`, params)
    },
    delete(where) {
      const params: Param[] = []
      return run(`delete from ${table}${whereText(where, params)} returning *`, params)
    },
    async count(where) {
      const params: Param[] = []
      const rows = await sql.query<{ count: number }>(
        `select count(*)::int as count from ${table}${whereText(where, params)}`,
        params,
      )
      return rows[0]?.count as number
    },
  }
}

const FIELD = /^[a-z][A-Za-z]{0,40}$/

function columnOf(field: string): string {
  if (!FIELD.test(field)) throw new Error(`Not a field: ${field}`)
  return field.replaceAll(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
}

const fieldOf = (column: string): string =>
  column.replaceAll(/_([a-z])/g, (_, letter) => letter.toUpperCase())

/** Adds a parameter and says how the statement names it. */
function place(params: Param[], value: unknown): string {
  if (value instanceof Date) {
    params.push(value.getTime())
    return `to_timestamp($${params.length}::float8 / 1000)`
  }
  params.push((value ?? null) as Param)
  return `$${params.length}`
}

const INSTANT_COLUMN = /_(at|until)$/

function fromRow(row: AuthRow): AuthRow {
  const fields = Object.entries(row).map(([column, value]) => [
    fieldOf(column),
    INSTANT_COLUMN.test(column) && typeof value === 'number' ? new Date(value) : value,
  ])
  return Object.fromEntries(fields)
}

const COMPARISONS: Record<string, string> = { eq: '=', ne: '<>', lt: '<', lte: '<=', gt: '>', gte: '>=' }

/** All of the AND conditions, and at least one of the OR conditions. */
function whereText(where: readonly AuthCondition[], params: Param[]): string {
  const every = where.filter(({ connector }) => connector === 'AND').map(part => conditionText(part, params))
  const some = where.filter(({ connector }) => connector === 'OR').map(part => conditionText(part, params))
  const parts = some.length === 0 ? every : [...every, `(${some.join(' or ')})`]
  return parts.length === 0 ? '' : ` where ${parts.join(' and ')}`
}

function conditionText({ field, operator, value }: AuthCondition, params: Param[]): string {
  const column = columnOf(field)
  if (value === null && operator === 'eq') return `${column} is null`
  if (value === null && operator === 'ne') return `${column} is not null`
  if (operator === 'in') return `${column} = any(${place(params, value)})`
  if (operator === 'not_in') return `${column} <> all(${place(params, value)})`
  const comparison = COMPARISONS[operator]
  if (comparison === undefined) throw new Error(`Unknown operator ${operator}`)
  return `${column} ${comparison} ${place(params, value)}`
}
