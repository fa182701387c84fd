// Files of history as readings, and everything that is wrong with them: by text alone.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FormatSettings } from '../../../cloud/imports/format.ts'
import { MISTAKES_MAX } from '../../../cloud/imports/mistakes.ts'
import { previewOf } from '../../../cloud/imports/preview.ts'
import { type ReadFile, readFile, VALUES_MAX } from '../../../cloud/imports/read-file.ts'
import { ROWS_MAX } from '../../../cloud/imports/table.ts'

const NOW = Date.parse('2026-11-01T00:00:00Z')

const read = (text: string | Uint8Array, settings: FormatSettings = {}): Promise<ReadFile> =>
  readFile(typeof text === 'string' ? new TextEncoder().encode(text) : text, settings, {
    ...{ point: 'pozo-7', key: 'campo.los-aromos.pozo-7', now: NOW },
  })

const short = ({ readings }: ReadFile) =>
  readings.map(({ variable, at, value }) => `${variable} ${new Date(at).toISOString().slice(0, 16)} ${value}`)

test('readFile() takes a client’s report: semicolons, decimal commas, days first, civil time', async () => {
  const file = await read(
    [
      'Reporte de telemetría;;;;',
      'ID;Fecha Medición;Fecha Logger;Total;Caudal;Nivel;Consumo;Pulsos;Nivel Freático;Voucher DGA',
      '1;15/01/2026 09:00:00;15/01/2026 08:58:12;1.048.213;12,47;31,20;45;1048213;48,8;abc',
      '2;15/01/2026 10:00:00;15/01/2026 09:58:12;1.048.258;12,5;;45;1048258;48,8;',
    ].join('\r\n'),
  )

  assert.deepEqual(file.mistakes, [])
  assert.deepEqual(short(file), [
    ...['total 2026-01-15T12:00 1048213', 'total 2026-01-15T13:00 1048258'],
    ...['flow 2026-01-15T12:00 12.47', 'flow 2026-01-15T13:00 12.5'],
    ...['level 2026-01-15T12:00 31.2'],
    ...['pulses 2026-01-15T12:00 1048213', 'pulses 2026-01-15T13:00 1048258'],
  ])
  const { format } = file
  assert.deepEqual(
    [format?.delimiter, format?.decimal, format?.dates, format?.zone, format?.headerLine, format?.assumed],
    [';', ',', 'day-month-year', 'America/Santiago', 2, ['zone']],
  )
  assert.deepEqual(
    format?.ignored.map(({ name }) => name),
    ['ID', 'Consumo', 'Nivel Freático', 'Voucher DGA'],
  )
})

test('readFile() takes the flat form, with offsets, and says that nothing is assumed', async () => {
  const file = await read(
    [
      'point_id,date_time_medition,total,flow,water_table,level,pulses,days_not_conection,send_dga,provider',
      '17,2026-01-01T09:00:00-03:00,48213,12.5,48.8,31.2,4821300,0,true,twin',
      '17,2026-01-01 10:00:00-03:00,48258.5,,48.8,null,4825850,0,true,twin',
    ].join('\n'),
  )

  assert.deepEqual([file.mistakes, file.format?.assumed, file.format?.zone], [[], [], 'offset'])
  assert.deepEqual(short(file), [
    ...['total 2026-01-01T12:00 48213', 'total 2026-01-01T13:00 48258.5'],
    'flow 2026-01-01T12:00 12.5',
    'level 2026-01-01T12:00 31.2',
    ...['pulses 2026-01-01T12:00 4821300', 'pulses 2026-01-01T13:00 4825850'],
  ])
})

test('readFile() takes our own form, failed polls among it, of its own point alone', async () => {
  const head = 'point,variable,unit,at,value,quality,timeQuality'
  const file = await read(
    [
      head,
      'campo.los-aromos.pozo-7,flow,L/s,2026-01-15T12:00:00.000Z,14.25,good,synced',
      'pozo-7,level,m,2026-01-15T12:00:00.000Z,,no_answer,synced',
      'pozo-7,water_table,m,2026-01-15T12:00:00.000Z,48.8,good,synced',
    ].join('\n'),
  )
  const wrong = await read(
    [
      head,
      'campo.los-aromos.pozo-8,flow,L/s,2026-01-15T12:00:00.000Z,14.25,good,synced',
      'pozo-7,caudal,L/s,2026-01-15T12:00:00.000Z,14.25,good,synced',
      'pozo-7,flow,L/s,2026-01-15T12:00:00.000Z,14.25,no_answer,synced',
      'pozo-7,flow,L/s,2026-01-15T12:00:00.000Z,14.25,fine,synced',
    ].join('\n'),
  )

  assert.deepEqual(short(file), ['flow 2026-01-15T12:00 14.25', 'level 2026-01-15T12:00 null'])
  assert.deepEqual(
    wrong.mistakes.map(({ line, column }) => `${line} ${column}`),
    ['2 point', '3 variable', '4 value', '5 quality'],
  )
})

test('readFile() names every mistake with its line and column, and takes nothing', async () => {
  const file = await read(
    [
      'Fecha Medición;Total;Caudal',
      '15/01/2026 09:00;100;12,5',
      '31/02/2026 09:00;101;12,5',
      ';102;12,5',
      '15/01/2026 12:00;1O3;12.5x',
      '15/01/2026 09:00;999;12,5',
      '15/01/2027 09:00;104;12,5',
      '15/01/2026 13:00;105;12,5;extra',
    ].join('\n'),
  )

  assert.deepEqual(
    file.mistakes.map(({ line, column, detail }) => `${line} ${column}: ${detail}`),
    [
      '8 : has 4 cells where 3 columns have a name',
      '3 Fecha Medición: "31/02/2026 09:00" is no time in the form day-month-year',
      '4 Fecha Medición: has no time',
      '5 Total: "1O3" is no number with a decimal comma',
      '5 Caudal: "12.5x" is no number with a decimal comma',
      '6 Total: says 999 of the instant of which line 2 says 100',
      '7 Fecha Medición: "15/01/2027 09:00" has not come yet',
    ],
  )
})

test('readFile() tells so many mistakes and counts the rest', async () => {
  const lines = Array.from({ length: 1000 }, (_, index) => `${index};x`)
  const file = await read(['fecha;caudal', ...lines].join('\n'))

  assert.equal(file.mistakes.length, MISTAKES_MAX)
  assert.equal(file.mistakesCount, 1000)
})

test('readFile() refuses what is no table, in words', async () => {
  const details = async (text: string | Uint8Array) => (await read(text)).mistakes.map(({ detail }) => detail)

  assert.match((await details('hola'))[0] ?? '', /names a time and a value/)
  assert.match((await details(new Uint8Array([80, 75, 3, 4, 0, 0, 8])))[0] ?? '', /NUL/)
  assert.match((await details(''))[0] ?? '', /names a time/)
  assert.deepEqual(await details('fecha;caudal\n'), ['has no value'])
  assert.match(
    (await details('fecha;caudal\n15/01/2026 09:00;"12,5\n15/01/2026 10:00;3'))[0] ?? '',
    /cannot be read on/,
  )
})

test(`readFile() takes ${ROWS_MAX} rows and no more`, async () => {
  const line = (index: number) => `${new Date(1_600_000_000_000 + index * 60_000).toISOString()},${index}`
  const lines = Array.from({ length: ROWS_MAX + 1 }, (_, index) => line(index))
  const file = await read(['at,flow', ...lines].join('\n'))

  assert.equal(file.rows, ROWS_MAX)
  assert.deepEqual(
    file.mistakes.map(({ line: number, detail }) => [number, detail.includes('split it')]),
    [[ROWS_MAX + 2, true]],
  )
})

test(`readFile() takes ${VALUES_MAX} values and no more`, async () => {
  const lines = Array.from(
    { length: 140_000 },
    (_, index) => `${new Date(1_600_000_000_000 + index * 60_000).toISOString()},1,2,3`,
  )
  const file = await read(['at,flow,total,level', ...lines].join('\n'))

  assert.match(file.mistakes[0]?.detail ?? '', /beyond the 400000 values of a file/)
})

test('readFile() says when the day could be the month, and sees when it cannot', async () => {
  const of = async (...times: string[]) =>
    (await read(['fecha;caudal', ...times.map(time => `${time};1,5`)].join('\n'))).format

  const either = await of('01/02/2026 09:00', '02/02/2026 09:00')
  assert.deepEqual([either?.dates, either?.assumed], ['day-month-year', ['dates', 'zone']])
  assert.deepEqual((await of('01/02/2026 09:00', '13/02/2026 09:00'))?.assumed, ['zone'])
  const american = await of('01/02/2026 9:00 PM', '01/13/2026 12:00 AM')
  assert.deepEqual([american?.dates, american?.assumed], ['month-day-year', ['zone']])
})

test('readFile() says when a sign could be decimals or thousands, and sees when it cannot', async () => {
  const of = async (...values: string[]) =>
    await read(
      ['fecha;total', ...values.map((value, index) => `15/01/2026 0${index}:00;${value}`)].join('\n'),
    )

  const either = await of('1.234', '1.235')
  assert.deepEqual(
    [either.format?.decimal, either.format?.assumed, either.readings[0]?.value],
    [',', ['decimal', 'zone'], 1234],
  )
  const point = await of('1.234', '1.2')
  assert.deepEqual(
    [point.format?.decimal, point.format?.assumed, point.readings[0]?.value],
    ['.', ['zone'], 1.234],
  )
  const told = await read('fecha;total\n15/01/2026 09:00;1.234', {
    decimal: '.',
    zone: 'UTC',
    dates: 'day-month-year',
  })
  assert.deepEqual([told.format?.assumed, told.readings[0]?.value], [[], 1.234])
})

test('readFile() keeps the hour that comes twice apart, in files that go forward and back, and knows the one that never was', async () => {
  // On 4 April 2026 the clocks go back from 24:00 to 23:00; on 6 September they go forward from 00:00 to 01:00.
  const twice = ['04/04/2026 22:00;1', '04/04/2026 23:00;2', '04/04/2026 23:00;3', '05/04/2026 00:00;4']
  const expected = ['01:00 1', '02:00 2', '03:00 3', '04:00 4']
  const times = (file: ReadFile) => short(file).map(text => `${text.slice(17, 22)} ${text.split(' ').at(-1)}`)

  assert.deepEqual(times(await read(['fecha;total', ...twice].join('\n'))), expected)
  const back = ['fecha;total', ...twice.toReversed()].join('\n')
  assert.deepEqual(times(await read(back)), expected)
  const gone = 'fecha;total\n06/09/2026 00:30;1\n'
  assert.deepEqual((await read(gone)).format?.zone, 'UTC-4')
  assert.match((await read(gone, { zone: 'America/Santiago' })).mistakes[0]?.detail ?? '', /never was in/)
})

test('readFile() keeps quarters of the hour that comes twice apart', async () => {
  const times = ['22:45', '23:00', '23:15', '23:30', '23:45', '23:00', '23:15', '23:30', '23:45']
  const file = await read(
    ['fecha;total', ...times.map((time, index) => `04/04/2026 ${time};${index}`), '05/04/2026 00:00;9'].join(
      '\n',
    ),
  )

  const at = file.readings.map(reading => reading.at)
  assert.deepEqual(file.mistakes, [])
  assert.deepEqual(
    at.map((one, index) => one - (at[0] ?? 0) - index * 900_000),
    Array<number>(10).fill(0),
  )
})

test('readFile() reads what Windows writes, and UTF-16', async () => {
  const latin = Uint8Array.from(
    [...'Fecha Medición;Caudal\n15/01/2026 09:00;1,5\n'].map(letter => letter.charCodeAt(0)),
  )
  const wide = new Uint8Array(Buffer.from('\ufeffFecha Medición;Caudal\n15/01/2026 09:00;1,5\n', 'utf16le'))

  for (const bytes of [latin, wide]) assert.deepEqual(short(await read(bytes)), ['flow 2026-01-15T12:00 1.5'])
})

test('readFile() counts rows whose logger had nothing new, and takes its time when it is told to', async () => {
  const text = [
    'Fecha Medición;Fecha Logger;Total',
    '15/01/2026 09:00;15/01/2026 08:58;100',
    '15/01/2026 10:00;15/01/2026 08:58;100',
    '15/01/2026 11:00;15/01/2026 08:58;100',
  ].join('\n')
  const measured = await read(text)
  const logged = await read(text, { time: 'logger' })

  assert.deepEqual([measured.readings.length, measured.stale, measured.repeated], [3, 2, 0])
  assert.deepEqual([short(logged), logged.repeated], [['total 2026-01-15T11:58 100'], 2])
})

test('previewOf() finds gaps, jumps of scale and reversals, and takes a pump that starts for none', async () => {
  const rows = Array.from({ length: 48 }, (_, hour) => {
    const total = hour < 24 ? 1000 + hour : hour < 36 ? 10_240 + hour : 500 + hour
    const flow = hour % 6 < 3 ? 1.5 : 15
    const level = hour < 30 ? 31.2 : 312
    return [hour, `${new Date(Date.UTC(2026, 0, 15, hour)).toISOString()},${total},${flow},${level}`] as const
  }).filter(([hour]) => hour < 10 || hour > 14)
  const { readings } = await read(['at,total,flow,level', ...rows.map(([, row]) => row)].join('\n'))
  const [total, flow, level] = previewOf(readings)

  assert.deepEqual(
    [total?.readings, total?.intervalMs, total?.gaps.count, total?.gaps.totalMs],
    [43, 3_600_000, 1, 5 * 3_600_000],
  )
  assert.deepEqual(
    total?.scaleJumps.first.map(({ line, factor }) => [line, factor]),
    [[21, 10]],
  )
  assert.deepEqual(
    total?.reversals.first.map(({ line, before, after }) => [line, before, after]),
    [[33, 10_275, 536]],
  )
  assert.equal(flow?.scaleJumps.count, 0)
  assert.deepEqual([level?.scaleJumps.first.map(({ factor }) => factor), level?.reversals.count], [[10], 0])
})
