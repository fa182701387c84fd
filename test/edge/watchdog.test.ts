// What the watchdog believes and what systemd is told, up to a real socket of systemd's kind.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openPulse, STILL_MAX_MS } from '../../edge/pulse.ts'
import { runWatchdog } from '../../edge/watchdog.ts'
import { start } from '../deploy/unpacked.ts'
import { openFakeClock } from '../doubles/clock.ts'
import { freePort } from '../doubles/ports.ts'
import { until } from '../doubles/until.ts'
import { skipWithout } from '../peers.ts'
import { atEnd, keptLog, temporaryFolder } from './buffer/folder.ts'
import { makeSite, runProgram, stopProgram } from './site.ts'

const SOCKET = new URL('../peers/notify_socket.py', import.meta.url).pathname
const MINUTE_MS = 60_000

test('openPulse() calls stuck what has not moved for longer than it may, until it moves or ends (V1)', async () => {
  const clock = openFakeClock()
  const pulse = openPulse({ clock })
  const stop = new AbortController()
  const work = Promise.withResolvers<void>()
  pulse.begin('line plant', MINUTE_MS, stop.signal)
  const done = pulse.during('buffer', 3 * MINUTE_MS, () => work.promise)

  await clock.advance(MINUTE_MS)
  assert.deepEqual(pulse.stuck(), [])
  await clock.advance(1)
  assert.deepEqual(pulse.stuck(), [{ part: 'line plant', stillMs: MINUTE_MS + 1 }])
  pulse.beat('line plant')
  assert.deepEqual(pulse.stuck(), [])
  await clock.advance(3 * MINUTE_MS)
  assert.deepEqual(
    pulse.stuck().map(({ part }) => part),
    ['buffer', 'line plant'],
  )
  stop.abort()
  work.reject(new Error('disk full'))
  await assert.rejects(done, /disk full/)
  assert.deepEqual(pulse.stuck(), [], 'to fail is to move (V2)')
})

test('runWatchdog() feeds while all moves, stops while a part is stuck, names it, and feeds again after (W1)', async context => {
  const clock = openFakeClock()
  const pulse = openPulse({ clock })
  const told: string[][] = []
  const stop = new AbortController()
  atEnd(context, () => stop.abort())
  const { log, said } = keptLog()
  pulse.begin('uplink', 90_000, stop.signal)
  const tell = async (lines: readonly string[]) => void told.push([...lines])
  void runWatchdog({ clock, log, pulse, status: () => 'well' }, { tell, watchdogMs: 180_000 }, stop.signal)

  await clock.advance(MINUTE_MS)
  assert.deepEqual(told, [
    ['READY=1', 'WATCHDOG=1', 'STATUS=well'],
    ['WATCHDOG=1', 'STATUS=well'],
  ])
  await clock.advance(MINUTE_MS)
  assert.deepEqual(told.slice(2), [['STATUS=stuck: uplink for 120 s']])
  assert.equal(said('gateway stuck: its watchdog is not fed').length, 1)
  pulse.beat('uplink')
  await clock.advance(MINUTE_MS)
  assert.deepEqual(told.slice(3), [['WATCHDOG=1', 'STATUS=well']])
})

test('runWatchdog() goes on when nobody can be told, and says that it is ready as soon as somebody can (W3)', async context => {
  const clock = openFakeClock()
  const told: string[][] = []
  let isThere = false
  const stop = new AbortController()
  atEnd(context, () => stop.abort())
  const { log, said } = keptLog()
  const tell = async (lines: readonly string[]) => {
    if (!isThere) throw new Error('no systemd-notify')
    told.push([...lines])
  }
  const pulse = openPulse({ clock })
  void runWatchdog({ clock, log, pulse, status: () => 'well' }, { tell }, stop.signal)

  await clock.advance(0)
  assert.equal(said('systemd not told').length, 1)
  isThere = true
  await clock.advance(MINUTE_MS)
  assert.deepEqual(told, [['READY=1', 'WATCHDOG=1', 'STATUS=well']])
})

/** A socket as systemd opens one, and what came there. */
async function openNotifySocket(context: TestContext) {
  const path = join(await temporaryFolder(context), 'notify')
  const listener = start(context, '/usr/bin/python3', [SOCKET, path])
  await until('the socket is there', () => listener.text().includes('bound'))
  const count = (line: string) => listener.text().split(line).length - 1
  return { path, count, text: listener.text }
}

test('a gateway without a cloud, a meter or a network is ready and fed all the same, and says what it lacks (W2)', {
  skip: skipWithout('pymodbus', 'systemd'),
}, async context => {
  const { path, count, text } = await openNotifySocket(context)
  const nobody = await freePort()
  const { file } = makeSite(context, { instrument: nobody, cloudUrl: `mqtt://127.0.0.1:${nobody}` })
  const environment = { NOTIFY_SOCKET: path, WATCHDOG_USEC: '300000' }

  const program = runProgram(context, ['run', '--config', file], { environment })

  await until('it is fed five times', () => count('WATCHDOG=1') >= 5)
  assert.equal(count('READY=1'), 1)
  assert.match(text(), /STATUS=\d+ readings wait, the cloud is not connected/)
  await stopProgram(program)
})

test('what may stand still longest is longer than what its own deadlines allow', () => {
  assert.ok(STILL_MAX_MS.uplink > 2 * MINUTE_MS, 'two tries of the uplink are a minute apart')
  assert.ok(STILL_MAX_MS.remote > STILL_MAX_MS.line)
})
