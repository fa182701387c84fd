// What DGA knows: control centres, informants, works, and the measurements it holds.

import { appendFileSync, existsSync, readFileSync } from 'node:fs'

/** A kind of work, and so of measurement. */
export type WorkKind = 'groundwater' | 'surface_pipe' | 'surface_channel'

/** A work as DGA has it registered. */
export interface RegisteredWork {
  code: string
  kind: WorkKind
  /** RUTs of those who may declare it. */
  informants: string[]
  /** Caudales Muy Pequeños and the like: level or height may be empty. */
  exempt?: boolean
}

/** Someone who declares. */
export interface RegisteredInformant {
  rut: string
  password: string
  /** From this instant on, another password. */
  rotation?: { at: number; password: string }
}

/** Who and what is registered. */
export interface Registry {
  controlCentres: string[]
  informants: RegisteredInformant[]
  works: RegisteredWork[]
}

/** A measurement that DGA holds. Values are numbers: trailing zeros are lost. */
export interface HeldMeasurement {
  work: string
  kind: WorkKind
  /** `YYYY-MM-DD` and `HH:MM:SS`, UTC-4. */
  date: string
  time: string
  flow: number | null
  total: number | null
  level: number | null
  receipt: string
  arrivedAt: number
  channel: 'rest' | 'soap'
}

/** What it holds, by work and measuring time. */
export interface Holdings {
  all(): HeldMeasurement[]
  find(work: string, date: string, time: string): HeldMeasurement | undefined
  byReceipt(receipt: string): HeldMeasurement | undefined
  add(measurement: Omit<HeldMeasurement, 'receipt'>): HeldMeasurement
  /** Puts another measurement in the place of the one with the same receipt. */
  replace(measurement: HeldMeasurement): void
}

/** Whether an accepted measurement can be asked after yet. */
export function isVisible({ arrivedAt }: HeldMeasurement, now: number, visibleAfterMs: number): boolean {
  return now >= arrivedAt + visibleAfterMs
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const RECEIPT_LENGTH = 32

/**
 * Opens holdings: empty, or what the file holds, which then outlive the process. Receipts follow from the seed, and are
 * never given twice.
 */
export function openHoldings(random: () => number, file?: string): Holdings {
  const held = new Map<string, HeldMeasurement>()
  const receipts = new Map<string, HeldMeasurement>()
  const keyOf = (work: string, date: string, time: string) => `${work} ${date} ${time}`
  const keep = (measurement: HeldMeasurement) => {
    held.set(keyOf(measurement.work, measurement.date, measurement.time), measurement)
    receipts.set(measurement.receipt, measurement)
  }
  const replace = (measurement: HeldMeasurement) => {
    keep(measurement)
    if (file !== undefined) appendFileSync(file, `${JSON.stringify(measurement)}\n`)
  }
  const draw = (): string => {
    const receipt = Array.from(
      { length: RECEIPT_LENGTH },
      () => ALPHABET[Math.floor(random() * ALPHABET.length)],
    ).join('')
    return receipts.has(receipt) ? draw() : receipt
  }
  for (const line of linesOf(file)) keep(JSON.parse(line))
  return {
    all: () => [...held.values()],
    find: (work, date, time) => held.get(keyOf(work, date, time)),
    byReceipt: receipt => receipts.get(receipt),
    replace,
    add(measurement) {
      const kept = { ...measurement, receipt: draw() }
      replace(kept)
      return kept
    },
  }
}

/** The whole lines of a file; a last one that a kill cut short is none. */
function linesOf(file: string | undefined): string[] {
  if (file === undefined || !existsSync(file)) return []
  return readFileSync(file, 'utf8').split('\n').slice(0, -1)
}
