// How much memory the gateway takes: ten wells of four variables each second, and a backlog drained at full speed.
//
// The gateway is the real program, started by its launcher in a process of its own; instruments and cloud are here.
// Resident memory is the kernel's figure (VmRSS), looked at every 200 ms; the high-water mark is the kernel's own
// (VmHWM). The peer of the drain is the same program on Node's own settings, without those that the launcher gives.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openBuffer } from '../../edge/buffer.ts'
import type { Measurement } from '../../protocol/reading.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { type FakeCloud, openFakeCloud } from '../doubles/cloud.ts'
import { type Instrument, openInstrument, wellRegisters } from '../doubles/instrument.ts'
import { until } from '../doubles/until.ts'
import { type Figure, median } from './figure.ts'

const clock = systemClock
const WELLS = 10
const SIGNALS = 4
const WARM_UP_READINGS = 30 * WELLS * SIGNALS
const LOOKS = 101
const LOOK_EVERY_MS = 200
const BACKLOG_READINGS = 500_000
const MB = 1_000_000

const LAUNCHER = new URL('../../bin/smarthydro-edge.js', import.meta.url).pathname
const CLI = new URL('../../edge/cli.ts', import.meta.url).pathname

/** Resident memory of the gateway. On Linux only: elsewhere there is no /proc to ask. */
export async function benchMemory(): Promise<Figure[]> {
  if (!existsSync('/proc/self/status')) return []
  const instruments = await Promise.all(
    Array.from({ length: WELLS }, () => openInstrument({ clock }, { registers: wellRegisters({ clock }) })),
  )
  try {
    const steady = await atSite(instruments, LAUNCHER, { backlog: 0 }, measureSteady)
    const drain = await atSite(instruments, LAUNCHER, { backlog: BACKLOG_READINGS }, measureDrain)
    const plain = await atSite(instruments, CLI, { backlog: BACKLOG_READINGS }, measureDrain)
    return [
      { name: 'memory: ten wells each second, resident, median', value: steady.median, unit: 'MB' },
      { name: 'memory: ten wells each second, high-water mark', value: steady.peak, unit: 'MB' },
      {
        ...{
          name: 'memory: the same while a backlog drains, high-water mark',
          value: drain.peak,
          unit: 'MB',
        },
        ...{ ratio: drain.peak / plain.peak, peer: 'the same program on Node’s own settings' },
      },
      { name: 'memory: how fast that backlog drained', value: drain.perSecond, unit: 'readings/s' },
    ]
  } finally {
    for (const instrument of instruments) await instrument.close()
  }
}

interface Site {
  cloud: FakeCloud
  /** The process id of the gateway itself. */
  pid: number
}

/** Runs the gateway in a folder of its own, with a backlog in its buffer, until `measure` is done. */
async function atSite<T>(
  instruments: readonly Instrument[],
  program: string,
  { backlog }: { backlog: number },
  measure: (site: Site) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'smarthydro-memory-'))
  const cloud = await openFakeCloud({ clock })
  try {
    await mkdir(join(folder, 'identity'))
    await writeFile(join(folder, 'identity', 'token'), 'a-token')
    await writeFile(join(folder, 'gateway.yaml'), configuration(cloud.url, instruments))
    if (backlog > 0) await fillBuffer(join(folder, 'buffer'), backlog)
    const child = spawn(process.execPath, [program, 'run', '--config', join(folder, 'gateway.yaml')], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, LOG_LEVEL: 'warn' },
    })
    const exited = once(child, 'exit')
    try {
      return await measure({ cloud, pid: await gatewayPid(child, program) })
    } finally {
      child.kill('SIGTERM')
      await exited
    }
  } finally {
    await cloud.close()
    await rm(folder, { recursive: true })
  }
}

async function measureSteady({ cloud, pid }: Site): Promise<{ median: number; peak: number }> {
  await until('it is warm', () => cloud.stored.size >= WARM_UP_READINGS, { timeoutMs: 120_000 })
  const looks: number[] = []
  for (let look = 0; look < LOOKS; look += 1) {
    looks.push(await memoryOf(pid, 'VmRSS'))
    await clock.sleep(LOOK_EVERY_MS)
  }
  return { median: median(looks), peak: await memoryOf(pid, 'VmHWM') }
}

async function measureDrain({ cloud, pid }: Site): Promise<{ peak: number; perSecond: number }> {
  // Live readings come as well, on their own lane.
  const drained = () =>
    cloud.batches.reduce((sum, { lane, batch }) => sum + (lane === 'backlog' ? batch.readings.length : 0), 0)
  await until('the drain began', () => drained() > 0, { timeoutMs: 60_000 })
  const start = clock.monotonic()
  const before = drained()
  await until('the backlog is drained', () => drained() >= BACKLOG_READINGS, { timeoutMs: 300_000 })
  const seconds = (clock.monotonic() - start) / 1000
  return { peak: await memoryOf(pid, 'VmHWM'), perSecond: (BACKLOG_READINGS - before) / seconds }
}

/** The launcher's only child, when it was started by the launcher. */
async function gatewayPid({ pid }: ChildProcess, program: string): Promise<number> {
  assert.ok(pid !== undefined)
  if (program !== LAUNCHER) return pid
  let children = ''
  await until('the launcher has started it', async () => {
    children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return children.trim() !== ''
  })
  return Number(children.trim().split(' ')[0])
}

/** A figure of /proc/PID/status, which has them in kB, in MB. */
async function memoryOf(pid: number, what: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const [, kilobytes] = new RegExp(`^${what}:\\s+(\\d+) kB$`, 'm').exec(status) ?? []
  assert.ok(kilobytes !== undefined, status)
  return (Number(kilobytes) * 1024) / MB
}

async function fillBuffer(path: string, readings: number): Promise<void> {
  const buffer = await openBuffer({ clock, log: silentLog }, { path, maxBytes: 2 ** 32 })
  const variables = ['flow', 'total', 'level', 'pulses'] as const
  const since = Date.parse('2026-01-01T00:00:00Z')
  const perSecond = WELLS * SIGNALS
  for (let start = 0; start < readings; start += 400) {
    const group = Array.from({ length: 400 }, (_, index): Measurement => {
      const number = start + index
      const well = Math.floor(number / SIGNALS) % WELLS
      return {
        ...{ point: `pozo-${well + 1}`, variable: variables[number % SIGNALS] ?? 'flow' },
        ...{ at: since + Math.floor(number / perSecond) * 1000 + well * 13, value: (number % 9_973) / 100 },
        ...{ quality: 'good', timeQuality: 'synced' },
      }
    })
    await buffer.append(group)
  }
  await buffer.close()
}

function configuration(cloudUrl: string, instruments: readonly Instrument[]): string {
  const buses = instruments.map(
    ({ port }, well) => `  - { id: bus-${well + 1}, tcp: { host: 127.0.0.1, port: ${port} } }`,
  )
  const devices = instruments.map(
    (_, well) => `  - id: meter-${well + 1}
    bus: bus-${well + 1}
    point: pozo-${well + 1}
    every: 1s
    signals:
      - { variable: flow, address: 0, type: float32, decimals: 2 }
      - { variable: total, address: 2, type: float64, decimals: 2 }
      - { variable: level, address: 6, type: float32, decimals: 2 }
      - { variable: pulses, address: 8, type: uint32 }`,
  )
  return `gateway: gw-memory
client: campo
project: los-aromos
uplink: { url: "${cloudUrl}", credentials: ./identity, maxDelay: 2s }
buffer: { path: ./buffer }
lanBroker: { port: 0 }
status: { port: 0 }
buses:
${buses.join('\n')}
devices:
${devices.join('\n')}
`
}
