// How a file of history is written: what separates its columns, what its numbers and times look like, which column is what.
// Each is found out from the file, or told; what could as well have been otherwise is assumed, and says so.

import { z } from 'zod'
import { shownCell } from './mistakes.ts'

/** What separates columns. */
export const DELIMITERS = [';', ',', '\t', '|'] as const

/** How an instant is written, its offset apart. */
export const DATE_FORMATS = ['iso', 'day-month-year', 'month-day-year'] as const

/** What clock times without an offset were read from. `UTC-4` is the regulator's, all year. */
export const ZONES = ['America/Santiago', 'UTC-4', 'UTC'] as const

/** What a person may say of a file; what is not said is found out. */
export const FormatSettings = z.strictObject({
  delimiter: z.enum(DELIMITERS).optional(),
  decimal: z.enum([',', '.']).optional(),
  dates: z.enum(DATE_FORMATS).optional(),
  zone: z.enum(ZONES).optional(),
  /** Which of two times a reading has: when it was asked for, or when the logger says that it was taken. */
  time: z.enum(['measured', 'logger']).optional(),
})

/** What a person may say of a file. */
export type FormatSettings = z.infer<typeof FormatSettings>

/** How a file is written. */
export interface FileFormat {
  /** Columns by variable, or one row for each value. */
  shape: 'wide' | 'long'
  delimiter: (typeof DELIMITERS)[number]
  decimal: ',' | '.'
  dates: (typeof DATE_FORMATS)[number]
  /** `offset`: each time brings its own. */
  zone: (typeof ZONES)[number] | 'offset'
  time: 'measured' | 'logger'
  /** The line of the column names. */
  headerLine: number
  /** What each column is taken for: its place, its name, and the role. */
  columns: Column[]
  /** Columns that are not imported, and why. */
  ignored: { name: string; why: string }[]
  /** What could as well be otherwise: to be looked at before anything is imported. */
  assumed: Assumed[]
}

/** What can be assumed. */
export const ASSUMABLE = ['decimal', 'dates', 'zone'] as const

/** What can be assumed. */
export type Assumed = (typeof ASSUMABLE)[number]

/** What a column is. */
export type Role =
  | 'time'
  | 'loggerTime'
  | 'total'
  | 'flow'
  | 'level'
  | 'pulses'
  | 'point'
  | 'variable'
  | 'value'
  | 'quality'
  | 'timeQuality'

/** A column that is imported. */
export interface Column {
  place: number
  name: string
  role: Role
}

/** Roles of columns whose cells are values of a variable of that name. */
export const VALUE_ROLES = ['total', 'flow', 'level', 'pulses'] as const

const ROLES: Record<string, Role> = {
  ...toRole('time', [
    'fecha medicion',
    'fecha',
    'fecha hora',
    'fecha y hora',
    'date time medition',
    'timestamp',
    'time',
    'date',
    'datetime',
    'at',
  ]),
  ...toRole('loggerTime', ['fecha logger', 'date time last logger', 'logger time']),
  ...toRole('total', ['total', 'totalizado', 'totalizador', 'acumulado', 'total m3']),
  ...toRole('flow', ['caudal', 'flow', 'caudal l s', 'flow l s']),
  ...toRole('level', ['nivel', 'level', 'nivel m', 'level m']),
  ...toRole('pulses', ['pulsos', 'pulses']),
  ...toRole('point', ['point', 'punto']),
  ...toRole('variable', ['variable']),
  ...toRole('value', ['value', 'valor']),
  ...toRole('quality', ['quality']),
  ...toRole('timeQuality', ['timequality', 'time quality']),
}

const COMPUTED = 'the cloud computes it itself'

/** Columns of the known forms that are not measured. */
const NOT_MEASURED: Record<string, string> = {
  ...Object.fromEntries(
    [
      ...['nivel freatico', 'water table', 'consumo', 'total diff', 'total today diff', 'acumulado hora'],
      ...['contador diario', 'unit', 'unidad'],
    ].map(name => [name, COMPUTED]),
  ),
  ...Object.fromEntries(
    [
      'id',
      'point id',
      'voucher dga',
      'n voucher',
      'send dga',
      'return dga',
      'days not conection',
      'provider',
      'is error',
      'is partial',
    ].map(name => [name, 'not a measurement']),
  ),
}

function toRole(role: Role, names: readonly string[]): Record<string, Role> {
  return Object.fromEntries(names.map(name => [name, role]))
}

/** A column's name as it is looked up: without accents, signs or the case of its letters. */
export function plainName(name: string): string {
  return name
    .normalize('NFD')
    .replace(/[\u0300-\u036f]/g, '')
    .replaceAll('³', '3')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, ' ')
    .trim()
}

/** No known form has as many columns; what is behind them is not looked at. */
export const COLUMNS_MAX = 100

/** What a line of names would be as the head of a file; `undefined` when it is none. */
export function headOf(
  names: readonly string[],
): { shape: FileFormat['shape']; columns: Column[]; ignored: FileFormat['ignored'] } | undefined {
  const columns: Column[] = []
  const ignored: FileFormat['ignored'] = []
  for (const [place, whole] of names.slice(0, COLUMNS_MAX).entries()) {
    const name = shownCell(whole)
    const plain = plainName(whole)
    const role = ROLES[plain]
    if (role === undefined) {
      if (plain !== '') ignored.push({ name, why: NOT_MEASURED[plain] ?? 'no such column is known' })
    } else if (columns.some(column => column.role === role))
      ignored.push({ name, why: `another column is ${role}` })
    else columns.push({ place, name, role })
  }
  const has = (role: Role) => columns.some(column => column.role === role)
  if (has('variable') && has('value') && has('time')) return { shape: 'long', columns, ignored }
  const isWide = (has('time') || has('loggerTime')) && VALUE_ROLES.some(has)
  return isWide ? { shape: 'wide', columns, ignored } : undefined
}
