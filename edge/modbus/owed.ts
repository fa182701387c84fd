// Which answers may still come: an answer on a line does not say which request it belongs to.
//
// A device answers in the order it was asked. So after a fault no request may have the shape of one whose answer is
// still owed (unit, function, byte count) until the device has given values in another shape: what it owed before has
// come by then, or never will.

import type { Clock } from '../../protocol/runtime/clock.ts'
import { functionOf } from './frame.ts'
import { isWrite, type ReadRequest, type Request } from './request.ts'
import { valueBytes } from './timing.ts'

/** The answers that are still owed on a line. */
export interface OwedAnswers {
  /** This request has not got its answer. */
  add(request: Request): void
  /** Whether an answer to an earlier request would be taken for one to this. */
  isLike(request: Request): boolean
  /** Whether this unit owes anything. */
  isOwedBy(unit: number): boolean
  /** This unit has answered: whatever it owed before has come, or never will. */
  settle(unit: number): void
  /** A request to read from the same device, of a shape that is not owed; `undefined` when there is none. */
  other(request: Request): ReadRequest | undefined
}

/** How much more or less to ask for: first less, which a device gives when it gives the whole. */
const STEPS = [0, -1, 1, -2, 2, -3, 3, -4, 4, -5, 5, -6, 6, -7, 7, -8, 8]
const REGISTERS_MAX = 125
const BITS_MAX = 2000

/** Remembers answers for `forgetMs`: no device is slower than that. */
export function openOwedAnswers({ clock }: { clock: Clock }, forgetMs: number): OwedAnswers {
  const units = new Map<number, Map<string, number>>()

  const shapesOf = (unit: number): Map<string, number> => {
    const shapes = units.get(unit) ?? new Map<string, number>()
    units.set(unit, shapes)
    const before = clock.monotonic() - forgetMs
    for (const [shape, at] of shapes) if (at <= before) shapes.delete(shape)
    return shapes
  }

  const isLike = (request: Request) => shapesOf(request.unit).has(shapeOf(request))

  return {
    add: request => void shapesOf(request.unit).set(shapeOf(request), clock.monotonic()),
    isLike,
    isOwedBy: unit => shapesOf(unit).size > 0,
    settle: unit => void units.delete(unit),
    other(asked) {
      const request = toRead(asked)
      const isBits = request.table === 'coil' || request.table === 'discrete'
      return STEPS.map(step => ({ ...request, count: request.count + step * (isBits ? 8 : 1) })).find(
        ({ address, count, ...rest }) =>
          count >= 1 &&
          count <= (isBits ? BITS_MAX : REGISTERS_MAX) &&
          address + count <= 65536 &&
          !isLike({ address, count, ...rest }),
      )
    },
  }
}

/** Whether an answer to one request would be taken for one to the other. */
export function isSameShape(one: Request, other: Request): boolean {
  return one.unit === other.unit && shapeOf(one) === shapeOf(other)
}

/** The answer to a write repeats its address, which may be the same again: all writes of a function are alike. */
function shapeOf(request: Request): string {
  if (isWrite(request)) return `${request.code}`
  return `${functionOf(request)} ${valueBytes(request.table, request.count)}`
}

/** Reads what a request reads or writes. */
function toRead(request: Request): ReadRequest {
  if (!isWrite(request)) return request
  const { values, code: _, ...rest } = request
  return { ...rest, count: values.length }
}
