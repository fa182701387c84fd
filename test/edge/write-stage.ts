// A pump on a bus, over a real connection to an instrument, and commands that write to it.

import type { TestContext } from 'node:test'
import type { CommandResult } from '../../protocol/command.ts'
import type { Registers, TakeRegister } from '../doubles/instrument.ts'
import { openInstrumentStage } from './command-stage.ts'

/** A pump under two names with what may be written to it, and a meter to which nothing may be. */
export const PUMP = `
  - id: pump
    bus: plant
    unit: 7
    point: pozo-7
    every: 1m
    signals: [{ variable: level, address: 2, type: uint16 }]
    writable:
      - { name: start-level, address: 10, type: uint16, scale: 0.01, unit: m, min: 0, max: 50 }
      - { name: set-point, address: 20, type: float32, order: CDAB, unit: L/s, min: 0, max: 120 }
      - { name: mode, address: 30, type: int16, min: -1, max: 3, function: 16 }
      - { name: running, table: coil, address: 5, type: bool }
      - { name: valve, table: coil, address: 6, type: bool, function: 15 }
  - id: pump-again
    bus: plant
    unit: 7
    point: pozo-8
    every: 1m
    signals: [{ variable: level, address: 2, type: uint16 }]
    writable: [{ name: start-level, address: 10, type: uint16, scale: 0.01, unit: m, min: 0, max: 50 }]
  - id: meter
    bus: plant
    unit: 8
    point: pozo-7
    every: 1m
    signals: [{ variable: flow, address: 2, type: uint16 }]
`

/** A gateway over an instrument that keeps what is written to it, unless `take` and `registers` do something else. */
export async function openWriteStage(context: TestContext, take?: TakeRegister, registers?: Registers) {
  const cells = new Map<string, number>()
  const keep: TakeRegister = (code, address, value) => {
    cells.set(`${code} ${address}`, value)
    return undefined
  }
  const stage = await openInstrumentStage(context, {
    devices: PUMP,
    registers: registers ?? ((code, address) => cells.get(`${code} ${address}`) ?? 0),
    take: take ?? keep,
  })
  const set = (id: string, name: string, value: number, unit?: string, device = 'pump') =>
    stage.send(id, { kind: 'write', device, name, value, ...(unit === undefined ? {} : { unit }) })
  const codes = () => stage.instrument.requests.map(({ code }) => code)
  return { ...stage, cells, set, codes }
}

/** What came of it, and the three values. */
export const outcomeOf = ({ status, written }: Partial<CommandResult>) => [
  status,
  written?.asked,
  written?.before,
  written?.found,
  written?.acknowledged,
]
