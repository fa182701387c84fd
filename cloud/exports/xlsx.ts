// An export as a workbook (ECMA-376): sheets of at most as many rows as a spreadsheet has, written as they are read.
//
// Values are numbers and instants are dates: there is no text in it that somebody else wrote, and no formula.

import { Readable } from 'node:stream'
import { ZipFile } from 'yazl'
import type { ExportedRow } from '../store/exports.ts'
import { type Column, civilOffsetMs, type ExportedLine, headOf, linesOf } from './rows.ts'

/** How many rows a sheet has at most, its head included. */
export const SHEET_ROWS_MAX = 1_048_576

/** Midnight of 1970-01-01 in days of a spreadsheet. */
const EPOCH_DAY = 25_569
const DAY_MS = 86_400_000
/** The same bytes each time: no file in it says when it was made. */
const MADE = { mtime: new Date('2020-01-01T00:00:00Z'), mode: 0o100644, forceDosTimestamp: true }

/** How a workbook is made. */
export interface XlsxOptions {
  columns: readonly Column[]
  nameOf: (quality: number) => string
  /** All names of qualities. */
  qualities: readonly string[]
  sheetRowsMax?: number
}

/** The bytes of a workbook. */
export async function* toXlsx(
  pieces: AsyncIterable<readonly ExportedRow[]>,
  options: XlsxOptions,
): AsyncGenerator<Uint8Array> {
  const zip = new ZipFile()
  const output = zip.outputStream as Readable
  const written = writeParts(zip, pieces, options)
  // Whoever waits for bytes must hear why there are no more.
  written.catch((error: unknown) => output.destroy(error instanceof Error ? error : new Error(String(error))))
  try {
    yield* output as AsyncIterable<Uint8Array>
    await written
  } finally {
    output.destroy()
  }
}

async function writeParts(
  zip: ZipFile,
  pieces: AsyncIterable<readonly ExportedRow[]>,
  { columns, nameOf, qualities, sheetRowsMax = SHEET_ROWS_MAX }: XlsxOptions,
): Promise<void> {
  const lines = eachLine(pieces, columns, nameOf)
  const head = ['utc', 'local', ...headOf(columns)]
  const strings = [...head, ...qualities]
  const numbers = new Map(qualities.map((name, place) => [name, head.length + place]))
  let sheets = 0
  try {
    for (let isMore = true; isMore; ) {
      sheets += 1
      const sheet = { rows: sheetRowsMax, isFull: false }
      const texts = sheetOf(lines, { head: head.length, numbers, sheet })
      await addStream(zip, Readable.from(texts), `xl/worksheets/sheet${sheets}.xml`)
      isMore = sheet.isFull
    }
  } finally {
    await lines.return(undefined)
  }
  for (const [name, text] of Object.entries(partsOf(sheets, strings)))
    zip.addBuffer(Buffer.from(text), name, MADE)
  zip.end()
}

/** Adds a part and waits until it is read. */
function addStream(zip: ZipFile, stream: Readable, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.once('end', resolve)
    stream.once('error', reject)
    stream.once('close', () => reject(new Error('Nobody reads the workbook any more')))
    zip.addReadStream(stream, name, MADE)
  })
}

async function* eachLine(
  pieces: AsyncIterable<readonly ExportedRow[]>,
  columns: readonly Column[],
  nameOf: (quality: number) => string,
): AsyncGenerator<ExportedLine> {
  for await (const rows of pieces) yield* linesOf(rows, columns, nameOf)
}

const XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
const MAIN = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main'
const RELATIONS = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships'
const PACKAGE = 'http://schemas.openxmlformats.org/package/2006'
const TYPES = 'application/vnd.openxmlformats-officedocument.spreadsheetml'
const LINES_AT_ONCE = 500

interface SheetOptions {
  /** How many cells the head has. */
  head: number
  numbers: ReadonlyMap<string, number>
  /** Says when there was no room for more. */
  sheet: { rows: number; isFull: boolean }
}

async function* sheetOf(
  lines: AsyncGenerator<ExportedLine>,
  { head, numbers, sheet }: SheetOptions,
): AsyncGenerator<string> {
  yield `${XML}<worksheet xmlns="${MAIN}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols><col min="1" max="2" width="21" customWidth="1"/></cols><sheetData>`
  yield `<row>${Array.from({ length: head }, (_, n) => `<c t="s"><v>${n}</v></c>`).join('')}</row>`
  let text = ''
  for (let rows = 1; ; rows += 1) {
    if (rows === sheet.rows) {
      sheet.isFull = true
      break
    }
    const { value: line, done } = await lines.next()
    if (done === true) break
    text += rowOf(line, numbers)
    if (rows % LINES_AT_ONCE === 0) {
      yield text
      text = ''
    }
  }
  yield `${text}</sheetData></worksheet>`
}

function rowOf({ at, cells }: ExportedLine, numbers: ReadonlyMap<string, number>): string {
  const values = cells.map(cell => {
    if (cell === undefined) return '<c/><c/>'
    const value = cell.value === null ? '<c/>' : `<c><v>${cell.value}</v></c>`
    return `${value}<c t="s"><v>${numbers.get(cell.quality) ?? 0}</v></c>`
  })
  return `<row>${dateOf(at)}${dateOf(at + civilOffsetMs(at))}${values.join('')}</row>`
}

const dateOf = (at: number): string => `<c s="1"><v>${at / DAY_MS + EPOCH_DAY}</v></c>`

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

function partsOf(sheets: number, strings: readonly string[]): Record<string, string> {
  const each = (text: (n: number) => string) => Array.from({ length: sheets }, (_, n) => text(n + 1)).join('')
  const part = (name: string, type: string) =>
    `<Override PartName="/xl/${name}.xml" ContentType="${TYPES}.${type}+xml"/>`
  const relation = (id: string, type: string, target: string) =>
    `<Relationship Id="${id}" Type="${RELATIONS}/${type}" Target="${target}"/>`
  return {
    '[Content_Types].xml': `${XML}<Types xmlns="${PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>${part('workbook', 'sheet.main')}${part('styles', 'styles')}${part('sharedStrings', 'sharedStrings')}${each(n => part(`worksheets/sheet${n}`, 'worksheet'))}</Types>`,
    '_rels/.rels': `${XML}<Relationships xmlns="${PACKAGE}/relationships">${relation('rId1', 'officeDocument', 'xl/workbook.xml')}</Relationships>`,
    'xl/workbook.xml': `${XML}<workbook xmlns="${MAIN}" xmlns:r="${RELATIONS}"><sheets>${each(n => `<sheet name="SmartHydro${n === 1 ? '' : ` ${n}`}" sheetId="${n}" r:id="rId${n}"/>`)}</sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': `${XML}<Relationships xmlns="${PACKAGE}/relationships">${each(n => relation(`rId${n}`, 'worksheet', `worksheets/sheet${n}.xml`))}${relation('rIdStyles', 'styles', 'styles.xml')}${relation('rIdStrings', 'sharedStrings', 'sharedStrings.xml')}</Relationships>`,
    'xl/styles.xml': `${XML}<styleSheet xmlns="${MAIN}"><numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/></numFmts><fonts count="1"><font/></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="2"><xf xfId="0"/><xf numFmtId="164" applyNumberFormat="1" xfId="0"/></cellXfs></styleSheet>`,
    'xl/sharedStrings.xml': `${XML}<sst xmlns="${MAIN}" uniqueCount="${strings.length}">${strings.map(text => `<si><t>${escaped(text)}</t></si>`).join('')}</sst>`,
  }
}
