// A file's bytes as rows of cells with their lines, through csv-parse. Long files let others work in between.

import { setImmediate } from 'node:timers/promises'
import { CsvError, type Options, parse } from 'csv-parse'
import { DELIMITERS, type FileFormat, headOf } from './format.ts'
import type { Mistakes } from './mistakes.ts'

/** The largest file. */
export const FILE_BYTES_MAX = 32 * 1024 * 1024

/** The most rows: ten years of each half hour, or more than a year of each three minutes. */
export const ROWS_MAX = 200_000

/** No row of any known form is as long. */
const ROW_BYTES_MAX = 64 * 1024

/** Above the names of the columns a report may have a title. */
const HEAD_LINES_MAX = 20

/** A row: where it ends, and its cells. */
export interface Row {
  line: number
  cells: string[]
}

/** A table with what its head says. */
export interface Table {
  rows: Row[]
  names: string[]
  headerLine: number
  delimiter: FileFormat['delimiter']
  head: NonNullable<ReturnType<typeof headOf>>
}

const WHOLE = { line: 0, column: '' }

/** A file as text: UTF-8, or what spreadsheets on Windows write where it is not. */
export function toText(bytes: Uint8Array): string {
  const [first, second] = bytes
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(bytes)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    // Not UTF-8: every byte is a letter of Windows' own set.
    return new TextDecoder('windows-1252').decode(bytes)
  }
}

/** Reads a table. What is wrong goes to `mistakes`; undefined when nothing can be made of it. */
export async function readTable(
  text: string,
  delimiter: FileFormat['delimiter'] | undefined,
  mistakes: Mistakes,
): Promise<Table | undefined> {
  if (text.includes('\u0000')) {
    mistakes.add({ ...WHOLE, detail: 'has NUL characters: it is no text' })
    return undefined
  }
  const found = await findHead(text, delimiter)
  if (found === undefined) {
    const detail =
      'has no line that names a time and a value among the first 20: expected for example "Fecha Medición;Total;Caudal;Nivel", "date_time_medition,total,flow" or "variable,at,value"'
    mistakes.add({ ...WHOLE, detail })
    return undefined
  }
  const rows = await readRows(text, found, mistakes)
  return { ...found, rows }
}

type Head = Omit<Table, 'rows'>

/** The line that names the columns: that of the delimiter by which most of them are known. */
async function findHead(text: string, told: FileFormat['delimiter'] | undefined): Promise<Head | undefined> {
  const top = text.split(/\r\n|\n|\r/, HEAD_LINES_MAX + 1).slice(0, HEAD_LINES_MAX)
  let best: Head | undefined
  for (const delimiter of told === undefined ? DELIMITERS : [told]) {
    for (const [index, line] of top.entries()) {
      const names = await namesOf(line.replace(/^\ufeff/, ''), delimiter)
      const head = headOf(names)
      if (head === undefined) continue
      if (best === undefined || head.columns.length > best.head.columns.length) {
        best = { names, headerLine: index + 1, delimiter, head }
      }
    }
  }
  return best
}

async function namesOf(line: string, delimiter: string): Promise<string[]> {
  try {
    const rows: string[][] = []
    for await (const row of parse(line, { delimiter, trim: true, relax_quotes: true })) rows.push(row)
    return rows[0] ?? []
  } catch (error) {
    if (error instanceof CsvError) return []
    throw error
  }
}

/** So many rows are read before others have their turn. */
const ROWS_A_TURN = 2_000

async function readRows(
  text: string,
  { headerLine, delimiter, names }: Head,
  mistakes: Mistakes,
): Promise<Row[]> {
  const options: Options = {
    ...{ delimiter, trim: true, bom: true, info: true, skip_empty_lines: true },
    ...{ relax_column_count: true, max_record_size: ROW_BYTES_MAX, from_line: headerLine + 1 },
  }
  const rows: Row[] = []
  let last = headerLine
  try {
    const parser = parse(text, options)
    for await (const { info, record } of parser as AsyncIterable<{
      info: { lines: number }
      record: string[]
    }>) {
      last = info.lines
      if (record.every(cell => cell === '')) continue
      if (rows.length === ROWS_MAX) {
        mistakes.add({
          line: info.lines,
          column: '',
          detail: `is beyond the ${ROWS_MAX} rows of a file: split it`,
        })
        return rows
      }
      if (record.length > names.length && record.slice(names.length).some(cell => cell !== '')) {
        const detail = `has ${record.length} cells where ${names.length} columns have a name`
        mistakes.add({ line: info.lines, column: '', detail })
      }
      rows.push({ line: info.lines, cells: record })
      if (rows.length % ROWS_A_TURN === 0) await setImmediate()
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    mistakes.add({ line: last + 1, column: '', detail: `cannot be read on from here: ${error.message}` })
  }
  return rows
}
