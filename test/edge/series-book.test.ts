import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openSeriesBook } from '../../edge/series-book.ts'
import { SERIES_MAX } from '../../protocol/batch.ts'
import type { Reading } from '../../protocol/reading.ts'

const OWNER = { gateway: 'gw-test', client: 'campo', project: 'los-aromos' }

const reading = (value: number | null, more: Partial<Reading> = {}): Reading => ({
  ...{ seq: 1, point: 'pozo-7', variable: 'flow', at: 1_767_268_800_000, value },
  ...{ quality: value === null ? 'no_answer' : 'good', timeQuality: 'synced' },
  ...more,
})

test('the table is that of the configuration until a value needs a finer scale, and then stays finer', () => {
  const book = openSeriesBook(OWNER, [
    { point: 'pozo-7', variable: 'flow' },
    { point: 'pozo-7', variable: 'total', decimals: 2 },
  ])
  const scales = (...values: (number | null)[]) =>
    book.tableFor(values.map(value => reading(value))).table.series.map(({ scale }) => scale)

  const first = book.tableFor([reading(12), reading(null)])
  assert.deepEqual(first.table.series, [
    { point: 'pozo-7', variable: 'flow', scale: 0 },
    { point: 'pozo-7', variable: 'total', scale: 2 },
  ])
  assert.equal(book.tableFor([]).id, first.id)
  assert.deepEqual(scales(12.5), [1, 2])
  assert.deepEqual(scales(12, 12.25), [2, 2])
  assert.deepEqual(scales(12), [2, 2])
  assert.notEqual(book.tableFor([reading(12)]).id, first.id)
  assert.deepEqual(scales(Math.PI), [33, 2])
  assert.deepEqual(scales(1), [33, 2])
})

test('a series that left the configuration joins the table when a backlog brings it', () => {
  const book = openSeriesBook(OWNER, [{ point: 'pozo-7', variable: 'flow' }])

  const { table } = book.tableFor([reading(null, { point: 'pozo-1', variable: 'level' })])

  assert.deepEqual(table.series.at(-1), { point: 'pozo-1', variable: 'level', scale: 0 })
})

test('a table never has more series than a table may have: it begins again with those of the batch', () => {
  const configured = Array.from({ length: SERIES_MAX }, (_, index) => ({
    point: `pozo-${index}`,
    variable: 'flow' as const,
  }))
  const book = openSeriesBook(OWNER, configured)
  assert.equal(book.tableFor([reading(1, { point: 'pozo-5' })]).table.series.length, SERIES_MAX)

  const { table } = book.tableFor([reading(1, { point: 'new' }), reading(2, { point: 'pozo-5' })])

  assert.deepEqual(
    table.series.map(({ point }) => point),
    ['new', 'pozo-5'],
  )
})
