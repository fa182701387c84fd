// Which registers go into which request: the set of requests that keeps the wire busy for the shortest time.
//
// A request costs a fixed time (its own bytes, silence, the way over a network) and that of two bytes for each register
// (an eighth for each bit), so reading over a gap of a few registers is cheaper than asking twice. Never read: a device's
// holes. Never split: a value, the two parts of one that is kept in two places, because a counter may carry between two
// answers, and what the configuration says belongs together.

import type { ModbusSignal } from '../../protocol/gateway-config.ts'
import { joined, limitOf, type Reads, type Span, toSpans } from '../../protocol/modbus/spans.ts'
import type { RegisterTable } from '../../protocol/registers.ts'
import { lineTiming, requestMs, type Timing } from './timing.ts'

/** A stretch of registers that one request asks for, and the signals that are read from it. */
export interface Block {
  table: RegisterTable
  address: number
  count: number
  signals: readonly number[]
}

/** What a plan is made for, unless its bus is known: 9600 baud, 11 bits to a byte. */
const USUAL_LINE: Line = { timing: { ...lineTiming(9600, 11), roundTripMs: 0 }, turnaroundMs: 0 }

/** What a request costs on a device's bus. */
export interface Line {
  timing: Timing
  turnaroundMs: number
}

/** The cheapest set of requests for `signals`, in the order of tables and addresses. */
export function planReads(signals: readonly ModbusSignal[], reads: Reads, line: Line = USUAL_LINE): Block[] {
  const spans = toSpans(signals, reads)
  const tables: RegisterTable[] = ['coil', 'discrete', 'holding', 'input']
  return tables.flatMap(table =>
    planTable(
      spans.filter(span => span.table === table).sort((a, b) => a.from - b.from || a.to - b.to),
      reads,
      line,
    ),
  )
}

/** What a set of requests costs, in milliseconds of its bus. */
export function costOf(
  blocks: readonly Pick<Block, 'table' | 'count'>[],
  { timing, turnaroundMs }: Line = USUAL_LINE,
): number {
  return blocks.reduce((sum, block) => sum + requestMs(timing, block, turnaroundMs), 0)
}

/**
 * A block that was answered with "illegal address" or "illegal value", as two halves; `undefined` when all its signals
 * are read from the same registers, or belong together, and cannot be told apart. The gap between the halves is not read
 * again.
 */
export function splitBlock(
  block: Block,
  signals: readonly ModbusSignal[],
  reads: Pick<Reads, 'together'>,
): [Block, Block] | undefined {
  const spans = toSpans(signals, reads)
    .filter(span => span.signals.some(index => block.signals.includes(index)))
    .sort((a, b) => a.from - b.from || a.to - b.to)
  const groups = distinct(spans)
  if (groups.length < 2) return undefined
  const middle = Math.ceil(groups.length / 2)
  return [toBlock(groups.slice(0, middle).flat()), toBlock(groups.slice(middle).flat())]
}

/**
 * The cheapest way to cut a list of spans, sorted by where they begin, into requests. `best[n]` is the cheapest for the
 * first n spans. Cutting the list is enough: of two requests, the later one loses nothing by taking over all spans that
 * begin within it.
 */
function planTable(spans: readonly Span[], reads: Reads, line: Line): Block[] {
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
      const cost = before.cost + costOf([block], line)
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
  const { table, from, to, signals } = joined(spans)
  return { table, address: from, count: to - from + 1, signals: signals.sort((a, b) => a - b) }
}
