// modbus-serial, which turns requests into bytes and answers into values. What carries the bytes is ours.
//
// The library believes what its port tells it, keeps answers that nobody waits for, and may never settle a promise. So
// it is given a port of ours: what reaches it has been checked to the last byte, and every call has a deadline of ours.

import { EventEmitter } from 'node:events'
import modbusSerial from 'modbus-serial'
import { reasonOf } from '../../protocol/runtime/errors.ts'
import {
  type Failure,
  isWrite,
  type Outcome,
  type ReadRequest,
  type Request,
  type WriteRequest,
} from './request.ts'

/** The library, with one request at a time. */
export interface Library {
  /** Writes a request. Settles when it has been given the answer. */
  ask(request: Request): Promise<Outcome>
  /** Gives it a whole answer, with its checksum. */
  answer(rtu: Buffer): void
}

/** Opens the library. `write` gets each request as an RTU frame, with its checksum. */
export function openLibrary(write: (rtu: Buffer) => void): Library {
  const port = Object.assign(new EventEmitter(), {
    isOpen: true,
    open: (done: () => void) => done(),
    close: (done: () => void) => done(),
    write,
  })
  const client = new modbusSerial.default(port)
  client.open()
  return {
    async ask(request) {
      client.setID(request.unit)
      try {
        if (isWrite(request)) {
          await writeValues(client, request)
          return { kind: 'written' }
        }
        const values = await readValues(client, request)
        return { kind: 'values', values: values.slice(0, request.count).map(Number) }
      } catch (error) {
        return toFailure(error)
      }
    },
    answer: rtu => void port.emit('data', rtu),
  }
}

type Client = InstanceType<typeof modbusSerial.default>

async function readValues(
  client: Client,
  { table, address, count }: ReadRequest,
): Promise<readonly (number | boolean)[]> {
  switch (table) {
    case 'coil':
      return (await client.readCoils(address, count)).data
    case 'discrete':
      return (await client.readDiscreteInputs(address, count)).data
    case 'holding':
      return (await client.readHoldingRegisters(address, count)).data
    case 'input':
      return (await client.readInputRegisters(address, count)).data
  }
}

async function writeValues(client: Client, { address, values, code }: WriteRequest): Promise<void> {
  const [first = 0] = values
  switch (code) {
    case 5:
      await client.writeCoil(address, first === 1)
      return
    case 6:
      await client.writeRegister(address, first)
      return
    case 15:
      await client.writeCoils(
        address,
        values.map(value => value === 1),
      )
      return
    case 16:
      await client.writeRegisters(address, [...values])
  }
}

function toFailure(error: unknown): Failure {
  const { modbusCode } = error as { modbusCode?: number }
  return modbusCode === undefined
    ? { kind: 'bad_answer', reason: reasonOf(error) }
    : { kind: 'exception', code: modbusCode }
}
