// What a gateway says of itself: the health message, and its own port.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Buffer, openBuffer } from '../../edge/buffer.ts'
import { daysLeftOf, GATEWAY_METRICS, openHealth } from '../../edge/health.ts'
import type { SourceHealth } from '../../edge/poller.ts'
import { openStatusServer } from '../../edge/status-server.ts'
import type { ClockState } from '../../protocol/batch.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { ConfigError } from '../../protocol/runtime/errors.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { type Metrics, openMetrics } from '../../protocol/runtime/metrics.ts'
import { GatewayHealth } from '../../protocol/status.ts'
import { type FakeClock, openFakeClock } from '../doubles/clock.ts'
import { atEnd, measurements, RESERVE_BYTES, temporaryFolder } from './buffer/folder.ts'

interface Ward {
  clock: FakeClock
  buffer: Buffer
  metrics: Metrics
  sources: Map<string, SourceHealth>
  /** For how long the bus has been busy. */
  bus: { id: string; busy: number; busyMs: () => number }
  health: () => Promise<GatewayHealth>
}

async function openWard(
  context: TestContext,
  state: ClockState = { quality: 'synced' },
  { maxBytes = 2 ** 20 } = {},
): Promise<Ward> {
  const clock = openFakeClock()
  const path = join(await temporaryFolder(context), 'buffer')
  const buffer = await openBuffer({ clock, log: silentLog }, { path, maxBytes, reserveBytes: RESERVE_BYTES })
  atEnd(context, () => buffer.close())
  const metrics = openMetrics(GATEWAY_METRICS)
  const sources = new Map<string, SourceHealth>()
  const bus = { id: 'plant', busy: 0, busyMs: () => bus.busy }
  const deps = { buffer, metrics, clock, clockState: () => state, sources, buses: () => [bus] }
  return { clock, buffer, metrics, sources, bus, health: openHealth(deps, { version: '1.2.3' }) }
}

test('the health message says what was written last', async context => {
  const { buffer, metrics, clock } = await openWard(context)
  const write = {
    by: 'ana',
    device: 'pump',
    name: 'start-level',
    asked: 3,
    found: null,
    status: 'failed',
  } as const
  const health = openHealth(
    {
      ...{
        buffer,
        metrics,
        clock,
        clockState: () => ({ quality: 'synced' }),
        sources: new Map(),
        buses: () => [],
      },
      lastWrite: () => ({ ...write, at: clock.now() }),
    },
    { version: '1.2.3' },
  )

  assert.deepEqual(GatewayHealth.parse(await health()).lastWrite, { ...write, at: clock.now() })
})

test('the health message keeps to the contract, with everything and with nothing in it', async context => {
  const ward = await openWard(context, { quality: 'holdover', errorMs: 12.5 })
  GatewayHealth.parse(await ward.health())
  await ward.buffer.append(measurements(100))
  ward.sources.set('meter', {
    ok: 3,
    failed: 1,
    missed: 2,
    provider: 'twin',
    lastOkAt: ward.clock.now(),
    lastFailure: 'no answer',
  })
  ward.sources.set('probe', { ok: 0, failed: 0, missed: 0 })
  ward.metrics.count('gateway_readings_polled_total', {}, 104)
  ward.metrics.count('gateway_readings_acked_total', { lane: 'live' }, 30)
  ward.metrics.count('gateway_readings_acked_total', { lane: 'backlog' }, 12)
  ward.metrics.count('gateway_readings_rejected_total', {}, 1)
  await ward.clock.advance(120_000)

  const health = GatewayHealth.parse(await ward.health())

  assert.deepEqual(health.readings, { polled: 104, acked: 42, rejected: 1 })
  assert.deepEqual(health.clock, { quality: 'holdover', errorMs: 12.5 })
  assert.equal(health.buffer.readings, 100)
  assert.ok((health.buffer.daysLeft ?? 0) > 0)
  assert.equal(health.startedAt, health.at - 120_000)
  assert.deepEqual(health.devices, [
    {
      ...{ id: 'meter', provider: 'twin', ok: 3, failed: 1 },
      ...{ lastOkAt: health.startedAt, lastFailure: 'no answer' },
    },
    { id: 'probe', ok: 0, failed: 0 },
  ])
})

test('a bus load is told over the last minute, however often and by whom it is asked', async context => {
  const ward = await openWard(context)
  const load = async () => (await ward.health()).buses[0]?.load
  await ward.clock.advance(60_000)
  ward.bus.busy += 15_000
  assert.equal(await load(), 0.25)

  await ward.clock.advance(10)
  const again = (await load()) ?? 0
  assert.ok(again > 0.24 && again < 0.26, `${again}`)
  for (let second = 0; second < 180; second += 1) {
    await ward.clock.advance(1_000)
    ward.bus.busy += 500
    await load()
  }
  const steady = (await load()) ?? 0
  assert.ok(steady > 0.49 && steady < 0.51, `${steady}`)
  for (let second = 0; second < 70; second += 1) {
    await ward.clock.advance(1_000)
    await load()
  }
  assert.equal(await load(), 0)
})

test('daysLeftOf() tells the room over bytes a day, and nothing while nobody can say', () => {
  const day = { room: 10_000, bytes: 5_000, passedMs: 86_400_000 }

  assert.equal(daysLeftOf(day), 2)
  assert.equal(daysLeftOf({ ...day, passedMs: 43_200_000 }), 1)
  assert.equal(daysLeftOf({ ...day, room: 0 }), 0)
  assert.equal(daysLeftOf({ ...day, passedMs: 59_999 }), undefined)
  assert.equal(daysLeftOf({ ...day, bytes: 0 }), undefined)
})

test('the days left are told at the rate of the last hour, also when all was answered', async context => {
  const { buffer, clock, health, metrics } = await openWard(context)
  const write = async (minutes: number, count: number) => {
    for (let minute = 0; minute < minutes; minute += 1) {
      const appended = await buffer.append(measurements(count, minute))
      await buffer.ack(buffer.epoch, 1, appended.at(-1)?.seq ?? 0)
      await clock.advance(60_000)
      await health()
    }
  }
  await write(120, 200)
  const busy = (await health()).buffer.daysLeft ?? 0
  await write(70, 20)

  const { readings, daysLeft = 0 } = (await health()).buffer
  assert.equal(readings, 0)
  assert.ok(daysLeft > 4 * busy, `${daysLeft} after ${busy}`)
  assert.equal(metrics.read().gateway_buffer_days_left, daysLeft)
})

test('what a full buffer gave up is counted by its class', async context => {
  const { buffer, health, metrics } = await openWard(context, undefined, { maxBytes: 5_000 })
  for (let minute = 0; minute < 100; minute += 1) {
    const flow = measurements(4, minute)
    await buffer.append([...flow, ...flow.map(one => ({ ...one, variable: 'temperature' as const }))])
    if (minute % 10 === 0) await health()
  }

  const { evicted } = (await health()).buffer
  const { evictedOf } = buffer.status()
  const counted = (name: string) => metrics.read()[`gateway_readings_evicted_total{class="${name}"}`]
  assert.ok(evictedOf.regulatory > 0 && evictedOf.other > 0)
  assert.deepEqual([counted('regulatory'), counted('other')], [evictedOf.regulatory, evictedOf.other])
  assert.equal(evicted, evictedOf.regulatory + evictedOf.other)
})

test('GET /health is 200 with or without a cloud, and 503 with the reason when readings cannot be stored', async context => {
  const { health, metrics } = await openWard(context)
  let isConnected = true
  let hindrance: string | undefined
  const server = await openStatusServer(
    {
      clock: systemClock,
      log: silentLog,
      health,
      metrics,
      connected: () => isConnected,
      hindrance: () => hindrance,
    },
    { gateway: 'gw-test', host: '127.0.0.1', port: 0 },
  )
  atEnd(context, () => server.close())
  const get = async () => {
    const response = await fetch(`http://127.0.0.1:${server.port}/health`)
    const { status, service, gateway, timestamp, cloud, reason, ...facts } =
      (await response.json()) as Record<string, unknown>
    GatewayHealth.parse(facts)
    return [response.status, status, service, gateway, timestamp, cloud, reason]
  }
  const same = ['gateway', 'gw-test', '2026-01-15T12:00:00.000Z']

  assert.deepEqual(await get(), [200, 'healthy', ...same, 'connected', undefined])
  isConnected = false
  assert.deepEqual(await get(), [200, 'healthy', ...same, 'not connected', undefined])
  hindrance = 'The disk is full'
  assert.deepEqual(await get(), [503, 'unhealthy', ...same, 'not connected', 'The disk is full'])
})

test('GET /metrics is JSON for who asks for it, the same counts as in the text', async context => {
  const { health, metrics, buffer } = await openWard(context)
  const server = await openStatusServer(
    {
      clock: systemClock,
      log: silentLog,
      health,
      metrics,
      connected: () => true,
      hindrance: () => undefined,
    },
    { gateway: 'gw-test', host: '127.0.0.1', port: 0 },
  )
  atEnd(context, () => server.close())
  await buffer.append(measurements(7))
  metrics.count('gateway_polls_total', { source: 'meter', outcome: 'ok' }, 2)
  const ask = (accept: string) => fetch(`http://127.0.0.1:${server.port}/metrics`, { headers: { accept } })

  const response = await ask('application/json')
  const { service, gateway, metrics: counts } = (await response.json()) as Record<string, unknown>

  assert.match(response.headers.get('content-type') ?? '', /^application\/json/)
  assert.deepEqual([service, gateway, counts], ['gateway', 'gw-test', metrics.read()])
  assert.equal(metrics.read().gateway_buffer_readings, 7)
  assert.match((await ask('text/plain, */*')).headers.get('content-type') ?? '', /^text\/plain/)
})

test('GET /metrics is Prometheus text with the buffer as it is now; a taken port is a configuration mistake', async context => {
  const { health, metrics, buffer } = await openWard(context)
  const deps = {
    clock: systemClock,
    log: silentLog,
    health,
    metrics,
    connected: () => true,
    hindrance: () => undefined,
  }
  const options = { gateway: 'gw-test', host: '127.0.0.1', port: 0 }
  const server = await openStatusServer(deps, options)
  atEnd(context, () => server.close())
  await buffer.append(measurements(7))
  metrics.count('gateway_polls_total', { source: 'meter', outcome: 'ok' }, 2)

  const response = await fetch(`http://127.0.0.1:${server.port}/metrics`)
  const text = await response.text()

  assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
  assert.match(text, /^# TYPE gateway_buffer_readings gauge\ngateway_buffer_readings 7$/m)
  assert.match(text, /^gateway_polls_total\{outcome="ok",source="meter"\} 2$/m)
  await assert.rejects(openStatusServer(deps, { ...options, port: server.port }), ConfigError)
})
