// A report: what SMA is told of one process at one time stamp, as the very texts that are sent. It is complete or it is
// not built, for SMA refuses a time stamp with a parameter missing.

import { CIVIL_ZONE } from '../../../protocol/civil-date.ts'
import { VARIABLES } from '../../../protocol/variables.ts'
import { toDecimal } from '../../rounding.ts'
import { regulatorDate, regulatorTime } from '../calendar.ts'
import type { Quantity } from '../declaration.ts'
import { type Candidate, isTrusted, nearest } from '../selection.ts'
import type { SmaParameter, SmaTerms, SmaVariable } from './settings.ts'

/** One value of a report: what was measured, when, and as it is sent. */
export interface SmaValue {
  device: string
  name: string
  unit: string
  seriesId: number
  readAt: number
  value: number
  text: string
}

/** What is written of a report after its values were looked for. */
export interface SmaCheck {
  state: 'pending' | 'no_data' | 'ready' | 'review' | 'shadow'
  reason: string | null
  values: readonly SmaValue[]
  nextCheckAt: number | null
}

const AGAIN_MS = 60_000

/** What a report is compared with. */
export interface SmaBefore {
  /** Texts of the last report of the process that SMA took or that waits, by device and name. */
  texts: ReadonlyMap<string, string>
}

/** Names a value within its process. */
export const valueKey = ({ device, name }: { device: string; name: string }): string => `${device} ${name}`

/** A sensor that a person declared faulty. */
export interface SmaFault {
  pointId: number
  quantity: Quantity
}

const QUANTITY_OF = {
  ...{ flow: 'flow', total: 'total', volume: 'total', water_table: 'level', stage: 'level' },
} as const satisfies Record<SmaVariable, Quantity>

/** Looks for the values of a report among the readings that were found near it. */
export function checkReport(
  report: { state: 'pending' | 'no_data'; at: number; terms: SmaTerms; faults: readonly SmaFault[] },
  candidates: readonly Candidate[],
  before: SmaBefore,
  now: number,
): SmaCheck {
  const { at, terms } = report
  const { values, missing } = pick(report, candidates)
  const settledAt = at + terms.withinMs + terms.arrivalMs
  const isExact = values.every(({ readAt }) => readAt === at)
  if (now < settledAt && (missing.length > 0 || !isExact)) {
    return {
      ...{ state: report.state, reason: null, values: [] },
      nextCheckAt: Math.min(settledAt, now + AGAIN_MS),
    }
  }
  if (missing.length > 0) {
    const lastAt = at + terms.maxLagMs
    const nextCheckAt = now >= lastAt ? null : Math.min(lastAt, now + Math.max(AGAIN_MS, (now - at) / 10))
    return { state: 'no_data', reason: `no good reading: ${missing.join(', ')}`, values, nextCheckAt }
  }
  const doubts = doubtsOf(report, values, before)
  if (doubts.length > 0) return { state: 'review', reason: doubts.join('; '), values, nextCheckAt: null }
  return terms.mode === 'send'
    ? { state: 'ready', reason: null, values, nextCheckAt: null }
    : { state: 'shadow', reason: 'not sent: shadow mode', values, nextCheckAt: null }
}

function pick(
  { at, terms, faults }: { at: number; terms: SmaTerms; faults: readonly SmaFault[] },
  candidates: readonly Candidate[],
): { values: SmaValue[]; missing: string[] } {
  const values: SmaValue[] = []
  const missing: string[] = []
  for (const { device, pointId, parameters } of terms.devices) {
    const near = candidates.filter(one => one.pointId === pointId && Math.abs(one.at - at) <= terms.withinMs)
    for (const parameter of parameters) {
      const { name, variable } = parameter
      const isFaulty = faults.some(
        fault => fault.pointId === pointId && fault.quantity === QUANTITY_OF[variable],
      )
      const found = isFaulty ? undefined : nearest(near.filter(isTrusted), variable, at)
      if (isFaulty) missing.push(`${name} of device ${device}, whose sensor was declared faulty`)
      else if (found === undefined) missing.push(`${name} of device ${device}`)
      if (found !== undefined) values.push(toValue(device, parameter, found))
    }
  }
  return { values, missing }
}

function toValue(
  device: string,
  { name, unit, decimals }: SmaParameter,
  { seriesId, at: readAt, value }: Candidate & { value: number },
): SmaValue {
  return { device, name, unit, seriesId, readAt, value, text: toDecimal(value, { decimals }) }
}

/** What a person must look at before it is reported. */
function doubtsOf(
  { at, terms }: { at: number; terms: SmaTerms },
  values: readonly SmaValue[],
  { texts }: SmaBefore,
): string[] {
  const doubts = values.flatMap(({ device, name, text }) =>
    Number(text) < 0 ? [`${name} of device ${device} is negative: ${text}`] : [],
  )
  for (const { device, parameters } of terms.devices) {
    for (const { name, variable } of parameters) {
      if (variable !== 'total' && variable !== 'volume') continue
      const is = values.find(value => value.device === device && value.name === name)?.text
      const was = texts.get(valueKey({ device, name }))
      if (is !== undefined && was !== undefined && Number(is) < Number(was))
        doubts.push(`${name} of device ${device} went back from ${was} to ${is}`)
    }
  }
  if (isSaidAgain(at, terms)) {
    doubts.push(`${stampOf(at, terms)} is written a second time: the clocks were put back`)
  }
  return doubts
}

/** The hour that the wall clock shows twice: its second time stamps cannot be told from the first. */
function isSaidAgain(at: number, { clock }: Pick<SmaTerms, 'clock'>): boolean {
  if (clock !== 'chile') return false
  const first = wallTime(at).toZonedDateTime(CIVIL_ZONE, { disambiguation: 'earlier' })
  return first.epochMilliseconds !== at
}

const wallTime = (at: number): Temporal.PlainDateTime =>
  Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(CIVIL_ZONE).toPlainDateTime()

/** `2026-01-15T10:05:00`: SMA writes no zone. */
export function stampOf(at: number, { clock }: Pick<SmaTerms, 'clock'>): string {
  if (clock === 'utc-4') return `${regulatorDate(at)}T${regulatorTime(at)}`
  return wallTime(at).toString({ smallestUnit: 'second' })
}

/** The body of a report: one entry for each device, all with the same time stamp. */
export function bodyOf(at: number, terms: Pick<SmaTerms, 'clock'>, values: readonly SmaValue[]): string {
  const estampaTiempo = stampOf(at, terms)
  const entries = [...Map.groupBy(values, ({ device }) => device)].map(([dispositivoId, parts]) => ({
    dispositivoId,
    parametros: parts.map(({ name: nombre, text: valor, unit: unidad }) => ({
      ...{ nombre, valor, unidad, estampaTiempo },
    })),
  }))
  return JSON.stringify(entries)
}

/** The code of each variable that may be read for a process. */
export const codesOf = ({ devices }: Pick<SmaTerms, 'devices'>): number[] => [
  ...new Set(devices.flatMap(({ parameters }) => parameters.map(({ variable }) => VARIABLES[variable].code))),
]
