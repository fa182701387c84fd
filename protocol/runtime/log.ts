// One line of JSON per event: a fixed lower-case phrase, past tense, and what varies in fields.
//
// Values of fields whose name says that they are secret never leave the process.

import type { Clock } from './clock.ts'

/** What varies in an event. Names carry their unit; secrets do not belong here and are masked if they come. */
export type Fields = Record<string, unknown>

/** Where events go. */
export interface Log {
  debug(event: string, fields?: Fields): void
  info(event: string, fields?: Fields): void
  warn(event: string, fields?: Fields): void
  error(event: string, fields?: Fields): void
  /** The same log with fields that every one of its events carries. */
  with(fields: Fields): Log
}

/** All levels, the least first. */
export const LEVELS = ['debug', 'info', 'warn', 'error'] as const

/** How much an event matters. */
export type Level = (typeof LEVELS)[number]

/** Opens a log that hands each line, without its newline, to `write`. */
export function openLog(
  { clock, write }: { clock: Clock; write: (line: string) => void },
  { level }: { level: Level },
  common: Fields = {},
): Log {
  const lowest = LEVELS.indexOf(level)
  const at = (eventLevel: Level) => (event: string, fields?: Fields) => {
    if (LEVELS.indexOf(eventLevel) < lowest) return
    const time = new Date(clock.now()).toISOString()
    write(JSON.stringify({ time, level: eventLevel, event, ...common, ...fields }, mask))
  }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: fields => openLog({ clock, write }, { level }, { ...common, ...fields }),
  }
}

/** A log that says nothing. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  with: () => silentLog,
}

const SECRET = /password|secret|token|authorization|credential|cookie|privatekey|apikey/i

function mask(key: string, value: unknown): unknown {
  if (SECRET.test(key) && value !== undefined && value !== null) return '***'
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Error) return { name: value.name, message: value.message, stack: value.stack }
  return value
}
