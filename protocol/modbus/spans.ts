// What of a device must be read in one request, and whether it can be.

import type { DeviceConfig, ModbusSignal } from '../gateway-config.ts'
import { REGISTER_COUNT, type RegisterTable } from '../registers.ts'

/** How requests of one device may be made. */
export type Reads = DeviceConfig['reads']

/** Registers that a device answers with an exception, learned while polling or known from its manual. */
export type Hole = Reads['holes'][number]

/** What must be read together: the registers of one value, or of several. */
export interface Span {
  table: RegisterTable
  from: number
  to: number
  signals: number[]
}

/** Why signals cannot be planned; empty when they can. Indices are those of `signals`. */
export function planMistakes(
  signals: readonly ModbusSignal[],
  reads: Reads,
): { signal: number; message: string }[] {
  return toSpans(signals, reads).flatMap(({ from, to, table, signals: [signal = 0, ...others] }) => {
    const count = to - from + 1
    if (count > limitOf(table, reads)) {
      const what = others.length === 0 ? 'needs' : 'needs, with what is to be read together with it,'
      const unit = isBits(table) ? 'bits' : 'registers'
      const message = `${what} ${count} ${unit} in one request, at most ${limitOf(table, reads)} are allowed`
      return [{ signal, message }]
    }
    const inHole = reads.holes.some(
      hole => hole.table === table && hole.address <= to && hole.address + hole.count > from,
    )
    const message =
      others.length === 0 ? 'lies in a hole of its device' : 'is to be read together over a hole'
    return inHole ? [{ signal, message }] : []
  })
}

/** The values of a device, those together that belong together. */
export function toSpans(
  signals: readonly ModbusSignal[],
  { together = [] }: Pick<Reads, 'together'>,
): Span[] {
  let spans = signals.map(toSpan)
  for (const { table, address, count } of together) {
    const isMember = (span: Span) => span.table === table && span.from < address + count && span.to >= address
    const members = spans.filter(isMember)
    if (members.length > 1) spans = [...spans.filter(span => !isMember(span)), joined(members)]
  }
  return spans
}

function toSpan(signal: ModbusSignal, index: number): Span {
  const parts = [signal, ...(signal.plus === undefined ? [] : [signal.plus])]
  return {
    table: signal.table,
    from: Math.min(...parts.map(({ address }) => address)),
    to: Math.max(...parts.map(({ address, type }) => address + REGISTER_COUNT[type] - 1)),
    signals: [index],
  }
}

/** What several spans are when they are read together. */
export function joined(spans: readonly Span[]): Span {
  const { table } = spans[0] as Span
  return {
    table,
    from: Math.min(...spans.map(({ from }) => from)),
    to: Math.max(...spans.map(({ to }) => to)),
    signals: spans.flatMap(({ signals }) => signals),
  }
}

/** How many registers, or bits, one request may ask for. */
export function limitOf(table: RegisterTable, { maxRegisters }: Reads): number {
  return isBits(table) ? maxRegisters * 16 : maxRegisters
}

/** Whether a table holds bits, not registers. */
export const isBits = (table: RegisterTable) => table === 'coil' || table === 'discrete'
