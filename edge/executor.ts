// Executes what the cloud asks, on the lines and buses of the running gateway.

import type { Command } from '../protocol/command.ts'
import type { Clock } from '../protocol/runtime/clock.ts'
import { Rejected, Unavailable } from '../protocol/runtime/errors.ts'
import type { Execute } from './commands.ts'
import type { RunnableConfig } from './config.ts'
import { type Bus, failureText } from './modbus/bus.ts'
import { scanBus } from './modbus/scan.ts'
import type { Line } from './poller.ts'

interface ExecutorDeps {
  clock: Clock
  lines: readonly Line[]
  buses: readonly Bus[]
  devices: RunnableConfig['devices']
  /** Ends the gateway, whose supervisor starts it again. */
  restart: () => void
}

type CommandOf<Kind extends Command['kind']> = Extract<Command, { kind: Kind }>

/** Opens the executor. Whatever it asks of a bus takes its turn there. */
export function executor(deps: ExecutorDeps, signal: AbortSignal): Execute {
  return async command => {
    switch (command.kind) {
      case 'collect':
        return await collect(deps, command, signal)
      case 'read':
        return await read(deps, command, signal)
      case 'scan':
        return await scan(deps, command, signal)
      case 'restart':
        // After the result has had time to leave.
        void deps.clock.sleep(1_000).then(deps.restart)
        return {}
    }
  }
}

async function collect(
  { lines }: ExecutorDeps,
  { devices, provider }: CommandOf<'collect'>,
  signal: AbortSignal,
): Promise<{ readings: number }> {
  const chosen = lines.flatMap(line =>
    line.sources
      .filter(source => provider === undefined || source.provider === provider)
      .filter(({ id }) => devices === undefined || devices.includes(id))
      .map(source => () => line.poll(source, signal)),
  )
  if (chosen.length === 0) throw new Rejected(nothingChosen(provider, devices))
  let readings = 0
  for (const poll of chosen) readings += await poll()
  return { readings }
}

function nothingChosen(provider: string | undefined, devices: readonly string[] | undefined): string {
  const conditions = [
    ...(provider === undefined ? [] : [`read through ${provider}`]),
    ...(devices === undefined ? [] : [`named ${devices.join(' or ')}`]),
  ]
  return conditions.length === 0
    ? 'This gateway has no device'
    : `No device of this gateway is ${conditions.join(' and ')}`
}

/** Holes are not read for a command either: some devices fall silent when they are. */
async function read(
  { buses, devices }: ExecutorDeps,
  { device: id, table, address, count }: CommandOf<'read'>,
  signal: AbortSignal,
): Promise<{ values: number[] }> {
  const device = devices.find(one => one.id === id)
  const bus = buses.find(one => one.id === device?.bus)
  if (device === undefined || bus === undefined) throw new Rejected(`No device on a bus is named ${id}`)
  const end = address + count
  const hole = device.reads?.holes.find(
    one => one.table === table && one.address < end && address < one.address + one.count,
  )
  if (hole !== undefined) {
    throw new Rejected(`${table} ${hole.address} of ${id} must not be read, as its configuration says`)
  }
  const request = { unit: device.unit, table, address, count, turnaroundMs: device.turnaround ?? 0 }
  const outcome = await bus.read(request, signal)
  if (outcome.kind !== 'values') throw new Unavailable(failureText(bus.id, request, outcome))
  return { values: [...outcome.values] }
}

async function scan(
  { buses, devices }: ExecutorDeps,
  { bus: id, first, last }: CommandOf<'scan'>,
  signal: AbortSignal,
): Promise<{ units: { unit: number; answer: string }[] }> {
  const bus = buses.find(one => one.id === id)
  if (bus === undefined) throw new Rejected(`No bus is named ${id}`)
  const units: { unit: number; answer: string }[] = []
  for await (const { unit, answers, text } of scanBus({ bus }, devices, { first, last }, signal)) {
    if (answers) units.push({ unit, answer: text.slice(0, 300) })
  }
  return { units }
}
