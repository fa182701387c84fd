// What a configuration will do, in words: requests of each device, and how busy each bus will be.

import { type BusConfig, isLine } from '../protocol/bus-config.ts'
import { ConfigError } from '../protocol/runtime/errors.ts'
import { rangeOf, type Writable, writeFunction } from '../protocol/writable-config.ts'
import type { RunnableConfig, RunnableProvider } from './config.ts'
import { costOf, planReads } from './modbus/plan.ts'
import { timingOf } from './modbus/timing.ts'
import { requestsOf } from './providers/lines.ts'

const HOUR_MS = 3_600_000

/** The plan of a configuration, as text. Throws ConfigError when a line cannot carry what it is asked to. */
export function describePlan(config: RunnableConfig, source: string): string {
  const { gateway, client, project, devices, providers } = config
  const mistakes = overloads(config).map(({ index, found, todo }) => {
    return { path: `buses[${index}]`, message: `${found}: ${todo}` }
  })
  if (mistakes.length > 0) throw new ConfigError(source, mistakes)
  const buses = config.buses.map(bus => describeBus(bus, devices))
  const lines = [
    `${gateway} of ${client}/${project}: ${counted(devices.length, 'device')}, ${providers.length} at providers`,
    '',
    ...buses.flatMap(bus => bus.lines),
    ...providers.map(describeProvider),
  ]
  return `${lines.join('\n')}\n`
}

/** The lines that cannot carry what they are asked to. */
export function overloads({
  buses,
  devices,
}: Pick<RunnableConfig, 'buses' | 'devices'>): { index: number; found: string; todo: string }[] {
  return buses.flatMap((bus, index) => {
    const { load, isSure } = describeBus(bus, devices)
    if (!isSure || load <= 1) return []
    const found = `its devices need ${percent(load)} of its time`
    return [{ index, found, todo: 'poll them less often, or divide them over more lines' }]
  })
}

/** A device at its provider in words, and what is really asked there. Signing in, where there is an account, comes on top. */
function describeProvider(config: RunnableProvider): string {
  const { id, provider, every, signals } = config
  const requests = requestsOf(config)
  const polls = HOUR_MS / every
  const asked = `${counted(requests, 'request')} a poll, ${counted(polls, 'poll')} and ${counted(polls * requests, 'request')} an hour`
  return `provider ${provider}: ${id}, ${counted(signals.length, 'signal')}: ${asked}`
}

/** A bus in words, and which part of its time its devices need. On a line that is no less; elsewhere it is a guess. */
function describeBus(
  bus: BusConfig,
  devices: RunnableConfig['devices'],
): { lines: string[]; load: number; isSure: boolean } {
  const timing = timingOf(bus)
  const isSure = timing.byteMs > 0
  let load = 0
  const described = devices
    .filter(device => device.bus === bus.id)
    .flatMap(({ id, unit, signals, reads, every, writable, turnaround = 0 }) => {
      const line = { timing, turnaroundMs: turnaround }
      const blocks = planReads(signals, reads, line)
      // A way over a network is a guess, and what is refused must be sure.
      load += costOf(blocks, isSure ? { ...line, timing: { ...timing, roundTripMs: 0 } } : line) / every
      const asked = blocks.map(({ table, address, count }) => `${table} ${address}+${count}`).join(', ')
      const cost = `${counted(blocks.length, 'request')}, ${round(costOf(blocks, line))} ms`
      const polls = `${counted(HOUR_MS / every, 'poll')} an hour`
      const reading = `  ${id} (unit ${unit}, ${counted(signals.length, 'signal')}): ${cost}: ${asked}; ${polls}`
      return [reading, ...writable.map(one => `  ${id} may be written: ${describeWritable(one)}`)]
    })
  const busy = `${isSure ? 'at least' : 'about'} ${percent(load)} busy`
  return { lines: [`bus ${bus.id} at ${addressOf(bus)}: ${busy}`, ...described], load, isSure }
}

function describeWritable(writable: Writable): string {
  const { name, table, address, type, unit } = writable
  const { min, max } = rangeOf(writable)
  const range = `${min} to ${max}${unit === undefined ? '' : ` ${unit}`}`
  return `${name}, ${range}, ${table} ${address} as ${type} by function ${writeFunction(writable)}`
}

function addressOf({ serial, tcp, ...bus }: BusConfig): string {
  if (serial !== undefined) {
    const { path, baudRate, parity, stopBits } = serial
    return `${path}, ${baudRate} 8${parity.charAt(0).toUpperCase()}${stopBits}`
  }
  return `${tcp?.host}:${tcp?.port}${isLine({ tcp, ...bus }) ? ' in RTU frames' : ''}`
}

const percent = (part: number): string => `${round(part * 100)} %`

const counted = (count: number, noun: string): string =>
  `${round(count)} ${noun}${round(count) === 1 ? '' : 's'}`

const round = (value: number): number => Math.round(value * 10) / 10
