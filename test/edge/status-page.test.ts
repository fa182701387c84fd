// The page of the gateway's own port, as a person's browser gets it.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { PAGE_HEADERS, type PageFacts, renderPage } from '../../edge/status-page.ts'
import { openStatusServer } from '../../edge/status-server.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { openMetrics } from '../../protocol/runtime/metrics.ts'
import { atEnd } from './buffer/folder.ts'

const AT = Date.parse('2026-01-15T12:00:00Z')

const FACTS: PageFacts = {
  gateway: 'gw-1',
  connected: false,
  hindrance: undefined,
  health: {
    ...{ v: 1, at: AT, version: '1.2.3', startedAt: AT - 3_600_000, memoryBytes: 1 },
    buffer: {
      ...{ epoch: 1, readings: 1234, bytes: 250, maxBytes: 1000, daysLeft: 41.7 },
      ...{ appended: 5000, evicted: 3, damaged: 0, oldestAt: AT - 600_000 },
    },
    readings: { polled: 5000, acked: 3766, rejected: 0 },
    clock: { quality: 'holdover', errorMs: 12.2 },
    buses: [{ id: 'rs485', load: 0.42 }],
    devices: [
      { id: 'meter', ok: 90, failed: 10, lastOkAt: AT - 30_000 },
      { id: 'probe', ok: 0, failed: 7, lastFailure: 'unit 3: <b>no answer</b> & "silence"' },
    ],
  },
  series: [
    {
      ...{ source: 'meter', point: 'pozo-7', variable: 'flow' },
      latest: {
        ...{ point: 'pozo-7', variable: 'flow', at: AT - 30_000, value: 12.47 },
        ...{ quality: 'good', timeQuality: 'synced' },
      },
    },
    { source: 'probe', point: 'pozo-7', variable: 'level', latest: undefined },
  ],
}

test('the page says in Spanish, and in English when asked, what works and what does not', () => {
  const spanish = renderPage(FACTS, 'es')
  const english = renderPage(FACTS, 'en')

  for (const text of [
    'lang="es"',
    'sin conexión',
    'sincronizado antes, ya no',
    '12.47 L/s',
    'hace 30 s',
    'nunca',
    '10.0 %',
  ]) {
    assert.ok(spanish.includes(text), text)
  }
  for (const text of [
    'lang="en"',
    'not connected',
    '42 %',
    '25.0 %',
    '1234',
    '10 min ago',
    '13 ms',
    '100.0 %',
  ]) {
    assert.ok(english.includes(text), text)
  }
  assert.ok(
    renderPage({ ...FACTS, hindrance: 'the disk is full' }, 'es').includes(
      'No puede guardar lecturas: the disk',
    ),
  )
})

test('what devices say cannot become part of the page, and nothing is fetched from anywhere', () => {
  const page = renderPage(FACTS, 'es')

  assert.ok(page.includes('&lt;b&gt;no answer&lt;/b&gt; &amp; &quot;silence&quot;'))
  assert.doesNotMatch(page, /<script|<img|<link|src=|https?:|javascript:|\son\w+=|style="/)
  const style = /<style>([\s\S]*)<\/style>/.exec(page)?.[1] ?? ''
  const hash = createHash('sha256').update(style).digest('base64')
  assert.match(PAGE_HEADERS['content-security-policy'] ?? '', /^default-src 'none'; style-src 'sha256-/)
  assert.ok(PAGE_HEADERS['content-security-policy']?.includes(hash), 'the style is the one that is allowed')
})

test('GET / serves it with its headers; nothing can be changed', async context => {
  const server = await openStatusServer(
    {
      ...{ clock: systemClock, log: silentLog },
      ...{ health: async () => FACTS.health, metrics: openMetrics([]), connected: () => true },
      ...{ hindrance: () => undefined, series: () => FACTS.series },
    },
    { gateway: 'gw-1', host: '127.0.0.1', port: 0 },
  )
  atEnd(context, () => server.close())
  const url = `http://127.0.0.1:${server.port}/`

  const response = await fetch(url)
  const page = await response.text()

  assert.equal(response.status, 200)
  assert.match(page, /<html lang="es">/)
  for (const [name, value] of Object.entries(PAGE_HEADERS)) assert.equal(response.headers.get(name), value)
  assert.match(await (await fetch(`${url}?lang=en`)).text(), /<html lang="en">/)
  assert.equal((await fetch(url, { method: 'POST' })).status, 404)
})
