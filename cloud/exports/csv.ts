// An export as CSV.

import type { ExportedRow } from '../store/exports.ts'
import { type Column, civilOffsetMs, headOf, linesOf } from './rows.ts'

/** How CSV is written. */
export const STYLES = {
  plain: { start: '', separator: ',', point: '.' },
  // What a spreadsheet of a Spanish-speaking country opens as columns and numbers.
  spreadsheet: { start: '\uFEFF', separator: ';', point: ',' },
} as const

/** One of them. */
export type Style = (typeof STYLES)[keyof typeof STYLES]

/** The head, then the lines of one piece after the other. */
export async function* toCsv(
  pieces: AsyncIterable<readonly ExportedRow[]>,
  {
    columns,
    style,
    nameOf,
  }: { columns: readonly Column[]; style: Style; nameOf: (quality: number) => string },
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder()
  yield encoder.encode(`${style.start}${['utc', 'local', ...headOf(columns)].join(style.separator)}\r\n`)
  for await (const rows of pieces) {
    let text = ''
    for (const { at, cells } of linesOf(rows, columns, nameOf)) {
      const values = cells.map(cell =>
        cell === undefined
          ? style.separator
          : `${toNumber(cell.value, style)}${style.separator}${cell.quality}`,
      )
      text += `${[new Date(at).toISOString(), localText(at), ...values].join(style.separator)}\r\n`
    }
    yield encoder.encode(text)
  }
}

const toNumber = (value: number | null, { point }: Style): string =>
  value === null ? '' : String(value).replace('.', point)

/** Civil time as a spreadsheet reads it: `2026-01-15 09:00:00`. */
const localText = (at: number): string =>
  new Date(at + civilOffsetMs(at)).toISOString().slice(0, 19).replace('T', ' ')
