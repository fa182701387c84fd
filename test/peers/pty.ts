// Pairs of pseudo-terminals, made by socat: one end is a path to open, the other is in the test's hand.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lineTiming } from '../../edge/modbus/timing.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { until } from '../doubles/until.ts'

/** A serial port whose far end a test holds. */
export interface Pty {
  path: string
  /** Puts bytes on the line. */
  send(bytes: Buffer): void
  /** Pulls the adapter out: the path is gone, and who had it open is told. */
  unplug(): Promise<void>
  /** Plugs it in again, with nothing written on it before. */
  plug(): Promise<void>
  close(): Promise<void>
}

/** Makes a serial port. `heard` gets what its user writes. */
export async function openPty(heard: (bytes: Buffer) => void): Promise<Pty> {
  const folder = mkdtempSync(join(tmpdir(), 'smarthydro-pty-'))
  const path = join(folder, 'usb-serial')
  let child: ChildProcess | undefined
  const plug = async () => {
    child = spawn('socat', [`pty,raw,echo=0,link=${path}`, 'stdio'], { stdio: ['pipe', 'pipe', 'inherit'] })
    child.stdout?.on('data', heard)
    child.stdin?.on('error', () => {})
    await until('socat has made a port', () => existsSync(path))
  }
  const unplug = async () => {
    if (child === undefined) return
    const exited = once(child, 'exit')
    child.kill()
    child = undefined
    await exited
  }
  await plug()
  return {
    path,
    send: bytes => void (child?.stdin?.writable && child.stdin.write(bytes)),
    plug,
    unplug,
    async close() {
      await unplug()
      rmSync(folder, { recursive: true })
    },
  }
}

/** Two ports joined by a line of a certain rate: no byte arrives before its time. */
export async function openPacedPair(baudRate: number): Promise<{ near: Pty; far: Pty }> {
  const { byteMs } = lineTiming(baudRate, 11)
  const toFar = openPace(byteMs, bytes => far.send(bytes))
  const toNear = openPace(byteMs, bytes => near.send(bytes))
  const near = await openPty(toFar)
  const far = await openPty(toNear)
  return { near, far }
}

/** Lets bytes through at the rate of a line, in chunks as an adapter hands them over: none before its time. */
export function openPace(byteMs: number, send: (bytes: Buffer) => void): (bytes: Buffer) => void {
  let waiting = Buffer.alloc(0)
  let freeAt = 0
  const pump = () => {
    const now = systemClock.monotonic()
    // The first byte waiting is whole at freeAt.
    const count = Math.min(waiting.length, Math.floor((now - freeAt) / byteMs) + 1)
    if (count > 0) {
      send(waiting.subarray(0, count))
      waiting = waiting.subarray(count)
      freeAt += count * byteMs
    }
    if (waiting.length > 0) setTimeout(pump, Math.max(1, freeAt - systemClock.monotonic()))
  }
  return bytes => {
    if (waiting.length === 0) {
      freeAt = Math.max(freeAt, systemClock.monotonic() + byteMs)
      setTimeout(pump, byteMs)
    }
    waiting = Buffer.concat([waiting, bytes])
  }
}
