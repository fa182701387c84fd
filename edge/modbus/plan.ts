// Which registers go into which request: the set of requests that keeps the wire busy for the shortest time.
//
// A request costs a fixed number of bytes and two for each register (an eighth for each bit), so reading over a gap of a
// few registers is cheaper than asking twice. Never read: a device's holes. Never split: a value, and the two parts of
// one that is kept in two places, because a counter may carry between two answers.

import {
  type DeviceConfig,
  type ModbusSignal,
  REGISTER_COUNT,
  type RegisterTable,
} from '../../protocol/gateway-config.ts'
import { valueBytes } from './timing.ts'

/** A stretch of registers that one request asks for, and the signals that are read from it. */
export interface Block {
  table: RegisterTable
  address: number
  count: number
  signals: readonly number[]
}

/** How requests of one device may be made. */
export type Reads = DeviceConfig['reads']

/** Registers that a device answers with an exception, learned while polling or known from its manual. */
export type Hole = Reads['holes'][number]

/**
 * Bytes of request and answer besides the values, on RTU: 8 and 5, and the silence of 3.5 characters after each.
 * Modbus over Serial Line 1.02, section 2.5.1.
 */
const OVERHEAD_BYTES = 8 + 5 + 7

/** What must be read together: a value's registers, and those of the part that is added to it. */
interface Span {
  table: RegisterTable
  from: number
  to: number
  signal: number
}

/** The cheapest set of requests for `signals`, in the order of tables and addresses. */
export function planReads(signals: readonly ModbusSignal[], reads: Reads): Block[] {
  const spans = signals.map(toSpan)
  const tables: RegisterTable[] = ['coil', 'discrete', 'holding', 'input']
  return tables.flatMap(table =>
    planTable(
      spans.filter(span => span.table === table).sort((a, b) => a.from - b.from || a.to - b.to),
      reads,
    ),
  )
}

/** What a set of requests costs, in bytes on the wire. */
export function costOf(blocks: readonly Pick<Block, 'table' | 'count'>[]): number {
  return blocks.reduce((sum, { table, count }) => sum + OVERHEAD_BYTES + valueBytes(table, count), 0)
}

/**
 * A block that was answered with "illegal address" or "illegal value", as two halves; `undefined` when all its signals
 * are read from the same registers and cannot be told apart. The gap between the halves is not read again.
 */
export function splitBlock(block: Block, signals: readonly ModbusSignal[]): [Block, Block] | undefined {
  const spans = block.signals
    .map(index => ({ ...toSpan(signals[index] as ModbusSignal, index), signal: index }))
    .sort((a, b) => a.from - b.from || a.to - b.to)
  const groups = distinct(spans)
  if (groups.length < 2) return undefined
  const middle = Math.ceil(groups.length / 2)
  return [toBlock(groups.slice(0, middle).flat()), toBlock(groups.slice(middle).flat())]
}

/** Why signals cannot be planned; empty when they can. Indices are those of `signals`. */
export function planMistakes(
  signals: readonly ModbusSignal[],
  reads: Reads,
): { signal: number; message: string }[] {
  return signals.flatMap((signal, index) => {
    const { from, to, table } = toSpan(signal, index)
    const count = to - from + 1
    if (count > limitOf(table, reads)) {
      return [
        {
          signal: index,
          message: `needs ${count} registers in one request, at most ${reads.maxRegisters} are allowed`,
        },
      ]
    }
    const inHole = reads.holes.some(
      hole => hole.table === table && hole.address <= to && hole.address + hole.count > from,
    )
    return inHole ? [{ signal: index, message: 'lies in a hole of its device' }] : []
  })
}

function toSpan(signal: ModbusSignal, index: number): Span {
  const parts = [signal, ...(signal.plus === undefined ? [] : [signal.plus])]
  return {
    table: signal.table,
    from: Math.min(...parts.map(({ address }) => address)),
    to: Math.max(...parts.map(({ address, type }) => address + REGISTER_COUNT[type] - 1)),
    signal: index,
  }
}

/**
 * The cheapest way to cut a list of spans, sorted by where they begin, into requests. `best[n]` is the cheapest for the
 * first n spans. Cutting the list is enough: of two requests, the later one loses nothing by taking over all spans that
 * begin within it.
 */
function planTable(spans: readonly Span[], reads: Reads): Block[] {
  const best: { cost: number; blocks: Block[] }[] = [{ cost: 0, blocks: [] }]
  for (let end = 1; end <= spans.length; end += 1) {
    let cheapest: { cost: number; blocks: Block[] } | undefined
    for (let start = end - 1; start >= 0; start -= 1) {
      const members = spans.slice(start, end)
      const block = toBlock(members)
      if (members.length > 1 && !isAllowed(block, reads)) break
      // An earlier span may fill the gap: the search goes on.
      if (widestGap(members) > reads.maxGap) continue
      const before = best[start] as { cost: number; blocks: Block[] }
      const cost = before.cost + costOf([block])
      if (cheapest === undefined || cost < cheapest.cost)
        cheapest = { cost, blocks: [...before.blocks, block] }
    }
    best.push(cheapest as { cost: number; blocks: Block[] })
  }
  return best.at(-1)?.blocks ?? []
}

/** Whether one request may ask for all of this: short enough, no hole in it. */
function isAllowed({ table, address, count }: Block, reads: Reads): boolean {
  return (
    count <= limitOf(table, reads) &&
    !reads.holes.some(
      hole => hole.table === table && hole.address < address + count && hole.address + hole.count > address,
    )
  )
}

/** The most registers in a row that lie between spans and in none. */
function widestGap(spans: readonly Span[]): number {
  let widest = 0
  let end: number | undefined
  for (const { from, to } of spans) {
    if (end !== undefined) widest = Math.max(widest, from - end - 1)
    end = Math.max(end ?? to, to)
  }
  return widest
}

/** Spans of the very same registers, which no two requests could tell apart, in the order they begin. */
function distinct(spans: readonly Span[]): Span[][] {
  return [...Map.groupBy(spans, ({ from, to }) => `${from} ${to}`).values()]
}

function toBlock(spans: readonly Span[]): Block {
  const address = Math.min(...spans.map(({ from }) => from))
  const end = Math.max(...spans.map(({ to }) => to))
  const { table } = spans[0] as Span
  return {
    table,
    address,
    count: end - address + 1,
    signals: spans.map(({ signal }) => signal).sort((a, b) => a - b),
  }
}

function limitOf(table: RegisterTable, { maxRegisters }: Reads): number {
  return table === 'coil' || table === 'discrete' ? maxRegisters * 16 : maxRegisters
}
