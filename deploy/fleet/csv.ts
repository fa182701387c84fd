// The table of sites: a CSV file with a head, `,` or `;`, and what is wrong with it by line and column.

import { parse } from 'csv-parse/sync'
import { nearest } from '../../protocol/mistakes.ts'
import { ConfigError, type ConfigMistake, reasonOf } from '../../protocol/runtime/errors.ts'

/** The columns, and which field of a row each is. Those with * must be filled. */
export const COLUMNS = {
  client: 'client',
  client_name: 'clientName',
  client_rut: 'clientRut',
  project: 'project',
  project_name: 'projectName',
  point: 'point',
  point_name: 'pointName',
  kind: 'kind',
  latitude: 'latitude',
  longitude: 'longitude',
  gateway: 'gateway',
  device: 'device',
  profile: 'profile',
  bus: 'bus',
  unit: 'unit',
  every: 'every',
  work_code: 'workCode',
  standard: 'standard',
  channel: 'channel',
  informant: 'informant',
  from: 'from',
  mode: 'mode',
} as const

/** The name of a column. */
export type Column = keyof typeof COLUMNS

const NEEDED: readonly Column[] = ['client', 'project', 'point']

/** A row with its line; a cell that is not there is empty. */
export interface TableRow {
  line: number
  cells: Record<Column, string>
}

/** More is no table of sites. */
const ROWS_MAX = 20_000

/** Reads the table. Throws ConfigError when it is none. */
export function readTable(text: string, source: string): TableRow[] {
  const delimiter = (text.split('\n', 1)[0] ?? '').includes(';') ? ';' : ','
  let records: { record: string[]; info: { lines: number } }[]
  try {
    records = parse(text, {
      ...{ delimiter, bom: true, info: true, skip_empty_lines: true, trim: true },
      relax_column_count: false,
    }) as unknown as typeof records
  } catch (error) {
    throw new ConfigError(source, [{ path: '', message: reasonOf(error) }])
  }
  const [head, ...body] = records
  const names = head?.record ?? []
  const mistakes = headMistakes(names)
  if (body.length === 0) mistakes.push({ path: '', message: 'has no rows' })
  if (body.length > ROWS_MAX) mistakes.push({ path: '', message: `has more than ${ROWS_MAX} rows` })
  const rows = body.map(({ record, info }): TableRow => {
    const cellOf = (column: string) => record[names.indexOf(column)] ?? ''
    const cells = Object.keys(COLUMNS).map(column => [column, cellOf(column)])
    return { line: info.lines, cells: Object.fromEntries(cells) }
  })
  for (const { line, cells } of rows) {
    for (const column of NEEDED) {
      if (cells[column] === '') mistakes.push({ path: column, message: 'is empty', line })
    }
  }
  if (mistakes.length > 0) throw new ConfigError(source, mistakes)
  return rows
}

function headMistakes(names: readonly string[]): ConfigMistake[] {
  const known = Object.keys(COLUMNS)
  const missing = NEEDED.filter(column => !names.includes(column))
  const unknown = names.filter(name => !known.includes(name))
  const twice = names.filter((name, at) => names.indexOf(name) !== at)
  return [
    ...missing.map(path => ({ path, message: 'there is no such column', line: 1 })),
    ...twice.map(path => ({ path, message: 'is there twice', line: 1 })),
    ...unknown.map(path => {
      const meant = nearest(path, known)
      return {
        path,
        message: `is no column${meant === undefined ? '' : `; did you mean ${meant}?`}`,
        line: 1,
      }
    }),
  ]
}
