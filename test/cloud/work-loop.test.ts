// What ends a service's loop, and what it waits out.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DatabaseRefused } from '../../cloud/store/database.ts'
import { keepWorking } from '../../cloud/work-loop.ts'
import { Unavailable } from '../../protocol/runtime/errors.ts'
import { openLog } from '../../protocol/runtime/log.ts'
import { openFakeClock } from '../doubles/clock.ts'

const MINUTE = 60_000
const refused = (code: string) => new DatabaseRefused('no', { code, cause: undefined })

/** A loop whose work throws what it is given, once each, and then stops it. */
function start(failures: Error[]) {
  const clock = openFakeClock()
  const lines: string[] = []
  const log = openLog({ clock, write: line => lines.push(line) }, { level: 'debug' })
  const stop = new AbortController()
  let asked = 0
  const work = async () => {
    asked += 1
    const failure = failures.shift()
    if (failure !== undefined) throw failure
    stop.abort(new Error('Done'))
    return false
  }
  const ended = keepWorking({ clock, log }, { pollMs: 1000 }, work, stop.signal)
  return { clock, lines, ended, asked: () => asked }
}

test('keepWorking() goes on after a pause when the database refused data, and says so as an error', async () => {
  const { clock, lines, ended, asked } = start([refused('22P02'), refused('23514'), new Unavailable('away')])

  for (let pause = 0; pause < 4; pause += 1) await clock.advance(MINUTE)
  await ended

  assert.equal(asked(), 4)
  const events = lines.map(line => JSON.parse(line)).map(({ level, event, code }) => [level, event, code])
  assert.deepEqual(events, [
    ['error', 'database refused data', '22P02'],
    ['error', 'database refused data', '23514'],
    ['warn', 'database did not answer', undefined],
  ])
})

test('keepWorking() ends with a mistake in the program: a table that is not there, or any other', async () => {
  for (const mistake of [refused('42P01'), new TypeError('x is undefined')]) {
    await assert.rejects(start([mistake]).ended, error => error === mistake)
  }
})
