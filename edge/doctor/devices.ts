// Why a device is silent: as the running gateway says, or by asking it where none runs.

import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import type { BusConfig } from '../../protocol/bus-config.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import type { RunnableConfig } from '../config.ts'
import { type Bus, openBus } from '../modbus/bus.ts'
import { planReads } from '../modbus/plan.ts'
import { failureText, type ReadOutcome, type ReadRequest } from '../modbus/request.ts'
import { type DoctorDeps, type Finding, type RunningGateway, reach } from './finding.ts'

/** How a device is, as the running gateway says. */
export function examineDevice(
  id: string,
  { devices, at }: RunningGateway,
  advise: (failure: string) => string,
): Finding {
  const subject = `device ${id}`
  const tried = 'the running gateway'
  const device = devices.find(one => one.id === id)
  if (device === undefined) {
    const todo = 'restart the gateway: it runs with an older configuration'
    return { state: 'wrong', subject, found: 'the gateway does not know it', tried, todo }
  }
  const { ok, failed, lastOkAt, lastFailure } = device
  if (ok + failed === 0)
    return { state: 'note', subject, found: 'not asked yet', tried, todo: 'wait for its next poll' }
  if (lastFailure === undefined) {
    const age = Math.round((at - (lastOkAt ?? at)) / 1000)
    return {
      state: 'ok',
      subject,
      found: `answered ${age} s ago, ${failed} of ${ok + failed} polls failed`,
      tried,
    }
  }
  const since =
    lastOkAt === undefined ? 'never answered' : `last answered ${new Date(lastOkAt).toISOString()}`
  return { state: 'wrong', subject, found: `${since}: ${lastFailure}`, tried, todo: advise(lastFailure) }
}

/** What a person can do about why a poll of a device on a bus failed. */
export function adviceOn(failure: string): string {
  if (/exception (2|3) /.test(failure)) {
    return 'the device is there and has no such register: compare profile, table and addresses with its manual'
  }
  if (/exception 1 /.test(failure))
    return 'the device does not know this table: try `table: input` instead of `holding`, or the other way round'
  if (/exception (10|11) /.test(failure))
    return 'the Modbus gateway is there and the device behind it is silent: check its unit number, power and line'
  if (/exception /.test(failure))
    return 'the device is there and says that it cannot: look at its display, and restart it'
  if (/another program has/.test(failure))
    return 'one program can have a line: stop the other, a second gateway or a `read` that was left running'
  if (/not connected|cannot be used/.test(failure)) return 'see its bus: the address, the cable, the adapter'
  if (/too early/.test(failure)) {
    return 'the line has another baud rate than baudRate, an echo or a second master; where no line is, as with a device that is itself the USB port, say `paced: false`'
  }
  if (/never silent|checksum|CRC/i.test(failure)) {
    return 'the line carries noise or another baud rate: check baudRate, parity, termination, and that there is one master only'
  }
  return 'check its power, its unit number, the wires A and B, baudRate and parity; `smarthydro-edge scan` says who answers'
}

/** A bus that no gateway is using: whether it is there, and what each of its devices answers. */
export async function* examineBus(
  { clock, random }: DoctorDeps,
  config: BusConfig,
  devices: RunnableConfig['devices'],
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const missing = await busHindrance(config)
  if (missing !== undefined) {
    yield missing
    return
  }
  const bus = openBus({ clock, log: silentLog, random }, config)
  try {
    for (const device of devices.filter(one => one.bus === config.id)) {
      yield await examineAnswers(bus, device, signal)
    }
  } finally {
    await bus.close()
  }
}

async function busHindrance({ id, tcp, serial }: BusConfig): Promise<Finding | undefined> {
  const subject = `bus ${id}`
  if (tcp !== undefined) {
    const tried = `a connection to ${tcp.host}:${tcp.port}`
    const reason = await reach(tcp.host, tcp.port)
    if (reason === undefined) return undefined
    const todo =
      'check its address and port, the cable and the switch, and that this machine has an address of that network'
    return { state: 'wrong', subject, found: `not reached: ${reason}`, tried, todo }
  }
  if (serial === undefined) return undefined
  const tried = `opening ${serial.path}`
  try {
    await stat(serial.path)
  } catch {
    const todo = 'plug the adapter in, and take its name from `ls /dev/serial/by-id`'
    return { state: 'wrong', subject, found: 'there is no such port', tried, todo }
  }
  try {
    await access(serial.path, constants.R_OK | constants.W_OK)
    return undefined
  } catch {
    const todo = 'put the user that runs this into the group dialout, and sign in again'
    return { state: 'wrong', subject, found: 'this user may not use the port', tried, todo }
  }
}

/** What a device answers to the requests of a poll, up to the first that it does not answer with values. */
async function examineAnswers(
  bus: Bus,
  device: RunnableConfig['devices'][number],
  signal: AbortSignal,
): Promise<Finding> {
  const { id, unit, signals, reads, turnaround: turnaroundMs = 0 } = device
  const blocks = planReads(signals, reads, { timing: bus.timing, turnaroundMs })
  for (const { table, address, count } of blocks) {
    const request = { unit, table, address, count, turnaroundMs }
    const outcome = await bus.read(request, signal)
    if (outcome.kind !== 'values') return failedFinding(bus, id, request, outcome)
  }
  const tried = `reading all its registers of unit ${unit} on bus ${bus.id}`
  return { state: 'ok', subject: `device ${id}`, found: 'answers', tried }
}

function failedFinding(
  bus: Bus,
  id: string,
  request: ReadRequest,
  outcome: Exclude<ReadOutcome, { kind: 'values' }>,
): Finding {
  const { unit, table, address, count } = request
  const subject = `device ${id}`
  const tried = `reading ${count} of ${table} from ${address} of unit ${unit} on bus ${bus.id}`
  const reason = failureText(bus.id, request, outcome)
  const how = {
    no_answer: 'is silent',
    exception: 'answers that it cannot',
    bad_answer: 'answers what is no answer',
  }
  return { state: 'wrong', subject, found: `${how[outcome.kind]}: ${reason}`, tried, todo: adviceOn(reason) }
}
