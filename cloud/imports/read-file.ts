// A file of history as readings, or everything that is wrong with it. Pure, but for letting others work in between.
//
// Promises:
//   I1. Every mistake is told with its line and column, up to a bound; one mistake, and nothing is imported.
//   I2. An empty cell is no reading. A value is taken as it stands: nothing is filled in, scaled or put right.
//   I3. What the file leaves open is assumed, and said (`format.assumed`).

import { setImmediate } from 'node:timers/promises'
import { AHEAD_MAX_MS, QUALITIES, type Quality, TIME_MAX, VALUE_MAX } from '../../protocol/reading.ts'
import { VARIABLES, type Variable } from '../../protocol/variables.ts'
import { datesOf, decimalOf, instantsOf, isAbsent, isTime, readTime, toNumber } from './cells.ts'
import { type Column, type FileFormat, type FormatSettings, type Role, VALUE_ROLES } from './format.ts'
import { type FileMistake, type Mistakes, openMistakes, shownCell } from './mistakes.ts'
import { type Row, readTable, type Table, toText } from './table.ts'

/** A reading of a file. */
export interface FileReading {
  variable: Variable
  at: number
  value: number | null
  quality: Quality
  line: number
}

/** What a file holds. */
export interface ReadFile {
  format: FileFormat | undefined
  /** In time's order, of each variable apart; each variable and instant once. */
  readings: FileReading[]
  rows: number
  /** Readings that stood there more than once, the same. */
  repeated: number
  /** Rows whose logger's time is more than an hour older than their own: the logger had nothing new. */
  stale: number
  mistakes: FileMistake[]
  mistakesCount: number
}

/** What a file is read for. */
export interface ReadingFor {
  /** The point: its slug, and client.project.point. */
  point: string
  key: string
  now: number
}

/** Reads a file. */
export async function readFile(
  bytes: Uint8Array,
  settings: FormatSettings,
  target: ReadingFor,
): Promise<ReadFile> {
  const mistakes = openMistakes()
  const table = await readTable(toText(bytes), settings.delimiter, mistakes)
  const nothing = { format: undefined, readings: [], rows: 0, repeated: 0, stale: 0 }
  if (table === undefined) return { ...nothing, mistakes: mistakes.told, mistakesCount: mistakes.count }
  const format = formatOf(table, settings, mistakes)
  const taken = await takeRows(table, format, target, mistakes)
  if (taken.readings.length === 0 && mistakes.count === 0) {
    mistakes.add({ line: 0, column: '', detail: 'has no value' })
  }
  return { format, rows: table.rows.length, ...taken, mistakes: mistakes.told, mistakesCount: mistakes.count }
}

/** The most values of a file: they are held in memory while it is read. */
export const VALUES_MAX = 400_000

/** So many cells say how a file is written; more of them say the same. */
const SAMPLE_MAX = 20_000

function formatOf(table: Table, settings: FormatSettings, mistakes: Mistakes): FileFormat {
  const { head, delimiter, headerLine } = table
  const has = (role: Role) => head.columns.some(column => column.role === role)
  const time = settings.time ?? (has('time') ? 'measured' : 'logger')
  const timeRole = time === 'logger' ? 'loggerTime' : 'time'
  if (!has(timeRole)) {
    mistakes.add({
      line: headerLine,
      column: '',
      detail: `names no column for the time of the ${time === 'logger' ? 'logger' : 'measurement'}`,
    })
  }
  const sampled = sampleOf(table.rows)
  const texts = (roles: readonly Role[]) =>
    head.columns
      .filter(({ role }) => roles.includes(role))
      .flatMap(({ place }) => sampled.map(({ cells }) => cells[place] ?? ''))
      .filter(text => !isAbsent(text))
  const times = texts([timeRole])
  const dates = datesOf(times)
  const decimal = decimalOf(texts([...VALUE_ROLES, 'value']), delimiter === ',' ? '.' : ',')
  const zone = zoneOf(times, settings.dates ?? dates.dates)
  return {
    ...{ shape: head.shape, delimiter, headerLine, time },
    decimal: settings.decimal ?? decimal.decimal,
    dates: settings.dates ?? dates.dates,
    zone: zone.zone === 'offset' ? 'offset' : (settings.zone ?? zone.zone),
    ...{ columns: head.columns, ignored: head.ignored },
    assumed: [
      ...(settings.decimal === undefined && !decimal.isSure ? (['decimal'] as const) : []),
      ...(settings.dates === undefined && !dates.isSure ? (['dates'] as const) : []),
      ...(settings.zone === undefined && zone.zone !== 'offset' ? (['zone'] as const) : []),
    ],
  }
}

function sampleOf(rows: readonly Row[]): readonly Row[] {
  const step = Math.ceil(rows.length / SAMPLE_MAX)
  return step <= 1 ? rows : rows.filter((_, index) => index % step === 0)
}

/** Exports are in civil time, unless they have an hour that there never was: then in the regulator's. */
function zoneOf(times: readonly string[], dates: FileFormat['dates']): { zone: FileFormat['zone'] } {
  const read = times.map(text => readTime(text, dates)).filter(isTime)
  if (read.length > 0 && read.every(({ offset }) => offset !== undefined)) return { zone: 'offset' }
  const isCivil = read.every(time => instantsOf(time, 'America/Santiago').length > 0)
  return { zone: isCivil ? 'America/Santiago' : 'UTC-4' }
}

const ROWS_A_TURN = 5_000

/** A logger that has nothing newer than this repeats itself. */
const STALE_MS = 3_600_000

async function takeRows(
  { rows, head }: Table,
  format: FileFormat,
  target: ReadingFor,
  mistakes: Mistakes,
): Promise<Pick<ReadFile, 'readings' | 'repeated' | 'stale'>> {
  const at = (role: Role) => head.columns.find(column => column.role === role)
  const timeColumn = at(format.time === 'logger' ? 'loggerTime' : 'time')
  const otherTime = format.time === 'logger' ? undefined : at('loggerTime')
  const reader = openTimes(format, target.now, mistakes)
  const kept = openKept(mistakes)
  let stale = 0
  for (const [index, row] of rows.entries()) {
    if (index % ROWS_A_TURN === ROWS_A_TURN - 1) await setImmediate()
    if (kept.count() > VALUES_MAX) {
      mistakes.add({
        line: row.line,
        column: '',
        detail: `is beyond the ${VALUES_MAX} values of a file: split it`,
      })
      break
    }
    const instant = timeColumn === undefined ? undefined : reader.instantOf(row, timeColumn)
    if (instant === undefined) continue
    if (otherTime !== undefined && reader.isOlder(row, otherTime, instant - STALE_MS)) stale += 1
    for (const reading of format.shape === 'long'
      ? longRow(row, head.columns, format, target, mistakes)
      : wideRow(row, head.columns, format, mistakes)) {
      kept.add({ ...reading, at: instant, line: row.line })
    }
  }
  return { readings: await kept.inOrder(), repeated: kept.repeated(), stale }
}

type Taken = Omit<FileReading, 'at' | 'line'> & { column: string }

function wideRow(
  { line, cells }: Row,
  columns: readonly Column[],
  format: FileFormat,
  mistakes: Mistakes,
): Taken[] {
  const taken: Taken[] = []
  for (const { place, name, role } of columns) {
    const variable = VALUE_ROLES.find(one => one === role)
    const text = cells[place] ?? ''
    if (variable === undefined || isAbsent(text)) continue
    const value = valueIn(text, format, { line, column: name }, mistakes)
    if (value !== undefined) taken.push({ variable, value, quality: 'good', column: name })
  }
  return taken
}

function longRow(
  { line, cells }: Row,
  columns: readonly Column[],
  format: FileFormat,
  target: ReadingFor,
  mistakes: Mistakes,
): Taken[] {
  const cell = (role: Role) => {
    const column = columns.find(one => one.role === role)
    return { text: column === undefined ? '' : (cells[column.place] ?? ''), column: column?.name ?? role }
  }
  const wrong = ({ column }: { column: string }, detail: string): Taken[] => {
    mistakes.add({ line, column, detail })
    return []
  }
  const point = cell('point')
  if (point.text !== '' && point.text !== target.point && point.text !== target.key) {
    return wrong(point, `is of "${shownCell(point.text)}", not of ${target.key}`)
  }
  const name = cell('variable')
  if (!Object.hasOwn(VARIABLES, name.text))
    return wrong(name, `no variable is named "${shownCell(name.text)}"`)
  const variable = name.text as Variable
  if (VARIABLES[variable].origin === 'derived') return []
  const quality = qualityIn(cell('quality').text)
  if (quality === undefined)
    return wrong(cell('quality'), `"${shownCell(cell('quality').text)}" is no quality`)
  const { text, column } = cell('value')
  if (isAbsent(text)) {
    return QUALITIES[quality].hasValue ? [] : [{ variable, value: null, quality, column }]
  }
  if (!QUALITIES[quality].hasValue)
    return wrong({ column }, `has a value, and its quality is ${quality}, which has none`)
  const value = valueIn(text, format, { line, column }, mistakes)
  return value === undefined ? [] : [{ variable, value, quality, column }]
}

function qualityIn(text: string): Quality | undefined {
  if (text === '') return 'good'
  return Object.hasOwn(QUALITIES, text) ? (text as Quality) : undefined
}

function valueIn(
  text: string,
  { decimal }: FileFormat,
  where: { line: number; column: string },
  mistakes: Mistakes,
): number | undefined {
  const value = toNumber(text, decimal)
  if (value === undefined) {
    const sign = decimal === ',' ? 'comma' : 'point'
    mistakes.add({ ...where, detail: `"${shownCell(text)}" is no number with a decimal ${sign}` })
    return undefined
  }
  if (!(Math.abs(value) <= VALUE_MAX)) {
    mistakes.add({ ...where, detail: `"${shownCell(text)}" is beyond ${VALUE_MAX}` })
    return undefined
  }
  return value
}

/** Reads times row by row: of an hour that comes twice, the row that comes first is the earlier one. */
function openTimes(format: FileFormat, now: number, mistakes: Mistakes) {
  const order = { last: Number.NaN, descends: 0 }
  /** The first text of each instant that could be two. */
  const firstOf = new Map<number, number>()
  const pick = (instants: readonly number[]): number | undefined => {
    const [early, late] = instants
    if (early === undefined || late === undefined) return early
    const before = firstOf.get(early)
    const isDescending = order.descends > 0
    if (before === undefined) {
      // In a file that goes back in time the later one comes first.
      const chosen = isDescending ? late : !Number.isNaN(order.last) && early < order.last ? late : early
      firstOf.set(early, chosen)
      return chosen
    }
    // A row for each value repeats its time; where a row holds all of them, the same time is the other hour.
    if (format.shape === 'long' && order.last === before) return before
    return before === early ? late : early
  }
  return {
    instantOf({ line, cells }: Row, { place, name }: Column): number | undefined {
      const text = cells[place] ?? ''
      const wrong = (detail: string): undefined => {
        mistakes.add({ line, column: name, detail })
      }
      if (isAbsent(text)) return wrong('has no time')
      const time = readTime(text, format.dates)
      if (!isTime(time)) return wrong(`"${shownCell(text)}" is no time in the form ${format.dates}`)
      const at = pick(instantsOf(time, format.zone))
      if (at === undefined) {
        return wrong(`"${shownCell(text)}" never was in ${format.zone}: the clocks went forward over it`)
      }
      if (at > now + AHEAD_MAX_MS) return wrong(`"${shownCell(text)}" has not come yet`)
      if (at < 0 || at > TIME_MAX) return wrong(`"${shownCell(text)}" is before 1970`)
      if (!Number.isNaN(order.last) && at !== order.last) order.descends += at < order.last ? 1 : -1
      order.last = at
      return at
    },
    isOlder({ cells }: Row, { place }: Column, than: number): boolean {
      const time = readTime(cells[place] ?? '', format.dates)
      const [at] = isTime(time) ? instantsOf(time, format.zone) : []
      return at !== undefined && at < than
    },
  }
}

/** Each variable and instant once: the same again is left out, another value is a mistake. */
function openKept(mistakes: Mistakes) {
  const byVariable = new Map<Variable, Map<number, FileReading>>()
  let [repeated, count] = [0, 0]
  return {
    add({ column, ...reading }: Taken & { at: number; line: number }): void {
      const { variable, at, value, quality, line } = reading
      const known = byVariable.get(variable) ?? new Map<number, FileReading>()
      byVariable.set(variable, known)
      const before = known.get(at)
      if (before === undefined) {
        known.set(at, reading)
        count += 1
      } else if (before.value === value && before.quality === quality) repeated += 1
      else {
        const detail = `says ${value ?? 'nothing'} of the instant of which line ${before.line} says ${before.value ?? 'nothing'}`
        mistakes.add({ line, column, detail })
      }
    },
    async inOrder(): Promise<FileReading[]> {
      const all: FileReading[] = []
      for (const known of byVariable.values()) {
        await setImmediate()
        const ofIt = [...known.values()]
        const isInOrder = ofIt.every((one, index) => index === 0 || (ofIt[index - 1]?.at ?? 0) < one.at)
        for (const one of isInOrder ? ofIt : ofIt.sort((a, b) => a.at - b.at)) all.push(one)
      }
      return all
    },
    count: () => count,
    repeated: () => repeated,
  }
}
