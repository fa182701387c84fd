// Bytes to and from a serial line, over the machine's own port or over a converter.

import type { EventEmitter } from 'node:events'
import { setImmediate as immediately } from 'node:timers/promises'
import type { SerialPort } from 'serialport'
import type { BusConfig } from '../../protocol/bus-config.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf } from '../../protocol/runtime/errors.ts'
import { within } from './deadline.ts'
import { connectSocket } from './socket.ts'

/** A line that is open. It knows nothing of frames. */
export interface Line {
  isOpen(): boolean
  write(bytes: Buffer): void
  /** Who hears what comes, and once, that the line is gone, with the reason as text to put after something else. */
  listen(heard: (bytes: Buffer) => void, gone: (reason: string) => void): void
  /** Throws away what has come and has not been heard, or hears it. */
  flush(): Promise<void>
  /** Throws away what was written and has not left this machine; with the line, where it goes no other way. */
  discard(): void
  /** Ends it, and discards. Resolves when it can be opened again. */
  close(): Promise<void>
}

/** Opens a line, or says why it could not. */
export type OpenLine = (signal: AbortSignal) => Promise<Line | string>

/** How long a port may take to open. */
const OPEN_MS = 5_000

/** Opens a serial port: a new object each time, for one that has failed is not to be trusted again. */
export async function openSerialLine(
  { clock }: { clock: Clock },
  { path, baudRate, parity, stopBits }: NonNullable<BusConfig['serial']>,
  signal: AbortSignal,
): Promise<Line | string> {
  // Native code, which a machine may not have: who has no serial line does without.
  const library = await import('serialport').catch(reasonOf)
  if (typeof library === 'string') return `serial ports cannot be used here: ${library}`
  const port = new library.SerialPort({
    path,
    baudRate,
    parity,
    stopBits,
    dataBits: 8,
    autoOpen: false,
    lock: true,
  })
  let gone = (_: string) => {}
  let lastError = ''
  port.on('error', error => {
    lastError = `: ${reasonOf(error)}`
  })
  port.on('close', (error: Error | null) => gone(error === null ? lastError : `: ${reasonOf(error)}`))
  const close = () => new Promise<void>(resolve => (port.isOpen ? port.close(() => resolve()) : resolve()))
  const opening = new Promise<string | undefined>(resolve =>
    port.open(error => resolve(error === null ? undefined : openFailure(path, reasonOf(error)))),
  )
  const late = () => `${path} did not open in ${OPEN_MS} ms`
  const failure = await within({ clock }, opening, OPEN_MS, signal, late)
  if (failure !== undefined) {
    // It may open all the same: nobody else could have it then.
    void opening.then(close)
    signal.throwIfAborted()
    return failure
  }
  keepAwake(port)
  return {
    isOpen: () => port.isOpen,
    write: bytes => void port.write(bytes),
    listen(heard, whenGone) {
      gone = whenGone
      port.on('data', heard)
    },
    // A port that cannot be flushed is on its way to be closed.
    flush: () => new Promise<void>(resolve => (port.isOpen ? port.flush(() => resolve()) : resolve())),
    // A line takes whatever it is given, whether or not somebody hears it.
    discard() {},
    close,
  }
}

/** The library's own words, but for the one that a person meets who left a gateway running. */
function openFailure(path: string, reason: string): string {
  return /cannot lock port/i.test(reason) ? `another program has ${path} open` : reason
}

/**
 * The library tells of bytes from native code, after which Node 26 runs no promises until something else happens: an
 * answer would lie there until the next timer. An immediate is something else.
 * https://github.com/serialport/node-serialport/issues/3148
 */
function keepAwake({ port }: SerialPort): void {
  const { poller } = port as unknown as { poller?: EventEmitter }
  for (const event of ['readable', 'writable', 'disconnect']) {
    poller?.on(event, () => void setImmediate(() => {}))
  }
}

/** Connects to a converter that passes on the bytes of a line as they are. */
export async function openConverterLine(
  { clock }: { clock: Clock },
  { host, port, timeoutMs }: { host: string; port: number; timeoutMs: number },
  signal: AbortSignal,
): Promise<Line | string> {
  const connected = await connectSocket({ clock }, { host, port, timeoutMs }, signal)
  if (typeof connected === 'string') return connected
  const { socket, lastError } = connected
  return {
    isOpen: () => !socket.destroyed && socket.readyState === 'open',
    write: bytes => void socket.write(bytes),
    listen(heard, gone) {
      socket.on('data', heard)
      socket.once('close', () => gone(lastError()))
    },
    async flush() {
      // In between, what has come is read.
      await immediately()
      await immediately()
    },
    // What lies in the kernel's queue would be sent when the network is back, after a close as well.
    discard: () => void socket.resetAndDestroy(),
    async close() {
      socket.resetAndDestroy()
    },
  }
}
