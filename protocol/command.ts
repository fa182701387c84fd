// What the cloud asks of a gateway, and what came of it.

import { z } from 'zod'
import { PROVIDER_NAMES, Slug } from './ids.ts'
import { Instant } from './reading.ts'

/** The most bytes a command or its result may have as JSON. */
export const COMMAND_BYTES_MAX = 64 * 1024

const common = {
  v: z.literal(1),
  /** Names the command; a second one with the same id is the first one again and is not executed again. */
  id: Slug,
  /** Not to be started after this instant. */
  expiresAt: Instant,
  /** Who asked, for the audit. */
  by: z.string().max(200),
}

/** Poll now, outside the schedule: everything, one provider's devices, or the devices named. */
export const CollectCommand = z.strictObject({
  ...common,
  kind: z.literal('collect'),
  provider: z.enum(PROVIDER_NAMES).optional(),
  devices: z.array(Slug).max(256).optional(),
})

/** Stop and start the gateway's process. */
export const RestartCommand = z.strictObject({ ...common, kind: z.literal('restart') })

/** Read registers of one configured device now, as they are, for a person to look at: nothing is stored. */
export const ReadCommand = z
  .strictObject({
    ...common,
    kind: z.literal('read'),
    device: Slug,
    table: z.enum(['coil', 'discrete', 'holding', 'input']),
    address: z.int().min(0).max(65_535),
    count: z.int().min(1).max(125),
  })
  .refine(({ address, count }) => address + count <= 65_536, {
    message: 'ends above register 65535',
    path: ['count'],
  })

/** The most units one scan may ask: each that is silent costs its bus a timeout. */
export const SCAN_UNITS_MAX = 32

/** Ask units of a bus who is there, in turn with its polls. */
export const ScanCommand = z
  .strictObject({
    ...common,
    kind: z.literal('scan'),
    bus: Slug,
    first: z.int().min(1).max(247),
    last: z.int().min(1).max(247),
  })
  .refine(({ first, last }) => first <= last && last - first < SCAN_UNITS_MAX, {
    message: `must be at or above first, and at most ${SCAN_UNITS_MAX} units`,
    path: ['last'],
  })

/** Something the cloud asks of a gateway. To add a kind: its schema, and a line here. */
export const Command = z.discriminatedUnion('kind', [
  CollectCommand,
  ReadCommand,
  ScanCommand,
  RestartCommand,
])

/** Something the cloud asks of a gateway. */
export type Command = z.infer<typeof Command>

/** What came of a command. */
export const CommandResult = z.strictObject({
  v: z.literal(1),
  id: Slug,
  /** `refused`: understood and not allowed, or expired. `failed`: tried. */
  status: z.enum(['done', 'refused', 'failed']),
  at: Instant,
  /** Why it was refused or failed. */
  reason: z.string().max(500).optional(),
  /** How many readings a `collect` brought. */
  readings: z.int().min(0).optional(),
  /** What a `read` found: registers as unsigned numbers, bits as 0 and 1. */
  values: z.array(z.int().min(0).max(65_535)).max(125).optional(),
  /** Who answered a `scan`, and how. */
  units: z
    .array(z.strictObject({ unit: z.int().min(1).max(247), answer: z.string().max(300) }))
    .max(SCAN_UNITS_MAX)
    .optional(),
})

/** What came of a command. */
export type CommandResult = z.infer<typeof CommandResult>
