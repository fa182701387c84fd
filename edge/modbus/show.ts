// The signals of one device as they are now: the registers as they came, and what was made of them.

import type { DeviceConfig, ModbusSignal } from '../../protocol/gateway-config.ts'
import type { Measurement } from '../../protocol/reading.ts'
import { REGISTER_COUNT, type RegisterTable } from '../../protocol/registers.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { VARIABLES } from '../../protocol/variables.ts'
import type { RunnableConfig } from '../config.ts'
import { aligned } from '../table.ts'
import type { Bus } from './bus.ts'
import { pollDevice, toPolledDevice } from './poll.ts'

/** Reads a device once and says what it gave, for people, one line for each signal. */
export async function showDevice(
  { bus, clock }: { bus: Bus; clock: Clock },
  device: RunnableConfig['devices'][number],
  signal: AbortSignal,
): Promise<{ text: string; failure: string | undefined }> {
  const registers = new Map<string, number>()
  const heard: Bus = {
    ...bus,
    async read(request, until) {
      const outcome = await bus.read(request, until)
      if (outcome.kind === 'values') {
        for (const [index, value] of outcome.values.entries()) {
          registers.set(`${request.table} ${request.address + index}`, value)
        }
      }
      return outcome
    },
  }
  const polled = toPolledDevice(device, device.signals, device.reads, bus.timing)
  const { measurements, failure } = await pollDevice({ bus: heard, clock }, polled, 'synced', signal)
  const rows = device.signals.map((one, index) => toRow(one, measurements[index] as Measurement, registers))
  const at = new Date(clock.now()).toISOString()
  const lines = [`${device.id} (${whereOf(device)}) at ${at}`, ...aligned(rows)]
  return { text: `${[...lines, ...(failure === undefined ? [] : [failure])].join('\n')}\n`, failure }
}

const whereOf = ({ bus, unit }: Pick<DeviceConfig, 'bus' | 'unit'>) => `unit ${unit} on bus ${bus}`

function toRow(
  signal: ModbusSignal,
  { point, variable, value, quality }: Measurement,
  registers: ReadonlyMap<string, number>,
): string[] {
  const raw = [signal, ...(signal.plus === undefined ? [] : [signal.plus])].map(({ address, type, order }) =>
    rawOf(signal.table, address, REGISTER_COUNT[type], registers).concat(` as ${type} ${order}`),
  )
  const shown = value === null ? 'none' : `${value} ${VARIABLES[variable].unit}`
  return [`  ${point}/${variable}`, shown, quality, raw.join(' plus ')]
}

function rawOf(
  table: RegisterTable,
  address: number,
  count: number,
  registers: ReadonlyMap<string, number>,
): string {
  const words = Array.from({ length: count }, (_, index) => {
    const value = registers.get(`${table} ${address + index}`)
    if (value === undefined) return '----'
    return table === 'coil' || table === 'discrete' ? String(value) : value.toString(16).padStart(4, '0')
  })
  return `${table} ${address}: ${words.join(' ')}`
}
