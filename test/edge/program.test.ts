// The program as it is run on site: a process of its own, an instrument and a cloud on sockets.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Clock, systemClock } from '../../protocol/runtime/clock.ts'
import { openFakeCloud } from '../doubles/cloud.ts'
import { openInstrument, wellRegisters } from '../doubles/instrument.ts'
import { wellAt } from '../doubles/well.ts'
import { eventually } from './eventually.ts'

const CLI = new URL('../../edge/cli.ts', import.meta.url).pathname
const clock: Clock = systemClock

interface Site {
  folder: string
  file: string
}

function makeSite(
  context: TestContext,
  { instrument, cloudUrl, more = '' }: { instrument: number; cloudUrl: string; more?: string },
): Site {
  const folder = mkdtempSync(join(tmpdir(), 'smarthydro-program-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(join(folder, 'identity'))
  writeFileSync(join(folder, 'identity', 'token'), 'a-token-nobody-may-see\n')
  const file = join(folder, 'gateway.yaml')
  writeFileSync(
    file,
    `gateway: gw-test
client: campo
project: los-aromos
uplink: { url: "${cloudUrl}", credentials: ./identity, minReadings: 8, maxDelay: 500ms, ackTimeout: 2s }
buffer: { path: ./buffer, maxBytes: 16MiB }
buses: [{ id: plant, tcp: { host: 127.0.0.1, port: ${instrument} }, timeout: 300ms }]
devices:
  - id: meter
    bus: plant
    point: pozo-7
    every: 100ms
    signals:
      - { variable: flow, address: 0, type: float32, decimals: 2 }
      - { variable: total, address: 2, type: float64, decimals: 2 }
      - { variable: level, address: 6, type: float32, decimals: 2 }
      - { variable: pulses, address: 8, type: uint32 }
${more}`,
  )
  return { folder, file }
}

interface Program {
  child: ChildProcess
  /** Every line of its log so far. */
  log: () => Record<string, unknown>[]
  text: () => string
  exited: Promise<number | null>
}

function runProgram(context: TestContext, ...args: string[]): Program {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  context.after(() => child.kill('SIGKILL'))
  const log = () =>
    text
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line) as Record<string, unknown>)
  return {
    child,
    log,
    text: () => text,
    exited: once(child, 'close').then(([code]) => code as number | null),
  }
}

test('smarthydro-edge run delivers every reading it polled, with the values the instrument had', async context => {
  const instrument = await openInstrument({ clock }, { registers: wellRegisters({ clock }) })
  context.after(() => instrument.close())
  const cloud = await openFakeCloud({ clock })
  context.after(() => cloud.close())
  const { file } = makeSite(context, { instrument: instrument.port, cloudUrl: cloud.url })
  const program = runProgram(context, 'run', '--config', file)

  await eventually('three seconds of readings', () => cloud.stored.size >= 4 * 30)
  program.child.kill('SIGTERM')

  assert.equal(await program.exited, 0)
  assert.ok(cloud.batches.length > 0)
  const numbers = [...cloud.stored.values()].map(({ seq }) => seq).sort((a, b) => a - b)
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => index + 1),
  )
  for (const { variable, value, at, quality } of cloud.stored.values()) {
    assert.equal(quality, 'good')
    const around = [wellAt(at - 50), wellAt(at), wellAt(at + 50), wellAt(at + 300)]
    const possible = around.map(
      ({ flowLps, totalM3, levelM, pulses }) =>
        ({ flow: flowLps, total: totalM3, level: levelM, pulses })[variable as 'flow'],
    )
    assert.ok(
      value !== null && value >= Math.min(...possible) && value <= Math.max(...possible),
      `${variable} ${value}`,
    )
  }
  assert.deepEqual(
    cloud.states
      .map(({ state }) => state)
      .filter((state, index, all) => state !== all[index - 1])
      .slice(-2),
    ['ready', 'disconnected'],
  )
  assert.doesNotMatch(program.text(), /a-token-nobody-may-see/)
  assert.deepEqual(
    cloud.passwords.filter((one, index, all) => all.indexOf(one) === index),
    ['a-token-nobody-may-see'],
  )
})
