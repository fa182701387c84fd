// `npm start` as a newcomer meets it: a copy of the checkout that never ran, real brokers listened to by programs that
// are not ours, receipts, Ctrl-C, and a second start that goes on.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { takenPorts } from '../../deploy/demo/places.ts'
import { until } from '../doubles/until.ts'
import { skipWithout } from '../peers.ts'
import { lookAtEverything } from './web.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const COPIED = [
  'package.json',
  'tsconfig.json',
  'protocol',
  'edge',
  'cloud',
  'deploy',
  'test/doubles',
  'test/peers.ts',
]
const API = 'http://127.0.0.1:8004/api/v1'

interface Slot {
  workCode: string
  channel: string
  receipt: string | null
}

describe('npm start', { skip: skipWithout('mosquitto_sub') }, () => {
  let copy: string
  let demo: ChildProcess | undefined
  let text = ''
  let ended = true
  let exited: Promise<unknown> = Promise.resolve()
  before(async () => {
    assert.deepEqual(await takenPorts(), [], 'the demonstration’s ports must be free')
    copy = mkdtempSync(join(tmpdir(), 'smarthydro-demo-'))
    for (const part of COPIED) cpSync(join(ROOT, part), join(copy, part), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  })
  after(async () => {
    if (!ended) demo?.kill('SIGINT')
    await exited
    rmSync(copy, { recursive: true, force: true })
  })

  const start = async () => {
    text = ''
    ended = false
    demo = spawn('npm', ['start'], { cwd: copy, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    exited = once(demo, 'exit').then(() => {
      ended = true
    })
    for (const output of [demo.stdout, demo.stderr]) {
      output?.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
    }
    await until(
      'readings are shown',
      () => {
        if (ended) throw new Error(`npm start ended: ${text}`)
        return /\n\d\d:\d\d:\d\d {2}pozo-7 {2}flow /.test(text)
      },
      { timeoutMs: 60_000 },
    )
  }
  const token = () => /API token\s+(\S+)/.exec(text)?.[1] ?? ''
  const ask = async (path: string) => {
    const answer = await fetch(`${API}${path}`, { headers: { authorization: `Bearer ${token()}` } })
    return { status: answer.status, body: JSON.parse(await answer.text()) }
  }
  /** A terminal's Ctrl-C: the whole group gets it, npm and the demonstration. */
  const interrupt = async () => {
    process.kill(-(demo?.pid ?? 0), 'SIGINT')
    await exited
    await until('all ports are free', async () => (await takenPorts()).length === 0)
  }

  test('shows readings within a minute, on the API, and by mosquitto_sub on both brokers', async () => {
    await start()
    assert.match(text, /administrator\s+admin@smarthydro\.local\s+password \S{16,}/)
    for (const point of ['pozo-7', 'pozo-8', 'pozo-9']) {
      await until(`${point} has a flow`, async () => {
        const { latest } = (await ask(`/points/${point}/latest`)).body
        return latest?.some((one: { variable: string }) => one.variable === 'flow')
      })
    }
    for (const options of [
      ['-p', '1883'],
      ['-p', '1884', '-u', 'test', '-P', token()],
    ]) {
      const [topic, message] = await hear([...options, '-t', 'raw/v1/campo/los-aromos/pozo-7/flow'])
      assert.equal(topic, 'raw/v1/campo/los-aromos/pozo-7/flow')
      const { v, ts, q, u } = JSON.parse(message ?? '')
      assert.ok(v >= 0 && v < 20 && Math.abs(Date.now() - ts) < 60_000)
      assert.deepEqual([q, u], ['good', 'L/s'])
    }
    const anonymous = await fetch(`${API}/points/pozo-7/latest`)
    assert.equal(anonymous.status, 401)
  })

  test('refuses to run twice, and leaves the first start alone', async () => {
    const second = spawn('npm', ['start'], { cwd: copy, stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    second.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk
    })
    const [code] = await once(second, 'close')

    assert.equal(code, 1)
    assert.match(said, /npm start runs already: .*data\/demo is in use by process \d+/)
    assert.equal(ended, false)
    assert.equal((await ask('/points/pozo-7/latest')).status, 200)
  })

  const receipts = async (): Promise<Slot[]> => {
    const { items } = (await ask('/compliance/slots?state=sent')).body as { items: Slot[] }
    return items.filter(({ receipt }) => receipt !== null)
  }

  test('declares one well over REST and another over SOAP, each with a receipt that DGA knows', async () => {
    await until(
      'both have a receipt',
      async () => new Set((await receipts()).map(({ channel }) => channel)).size === 2,
      { timeoutMs: 150_000 },
    )
    const held = readFileSync(join(copy, 'data/demo/dga.jsonl'), 'utf8')
    for (const { receipt, channel, workCode } of await receipts()) {
      assert.ok(held.includes(`"work":"${workCode}"`) && held.includes(String(receipt)))
      assert.equal(channel, workCode === 'OB-0602-7' ? 'rest' : 'soap')
    }
  })

  for (const screen of ['desk', 'phone'] as const) {
    test(`shows all of it in a browser, at a ${screen}`, { skip: skipWithout('chromium') }, async run => {
      const [, email = '', password = ''] = /administrator\s+(\S+)\s+password (\S+)/.exec(text) ?? []
      const site = { url: 'http://localhost:8004', email, password }
      await lookAtEverything(screen, site, line => run.diagnostic(line))
    })
  }

  test('stops whole on Ctrl-C, and goes on at the next start', async () => {
    const before = { token: token(), receipts: (await receipts()).map(({ receipt }) => receipt) }
    await interrupt()
    assert.match(text, /Stopping/)
    await start()
    assert.equal(token(), before.token)
    const now = (await receipts()).map(({ receipt }) => receipt)
    assert.deepEqual(
      before.receipts.filter(receipt => !now.includes(receipt)),
      [],
    )
    await interrupt()
  })
})

/** The first message that mosquitto_sub prints. */
async function hear(options: readonly string[]): Promise<string[]> {
  const child = spawn('mosquitto_sub', [...options, '-C', '1', '-W', '30', '-F', '%t %p'])
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk
  })
  const [code] = await once(child, 'close')
  assert.equal(code, 0, `mosquitto_sub ended with ${code}`)
  const space = said.indexOf(' ')
  return [said.slice(0, space), said.slice(space + 1)]
}
