// What the cloud asks of a gateway, and what came of it.

import { z } from 'zod'
import { Slug } from './ids.ts'
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
  provider: z.enum(['twin', 'nettra', 'novus', 'json']).optional(),
  devices: z.array(Slug).max(256).optional(),
})

/** Stop and start the gateway's process. */
export const RestartCommand = z.strictObject({ ...common, kind: z.literal('restart') })

/** Something the cloud asks of a gateway. To add a kind: its schema, and a line here. */
export const Command = z.discriminatedUnion('kind', [CollectCommand, RestartCommand])

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
})

/** What came of a command. */
export type CommandResult = z.infer<typeof CommandResult>
