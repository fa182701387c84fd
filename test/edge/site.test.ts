// Parts of a site: what another configuration leaves alone, and what it opens anew.

import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { runnableConfig } from '../../edge/config.ts'
import { GATEWAY_METRICS } from '../../edge/health.ts'
import type { SourceHealth } from '../../edge/poller.ts'
import { openMarks } from '../../edge/providers/marks.ts'
import { openSite } from '../../edge/site.ts'
import type { Measurement } from '../../protocol/reading.ts'
import { systemClock as clock } from '../../protocol/runtime/clock.ts'
import { silentLog as log } from '../../protocol/runtime/log.ts'
import { openMetrics } from '../../protocol/runtime/metrics.ts'
import { openInstrument, wellRegisters } from '../doubles/instrument.ts'
import { until } from '../doubles/until.ts'
import { atEnd, temporaryFolder } from './buffer/folder.ts'

test('a bus whose part is the same is the same bus, and goes on polling while others come, change and go (S1, S2)', async context => {
  const [first, second] = [
    await openInstrument({ clock }, { registers: wellRegisters({ clock }) }),
    await openInstrument({ clock }, { registers: wellRegisters({ clock }) }),
  ]
  for (const one of [first, second]) atEnd(context, () => one.close())
  const folder = await temporaryFolder(context)
  const stored: Measurement[] = []
  const health = new Map<string, SourceHealth>()
  const store = async (measurements: readonly Measurement[]) => void stored.push(...measurements)
  const poller = { clock, log, metrics: openMetrics(GATEWAY_METRICS), health, store }
  const marks = await openMarks({ clock, log }, { folder, devices: [] })
  const time = { stamp: () => ({ clock, quality: 'synced' as const }) }
  const stop = new AbortController()
  const site = openSite({ poller, time, marks, clock, log, random: () => 0.5 }, stop.signal)
  atEnd(context, () => site.close())
  const configOf = (others: string) =>
    runnableConfig(
      `gateway: gw
client: campo
project: los-aromos
uplink: { url: "mqtt://127.0.0.1:1", credentials: . }
buffer: { path: ./buffer }
buses:
  - { id: same, tcp: { host: 127.0.0.1, port: ${first.port} } }
  - { id: other, tcp: { host: 127.0.0.1, port: ${second.port} } }
devices:
  - { id: meter, bus: same, point: p-1, every: 50ms, signals: [{ variable: level, address: 6, type: float32 }] }
${others}`,
      'test',
      { folder, environment: {}, check: () => [] },
    )
  const probe = (every: string) =>
    `  - { id: probe, bus: other, point: p-2, every: ${every}, signals: [{ variable: level, address: 6, type: float32 }] }\n`
  await writeFile(join(folder, 'token'), 'a-token')

  assert.deepEqual(await site.apply(configOf('')), ['bus same', 'bus other'])
  const [bus] = site.buses
  const [line] = site.lines
  await until('it polls', () => stored.some(({ point }) => point === 'p-1'))

  for (const [others, opened] of [
    [probe('60ms'), ['bus other']],
    [probe('70ms'), ['bus other']],
    [probe('70ms'), []],
    ['', ['bus other']],
  ] as const) {
    const before = stored.length
    assert.deepEqual(await site.apply(configOf(others)), opened)
    assert.equal(site.buses[0], bus)
    assert.equal(site.lines[0], line)
    await until('it goes on', () => stored.slice(before).some(({ point }) => point === 'p-1'))
    if (others !== '')
      await until('so does the other', () => stored.slice(before).some(({ point }) => point === 'p-2'))
  }
  assert.equal(first.connections(), 1)
  assert.equal(health.get('meter')?.failed, 0)
  assert.equal(health.get('probe'), undefined)
})
