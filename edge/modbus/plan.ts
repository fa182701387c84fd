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
 * A block that was answered with "illegal address" or "illegal value", as two halves; `undefined` when it holds one
 * signal and cannot be halved. The gap between the halves is not read again.
 */
export function splitBlock(block: Block, signals: readonly ModbusSignal[]): [Block, Block] | undefined {
  const spans = block.signals
    .map(index => ({ ...toSpan(signals[index] as ModbusSignal, index), signal: index }))
    .sort((a, b) => a.from - b.from || a.to - b.to)
  const groups = overlapping(spans)
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
 * The cheapest way to cut a sorted list of spans into requests. `best[n]` is the cheapest for the first n groups of
 * spans that overlap; each is reached from every earlier one that a single request can follow.
 */
function planTable(spans: readonly Span[], reads: Reads): Block[] {
  const groups = overlapping(spans)
  const best: { cost: number; blocks: Block[] }[] = [{ cost: 0, blocks: [] }]
  for (let end = 1; end <= groups.length; end += 1) {
    let cheapest: { cost: number; blocks: Block[] } | undefined
    for (let start = end - 1; start >= 0; start -= 1) {
      const members = groups.slice(start, end)
      if (members.length > 1 && !joinable(members, reads)) break
      const block = toBlock(members.flat())
      const before = best[start] as { cost: number; blocks: Block[] }
      const cost = before.cost + costOf([block])
      if (cheapest === undefined || cost < cheapest.cost)
        cheapest = { cost, blocks: [...before.blocks, block] }
    }
    best.push(cheapest as { cost: number; blocks: Block[] })
  }
  return best.at(-1)?.blocks ?? []
}

/** Spans that share registers stay together. */
function overlapping(spans: readonly Span[]): Span[][] {
  const groups: Span[][] = []
  let end = -1
  for (const span of spans) {
    const group = groups.at(-1)
    if (group === undefined || span.from > end) groups.push([span])
    else group.push(span)
    end = Math.max(end, span.to)
  }
  return groups
}

/** Whether one request may ask for all of these: short enough, no gap too wide, no hole in between. */
function joinable(groups: readonly (readonly Span[])[], reads: Reads): boolean {
  const { table, address, count } = toBlock(groups.flat())
  if (count > limitOf(table, reads)) return false
  if (
    reads.holes.some(
      hole => hole.table === table && hole.address < address + count && hole.address + hole.count > address,
    )
  ) {
    return false
  }
  return groups.every((group, index) => {
    const before = groups[index - 1]
    if (before === undefined) return true
    return startOf(group) - endOf(before) - 1 <= reads.maxGap
  })
}

const startOf = (spans: readonly Span[]): number => Math.min(...spans.map(({ from }) => from))
const endOf = (spans: readonly Span[]): number => Math.max(...spans.map(({ to }) => to))

function toBlock(spans: readonly Span[]): Block {
  const address = startOf(spans)
  const { table } = spans[0] as Span
  return {
    table,
    address,
    count: endOf(spans) - address + 1,
    signals: spans.map(({ signal }) => signal).sort((a, b) => a - b),
  }
}

function limitOf(table: RegisterTable, { maxRegisters }: Reads): number {
  return table === 'coil' || table === 'discrete' ? maxRegisters * 16 : maxRegisters
}

function valueBytes(table: RegisterTable, count: number): number {
  return table === 'coil' || table === 'discrete' ? Math.ceil(count / 8) : count * 2
}
