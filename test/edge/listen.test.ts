// A network that is not up yet, or down, when the gateway starts: its addresses are not there.

import assert from 'node:assert/strict'
import { connect, createServer } from 'node:net'
import { test } from 'node:test'
import { listenAt } from '../../edge/listen.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { openFakeClock } from '../doubles/clock.ts'
import { openInstrument } from '../doubles/instrument.ts'
import { freePort } from '../doubles/ports.ts'
import { until } from '../doubles/until.ts'
import { atEnd } from './buffer/folder.ts'
import { makeSite, runProgram, statusOf, stopProgram } from './site.ts'

/** For documentation only (RFC 5737): no machine has it. */
const ABSENT = '192.0.2.5'

test('a gateway whose LAN address is not there measures all the same, and ends as it should', async context => {
  const instrument = await openInstrument({ clock: systemClock }, { registers: () => 1 })
  atEnd(context, () => instrument.close())
  const status = await freePort()
  const more = `lanBroker: { host: ${ABSENT}, port: 1883, anonymous: true }\nstatus: { port: ${status} }\n`
  const { file } = makeSite(context, { instrument: instrument.port, cloudUrl: 'mqtt://127.0.0.1:1', more })

  const gateway = runProgram(context, ['run', '--config', file])

  await until('it has measured', async () => {
    if (gateway.child.exitCode !== null) assert.fail(gateway.text())
    const answer = await statusOf(status).catch(() => undefined)
    return ((answer?.body.readings as { polled: number } | undefined)?.polled ?? 0) >= 4
  })
  const [said] = gateway.said('not listening yet: this machine does not have the address')
  assert.deepEqual([said?.path, said?.host, said?.port], ['lanBroker', ABSENT, 1883])
  await stopProgram(gateway)
})

/** A server whose machine has its address when `isThere` says so. */
function openLate(isThere: () => boolean) {
  const server = createServer(socket => socket.end())
  const tries: number[] = []
  const listen = (port: number, _: string, done: () => void) => {
    tries.push(port)
    return server.listen(port, isThere() ? '127.0.0.1' : ABSENT, done)
  }
  const { once, off, address } = server
  const late = {
    ...{ listen: listen as typeof server.listen, once: once.bind(server) },
    ...{ off: off.bind(server), address: address.bind(server) },
  }
  return { server, late, tries }
}

test('listenAt() listens as soon as the address is there', async context => {
  const clock = openFakeClock()
  let isThere = false
  const { server, late, tries } = openLate(() => isThere)
  atEnd(context, () => void server.close())
  const port = await freePort()
  const listening = await listenAt({ clock, log: silentLog }, late, { path: 'lanBroker', host: ABSENT, port })
  await clock.advance(5_000)
  await until('it was tried again', () => tries.length === 2)
  assert.equal(server.listening, false)

  isThere = true
  await until('it listens', async () => {
    await clock.advance(5_000)
    return server.listening
  })
  await new Promise((resolve, reject) =>
    connect(port, '127.0.0.1', () => resolve(true))
      .on('error', reject)
      .resume(),
  )
  await listening.stop()
})

test('listenAt() tries no more when it was stopped', async () => {
  const clock = openFakeClock()
  const { late, tries } = openLate(() => false)
  const place = { path: 'status', host: ABSENT, port: await freePort() }
  const listening = await listenAt({ clock, log: silentLog }, late, place)

  await listening.stop()
  await clock.advance(60_000)

  assert.equal(tries.length, 1)
})
