// One trace from a sample to its receipt: made of what everybody wrote down anyway, after the fact.
//
// Nothing is carried along with a reading: four bytes on the wire have no room for it, and who was down for a week would have lost it.
// What is known is in the database with its instants: when it was measured, committed, processed, picked, sent, answered and
// verified. So a trace costs nothing until somebody wants it, and there is one of every declaration there ever was.

import { createHash } from 'node:crypto'
import { variableOf } from '../../protocol/variables.ts'
import type { TracedReading, TracedStep, TracedWay } from '../store/traces.ts'

/** A span: what happened from an instant to another. */
export interface Span {
  name: string
  /** Sixteen hexadecimal digits, the same each time. */
  id: string
  parentId: string | undefined
  startAt: number
  endAt: number
  attributes: Readonly<Record<string, string | number>>
  /** Why it came to nothing. */
  failure: string | undefined
}

/** The spans of one declaration. */
export interface Trace {
  /** Thirty-two hexadecimal digits, the same each time. */
  id: string
  spans: Span[]
}

/** The trace of a declaration as far as it has come. The first span is the whole. */
export function toTrace({ slot, readings, steps }: TracedWay): Trace {
  const { workCode, dueAt, state, receipt, acceptedAt, createdAt } = slot
  const key = `${workCode} ${dueAt}`
  const id = hexOf(key, 32)
  const idOf = (what: string) => hexOf(`${key} ${what}`, 16)
  const whole = idOf('declaration')
  const parts = readings.flatMap((reading, index) => readingSpans(reading, index, whole, idOf))
  const attempts = attemptSpans(steps, whole, idOf)
  const picked = steps.find(({ step }) => step === 'begun')?.at
  const waited: Span[] =
    picked === undefined
      ? []
      : [span('wait for values and for the turn', idOf('wait'), whole, Math.max(createdAt, dueAt), picked)]
  const spans = [...parts, ...waited, ...attempts]
  const startAt = Math.min(dueAt, ...spans.map(one => one.startAt))
  const endAt = Math.max(startAt, acceptedAt ?? startAt, ...spans.map(one => one.endAt))
  const attributes = {
    ...{ 'smarthydro.work': workCode, 'smarthydro.due_at': new Date(dueAt).toISOString() },
    ...{ 'smarthydro.state': state },
    ...(receipt === null ? {} : { 'smarthydro.receipt': receipt }),
  }
  return { id, spans: [span('declaration', whole, undefined, startAt, endAt, attributes), ...spans] }
}

type IdOf = (what: string) => string

function readingSpans(reading: TracedReading, index: number, whole: string, idOf: IdOf): Span[] {
  const { at, variable, gateway, lane, receivedAt, processedAt } = reading
  const attributes = {
    ...{ 'smarthydro.variable': variableOf(variable) ?? String(variable) },
    ...(gateway === null ? {} : { 'smarthydro.gateway': gateway }),
    ...(lane === null ? {} : { 'smarthydro.lane': lane === 0 ? 'live' : 'backlog' }),
  }
  if (receivedAt === null) return [span('measure', idOf(`measure ${index}`), whole, at, at, attributes)]
  const carried = span('measure, keep and carry', idOf(`measure ${index}`), whole, at, receivedAt, attributes)
  if (processedAt === null) return [carried]
  return [carried, span('process', idOf(`process ${index}`), whole, receivedAt, processedAt, attributes)]
}

/** An attempt from its beginning to its answer; a verification is the instant at which it was answered. */
function attemptSpans(steps: readonly TracedStep[], whole: string, idOf: IdOf): Span[] {
  return steps.flatMap((step, index) => {
    const { attempt, channel, outcome, status } = step
    const attributes = {
      ...{ 'smarthydro.attempt': attempt, 'smarthydro.channel': channel },
      ...(outcome === null ? {} : { 'smarthydro.outcome': outcome }),
      ...(status === null ? {} : { 'http.response.status_code': status }),
    }
    if (step.step === 'verified')
      return [span('verify the receipt', idOf(`verify ${index}`), whole, step.at, step.at, attributes)]
    if (step.step === 'begun') return []
    const begun = steps.slice(0, index).findLast(one => one.step === 'begun' && one.attempt === attempt)
    const failure = FAILED.has(outcome ?? 'abandoned') ? (outcome ?? 'the process ended') : undefined
    const name = `declare over ${channel.toUpperCase()}`
    return [span(name, idOf(`attempt ${index}`), whole, begun?.at ?? step.at, step.at, attributes, failure)]
  })
}

const FAILED = new Set(['refused', 'unknown_outcome', 'not_sent', 'configuration_error', 'abandoned'])

function span(
  name: string,
  id: string,
  parentId: string | undefined,
  startAt: number,
  endAt: number,
  attributes: Span['attributes'] = {},
  failure?: string,
): Span {
  return { name, id, parentId, startAt, endAt: Math.max(startAt, endAt), attributes, failure }
}

const hexOf = (text: string, digits: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, digits)
