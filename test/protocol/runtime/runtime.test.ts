import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError } from '../../../protocol/runtime/errors.ts'
import { openLog } from '../../../protocol/runtime/log.ts'
import { openMetrics } from '../../../protocol/runtime/metrics.ts'
import { backoffMs } from '../../../protocol/runtime/retry.ts'
import { openFakeClock } from '../../doubles/clock.ts'

test('openLog() writes one line of JSON per event and masks what is secret by name', () => {
  const lines: string[] = []
  const log = openLog(
    { clock: openFakeClock(), write: line => lines.push(line) },
    { level: 'info' },
    { gateway: 'gw-1' },
  )

  log.debug('looked')
  log
    .with({ bus: 'plant' })
    .warn('device fell silent', { unit: 3, password: 'hunter2', nested: { apiKey: 'k' } })

  assert.equal(lines.length, 1)
  assert.deepEqual(JSON.parse(lines[0] ?? ''), {
    time: '2026-01-15T12:00:00.000Z',
    level: 'warn',
    event: 'device fell silent',
    gateway: 'gw-1',
    bus: 'plant',
    unit: 3,
    password: '***',
    nested: { apiKey: '***' },
  })
})

test('backoffMs() draws between nothing and a ceiling that doubles up to its bound', () => {
  const bounds = { firstMs: 1000, maxMs: 60_000 }

  assert.equal(
    backoffMs(bounds, 0, () => 0),
    0,
  )
  assert.equal(
    backoffMs(bounds, 0, () => 0.999),
    999,
  )
  assert.equal(
    backoffMs(bounds, 3, () => 0.5),
    4000,
  )
  assert.equal(
    backoffMs(bounds, 1000, () => 0.5),
    30_000,
  )
})

test('openMetrics() writes Prometheus text with escaped labels and refuses unknown names', () => {
  const metrics = openMetrics([
    { name: 'polls_total', type: 'counter', help: 'Polls.' },
    { name: 'buffer_bytes', type: 'gauge', help: 'Bytes.' },
  ])

  metrics.count('polls_total', { device: 'a"b\\c' })
  metrics.count('polls_total', { device: 'a"b\\c' }, 2)
  metrics.gauge('buffer_bytes', 12)

  assert.equal(
    metrics.text(),
    '# HELP polls_total Polls.\n# TYPE polls_total counter\npolls_total{device="a\\"b\\\\c"} 3\n' +
      '# HELP buffer_bytes Bytes.\n# TYPE buffer_bytes gauge\nbuffer_bytes 12\n',
  )
  assert.throws(() => metrics.count('poll_total'), /Unknown metric poll_total/)
})

test('ConfigError lists every mistake with its place', () => {
  const error = new ConfigError('gw.yaml', [
    { path: 'uplink.url', message: 'Invalid URL', line: 4 },
    { path: '', message: 'is empty' },
  ])

  assert.equal(
    error.message,
    'Cannot use gw.yaml: 2 mistakes\n  gw.yaml:4: uplink.url: Invalid URL\n  gw.yaml: is empty',
  )
})
