// Hundreds of gateways that lose the cloud at the same instant and find it again, over real connections.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openMqttTransport } from '../../edge/transport/mqtt.ts'
import { RECONNECT } from '../../edge/uplink.ts'
import { Unavailable } from '../../protocol/runtime/errors.ts'
import { backoffMs } from '../../protocol/runtime/retry.ts'
import { ackTopic, stateTopic } from '../../protocol/topics.ts'
import { addGateway, openCollector, TOKEN } from '../cloud/collector/site.ts'
import { type FakeClock, openFakeClock } from '../doubles/clock.ts'
import { openTestDatabase } from '../doubles/databases.ts'
import { freePort } from '../doubles/ports.ts'
import { randomFrom } from '../doubles/random.ts'
import { until } from '../doubles/until.ts'
import { atEnd } from '../edge/buffer/folder.ts'

const GATEWAYS = 200
const PER_SECOND = 25

test('after an outage all gateways come back, no more in a second than the collector lets in', async context => {
  const database = await openTestDatabase()
  atEnd(context, () => database.close())
  const clock = openFakeClock()
  const slugs = Array.from({ length: GATEWAYS }, (_, index) => `gw-return-${index}`)
  for (const slug of slugs) await addGateway(database.db, slug)
  const port = await freePort()
  const open = () => openCollector(database.db, { clock }, { port, connectionsPerSecond: PER_SECOND })
  const random = randomFrom(1)
  const stopping = new AbortController()
  const connected = new Set<string>()
  const loops = slugs.map(slug => comeBack({ clock, random }, { slug, port, connected }, stopping.signal))
  atEnd(context, async () => {
    stopping.abort()
    await Promise.all(loops)
  })

  for (const round of ['the first time', 'after an outage']) {
    const collector = await open()
    const openedAt = clock.monotonic()
    await until(`all are connected ${round}`, async () => {
      if (connected.size < GATEWAYS) await clock.advance(250)
      const seconds = (clock.monotonic() - openedAt) / 1000
      assert.ok(connected.size <= PER_SECOND * (seconds + 1), `${connected.size} in ${seconds} s`)
      return connected.size === GATEWAYS
    })
    const counts = collector.metrics.read()
    assert.ok((counts['collector_refused_total{what="connection-rate"}'] ?? 0) > 0)
    assert.equal(counts['collector_refused_total{what="sign-in"}'], undefined)
    await collector.close()
    await until('all have noticed the end', () => connected.size === 0)
  }
})

/** Connects as the uplink does, and again when the link is gone, until the signal aborts. */
async function comeBack(
  { clock, random }: { clock: FakeClock; random: () => number },
  { slug, port, connected }: { slug: string; port: number; connected: Set<string> },
  signal: AbortSignal,
): Promise<void> {
  const url = `mqtt://127.0.0.1:${port}`
  const transport = openMqttTransport({ clock }, { url, clientId: slug, username: slug, password: TOKEN })
  const will = { topic: stateTopic(slug), payload: new TextEncoder().encode('{}') }
  const linkOptions = { will, subscribe: [ackTopic(slug)], onMessage: () => {} }
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    try {
      const link = await transport.connect({ ...linkOptions, timeoutMs: 60_000, silenceMs: 18_000 }, signal)
      connected.add(slug)
      attempt = -1
      await link.gone
      connected.delete(slug)
    } catch (error) {
      if (!(error instanceof Unavailable) && !signal.aborted) throw error
    }
    await clock.sleep(backoffMs(RECONNECT, Math.max(0, attempt), random), signal).catch(() => {})
  }
}
