// What the command line says of imports.

import { basename } from 'node:path'
import { reasonsOf } from '../../protocol/mistakes.ts'
import { listOf, needed, UsageError } from '../usage-error.ts'
import type { ImportCommand } from './command.ts'
import { ASSUMABLE, FormatSettings } from './format.ts'

/** The options that imports know. */
export type ImportOptions = {
  [Name in 'point' | 'accept' | 'delimiter' | 'decimal' | 'dates' | 'zone' | 'time']?: string | undefined
}

/** What `import VERB …` says. Throws UsageError. */
export function readImportCommand(
  [verb, what]: readonly string[],
  options: ImportOptions,
  readBytes: (file: string) => Buffer,
): ImportCommand {
  if (verb === 'list' && what === undefined) return { verb }
  if (what === undefined) throw new UsageError(`import ${verb ?? ''}: say which`)
  if (verb === 'file') {
    const bytes = readBytes(what)
    return {
      verb,
      name: basename(what),
      bytes,
      point: needed('point', options.point),
      settings: formatOf(options),
    }
  }
  if (!/^[1-9]\d{0,15}$/.test(what)) throw new UsageError(`import: "${what}" is not the number of an import`)
  const id = Number(what)
  switch (verb) {
    case 'confirm':
      return {
        verb,
        id,
        accept: options.accept === undefined ? [] : listOf('accept', options.accept, ASSUMABLE),
      }
    case 'settings':
      return { verb, id, settings: formatOf(options) }
    case 'show':
    case 'undo':
    case 'discard':
      return { verb, id }
  }
  throw new UsageError(`No such command: import ${verb}`)
}

function formatOf({ delimiter, decimal, dates, zone, time }: ImportOptions): FormatSettings {
  const told = Object.entries({ delimiter, decimal, dates, zone, time }).filter(
    ([, value]) => value !== undefined,
  )
  const { data, error } = FormatSettings.safeParse(Object.fromEntries(told))
  if (data === undefined) throw new UsageError(reasonsOf(error))
  return data
}
