// The devices of a serial line, with faults on demand. Each answers in the order it was asked.
//
// Frames are written by hand from Modbus over Serial Line 1.02: nothing here is shared with what it tests.

import type { Clock } from '../../protocol/runtime/clock.ts'
import { type Registers, readRequest, type SeenRequest, type TakeRegister, writePdu } from './instrument.ts'

/** What a device, or the line, does wrong. */
export type RtuFault =
  | { kind: 'silence' }
  | { kind: 'late'; ms: number }
  | { kind: 'truncated'; bytes: number }
  | { kind: 'noise-before'; bytes: readonly number[] }
  | { kind: 'noise-after'; bytes: readonly number[] }
  | { kind: 'duplicate'; afterMs: number }
  | { kind: 'foreign'; unit: number }
  | { kind: 'flipped'; at: number }
  | { kind: 'wrong-unit' }
  | { kind: 'wrong-function' }
  | { kind: 'wrong-byte-count' }
  | { kind: 'exception'; code: number }
  | { kind: 'trickle'; afterMs: number }
  /** Does not hear the request: what it writes is not written. */
  | { kind: 'deaf' }

/** The devices of a line. */
export interface RtuInstrument {
  /** With the time at which each was whole. */
  requests: (SeenRequest & { at: number })[]
  /** What came from the line. */
  hear(bytes: Buffer): void
  /** Applies to the requests that come next, one fault each. */
  fail(...faults: RtuFault[]): void
  /** Chooses for each request that no other fault is queued for. */
  failBy(choose: (request: SeenRequest) => RtuFault | undefined): void
}

const REQUEST_BYTES = 8
/** A timer that is later is not what a test asked for. */
const LATE_MAX_MS = 2

/** Puts devices on a line. `send` puts bytes on it; `units` answer, all others do not. */
export function openRtuInstrument(
  { clock, send }: { clock: Clock; send: (bytes: Buffer) => void },
  {
    units,
    registers,
    delayMs = 0,
    take,
  }: { units: readonly number[]; registers: Registers; delayMs?: number; take?: TakeRegister },
): RtuInstrument {
  const requests: RtuInstrument['requests'] = []
  const queued: RtuFault[] = []
  const turns = new Map<number, Promise<void>>()
  let chosen: (request: SeenRequest) => RtuFault | undefined = () => undefined
  let received = Buffer.alloc(0)

  const hearRequest = (frame: Buffer) => {
    const [unit = 0] = frame
    if (!withChecksum(frame.subarray(0, -2)).equals(frame)) throw new Error(`No request: ${frame.toHex()}`)
    const pdu = frame.subarray(1, -2)
    const asked = readRequest(pdu)
    const { code, address, count } = asked
    requests.push({ unit, ...asked, at: clock.monotonic() })
    const fault = queued.shift() ?? chosen({ unit, ...asked })
    if (!units.includes(unit) || fault?.kind === 'deaf') return
    const said = writePdu(take, asked, pdu) ?? toPdu(registers, code, address, count)
    const answer = withChecksum(Buffer.concat([Buffer.from([unit]), said]))
    const heardAt = clock.monotonic()
    const turn = (turns.get(unit) ?? Promise.resolve()).then(async () => {
      // In another's name and late as well, behind an answer that was: nobody on a line could tell it from that other's.
      const isInAnothersName = fault?.kind === 'foreign' || fault?.kind === 'wrong-unit'
      if (isInAnothersName && clock.monotonic() - heardAt > LATE_MAX_MS) return
      if (delayMs > 0) await clock.sleep(delayMs)
      await say({ clock, send }, answer, fault)
    })
    turns.set(unit, turn)
  }

  return {
    requests,
    hear(bytes) {
      received = Buffer.concat([received, bytes])
      while (received.length >= sizeOf(received)) {
        const size = sizeOf(received)
        const frame = received.subarray(0, size)
        received = received.subarray(size)
        hearRequest(frame)
      }
    },
    fail: (...faults) => void queued.push(...faults),
    failBy: choose => {
      chosen = choose
    },
  }
}

/** How long the request is that begins here. Functions 15 and 16 say how many bytes they bring. */
function sizeOf(received: Buffer): number {
  const [, code = 0] = received
  return code === 15 || code === 16 ? 9 + (received[6] ?? 0) : REQUEST_BYTES
}

/** Modbus Application Protocol 1.1b3, sections 6.1 to 6.4. */
function toPdu(registers: Registers, code: number, address: number, count: number): Buffer {
  const values = Array.from({ length: count }, (_, index) => registers(code, address + index))
  if (values.some(value => value === undefined)) return Buffer.from([code | 0x80, 2])
  if (code > 2) {
    const pdu = Buffer.alloc(2 + 2 * count)
    pdu.writeUInt8(code, 0)
    pdu.writeUInt8(2 * count, 1)
    for (const [index, value] of values.entries()) pdu.writeUInt16BE(value ?? 0, 2 + 2 * index)
    return pdu
  }
  const pdu = Buffer.alloc(2 + Math.ceil(count / 8))
  pdu.writeUInt8(code, 0)
  pdu.writeUInt8(Math.ceil(count / 8), 1)
  for (const [index, value] of values.entries()) {
    const at = 2 + (index >> 3)
    if (value === 1) pdu[at] = (pdu[at] ?? 0) | (1 << (index & 7))
  }
  return pdu
}

async function say(
  { clock, send }: { clock: Clock; send: (bytes: Buffer) => void },
  answer: Buffer,
  fault: RtuFault | undefined,
): Promise<void> {
  const changed = (at: number, by: number, checksum: boolean) => {
    const frame = Buffer.from(answer)
    frame[at % frame.length] = (frame[at % frame.length] ?? 0) ^ by
    return checksum ? withChecksum(frame.subarray(0, -2)) : frame
  }
  switch (fault?.kind) {
    case undefined:
      return send(answer)
    case 'silence':
    case 'deaf':
      return
    case 'late':
      await clock.sleep(fault.ms)
      return send(answer)
    case 'truncated':
      return send(answer.subarray(0, Math.max(1, answer.length - fault.bytes)))
    case 'noise-before':
      return send(Buffer.concat([Buffer.from(fault.bytes), answer]))
    case 'noise-after':
      return send(Buffer.concat([answer, Buffer.from(fault.bytes)]))
    case 'duplicate': {
      send(answer)
      const due = clock.monotonic() + fault.afterMs
      if (fault.afterMs > 0) await clock.sleep(fault.afterMs)
      // A process that was held up repeats nothing: it would come later than the fault says.
      return clock.monotonic() - due > LATE_MAX_MS ? undefined : send(answer)
    }
    case 'foreign': {
      const foreign = Buffer.from(answer)
      foreign[0] = fault.unit
      return send(withChecksum(foreign.subarray(0, -2)))
    }
    case 'flipped':
      return send(changed(fault.at, 1 << (fault.at & 7), false))
    case 'wrong-unit':
      return send(changed(0, 1, true))
    case 'wrong-function':
      return send(changed(1, 7, true))
    case 'wrong-byte-count':
      return send(changed(2, 2, true))
    case 'exception':
      return send(withChecksum(Buffer.from([answer[0] ?? 0, (answer[1] ?? 0) | 0x80, fault.code])))
    case 'trickle':
      for (const byte of answer) {
        send(Buffer.from([byte]))
        await clock.sleep(fault.afterMs)
      }
  }
}

/** Modbus over Serial Line 1.02, appendix B: low byte first. */
export function withChecksum(body: Uint8Array): Buffer {
  let crc = 0xffff
  for (const byte of body) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1
  }
  return Buffer.from([...body, crc & 0xff, crc >>> 8])
}
