// What may be written to a device: a list in its configuration, empty unless somebody fills it.

import { z } from 'zod'
import { Duration, UnitName } from './config-fields.ts'
import type { Draft, Sound } from './draft.ts'
import { Slug } from './ids.ts'
import type { Place } from './mistakes.ts'
import { REGISTER_COUNT, REGISTER_TYPES, type RegisterTable, WORD_ORDERS } from './registers.ts'

/** One value of a device that a command may set, by its name. */
export const Writable = z.strictObject({
  name: Slug,
  table: z.enum(['holding', 'coil']).default('holding'),
  /** 0-based, as on the wire. */
  address: z.int().min(0).max(65535),
  type: z.enum(REGISTER_TYPES),
  order: z.enum(WORD_ORDERS).default('ABCD'),
  /** What is in the registers times `scale`, plus `offset`, is the value in `unit`. */
  scale: z
    .number()
    .refine(value => value !== 0, 'must not be 0')
    .default(1),
  offset: z.number().default(0),
  /** What the value is in; a command must name the same. */
  unit: UnitName.optional(),
  /** The least and the greatest value that may be written; not for a coil, which is 0 or 1. */
  min: z.number().optional(),
  max: z.number().optional(),
  /** How it is written: 6 or 16 a register, 5 or 15 a coil. 6, 16 when it takes more than one register, 5 unless given. */
  function: z.literal([5, 6, 15, 16]).optional(),
  /** How long the device takes until it gives what was written to it. */
  settle: Duration.optional(),
})

/** One value of a device that a command may set. */
export type Writable = z.infer<typeof Writable>

/** The function that writes it. */
export function writeFunction({ table, type, function: given }: Writable): 5 | 6 | 15 | 16 {
  return given ?? (table === 'coil' ? 5 : REGISTER_COUNT[type] === 1 ? 6 : 16)
}

/** The least and the greatest value that may be written. */
export function rangeOf({ min = 0, max = 1 }: Pick<Writable, 'min' | 'max'>): { min: number; max: number } {
  return { min, max }
}

interface Owner {
  reads: { holes: readonly { table: RegisterTable; address: number; count: number }[] }
  writable: readonly Writable[]
}

/** What is wrong with the lists of devices beyond their form. */
export function writableMistakes({ sound, isWrong }: Draft<{ devices: readonly Owner[] }>): Place[] {
  return (sound?.devices ?? []).flatMap((device, index) => {
    const names = (device?.writable ?? []).map(one => one?.name)
    return (device?.writable ?? []).flatMap((one, at): Place[] => {
      if (one === undefined) return []
      const place = ['devices', index, 'writable', at]
      const isTwice = one.name !== undefined && names.indexOf(one.name) < at
      const mistakes: Mistake[] = [
        ...(isTwice ? [['name', `"${one.name}" is already what may be written`] as const] : []),
        ...placeMistakes(one, device?.reads?.holes ?? []),
        ...(one.table === 'coil' ? coilMistakes(one) : registerMistakes(one)),
      ]
      return mistakes
        .filter(([key]) => !isWrong(...place, key))
        .map(([key, message]) => ({ path: [...place, key], message }))
    })
  })
}

type Mistake = readonly [key: keyof Writable, message: string]

function placeMistakes(
  { table, address, type }: Sound<Writable>,
  holes: readonly (Sound<Owner['reads']['holes'][number]> | undefined)[],
): Mistake[] {
  if (address === undefined || type === undefined) return []
  const count = REGISTER_COUNT[type]
  const end = address + count
  if (end > 65536) return [['address', `${type} needs ${count} registers, address ${address} is too high`]]
  const isInHole = holes.some(
    ({ table: of, address: from = end, count: size = 0 } = {}) =>
      of === table && from < end && from + size > address,
  )
  return isInHole ? [['address', 'lies in a hole of its device: it could not be read back']] : []
}

const COIL = 'a coil is 0 or 1'

function coilMistakes(one: Sound<Writable>): Mistake[] {
  const { type, scale = 1, offset = 0, function: code } = one
  const needless = (['unit', 'min', 'max'] as const).filter(key => one[key] !== undefined)
  return [
    ...(type === undefined || type === 'bool'
      ? []
      : [['type', 'a coil holds one bit: its type must be bool'] as const]),
    ...(scale === 1 ? [] : [['scale', COIL] as const]),
    ...(offset === 0 ? [] : [['offset', COIL] as const]),
    ...needless.map(key => [key, COIL] as const),
    ...(code === 6 || code === 16 ? [['function', 'a coil is written by 5 or 15'] as const] : []),
  ]
}

const NEEDED = 'is needed: what lies outside is never written'

function registerMistakes({ table, type, min, max, function: code }: Sound<Writable>): Mistake[] {
  if (table === undefined || type === undefined) return []
  if (type === 'bool') return [['type', 'bool needs table coil']]
  if (type.startsWith('ascii')) return [['type', 'text cannot be written: how a device pads it is not known']]
  const count = REGISTER_COUNT[type]
  return [
    ...(min === undefined ? [['min', NEEDED] as const] : []),
    ...(max === undefined ? [['max', NEEDED] as const] : []),
    ...(min !== undefined && max !== undefined && min > max
      ? [['min', 'must not be above max'] as const]
      : []),
    ...(code === 5 || code === 15 ? [['function', 'a register is written by 6 or 16'] as const] : []),
    ...(code === 6 && count > 1
      ? [['function', `6 writes one register, ${type} needs ${count} at once`] as const]
      : []),
  ]
}
