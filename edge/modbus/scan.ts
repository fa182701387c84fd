// Who answers on a bus: one request to each unit, one after the other.
//
// Any answer will do, and an exception is one. What a configured device is asked for is what it is polled for; others are
// asked for their first holding register.

import { Unavailable } from '../../protocol/runtime/errors.ts'
import type { RunnableConfig } from '../config.ts'
import type { Bus } from './bus.ts'
import { planReads } from './plan.ts'
import { failureText, type ReadOutcome, type ReadRequest } from './request.ts'

/** What became of the question to one unit. */
export interface Scanned {
  unit: number
  answers: boolean
  text: string
}

/** A gateway says so of a unit that it does not reach. */
const NOT_REACHED = [10, 11]

/** Asks each unit. Throws Unavailable when the bus itself cannot be used. */
export async function* scanBus(
  { bus }: { bus: Bus },
  devices: RunnableConfig['devices'],
  { first, last }: { first: number; last: number },
  signal: AbortSignal,
): AsyncGenerator<Scanned> {
  for (let unit = first; unit <= last; unit += 1) {
    const known = devices.filter(device => device.bus === bus.id && device.unit === unit)
    const request = requestOf(bus, unit, known[0])
    const outcome = await bus.read(request, signal)
    const hindrance = bus.hindrance()
    if (outcome.kind === 'no_answer' && hindrance !== undefined) {
      throw new Unavailable(`Bus ${bus.id} cannot be used: ${hindrance}`)
    }
    const who = known.length === 0 ? 'not configured' : known.map(({ id }) => id).join(', ')
    yield { unit, ...describe(bus, request, outcome, who) }
  }
}

function requestOf(
  bus: Bus,
  unit: number,
  device: RunnableConfig['devices'][number] | undefined,
): ReadRequest {
  if (device === undefined) return { unit, table: 'holding', address: 0, count: 1 }
  const turnaroundMs = device.turnaround ?? 0
  const [block] = planReads(device.signals, device.reads, { timing: bus.timing, turnaroundMs })
  const { table, address, count } = block ?? { table: 'holding', address: 0, count: 1 }
  return { unit, table, address, count, turnaroundMs }
}

function describe(
  bus: Bus,
  request: ReadRequest,
  outcome: ReadOutcome,
  who: string,
): { answers: boolean; text: string } {
  if (outcome.kind === 'values') return { answers: true, text: `answers: ${who}` }
  const why = failureText(bus.id, request, outcome)
  if (outcome.kind === 'no_answer' || (outcome.kind === 'exception' && NOT_REACHED.includes(outcome.code))) {
    return { answers: false, text: `does not answer: ${who} (${why})` }
  }
  const how = outcome.kind === 'exception' ? 'answers' : 'answers what is no answer'
  return { answers: true, text: `${how}: ${who} (${why})` }
}
