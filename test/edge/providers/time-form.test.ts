// Instants as APIs write them, and the ends of the stretches that they are asked for.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readTime, writeTime } from '../../../edge/providers/time-form.ts'

const SANTIAGO = 'America/Santiago'
const at = (text: string): number => Date.parse(text)

for (const [value, form, expected] of [
  [1768478400, { format: 'epoch_s' }, '2026-01-15T12:00:00Z'],
  [1768478400.25, { format: 'epoch_s' }, '2026-01-15T12:00:00.250Z'],
  ['1768478400', { format: 'epoch_s' }, '2026-01-15T12:00:00Z'],
  [1768478400123, { format: 'epoch_ms' }, '2026-01-15T12:00:00.123Z'],
  ['1768478400123', { format: 'epoch_ms' }, '2026-01-15T12:00:00.123Z'],
  ['2026-01-15T12:00:00Z', { format: 'iso' }, '2026-01-15T12:00:00Z'],
  ['2026-01-15t12:00:00.123456z', { format: 'iso' }, '2026-01-15T12:00:00.123Z'],
  ['2026-01-15T09:00:00-03:00', { format: 'iso' }, '2026-01-15T12:00:00Z'],
  ['2026-01-15 09:00:00-0300', { format: 'iso' }, '2026-01-15T12:00:00Z'],
  ['2026-01-15 09:00-03', { format: 'iso', zone: 'UTC' }, '2026-01-15T12:00:00Z'],
  ['2026-01-15 09:00:00', { format: 'iso', zone: SANTIAGO }, '2026-01-15T12:00:00Z'],
  ['2026-07-15T09:00:00', { format: 'iso', zone: SANTIAGO }, '2026-07-15T13:00:00Z'],
  ['2026-07-15T09:00:00,5', { format: 'iso', zone: '-04:00' }, '2026-07-15T13:00:00.500Z'],
  ['15/01/2026 09:00:00', { format: 'dd/MM/yyyy HH:mm:ss', zone: SANTIAGO }, '2026-01-15T12:00:00Z'],
  ['2026.01.15 09:00', { format: 'yyyy.MM.dd HH:mm', zone: SANTIAGO }, '2026-01-15T12:00:00Z'],
  ['20260115T090000.250', { format: 'yyyyMMddTHHmmss.SSS', zone: SANTIAGO }, '2026-01-15T12:00:00.250Z'],
] as const) {
  test(`readTime() reads ${value} as ${form.format}${'zone' in form ? ` in ${form.zone}` : ''}`, () => {
    assert.equal(readTime(value, form), at(expected))
  })
}

for (const [what, value, form] of [
  ['a civil time that says no zone', '2026-01-15T12:00:00', { format: 'iso' }],
  ['an hour that was twice', '2026-04-04T23:30:00', { format: 'iso', zone: SANTIAGO }],
  ['an hour that was never', '2026-09-06T00:30:00', { format: 'iso', zone: SANTIAGO }],
  ['a day that there is not', '2026-02-29T12:00:00Z', { format: 'iso' }],
  ['an hour that there is not', '2026-01-15T25:00:00Z', { format: 'iso' }],
  ['a date alone', '2026-01-15', { format: 'iso', zone: SANTIAGO }],
  ['an epoch as ISO', 1768478400, { format: 'iso' }],
  ['ISO as an epoch', '2026-01-15T12:00:00Z', { format: 'epoch_s' }],
  ['half a millisecond', 1768478400123.5, { format: 'epoch_ms' }],
  ['a time before 1970', -1, { format: 'epoch_s' }],
  ['none', null, { format: 'epoch_s' }],
  ['nothing', undefined, { format: 'iso' }],
  ['a month of 13', '15/13/2026 09:00:00', { format: 'dd/MM/yyyy HH:mm:ss', zone: SANTIAGO }],
  ['less than the pattern', '15/1/2026 09:00:00', { format: 'dd/MM/yyyy HH:mm:ss', zone: SANTIAGO }],
  ['more than the pattern', '15/01/2026 09:00:00 h', { format: 'dd/MM/yyyy HH:mm:ss', zone: SANTIAGO }],
  ['another separator than a dot', '2026x01x15 09:00', { format: 'yyyy.MM.dd HH:mm', zone: SANTIAGO }],
] as const) {
  test(`readTime() reads no instant from ${what}`, () => {
    assert.equal(readTime(value, form), undefined)
  })
}

test('writeTime() leaves out nothing of a stretch, whatever its form can say', () => {
  const from = at('2026-01-15T12:00:00.001Z')
  const to = at('2026-01-15T12:59:59.999Z')
  for (const [form, ends] of [
    [{ format: 'epoch_ms' }, ['1768478400001', '1768481999999']],
    [{ format: 'epoch_s' }, ['1768478400', '1768482000']],
    [{ format: 'iso' }, ['2026-01-15T12:00:00.001Z', '2026-01-15T12:59:59.999Z']],
    [{ format: 'yyyyMMddHHmmss', zone: 'UTC' }, ['20260115120000', '20260115130000']],
    [{ format: 'dd/MM/yyyy HH:mm', zone: SANTIAGO }, ['15/01/2026 09:00', '15/01/2026 10:00']],
  ] as const) {
    assert.deepEqual([writeTime(from, form, 'from'), writeTime(to, form, 'to')], ends, form.format)
  }
})

test('readTime() reads what writeTime() has written, no later and no earlier than its end of a stretch', () => {
  const form = fc.constantFrom(
    ...['epoch_ms', 'epoch_s', 'iso'].map(format => ({ format })),
    ...['UTC', '-04:00', 'Asia/Kathmandu'].flatMap(zone => [
      { format: 'yyyy-MM-dd HH:mm:ss.SSS', zone },
      { format: 'dd/MM/yyyy HH:mm', zone },
    ]),
  )
  const instant = fc.integer({ min: at('2000-01-01T00:00:00Z'), max: at('2099-01-01T00:00:00Z') })
  fc.assert(
    fc.property(form, instant, (one, time) => {
      const from = readTime(writeTime(time, one, 'from'), one) ?? Number.NaN
      const to = readTime(writeTime(time, one, 'to'), one) ?? Number.NaN

      assert.ok(from <= time && time - from < 60_000, `${from}`)
      assert.ok(to >= time && to - time < 60_000, `${to}`)
    }),
    { numRuns: 2_000 },
  )
})
