// One poll of one device: its requests one after the other, and one measurement for each of its signals.
//
// A signal without a value still yields a measurement, with the reason. After "illegal address" in the middle of a block
// the block is halved until the culprit stands alone; the halves are kept for the polls that follow.

import type { DeviceConfig, ModbusSignal } from '../../protocol/gateway-config.ts'
import { decodeSignal } from '../../protocol/modbus/decode.ts'
import type { Reads } from '../../protocol/modbus/spans.ts'
import type { Measurement, Quality, TimeQuality } from '../../protocol/reading.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Bus } from './bus.ts'
import { type Block, planReads, splitBlock } from './plan.ts'
import { failureText, type ReadOutcome } from './request.ts'
import type { Timing } from './timing.ts'

/** A device that can be polled: what it gives, and the requests that fetch it. */
export interface PolledDevice {
  id: string
  unit: number
  point: string
  signals: readonly ModbusSignal[]
  reads: Reads
  /** How long its line must be silent after its answer. */
  turnaroundMs: number
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
/** And these two that a gateway has not reached the device. */
const GATEWAY_PATH_UNAVAILABLE = 10
const GATEWAY_TARGET_SILENT = 11

/** Plans the requests of a device; `timing` is that of its bus. */
export function toPolledDevice(
  { id, unit, point, turnaround = 0 }: Pick<DeviceConfig, 'id' | 'unit' | 'point' | 'turnaround'>,
  signals: readonly ModbusSignal[],
  reads: Reads,
  timing?: Timing,
): PolledDevice {
  const line = timing === undefined ? undefined : { timing, turnaroundMs: turnaround }
  const blocks = planReads(signals, reads, line)
  return { id, unit, point, signals, reads, turnaroundMs: turnaround, blocks }
}

/** Polls a device. Rejects with the signal's reason only. */
export async function pollDevice(
  { bus, clock }: { bus: Bus; clock: Clock },
  device: PolledDevice,
  timeQuality: TimeQuality,
  signal: AbortSignal,
): Promise<PollResult> {
  const found = new Map<number, Measurement>()
  const kept: Block[] = []
  let failure: string | undefined
  let absent: ReadOutcome | undefined
  for (const planned of device.blocks) {
    const parts = await readParts({ bus, clock }, device, planned, absent, signal)
    for (const { block, at, outcome } of parts) {
      if (outcome.kind !== 'values') {
        failure ??= failureText(bus.id, { ...block, unit: device.unit }, outcome)
      }
      if (isAbsent(outcome)) absent = outcome
      for (const index of block.signals) {
        const definition = device.signals[index] as ModbusSignal
        const { variable, point = device.point } = definition
        found.set(index, { point, variable, at, timeQuality, ...measuredBy(outcome, block, definition) })
      }
    }
    // Where no part has anything, halving has found no culprit, and the device is asked as planned next time.
    const useful = parts.some(({ outcome }) => outcome.kind === 'values')
    kept.push(...(useful ? parts.map(({ block }) => block) : [planned]))
  }
  device.blocks = kept
  const measurements = device.signals.map((_, index) => found.get(index) as Measurement)
  return { measurements, failure }
}

/** A block, or a part of one, with what became of it. */
interface Part {
  block: Block
  at: number
  outcome: ReadOutcome
}

/**
 * Reads a block, in halves of halves where that is what it takes. A device that does not answer one request will not
 * answer the next: the bus is not kept waiting for it, and what it did to that one stands for the others.
 */
async function readParts(
  { bus, clock }: { bus: Bus; clock: Clock },
  device: PolledDevice,
  planned: Block,
  absentBefore: ReadOutcome | undefined,
  signal: AbortSignal,
): Promise<Part[]> {
  const parts: Part[] = []
  const todo = [planned]
  let absent = absentBefore
  for (let block = todo.shift(); block !== undefined; block = todo.shift()) {
    const at = clock.now()
    const { table, address, count } = block
    const { unit, turnaroundMs } = device
    const outcome = absent ?? (await bus.read({ unit, table, address, count, turnaroundMs }, signal))
    const halves = isWrongRequest(outcome) ? splitBlock(block, device.signals, device.reads) : undefined
    if (halves !== undefined) {
      todo.unshift(...halves)
      continue
    }
    parts.push({ block, at, outcome })
    if (isAbsent(outcome)) absent = outcome
  }
  return parts
}

/** Whether nobody is there: no answer, or a gateway that says so in the device's place. */
function isAbsent(outcome: ReadOutcome): boolean {
  return (
    outcome.kind === 'no_answer' ||
    (outcome.kind === 'exception' &&
      (outcome.code === GATEWAY_PATH_UNAVAILABLE || outcome.code === GATEWAY_TARGET_SILENT))
  )
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
