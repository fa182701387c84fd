// What the cloud asks of a gateway, and what came of it.

import { z } from 'zod'
import { PROVIDER_NAMES, Slug } from './ids.ts'
import { Instant } from './reading.ts'
import { SignedRelease } from './release.ts'

/** The most bytes a command or its result may have as JSON. */
export const COMMAND_BYTES_MAX = 64 * 1024

const envelope = {
  v: z.literal(1),
  /** Names the command; a second one with the same id is the first one again and is not executed again. */
  id: Slug,
  /** Not to be started after this instant. */
  expiresAt: Instant,
  /** Who asked, for the audit. */
  by: z.string().max(200),
}

/** Poll now, outside the schedule: everything, one provider's devices, or the devices named. */
const Collect = z.strictObject({
  kind: z.literal('collect'),
  provider: z.enum(PROVIDER_NAMES).optional(),
  devices: z.array(Slug).max(256).optional(),
})

/** Stop and start the gateway's process. */
const Restart = z.strictObject({ kind: z.literal('restart') })

/** Read registers of one configured device now, as they are, for a person to look at: nothing is stored. */
const Read = z
  .strictObject({
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
const Scan = z
  .strictObject({
    kind: z.literal('scan'),
    bus: Slug,
    first: z.int().min(1).max(247),
    last: z.int().min(1).max(247),
  })
  .refine(({ first, last }) => first <= last && last - first < SCAN_UNITS_MAX, {
    message: `must be at or above first, and at most ${SCAN_UNITS_MAX} units`,
    path: ['last'],
  })

/** How far ahead a `write` may expire: for so long a gateway can say that it has not executed it before. */
export const WRITE_LIFE_MAX_MS = 3_600_000

/** Set one value of a device that its gateway's configuration allows to be set, and read it back. */
const Write = z.strictObject({
  kind: z.literal('write'),
  device: Slug,
  /** Its name in the gateway's configuration. */
  name: Slug,
  value: z.number(),
  /** What the value is in: the unit that the configuration says, where it says one. */
  unit: z.string().min(1).max(20).optional(),
})

/** Take a release, put it on trial, and start anew into it. Only a rollout asks for it. */
const Update = z.strictObject({
  kind: z.literal('update'),
  release: SignedRelease,
  /** Where its parts are: the address that their paths are below. */
  from: z.url({ protocol: /^https?$/ }).max(500),
})

/** The longest document that is tried, in characters: a command has at most 64 KiB. */
export const TRY_LENGTH_MAX = 40_000

/**
 * Read one device of a configuration that is not in force, once, for a person to compare with its display: nothing is stored.
 * Signed like a configuration: nobody else can have a gateway open a connection.
 */
const Try = z.strictObject({
  kind: z.literal('try'),
  device: Slug,
  document: z.string().max(TRY_LENGTH_MAX),
  /** Ed25519 over `tryText()`, base64. */
  signature: z.base64().max(200),
})

/** What the fleet signs of a `try`. */
export function tryText(
  gateway: string,
  { id, device, document }: { id: string; device: string; document: string },
): Uint8Array {
  return new TextEncoder().encode(`smarthydro try 1\n${gateway}\n${id}\n${device}\n${document}`)
}

/** Something that can be asked of a gateway. To add a kind: its schema, a line here and one in Command. */
export const CommandRequest = z.discriminatedUnion('kind', [Collect, Read, Scan, Write, Restart])

/** Something that can be asked of a gateway. */
export type CommandRequest = z.infer<typeof CommandRequest>

/** The same as it is shown: of what is tried, the device alone. */
export const CommandShown = z.discriminatedUnion('kind', [
  Collect,
  Read,
  Scan,
  Write,
  Restart,
  z.strictObject({ kind: z.literal('try'), device: Slug }),
])

/** The same as it is shown. */
export type CommandShown = z.infer<typeof CommandShown>

/** The same as the cloud sends it. */
export const Command = z.discriminatedUnion('kind', [
  Collect.safeExtend(envelope),
  Read.safeExtend(envelope),
  Scan.safeExtend(envelope),
  Write.safeExtend(envelope),
  Restart.safeExtend(envelope),
  Update.safeExtend(envelope),
  Try.safeExtend(envelope),
])

/** Something the cloud asks of a gateway. */
export type Command = z.infer<typeof Command>

/** What came of a command. */
export const CommandResult = z.strictObject({
  v: z.literal(1),
  id: Slug,
  /** `refused`: nothing was done: expired, not understood, too many at once, or a write that is not allowed. */
  status: z.enum(['done', 'refused', 'failed']),
  at: Instant,
  /** Why it was refused or failed. */
  reason: z.string().max(500).optional(),
  /** How many readings a `collect` brought. */
  readings: z.int().min(0).optional(),
  /** What a `read` found: registers as unsigned numbers, bits as 0 and 1. */
  values: z.array(z.int().min(0).max(65_535)).max(125).optional(),
  /** What a `write` did, and what it found. */
  written: z
    .strictObject({
      device: Slug,
      name: Slug,
      unit: z.string().max(20).optional(),
      asked: z.number(),
      /** What it was before; null when its registers held no number. */
      before: z.number().nullable(),
      /** What was read back; absent when it could not be read. */
      found: z.number().nullable().optional(),
      /** Whether the device said that it had written these very registers. */
      acknowledged: z.boolean(),
    })
    .optional(),
  /** What a `try` read, in the units of the variables; null with the reason where there is no value. */
  measured: z
    .array(
      z.strictObject({
        variable: z.string().max(40),
        point: Slug,
        value: z.number().nullable(),
        unit: z.string().max(20),
        quality: z.string().max(40),
      }),
    )
    .max(256)
    .optional(),
  /** Who answered a `scan`, and how. */
  units: z
    .array(z.strictObject({ unit: z.int().min(1).max(247), answer: z.string().max(300) }))
    .max(SCAN_UNITS_MAX)
    .optional(),
})

/** What came of a command. */
export type CommandResult = z.infer<typeof CommandResult>
