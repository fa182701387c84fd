// One poll of one device: its requests one after the other, and one measurement for each of its signals.
//
// A signal without a value still yields a measurement, with the reason. After "illegal address" in the middle of a block
// the block is halved until the culprit stands alone; the halves are kept for the polls that follow.

import type { ModbusSignal } from '../../protocol/gateway-config.ts'
import type { Measurement, Quality, TimeQuality } from '../../protocol/reading.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Bus, ReadOutcome } from './bus.ts'
import { decodeSignal } from './decode.ts'
import { type Block, planReads, type Reads, splitBlock } from './plan.ts'

/** A device that can be polled: what it gives, and the requests that fetch it. */
export interface PolledDevice {
  id: string
  unit: number
  point: string
  signals: readonly ModbusSignal[]
  /** Changed when a block turns out to hold a register that the device does not give. */
  blocks: Block[]
}

/** What a poll brought. */
export interface PollResult {
  measurements: Measurement[]
  /** Why the first request without values had none; `undefined` when all had. */
  failure: string | undefined
}

/** Modbus Application Protocol 1.1b3, section 7: these two say that the request itself was wrong for this device. */
const ILLEGAL_DATA_ADDRESS = 2
const ILLEGAL_DATA_VALUE = 3

/** Plans the requests of a device. */
export function toPolledDevice(
  { id, unit, point }: { id: string; unit: number; point: string },
  signals: readonly ModbusSignal[],
  reads: Reads,
): PolledDevice {
  return { id, unit, point, signals, blocks: planReads(signals, reads) }
}

/** Polls a device. Rejects with the signal's reason only. */
export async function pollDevice(
  { bus, clock }: { bus: Bus; clock: Clock },
  device: PolledDevice,
  timeQuality: TimeQuality,
  signal: AbortSignal,
): Promise<PollResult> {
  const found = new Map<number, Measurement>()
  let failure: string | undefined
  const todo = [...device.blocks]
  const kept: Block[] = []
  for (let block = todo.shift(); block !== undefined; block = todo.shift()) {
    const at = clock.now()
    const outcome = await bus.read({ ...block, unit: device.unit }, signal)
    const halves = isWrongRequest(outcome) ? splitBlock(block, device.signals) : undefined
    if (halves !== undefined) {
      todo.unshift(...halves)
      continue
    }
    kept.push(block)
    if (outcome.kind !== 'values') failure ??= reasonOf(outcome)
    for (const index of block.signals) {
      const definition = device.signals[index] as ModbusSignal
      const point = definition.point ?? device.point
      found.set(index, {
        point,
        variable: definition.variable,
        at,
        timeQuality,
        ...measuredBy(outcome, block, definition),
      })
    }
    // A device that does not answer one request will not answer the next: the bus is not kept waiting for it.
    if (outcome.kind === 'no_answer') {
      kept.push(...todo)
      for (const index of todo.splice(0).flatMap(({ signals }) => signals)) {
        const { variable, point = device.point } = device.signals[index] as ModbusSignal
        found.set(index, { point, variable, at, timeQuality, value: null, quality: 'no_answer' })
      }
    }
  }
  device.blocks = kept
  const measurements = device.signals.map((_, index) => found.get(index) as Measurement)
  return { measurements, failure }
}

function isWrongRequest(outcome: ReadOutcome): boolean {
  return (
    outcome.kind === 'exception' &&
    (outcome.code === ILLEGAL_DATA_ADDRESS || outcome.code === ILLEGAL_DATA_VALUE)
  )
}

function measuredBy(
  outcome: ReadOutcome,
  block: Block,
  signal: ModbusSignal,
): { value: number | null; quality: Quality } {
  if (outcome.kind !== 'values') return { value: null, quality: outcome.kind }
  const { values } = outcome
  return decodeSignal(signal, (address, count) =>
    values.slice(address - block.address, address - block.address + count),
  )
}

function reasonOf(outcome: Exclude<ReadOutcome, { kind: 'values' }>): string {
  return outcome.kind === 'exception' ? `exception ${outcome.code}` : outcome.reason
}
