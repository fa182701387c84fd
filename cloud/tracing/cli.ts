// smarthydro-cloud trace: the way of one declaration, from its readings to its receipt, as lines or to OpenTelemetry.

import { WORK_CODE } from '../compliance/obligation.ts'
import type { Database } from '../store/database.ts'
import { selectTracedWay } from '../store/traces.ts'
import { needed, UsageError } from '../usage-error.ts'
import { exportTraces } from './otlp.ts'
import { type Trace, toTrace } from './trace.ts'

/** What is asked: the work and the instant that it was declared for; where the trace goes, if it goes anywhere. */
export interface TraceOptions {
  work?: string | undefined
  at?: string | undefined
  otlp?: string | undefined
}

/** Reads what is asked and gives what is to be done; its result is the exit status. Throws UsageError. */
export function tellTrace(
  options: TraceOptions,
  { say, version }: { say: (text: string) => number; version: string },
): (db: Database) => Promise<number> {
  const workCode = needed('work', options.work)
  if (!WORK_CODE.test(workCode)) throw new UsageError(`--work: "${workCode}" is no work code`)
  const text = needed('at', options.at)
  const dueAt = /T.*(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(dueAt)) throw new UsageError(`--at: "${text}" is no instant such as 2026-01-15T13:00:00Z`)
  return async db => {
    const way = await selectTracedWay(db, { workCode, dueAt })
    if (way === undefined) {
      say(`${workCode} owes nothing for ${new Date(dueAt).toISOString()}\n`)
      return 1
    }
    const trace = toTrace(way)
    if (options.otlp !== undefined) await exportTraces(fetch, { url: options.otlp, version }, [trace])
    return say(linesOf(trace))
  }
}

/** One line a span: when it began, how long it took, what it was, what came of it. */
function linesOf({ id, spans }: Trace): string {
  const lines = spans.map(({ name, startAt, endAt, attributes, failure, parentId }) => {
    const seconds = ((endAt - startAt) / 1000).toFixed(3).padStart(12)
    const said = Object.entries(attributes).map(
      ([key, value]) => `${key.replace('smarthydro.', '')}=${value}`,
    )
    const what = `${parentId === undefined ? '' : '  '}${name}`
    return [
      new Date(startAt).toISOString(),
      `${seconds} s`,
      what,
      ...said,
      ...(failure === undefined ? [] : [`failed: ${failure}`]),
    ].join('  ')
  })
  return `${lines.join('\n')}\ntrace ${id}\n`
}
