// A bus: a line or a connection that devices share, and the one place where requests are made.
//
// Promises:
//   M1. One request at a time. The next one starts when the one before has its outcome.
//   M2. Every request has an outcome within its deadline, whatever the library or the far side does.
//   M3. What comes back is an answer to this request: unit, function, byte count, and the transaction or the checksum;
//       anything else is `bad_answer`. After any fault a connection is thrown away and a line is silent for a while, so
//       that a late answer has nowhere to arrive, and one that arrives all the same is known for what it is.
//   M4. While the far side is away, connecting is tried with growing pauses, and requests fail at once in between.
//   M5. A device that does not answer does not keep the others waiting for long: see breaker.ts.

import { type BusConfig, isLine } from '../../protocol/bus-config.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { backoffMs } from '../../protocol/runtime/retry.ts'
import type { Closable } from '../../protocol/runtime/scope.ts'
import { openBreaker } from './breaker.ts'
import { TRANSACTIONS } from './frame.ts'
import { openConverterLine, openSerialLine } from './line.ts'
import {
  checkRequest,
  expired,
  isWrite,
  type Outcome,
  type ReadOutcome,
  type ReadRequest,
  type Request,
  unasked,
  type WriteOutcome,
  type WriteRequest,
} from './request.ts'
import { type RtuOptions, rtuConnector } from './rtu.ts'
import { connectTcp } from './tcp.ts'
import { type Timing, timingOf } from './timing.ts'
import type { Connect, Wire } from './wire.ts'

/** A bus that is open. */
export interface Bus extends Closable {
  id: string
  /** What a request costs. */
  timing: Timing
  /** Never rejects but with the signal's reason. Throws for a request that Modbus cannot carry: a bug of the plan. */
  read(request: ReadRequest, signal: AbortSignal): Promise<ReadOutcome>
  /**
   * Writes, in turn with everything else, and never twice. `written` says that the device acknowledged these very
   * registers. Rejects and throws as `read` does.
   */
  write(request: WriteRequest, signal: AbortSignal): Promise<WriteOutcome>
  /** Why the bus itself could not be used the last time; `undefined` when it could. */
  hindrance(): string | undefined
  /** For how long the bus has been busy with requests since it was opened. */
  busyMs(): number
}

/** What a bus needs. */
export interface BusDeps {
  clock: Clock
  log: Log
  random: () => number
  /** Called when a request has its outcome. */
  onOutcome?: () => void
}

const RECONNECT = { firstMs: 500, maxMs: 15_000 }

const QUARANTINE_MS = 200

/** After so many requests that nothing answers. A connection may be dead without anybody having said so. */
const MUTE_MAX = { serial: 16, converter: 3 }

/** Opens a bus. Connects when first used. `open` is how; what the configuration says unless given. */
export function openBus(
  { clock, log, random, onOutcome = () => {} }: BusDeps,
  config: BusConfig,
  open: Connect = connectorOf({ clock }, config),
): Bus {
  const breaker = openBreaker({ clock, random })
  /** A fault keeps a line busy for that much longer. */
  const afterFaultMs = isLine(config) ? rtuOptions(config).quarantineMs : 0
  let wire: Wire | undefined
  let turn: Promise<unknown> = Promise.resolve()
  let busy = 0
  let failures = 0
  let notBefore = 0
  let notConnected = ''

  const connect = async (signal: AbortSignal): Promise<Wire | string> => {
    if (wire?.isOpen() === true) return wire
    wire?.destroy()
    wire = undefined
    if (clock.monotonic() < notBefore) return notConnected
    const connected = await open(signal)
    if (typeof connected !== 'string') {
      if (failures > 0) log.info('bus connected', { bus: config.id, failures })
      failures = 0
      notConnected = ''
      wire = connected
      return connected
    }
    notBefore = clock.monotonic() + backoffMs(RECONNECT, failures, random)
    failures += 1
    // The same words until it connects: who logs what has changed logs this once.
    notConnected = `not connected: ${connected}`
    if (failures === 1) log.warn('bus not connected', { bus: config.id, reason: connected })
    return notConnected
  }

  const askNow = async (request: Request, signal: AbortSignal): Promise<Outcome> => {
    signal.throwIfAborted()
    const instead = breaker.instead(request.unit)
    if (instead !== undefined) return unasked(request, instead)
    const late = expired(request, clock.now())
    if (late !== undefined) return late
    const connected = await connect(signal)
    if (typeof connected === 'string') return unasked(request, { kind: 'no_answer', reason: connected })
    const start = clock.monotonic()
    const timeoutMs = isWrite(request) ? config.timeout : breaker.timeoutMs(request.unit, config.timeout)
    const asked = timeoutMs === config.timeout ? request : { ...request, timeoutMs }
    const outcome = await connected.ask(asked, signal)
    if (outcome.kind === 'unsent') return outcome
    return breaker.note(request.unit, outcome, clock.monotonic() - start + afterFaultMs)
  }

  const inTurn = (request: Request, signal: AbortSignal): Promise<Outcome> => {
    const mine = turn.then(async () => {
      const start = clock.monotonic()
      try {
        return await askNow(request, signal)
      } finally {
        busy += clock.monotonic() - start
        onOutcome()
      }
    })
    turn = mine.catch(() => {})
    return mine
  }

  return {
    id: config.id,
    timing: timingOf(config),
    read(request, signal) {
      checkRequest(request)
      return inTurn(request, signal).then(outcome => {
        if (outcome.kind === 'written' || outcome.kind === 'unsent') {
          throw new Error(`A read came to ${outcome.kind}`)
        }
        return outcome
      })
    },
    write(request, signal) {
      checkRequest(request)
      return inTurn(request, signal).then(outcome => {
        if (outcome.kind === 'values') throw new Error('A write came to values')
        return outcome
      })
    },
    hindrance: () => (notConnected === '' ? undefined : notConnected),
    busyMs: () => busy,
    close() {
      wire?.destroy()
    },
  }
}

function connectorOf({ clock }: { clock: Clock }, config: BusConfig): Connect {
  const { serial, tcp, timeout } = config
  if (serial !== undefined) {
    return rtuConnector({ clock }, signal => openSerialLine({ clock }, serial, signal), rtuOptions(config))
  }
  if (tcp === undefined) throw new Error('A bus without tcp and serial was opened')
  const { host, port, framing } = tcp
  const address = { host, port, timeoutMs: timeout }
  if (framing === 'rtu') {
    return rtuConnector(
      { clock },
      signal => openConverterLine({ clock }, address, signal),
      rtuOptions(config),
    )
  }
  let transaction = 0
  const nextTransaction = () => {
    transaction = (transaction + 1) % TRANSACTIONS
    return transaction
  }
  return signal => connectTcp({ clock, nextTransaction }, address, signal)
}

/** How the line of a bus is used. */
export function rtuOptions(config: BusConfig): RtuOptions {
  return {
    timing: timingOf(config),
    timeoutMs: config.timeout,
    quarantineMs: config.quarantine ?? QUARANTINE_MS,
    isPaced:
      (config.serial !== undefined && config.serial.paced !== false) || config.tcp?.baudRate !== undefined,
    muteMax: config.serial === undefined ? MUTE_MAX.converter : MUTE_MAX.serial,
  }
}
