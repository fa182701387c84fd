// The plan against a brute force over every way of dividing signals into requests.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Block, costOf, type Line, planReads, splitBlock } from '../../../edge/modbus/plan.ts'
import { timingOf } from '../../../edge/modbus/timing.ts'
import { ModbusSignal } from '../../../protocol/gateway-config.ts'
import { planMistakes, type Reads } from '../../../protocol/modbus/spans.ts'
import {
  REGISTER_COUNT,
  REGISTER_TABLES,
  REGISTER_TYPES,
  type RegisterTable,
} from '../../../protocol/registers.ts'

const isBits = (table: RegisterTable): boolean => table === 'coil' || table === 'discrete'

const anySignal = fc
  .record({
    table: fc.constantFrom(...REGISTER_TABLES),
    address: fc.integer({ min: 0, max: 60 }),
    type: fc.constantFrom(...REGISTER_TYPES.filter(type => type !== 'bool')),
    plus: fc.option(fc.integer({ min: 0, max: 60 }), { freq: 4, nil: undefined }),
  })
  .map(({ table, address, type, plus }) =>
    ModbusSignal.parse({
      ...{ variable: 'flow', table, address, type: isBits(table) ? 'bool' : type },
      ...(plus === undefined || isBits(table)
        ? {}
        : { plus: { address: plus, type: 'uint16', scale: 0.01 } }),
    }),
  )

const anyReads: fc.Arbitrary<Reads> = fc.record({
  maxRegisters: fc.oneof(fc.integer({ min: 4, max: 20 }), fc.constant(125)),
  maxGap: fc.oneof(fc.integer({ min: 0, max: 16 }), fc.constant(124)),
  holes: fc.array(
    fc.record({
      table: fc.constantFrom(...REGISTER_TABLES),
      address: fc.integer({ min: 0, max: 60 }),
      count: fc.integer({ min: 1, max: 3 }),
    }),
    { maxLength: 3 },
  ),
  together: fc.array(
    fc.record({
      table: fc.constantFrom(...REGISTER_TABLES),
      address: fc.integer({ min: 0, max: 60 }),
      count: fc.integer({ min: 2, max: 12 }),
    }),
    { maxLength: 2 },
  ),
})

/** Lines on which a byte, silence and the way there weigh differently. */
const anyLine: fc.Arbitrary<Line> = fc.record({
  timing: fc.oneof(
    fc
      .constantFrom(1200, 9600, 19200, 115200)
      .map(baudRate => timingOf({ serial: { path: '/dev/x', baudRate, parity: 'even', stopBits: 1 } })),
    fc.constant(timingOf({ tcp: { host: 'plc', port: 502 } })),
    fc.constant(timingOf({ tcp: { host: 'converter', port: 502, framing: 'rtu' } })),
  ),
  turnaroundMs: fc.constantFrom(0, 5, 200),
})

/** Which signals are one to the plan, as sets of their indices: those that a group touches, and what these touch. */
function unitsOf(signals: readonly ModbusSignal[], { together = [] }: Reads): number[][] {
  let units = signals.map((_, index) => [index])
  const extent = (unit: readonly number[]) => {
    const registers = unit.flatMap(index => registersOf(signals[index] as ModbusSignal))
    return { table: signals[unit[0] ?? 0]?.table, from: Math.min(...registers), to: Math.max(...registers) }
  }
  for (const { table, address, count } of together) {
    const touched = units.filter(unit => {
      const { table: own, from, to } = extent(unit)
      return own === table && from < address + count && to >= address
    })
    units = [
      ...units.filter(unit => !touched.includes(unit)),
      ...(touched.length > 0 ? [touched.flat()] : []),
    ]
  }
  return units
}

/** The registers that a signal is read from. */
function registersOf({ address, type, plus }: ModbusSignal): number[] {
  const run = (from: number, count: number) => Array.from({ length: count }, (_, index) => from + index)
  return [
    ...run(address, REGISTER_COUNT[type]),
    ...(plus === undefined ? [] : run(plus.address, REGISTER_COUNT[plus.type])),
  ]
}

/** A request for exactly these signals, those of each unit together; `undefined` when it would break a limit. */
function requestFor(units: readonly (readonly ModbusSignal[])[], reads: Reads) {
  const table = units[0]?.[0]?.table as RegisterTable
  if (units.flat().some(signal => signal.table !== table)) return undefined
  const covered = new Set<number>()
  for (const unit of units) {
    const registers = unit.flatMap(registersOf)
    for (let at = Math.min(...registers); at <= Math.max(...registers); at += 1) covered.add(at)
  }
  const address = Math.min(...covered)
  const count = Math.max(...covered) - address + 1
  if (count > reads.maxRegisters * (isBits(table) ? 16 : 1)) return undefined
  let gap = 0
  for (let at = address; at < address + count; at += 1) {
    gap = covered.has(at) ? 0 : gap + 1
    if (gap > reads.maxGap) return undefined
    if (
      reads.holes.some(hole => hole.table === table && at >= hole.address && at < hole.address + hole.count)
    )
      return undefined
  }
  return { table, address, count }
}

/** The cost of the cheapest of all divisions of the units into requests. */
function cheapest(units: readonly (readonly ModbusSignal[])[], reads: Reads, line: Line): number {
  const [first, ...others] = units
  if (first === undefined) return 0
  let best = Number.POSITIVE_INFINITY
  for (let chosen = 0; chosen < 2 ** others.length; chosen += 1) {
    const isChosen = (_: unknown, index: number) => ((chosen >> index) & 1) === 1
    const request = requestFor([first, ...others.filter(isChosen)], reads)
    if (request === undefined) continue
    const rest = others.filter((one, index) => !isChosen(one, index))
    best = Math.min(best, costOf([request], line) + cheapest(rest, reads, line))
  }
  return best
}

function readableOf(signals: readonly ModbusSignal[], reads: Reads): ModbusSignal[] {
  const mistakes = planMistakes(signals, reads)
  if (mistakes.length === 0) return [...signals]
  const mistaken = new Set(mistakes.map(({ signal }) => signal))
  return readableOf(
    signals.filter((_, index) => !mistaken.has(index)),
    reads,
  )
}

const unitSignals = (signals: readonly ModbusSignal[], reads: Reads): ModbusSignal[][] =>
  unitsOf(signals, reads).map(unit => unit.map(index => signals[index] as ModbusSignal))

function assertCovers(blocks: readonly Block[], signals: readonly ModbusSignal[]): void {
  const planned = blocks.flatMap(block => block.signals).sort((a, b) => a - b)
  assert.deepEqual(
    planned,
    signals.map((_, index) => index),
  )
  for (const block of blocks) {
    const wanted = block.signals.map(index => signals[index] as ModbusSignal)
    const registers = wanted.flatMap(registersOf)
    assert.ok(wanted.every(({ table }) => table === block.table))
    assert.equal(block.address, Math.min(...registers))
    assert.equal(block.address + block.count - 1, Math.max(...registers))
  }
}

test('planReads() asks for every signal exactly once, from its first register to its last', () => {
  fc.assert(
    fc.property(fc.array(anySignal, { maxLength: 40 }), anyReads, (all, reads) => {
      const signals = readableOf(all, reads)

      assertCovers(planReads(signals, reads), signals)
    }),
    { numRuns: 2_000 },
  )
})

test('planReads() exceeds no limit, reads no hole and over no gap that is too wide', () => {
  fc.assert(
    fc.property(fc.array(anySignal, { maxLength: 40 }), anyReads, (all, reads) => {
      const signals = readableOf(all, reads)

      for (const block of planReads(signals, reads)) {
        const wanted = unitSignals(signals, reads).filter(([first]) =>
          block.signals.includes(signals.indexOf(first as ModbusSignal)),
        )
        const { table, address, count } = block
        assert.deepEqual(requestFor(wanted, reads), { table, address, count })
      }
    }),
    { numRuns: 2_000 },
  )
})

test('planReads() costs as little as the cheapest of all possible plans', () => {
  fc.assert(
    fc.property(fc.array(anySignal, { maxLength: 7 }), anyReads, anyLine, (all, reads, line) => {
      const signals = readableOf(all, reads)

      const cost = costOf(planReads(signals, reads, line), line)
      assert.ok(Math.abs(cost - cheapest(unitSignals(signals, reads), reads, line)) < 1e-6)
    }),
    { numRuns: 2_000 },
  )
})

test('planReads() reads in one request what belongs together, whatever it costs', () => {
  fc.assert(
    fc.property(fc.array(anySignal, { maxLength: 20 }), anyReads, (all, reads) => {
      const signals = readableOf(all, reads)
      const blocks = planReads(signals, reads)

      for (const unit of unitsOf(signals, reads)) {
        assert.equal(blocks.filter(block => unit.every(index => block.signals.includes(index))).length, 1)
      }
    }),
  )
})

const holding = (address: number, type = 'uint16', more = {}): ModbusSignal =>
  ModbusSignal.parse({ variable: 'flow', address, type, ...more })

const reads = (more: Partial<Reads> = {}): Reads => ({ maxRegisters: 125, maxGap: 16, holes: [], ...more })

const shape = (blocks: readonly Block[]) =>
  blocks.map(({ address, count, signals }) => [address, count, signals])

test('planReads() asks twice for registers that overlap but are too many for one request', () => {
  const signals = [holding(0, 'float64'), holding(2, 'float64')]

  assert.deepEqual(shape(planReads(signals, reads({ maxRegisters: 4 }))), [
    [0, 4, [0]],
    [2, 4, [1]],
  ])
})

test('planReads() reads over a gap as long as that is cheaper than asking again', () => {
  assert.equal(planReads([holding(0), holding(10)], reads()).length, 1)
  assert.equal(planReads([holding(0), holding(11)], reads()).length, 2)
  assert.equal(planReads([holding(0), holding(2)], reads({ maxGap: 0 })).length, 2)
})

test('planReads() reads over more registers where asking again takes longer', () => {
  const signals = [holding(0), holding(14)]
  const slow = {
    timing: timingOf({ tcp: { host: 'converter', port: 502, framing: 'rtu' } }),
    turnaroundMs: 50,
  }
  const over = { timing: timingOf({ tcp: { host: 'plc', port: 502 } }), turnaroundMs: 0 }

  assert.equal(planReads(signals, reads()).length, 2)
  assert.equal(planReads(signals, reads(), slow).length, 1)
  assert.equal(planReads(signals, reads(), over).length, 1)
})

test('planReads() keeps flow and total of one instant together over a gap that is too wide', () => {
  const signals = [holding(0, 'float32'), holding(60, 'float64'), holding(90)]
  const together = [{ table: 'holding' as const, address: 0, count: 64 }]

  assert.deepEqual(shape(planReads(signals, reads({ together }))), [
    [0, 64, [0, 1]],
    [90, 1, [2]],
  ])
  assert.equal(
    splitBlock(planReads(signals, reads({ together }))[0] as Block, signals, { together }),
    undefined,
  )
  assert.deepEqual(planMistakes(signals, reads({ together, maxRegisters: 20 })), [
    {
      signal: 0,
      message:
        'needs, with what is to be read together with it, 64 registers in one request, at most 20 are allowed',
    },
  ])
})

test('planMistakes() names a signal that lies in a hole, and a pair that is too wide for one request', () => {
  const signals = [
    holding(0),
    holding(5, 'float32'),
    holding(20, 'uint32', { plus: { address: 40, type: 'uint16', scale: 0.001 } }),
  ]

  assert.deepEqual(
    planMistakes(signals, reads({ maxRegisters: 20, holes: [{ table: 'holding', address: 6, count: 1 }] })),
    [
      { signal: 1, message: 'lies in a hole of its device' },
      { signal: 2, message: 'needs 21 registers in one request, at most 20 are allowed' },
    ],
  )
})

test('splitBlock() halves a block until each signal stands alone, and loses none on the way', () => {
  fc.assert(
    fc.property(fc.array(anySignal, { minLength: 1, maxLength: 20 }), anyReads, (all, limits) => {
      const signals = readableOf(all, limits)
      const alone: Block[] = []
      const todo = planReads(signals, limits)
      for (let block = todo.shift(); block !== undefined; block = todo.shift()) {
        const halves = splitBlock(block, signals, limits)
        if (halves === undefined) alone.push(block)
        else todo.push(...halves)
      }

      assertCovers(alone, signals)
      const places = alone.map(({ table, address, count }) => `${table} ${address} ${count}`)
      assert.equal(new Set(places).size, places.length)
    }),
  )
})

test('splitBlock() frees a signal that lies between the two parts of another', () => {
  const signals = [holding(0, 'uint32', { plus: { address: 8, type: 'uint16', scale: 0.01 } }), holding(4)]
  const [block] = planReads(signals, reads())

  assert.deepEqual(shape(splitBlock(block as Block, signals, reads()) ?? []), [
    [0, 9, [0]],
    [4, 1, [1]],
  ])
})
