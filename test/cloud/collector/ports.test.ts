// How many connections are let in within a second, and what becomes of the others.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import fc from 'fast-check'
import { openPorts, type PortOptions } from '../../../cloud/collector/ports.ts'
import { COLLECTOR_METRICS } from '../../../cloud/collector/service.ts'
import { openTurnstile } from '../../../cloud/collector/turnstile.ts'
import { RECONNECT } from '../../../edge/uplink.ts'
import { openMetrics } from '../../../protocol/runtime/metrics.ts'
import { backoffMs } from '../../../protocol/runtime/retry.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { randomFrom } from '../../doubles/random.ts'
import { until } from '../../doubles/until.ts'
import { atEnd, keptLog } from '../../edge/buffer/folder.ts'
import { skipWithout } from '../../peers.ts'

/** The most of these instants that lie within one second. */
function mostInASecond(instants: readonly number[]): number {
  const sorted = instants.toSorted((a, b) => a - b)
  return Math.max(...sorted.map((from, index) => sorted.slice(index).filter(at => at < from + 1_000).length))
}

test('openTurnstile() admits whoever comes, and never more than its number within any second', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 8 }),
      fc.array(fc.nat({ max: 700 }), { minLength: 1, maxLength: 60 }),
      async (perSecond, pauses) => {
        const clock = openFakeClock()
        const turnstile = openTurnstile({ clock }, { perSecond })
        const admitted: number[] = []
        for (const pauseMs of pauses) {
          await clock.advance(pauseMs)
          const now = clock.monotonic()
          const isRoom = admitted.filter(at => at > now - 1_000).length < perSecond
          assert.equal(turnstile.admits(), isRoom)
          if (isRoom) admitted.push(now)
        }
        assert.ok(mostInASecond(admitted) <= perSecond)
      },
    ),
    { numRuns: 40 },
  )
})

test('a thousand gateways that lost the cloud at the same instant are back about a minute after it is, and not in step', () => {
  for (const outageMs of [0, 2_000, 30_000]) {
    const random = randomFrom(outageMs + 1)
    let now = 0
    const turnstile = openTurnstile(
      { clock: { ...openFakeClock(), monotonic: () => now } },
      { perSecond: 100 },
    )
    const tries = Array.from({ length: 1_000 }, () => ({ at: backoffMs(RECONNECT, 0, random), attempt: 0 }))
    assert.ok(new Set(tries.map(({ at }) => at)).size > 500)
    const back: number[] = []

    while (tries.length > 0) {
      const next = tries.reduce((first, one) => (one.at < first.at ? one : first))
      now = next.at
      if (now >= outageMs && turnstile.admits()) {
        back.push(now)
        tries.splice(tries.indexOf(next), 1)
      } else {
        next.attempt += 1
        next.at = now + 1 + backoffMs(RECONNECT, next.attempt, random)
      }
    }

    assert.ok(mostInASecond(back) <= 100)
    assert.ok(Math.max(...back) <= outageMs + 70_000, `${outageMs} ms: ${Math.max(...back)} ms`)
  }
})

/** Ports of which 20 a second are let in, and who was. */
async function openScene(
  context: TestContext,
  tls?: { port: number; key: string; cert: string },
  { handshakeTimeoutMs }: Pick<PortOptions, 'handshakeTimeoutMs'> = {},
) {
  const clock = openFakeClock()
  const metrics = openMetrics(COLLECTOR_METRICS)
  const { log, said } = keptLog()
  const welcomed = new Set<Socket>()
  const ports = await openPorts(
    { clock, log, metrics },
    {
      ...{ host: '127.0.0.1', port: 0, connectionsPerSecond: 20 },
      ...(tls === undefined ? {} : { tls }),
      ...(handshakeTimeoutMs === undefined ? {} : { handshakeTimeoutMs }),
    },
    socket => {
      welcomed.add(socket)
      socket.on('error', () => {})
      socket.resume()
    },
  )
  const callers: { socket: Socket; isClosed: boolean }[] = []
  atEnd(context, async () => {
    for (const { socket } of callers) socket.destroy()
    await ports.close()
  })
  const call = (open: () => Socket) => {
    const caller = { socket: open(), isClosed: false }
    caller.socket
      .on('error', () => {})
      .on('close', () => {
        caller.isClosed = true
      })
    callers.push(caller)
    caller.socket.resume()
  }
  const refused = () => metrics.read()['collector_refused_total{what="connection-rate"}'] ?? 0
  const handshakes = () => metrics.read()['collector_refused_total{what="handshake"}'] ?? 0
  const closed = () => callers.filter(({ isClosed }) => isClosed).length
  return { clock, ports, welcomed, refused, said, call, closed, handshakes }
}

test('of hundreds of sockets at once as many are let in as a second allows, the others closed, counted and said once', async context => {
  const { clock, ports, welcomed, refused, said, call, closed } = await openScene(context)

  for (let one = 0; one < 300; one += 1) call(() => connect(ports.port, '127.0.0.1'))
  await until('the others are closed', () => closed() === 280)
  assert.deepEqual([welcomed.size, refused()], [20, 280])
  assert.equal(said('more connections in a second than are let in').length, 1)

  await clock.advance(999)
  call(() => connect(ports.port, '127.0.0.1'))
  await until('it is closed too', () => closed() === 281)
  await clock.advance(1)
  for (let one = 0; one < 25; one += 1) call(() => connect(ports.port, '127.0.0.1'))
  await until('the next are let in', () => closed() === 286)
  assert.deepEqual([welcomed.size, refused()], [40, 286])
})

test('both ports share one limit, and whoever is too many costs no handshake', {
  skip: skipWithout('openssl'),
}, async context => {
  const { ports, welcomed, refused, call, closed } = await openScene(context, {
    port: 0,
    ...certificate(context),
  })
  for (let one = 0; one < 19; one += 1) call(() => connect(ports.port, '127.0.0.1'))
  await until('they are let in', () => welcomed.size === 19)

  const secure = connectTls({ port: ports.tlsPort ?? 0, host: '127.0.0.1', rejectUnauthorized: false })
  call(() => secure)
  await once(secure, 'secureConnect')
  await until('it is let in', () => welcomed.size === 20)
  let bytes = 0
  for (let one = 0; one < 5; one += 1) {
    const late = connect(ports.tlsPort ?? 0, '127.0.0.1')
    late.on('data', chunk => {
      bytes += chunk.length
    })
    call(() => late)
  }

  await until('the others are closed', () => closed() === 5)
  assert.deepEqual([welcomed.size, refused(), bytes], [20, 5, 0])
})

test('a connection that begins no handshake is ended with the others that are left', {
  skip: skipWithout('openssl'),
}, async context => {
  const { ports, call, closed } = await openScene(context, { port: 0, ...certificate(context) })
  const silent = connect(ports.tlsPort ?? 0, '127.0.0.1')
  call(() => silent)
  await once(silent, 'connect')

  const closing = ports.close()
  ports.end()

  await closing
  await until('its connection is closed', () => closed() === 1)
})

test('a connection that begins no handshake is ended by itself, and counted', {
  skip: skipWithout('openssl'),
}, async context => {
  const { ports, welcomed, call, closed, handshakes } = await openScene(
    context,
    { port: 0, ...certificate(context) },
    { handshakeTimeoutMs: 50 },
  )

  call(() => connect(ports.tlsPort ?? 0, '127.0.0.1'))

  await until('its connection is closed', () => closed() === 1)
  assert.deepEqual([welcomed.size, handshakes()], [0, 1])
})

/** A key and a certificate that nobody trusts. */
function certificate(context: TestContext): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'smarthydro-tls-'))
  atEnd(context, () => rmSync(folder, { recursive: true }))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-subj', '/CN=localhost', '-days', '2', '-keyout', key, '-out', cert],
    ],
    { stdio: 'ignore' },
  )
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
}
