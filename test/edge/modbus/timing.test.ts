// How long things take on a line, held against figures that were worked out by hand and with a stopwatch.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lineTiming, requestMs, timingOf } from '../../../edge/modbus/timing.ts'

/** Requests of ten registers a second that a line of 11 bits a byte allows, with silence after both frames. */
for (const [baudRate, perSecond] of [
  [9600, 21.8],
  [19200, 43.6],
  [115200, 150],
] as const) {
  test(`requestMs() of ten registers at ${baudRate} baud allows ${perSecond} a second`, () => {
    const timing = timingOf({ serial: { path: '/dev/x', baudRate, parity: 'even', stopBits: 1 } })

    const rate = 1_000 / requestMs(timing, { table: 'input', count: 10 }, 0)
    assert.ok(Math.abs(rate - perSecond) < perSecond / 100, String(rate))
  })
}

test('lineTiming() has silence of 3.5 bytes up to 19200 baud, and 1.75 ms above', () => {
  assert.equal(lineTiming(19200, 11).silenceMs, 3.5 * lineTiming(19200, 11).byteMs)
  assert.equal(lineTiming(38400, 11).silenceMs, 1.75)
  assert.equal(lineTiming(115200, 11).silenceMs, 1.75)
})

test('timingOf() counts the bits that a byte has', () => {
  const bits = (parity: 'none' | 'odd', stopBits: 1 | 2) =>
    Math.round(timingOf({ serial: { path: '/dev/x', baudRate: 1200, parity, stopBits } }).byteMs * 1.2)

  assert.deepEqual([bits('none', 1), bits('none', 2), bits('odd', 1), bits('odd', 2)], [10, 11, 11, 12])
})

test('requestMs() counts eight bits to a byte, and a turnaround where it is longer than the silence', () => {
  const timing = { byteMs: 1, silenceMs: 3.5, roundTripMs: 0 }

  assert.equal(requestMs(timing, { table: 'coil', count: 9 }, 0), 13 + 2 + 7)
  assert.equal(requestMs(timing, { table: 'holding', count: 9 }, 50), 13 + 18 + 3.5 + 50)
})
