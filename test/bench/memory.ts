// How much memory a gateway takes at 1,000 signals a second: with an empty buffer, with a full one while the cloud is away,
// and while that backlog drains at full speed.
//
// The gateway is the program as npm installs it, started by its launcher; instruments and cloud
// are here. Resident memory is the kernel's figure (VmRSS), looked at every 200 ms; the high-water mark is the kernel's own
// (VmHWM). The peer of the drain is the same program on Node's own settings, without those that the launcher gives.
// MEMORY_BACKLOG=10000000 measures with as many readings in the buffer; the names of the figures say how many there were.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openBuffer } from '../../edge/buffer.ts'
import type { Measurement } from '../../protocol/reading.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { type FakeCloud, openFakeCloud } from '../doubles/cloud.ts'
import { type Instrument, openInstrument, wellRegisters } from '../doubles/instrument.ts'
import { until } from '../doubles/until.ts'
import { type Figure, median } from './figure.ts'

const clock = systemClock
const DEVICES = 25
const POINTS = 10
const SIGNALS = [
  ['flow', 0, 'float32, decimals: 2'],
  ['total', 2, 'float64, decimals: 2'],
  ['level', 6, 'float32, decimals: 2'],
  ['pulses', 8, 'uint32'],
] as const
const PER_DEVICE = POINTS * SIGNALS.length
/** Registers of one point. */
const REGISTERS = 10
const WARM_UP_MS = 30_000
const LOOKS = 101
const LOOK_EVERY_MS = 200
const BACKLOG_READINGS = Number(process.env.MEMORY_BACKLOG ?? 1_000_000)
const MB = 1_000_000

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Resident memory of the gateway. On Linux only: elsewhere there is no /proc to ask. */
export async function benchMemory(): Promise<Figure[]> {
  if (!existsSync('/proc/self/status')) return []
  const home = await mkdtemp(join(tmpdir(), 'smarthydro-memory-'))
  const registers = wellRegisters({ clock })
  const instruments = await Promise.all(
    Array.from({ length: DEVICES }, () =>
      openInstrument({ clock }, { registers: (code, address) => registers(code, address % REGISTERS) }),
    ),
  )
  try {
    const program = install(join(home, 'app'))
    const full = join(home, 'full')
    await fillBuffer(full, BACKLOG_READINGS)
    const bare = join(home, 'app', 'dist', 'edge', 'cli.js')
    const empty = await atSite(home, instruments, program, undefined, measureSteady)
    const outage = await atSite(home, instruments, program, full, measureOutage)
    const plain = await atSite(home, instruments, bare, full, measureOutage)
    return toFigures(empty, outage, plain)
  } finally {
    for (const instrument of instruments) await instrument.close()
    await rm(home, { recursive: true })
  }
}

function toFigures(empty: Memory, outage: Outage, plain: Outage): Figure[] {
  const full = `a buffer of ${BACKLOG_READINGS.toLocaleString('en-US')}`
  const peer = 'the same program on Node’s own settings'
  const held = (what: (outage: Outage) => number) => ({ ratio: what(outage) / what(plain), peer })
  const figure = (name: string, value: number, more = {}) => ({
    ...{ name: `memory: 1,000 signals a second, ${name}`, value, unit: 'MB', ...more },
  })
  return [
    figure('an empty buffer, median', empty.median),
    figure('an empty buffer, high-water mark', empty.peak),
    figure(
      `${full}, median`,
      outage.steady.median,
      held(({ steady }) => steady.median),
    ),
    figure(`${full}, more than with an empty one`, outage.steady.median - empty.median),
    figure(
      `${full}, high-water mark after opening it`,
      outage.steady.peak,
      held(({ steady }) => steady.peak),
    ),
    figure(
      `${full}, while it drains, median`,
      outage.drain.median,
      held(({ drain }) => drain.median),
    ),
    figure(
      `${full}, while it drains, high-water mark`,
      outage.drain.peak,
      held(({ drain }) => drain.peak),
    ),
    {
      ...{ name: 'memory: how fast that drained', value: outage.perSecond, unit: 'readings/s' },
      ...held(({ perSecond }) => perSecond),
    },
  ]
}

/** Megabytes. */
interface Memory {
  median: number
  peak: number
}

interface Outage {
  steady: Memory
  drain: Memory
  perSecond: number
}

interface Site {
  cloud: FakeCloud
  /** The process id of the gateway. */
  pid: number
}

/** Puts the program into `folder` as npm does, and gives the file that starts it. */
function install(folder: string): string {
  const packed = spawnSync(process.execPath, [join(ROOT, 'deploy', 'pack.ts')], { encoding: 'utf8' })
  assert.equal(packed.status, 0, packed.stderr)
  mkdirSync(folder)
  for (const part of ['bin', 'dist', 'package.json']) {
    cpSync(join(ROOT, part), join(folder, part), { recursive: true })
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  return join(folder, 'bin', 'smarthydro-edge.js')
}

/** Runs the gateway at a site of its own, with a copy of `buffer` if there is one, until `measure` is done. */
async function atSite<T>(
  home: string,
  instruments: readonly Instrument[],
  program: string,
  buffer: string | undefined,
  measure: (site: Site) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(home, 'site-'))
  const cloud = await openFakeCloud({ clock })
  try {
    await mkdir(join(folder, 'identity'))
    await writeFile(join(folder, 'identity', 'token'), 'a-token')
    await writeFile(join(folder, 'gateway.yaml'), configuration(cloud.url, instruments))
    if (buffer !== undefined) {
      await cp(buffer, join(folder, 'buffer'), { recursive: true })
      await cloud.stop()
    }
    const child = spawn(process.execPath, [program, 'run', '--config', join(folder, 'gateway.yaml')], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, LOG_LEVEL: 'error' },
    })
    const exited = once(child, 'exit')
    try {
      return await measure({ cloud, pid: await gatewayPid(child) })
    } finally {
      child.kill('SIGTERM')
      await exited
    }
  } finally {
    await cloud.close()
    await rm(folder, { recursive: true })
  }
}

async function measureSteady({ cloud, pid }: Site): Promise<Memory> {
  await clock.sleep(WARM_UP_MS)
  const looks: number[] = []
  while (looks.length < LOOKS) {
    looks.push(await memoryOf(pid, 'VmRSS'))
    takeBacklog(cloud)
    await clock.sleep(LOOK_EVERY_MS)
  }
  return { median: median(looks), peak: await memoryOf(pid, 'VmHWM') }
}

/** The cloud is away, and then it is back. */
async function measureOutage(site: Site): Promise<Outage> {
  const { cloud, pid } = site
  const steady = await measureSteady(site)
  // Resets the kernel's high-water mark (proc(5)).
  await writeFile(`/proc/${pid}/clear_refs`, '5')
  await cloud.start()
  let taken = 0
  const hasBegun = () => {
    taken += takeBacklog(cloud)
    return taken > 0
  }
  await until('the drain began', hasBegun, { timeoutMs: 120_000 })
  const start = clock.monotonic()
  const before = taken
  const looks: number[] = []
  while (taken < BACKLOG_READINGS) {
    assert.ok(clock.monotonic() - start < 1_800_000, 'the backlog did not drain within half an hour')
    await clock.sleep(LOOK_EVERY_MS)
    looks.push(await memoryOf(pid, 'VmRSS'))
    taken += takeBacklog(cloud)
  }
  const seconds = (clock.monotonic() - start) / 1000
  const drain = { median: median(looks), peak: await memoryOf(pid, 'VmHWM') }
  return { steady, drain, perSecond: (taken - before) / seconds }
}

/** How many readings of the backlog have come since it was asked last. What came is let go of: millions may. */
function takeBacklog(cloud: FakeCloud): number {
  const backlog = cloud.batches.filter(({ lane }) => lane === 'backlog')
  const count = backlog.reduce((sum, { batch }) => sum + batch.readings.length, 0)
  cloud.batches.length = 0
  cloud.stored.clear()
  cloud.commits.clear()
  return count
}

/** The process, once it is the gateway and its launcher no more. */
async function gatewayPid({ pid }: ChildProcess): Promise<number> {
  assert.ok(pid !== undefined)
  const isGateway = async () => (await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes('dist/edge/cli.js')
  await until('the launcher has become the gateway', isGateway)
  return pid
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
  const since = Date.parse('2026-01-01T00:00:00Z')
  const pollOf = (number: number) => {
    const [device, second] = [number % DEVICES, Math.floor(number / DEVICES)]
    return Array.from({ length: PER_DEVICE }, (_, index): Measurement => {
      const [variable] = SIGNALS[index % SIGNALS.length] as (typeof SIGNALS)[number]
      return {
        ...{ point: `pozo-${device}-${Math.floor(index / SIGNALS.length)}`, variable },
        ...{ at: since + second * 1000 + device * 13, value: ((number * 7 + index * 13) % 9_973) / 100 },
        ...{ quality: 'good', timeQuality: 'synced' },
      }
    })
  }
  const polls = readings / PER_DEVICE
  for (let start = 0; start < polls; start += 100) {
    const some = Array.from({ length: Math.min(100, polls - start) }, (_, index) => pollOf(start + index))
    await Promise.all(some.map(poll => buffer.append(poll)))
  }
  await buffer.close()
}

function configuration(cloudUrl: string, instruments: readonly Instrument[]): string {
  const buses = instruments.map(
    ({ port }, device) => `  - { id: bus-${device}, tcp: { host: 127.0.0.1, port: ${port} } }`,
  )
  const signalsOf = (device: number) =>
    Array.from({ length: POINTS }, (_, place) =>
      SIGNALS.map(
        ([variable, address, type]) =>
          `      - { point: pozo-${device}-${place}, variable: ${variable}, address: ${place * REGISTERS + address}, type: ${type} }`,
      ),
    ).flat()
  const devices = instruments.map(
    (_, device) => `  - id: meter-${device}
    bus: bus-${device}
    point: pozo-${device}
    every: 1s
    signals:
${signalsOf(device).join('\n')}`,
  )
  return `gateway: gw-memory
client: campo
project: los-aromos
uplink: { url: "${cloudUrl}", credentials: ./identity, maxDelay: 2s }
buffer: { path: ./buffer }
lanBroker: { port: 0 }
status: { port: 0 }
clock: trusted
buses:
${buses.join('\n')}
devices:
${devices.join('\n')}
`
}
