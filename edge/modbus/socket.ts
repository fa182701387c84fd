// A socket to a device or to a converter.

import { connect, type Socket } from 'node:net'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf } from '../../protocol/runtime/errors.ts'
import { within } from './deadline.ts'

/** A socket that is connected, and why it failed, as text to put after something else, once it has. */
export interface Connected {
  socket: Socket
  lastError(): string
}

/** Connects, or says why not. */
export async function connectSocket(
  { clock }: { clock: Clock },
  { host, port, timeoutMs }: { host: string; port: number; timeoutMs: number },
  signal: AbortSignal,
): Promise<Connected | string> {
  const socket = connect({ host, port, noDelay: true, keepAlive: true })
  let lastError = ''
  const opened = new Promise<string | undefined>(resolve => {
    socket.once('connect', () => resolve(undefined))
    socket.on('error', error => {
      lastError = `: ${reasonOf(error)}`
      resolve(`${host}:${port}${lastError}`)
    })
  })
  const late = () => `${host}:${port}: no connection in ${timeoutMs} ms`
  const failure = await within({ clock }, opened, timeoutMs, signal, late)
  if (failure === undefined) return { socket, lastError: () => lastError }
  socket.destroy()
  signal.throwIfAborted()
  return failure
}
