// Traces to a collector of OpenTelemetry: OTLP over HTTP, as JSON (opentelemetry-proto 1.x, `POST /v1/traces`).

import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Database } from '../store/database.ts'
import { selectAcceptedWays } from '../store/traces.ts'
import { keepWorking } from '../work-loop.ts'
import { type Span, type Trace, toTrace } from './trace.ts'

/** The part of the platform's fetch that is used. */
type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** Where traces go, and as whose. */
export interface OtlpOptions {
  /** Without `/v1/traces`. */
  url: string
  version: string
}

const TIMEOUT_MS = 10_000

/** Hands traces over. Throws Unavailable when they were not taken. */
export async function exportTraces(
  fetch: Fetch,
  { url, version }: OtlpOptions,
  traces: readonly Trace[],
): Promise<void> {
  const target = `${url.replace(/\/$/, '')}/v1/traces`
  try {
    const response = await fetch(target, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(toOtlp(traces, version)),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    if (response.ok) return
    throw new Unavailable(`${target} answered ${response.status}: ${(await response.text()).slice(0, 200)}`)
  } catch (cause) {
    if (cause instanceof Unavailable) throw cause
    throw new Unavailable(`${target} is not reached: ${reasonOf(cause)}`, { cause })
  }
}

const INTERNAL = 1
const FAILED = 2

/** The request's body: ids as hexadecimal, instants as nanoseconds in a text. */
function toOtlp(traces: readonly Trace[], version: string): object {
  const spans = traces.flatMap(({ id, spans: own }) => own.map(one => toOtlpSpan(id, one)))
  return {
    resourceSpans: [
      {
        resource: {
          attributes: attributesOf({ 'service.name': 'smarthydro', 'service.version': version }),
        },
        scopeSpans: [{ scope: { name: 'smarthydro.declaration' }, spans }],
      },
    ],
  }
}

function toOtlpSpan(traceId: string, { id, parentId, name, startAt, endAt, attributes, failure }: Span) {
  return {
    ...{ traceId, spanId: id, name, kind: INTERNAL },
    ...(parentId === undefined ? {} : { parentSpanId: parentId }),
    ...{ startTimeUnixNano: nanoseconds(startAt), endTimeUnixNano: nanoseconds(endAt) },
    attributes: attributesOf(attributes),
    status: failure === undefined ? {} : { code: FAILED, message: failure },
  }
}

const nanoseconds = (at: number): string => (BigInt(Math.round(at * 1000)) * 1000n).toString()

const attributesOf = (attributes: Span['attributes']): object[] =>
  Object.entries(attributes).map(([key, value]) => ({
    key,
    value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value },
  }))

const EVERY_MS = 10_000
const WAYS_MAX = 50

/** Hands over what is accepted from now on, until the signal aborts. What is not taken is offered again; nothing waits for it. */
export async function runTraceExport(
  { db, clock, log, fetch }: { db: Database; clock: Clock; log: Log; fetch: Fetch },
  options: OtlpOptions,
  signal: AbortSignal,
): Promise<void> {
  let after = { at: clock.now(), id: 0 }
  const work = async () => {
    const ways = await selectAcceptedWays(db, after, WAYS_MAX)
    const last = ways.at(-1)
    if (last === undefined) return false
    try {
      await exportTraces(fetch, options, ways.map(toTrace))
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      log.warn('traces were not taken', { reason: error.message })
      return false
    }
    after = { at: last.slot.acceptedAt ?? after.at, id: last.slot.id }
    return ways.length === WAYS_MAX
  }
  await keepWorking({ clock, log }, { pollMs: EVERY_MS }, work, signal)
}
