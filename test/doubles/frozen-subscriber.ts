// A subscriber that stops reading.

import { connect, type Socket } from 'node:net'

/** A subscriber that signs in, subscribes, and never reads again. */
export async function freeze(port: number, filter: string): Promise<Socket> {
  const text = (value: string) => [0, value.length, ...Buffer.from(value)]
  const packet = (type: number, body: number[]) => Uint8Array.from([type, body.length, ...body])
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  await new Promise(done => socket.once('connect', done))
  const flags = 0b1100_0010
  const hello = [...text('MQTT'), 4, flags, 0, 0, ...text('frozen'), ...text('x'), ...text('campo-token')]
  socket.write(packet(0x10, hello))
  await new Promise(done => socket.once('data', done))
  socket.write(packet(0x82, [0, 1, ...text(filter), 0]))
  await new Promise(done => socket.once('data', done))
  socket.pause()
  return socket
}
