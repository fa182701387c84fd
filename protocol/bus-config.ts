// The buses of a gateway's configuration: connections, serial lines, and lines behind converters.

import { z } from 'zod'
import { Duration } from './config-fields.ts'
import type { Draft, Sound } from './draft.ts'
import { Slug } from './ids.ts'
import { type Place, pathText } from './mistakes.ts'

const BaudRate = z.literal([1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200])

/** A line or a connection that devices share. */
export const Bus = z.strictObject({
  id: Slug,
  tcp: z
    .strictObject({
      host: z.string().min(1).max(253),
      port: z.int().min(1).max(65535).default(502),
      /** `rtu`: the frames of a serial line, as a transparent converter carries them. `tcp` unless given. */
      framing: z.enum(['tcp', 'rtu']).optional(),
      /** Of the line behind a converter; 9600 with `rtu`. */
      baudRate: BaudRate.optional(),
    })
    .optional(),
  serial: z
    .strictObject({
      path: z.string().min(1),
      baudRate: BaudRate.default(9600),
      parity: z.enum(['none', 'even', 'odd']).default('even'),
      stopBits: z.literal([1, 2]).default(1),
      /** Whether bytes take their time there; they do unless it says false, as where the device itself is the USB port. */
      paced: z.boolean().optional(),
    })
    .optional(),
  /** How long a device may take to answer. What the bytes take on a line comes on top. */
  timeout: Duration.default(1000),
  /** How long a line must be silent after a fault before it is used again. 200 ms unless given. */
  quarantine: Duration.optional(),
})

/** A line or a connection that devices share. */
export type BusConfig = z.infer<typeof Bus>

/** Whether devices are reached over a serial line, on this machine or behind a converter. */
export function isLine({ serial, tcp }: Pick<Sound<BusConfig>, 'serial' | 'tcp'>): boolean {
  return serial !== undefined || tcp?.framing === 'rtu'
}

/** What is wrong with buses and devices that are right one by one. */
export function lineMistakes({
  sound,
}: Draft<{ buses: readonly BusConfig[]; devices: readonly { bus: string; unit: number }[] }>): Place[] {
  const mistakes: Place[] = []
  const paths = new Map<string, string>()
  const lines = new Set<string>()
  for (const [index, { id, serial, tcp } = {}] of (sound?.buses ?? []).entries()) {
    const place = ['buses', index]
    if (id !== undefined && isLine({ serial, tcp })) lines.add(id)
    if (serial?.path === undefined) continue
    const before = paths.get(serial.path)
    if (before === undefined) paths.set(serial.path, id ?? pathText(place))
    else {
      mistakes.push({ path: [...place, 'serial', 'path'], message: `is already the line of ${before}` })
    }
  }
  for (const [index, { bus, unit } = {}] of (sound?.devices ?? []).entries()) {
    if (bus === undefined || unit === undefined) continue
    if (!lines.has(bus) || (unit >= 1 && unit <= UNIT_MAX)) continue
    const message = `on a serial line a unit is from 1 to ${UNIT_MAX}: 0 means everybody, who do not answer`
    mistakes.push({ path: ['devices', index, 'unit'], message })
  }
  return mistakes
}

/** Modbus over Serial Line 1.02, section 2.2. */
export const UNIT_MAX = 247
