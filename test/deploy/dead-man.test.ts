// The dead man's switch, against servers that answer, fail, and stop answering: told once, and once when it is over.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { temporaryFolder } from '../edge/buffer/folder.ts'
import { skipWithout } from '../peers.ts'

const skip = skipWithout('curl')

/** What the cloud and Prometheus answer, and what the script says and how it ends. */
async function watched(context: TestContext) {
  const folder = await temporaryFolder(context)
  const answers = { health: 200, alerts: [] as object[] }
  const watchdog = { labels: { alertname: 'Watchdog', severity: 'none' }, annotations: {}, state: 'firing' }
  const server = createServer(({ url }, response) => {
    if (url === '/health')
      response.writeHead(answers.health).end(JSON.stringify({ status: 'healthy', service: 'api' }))
    else response.end(JSON.stringify({ status: 'success', data: { alerts: [watchdog, ...answers.alerts] } }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const told = join(folder, 'told')
  const ask = async (more: Record<string, string> = {}) => {
    const env = { PATH: process.env.PATH, API_URL: url, PROMETHEUS_URL: url, TELL: `tee -a ${told}`, ...more }
    const child = spawn('deploy/watch/dead-man.sh', [join(folder, 'state')], { env, stdio: 'ignore' })
    const [status] = await once(child, 'close')
    return status
  }
  return { folder, answers, ask, told: () => (existsSync(told) ? readFileSync(told, 'utf8') : '') }
}

test('who fails three times is told of once, and once when it is over', { skip }, async context => {
  const { answers, ask, told } = await watched(context)
  assert.equal(await ask(), 0)
  answers.health = 503
  assert.deepEqual([await ask(), await ask()], [1, 1])
  assert.equal(told(), '', 'one that is gone in a minute is nobody’s business')
  assert.deepEqual([await ask(), await ask()], [1, 1])
  assert.match(told(), /^SmartHydro needs somebody:\nthe API does not answer: .*503\n$/)
  answers.health = 200
  assert.deepEqual([await ask(), await ask()], [0, 0])
  assert.match(told(), /503\nSmartHydro is well again\.\n$/)
})

test('tells alerts of severity page that fire, and neither others nor what is pending', {
  skip,
}, async context => {
  const { answers, ask, told } = await watched(context)
  const alert = (alertname: string, severity: string, state: string) => {
    return { labels: { alertname, severity }, annotations: { summary: 'x' }, state }
  }
  answers.alerts = [
    alert('ServiceDown', 'page', 'firing'),
    alert('ApiFails', 'ticket', 'firing'),
    alert('NatsIsAway', 'page', 'pending'),
  ]
  assert.equal(await ask({ PATIENCE: '1' }), 1)
  assert.equal(told(), 'SmartHydro needs somebody:\nalert ServiceDown\n')
})

test('says that a backup is old, that Prometheus is gone, and tries again when nobody could be told', {
  skip,
}, async context => {
  const { folder, ask, told } = await watched(context)
  const backup = join(folder, 'smarthydro-20260115T120000Z.sha256')
  writeFileSync(backup, '')
  assert.equal(await ask({ BACKUPS: folder }), 0)
  utimesSync(backup, new Date('2026-01-01'), new Date('2026-01-01'))
  const more = { BACKUPS: folder, PROMETHEUS_URL: 'http://127.0.0.1:9', PATIENCE: '1' }
  assert.equal(await ask({ ...more, TELL: 'false' }), 2)
  assert.equal(await ask(more), 1)
  assert.match(told(), /Prometheus does not answer: .*\n.*has no backup of the last 26 hours\n$/)
})
