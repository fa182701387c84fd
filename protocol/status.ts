// What a gateway says of itself: its state and its health. Its configuration is in configuration.ts.

import { z } from 'zod'
import { PROVIDER_NAMES, Slug } from './ids.ts'
import { Instant, TIME_QUALITY_NAMES } from './reading.ts'
import { Architecture, ReleaseVersion } from './release.ts'

/** Retained, and the last will is `lost`. `sleeping`: stopped on purpose until `wakesAt`. */
export const GatewayState = z.strictObject({
  v: z.literal(1),
  state: z.enum(['init', 'ready', 'disconnected', 'lost', 'sleeping']),
  version: z.string().max(60),
  /** When the session began. */
  since: Instant,
  wakesAt: Instant.optional(),
})

/** Retained, and the last will is `lost`. */
export type GatewayState = z.infer<typeof GatewayState>

/** How a device is, as its gateway tells. */
export const DeviceHealth = z.strictObject({
  id: Slug,
  /** Through whom it is read; absent for a device on a bus. */
  provider: z.enum(PROVIDER_NAMES).optional(),
  /** Polls answered with values, and polls that were not, since the process started. */
  ok: z.int().min(0),
  failed: z.int().min(0),
  lastOkAt: Instant.optional(),
  /** Why the last poll failed; absent when it did not. */
  lastFailure: z.string().max(300).optional(),
})

/** Numbers from the first to the second, both included. */
const Numbers = z
  .tuple([z.int().min(1), z.int().min(1)])
  .refine(([first, last]) => first <= last, 'must not end before it begins')

/** The most ranges of numbers a health message names; where there are more, the closest ones are named as one. */
export const LEDGER_RANGES_MAX = 64

/** The most days a health message tells of. */
export const LEDGER_DAYS_MAX = 400

/** A civil day in the numbers of a gateway's buffer: from `first` on to where the next one begins. */
export const LedgerDay = z.strictObject({
  day: z.iso.date(),
  first: z.int().min(1),
  /** Measured, and never put on disk. */
  lost: z.int().min(0),
})

/** A civil day in the numbers of a gateway's buffer. */
export type LedgerDay = z.infer<typeof LedgerDay>

const GatewayLedger = z.strictObject({
  /** Of the numbers below. */
  epoch: z.int().min(1).max(0xffffffff),
  /** The number that the next reading gets. */
  next: z.int().min(1),
  /** What the cloud has not answered. */
  unanswered: z.array(Numbers).max(LEDGER_RANGES_MAX),
  /** What of that has been sent in this session. */
  underWay: z.array(Numbers).max(LEDGER_RANGES_MAX),
  /** The newest days, and those of which something is unanswered, in the order of their numbers. */
  days: z
    .array(LedgerDay)
    .max(LEDGER_DAYS_MAX)
    .refine(
      days => days.every(({ first }, index) => index === 0 || first > (days[index - 1] as LedgerDay).first),
      'must be in the order of their numbers, each number once',
    ),
})

/** Where a gateway's readings are, by their numbers. */
export type GatewayLedger = z.infer<typeof GatewayLedger>

const Bytes = z.int().min(0)

/** How a gateway stands with releases. */
export const ReleaseHealth = z.strictObject({
  architecture: Architecture.optional(),
  /** The release of the package that is installed. */
  packaged: ReleaseVersion,
  /** The release on trial: it runs, or is started next. */
  trial: z
    .strictObject({ version: ReleaseVersion, leftMs: z.number().min(0), starts: z.int().min(0) })
    .optional(),
  /** The last one that did not stand its trial. */
  failed: z.strictObject({ version: ReleaseVersion, reason: z.string().max(500), at: Instant }).optional(),
  /** The one that is being fetched. */
  fetching: z.strictObject({ version: ReleaseVersion, bytes: Bytes, bytesTotal: Bytes }).optional(),
})

/** How a gateway stands with releases. */
export type ReleaseHealth = z.infer<typeof ReleaseHealth>

/** Sent every minute. Numbers of readings count since the process started, but for what lies in the buffer. */
export const GatewayHealth = z.strictObject({
  v: z.literal(1),
  at: Instant,
  version: z.string().max(60),
  startedAt: Instant,
  buffer: z.strictObject({
    epoch: z.int(),
    readings: z.int().min(0),
    bytes: z.int().min(0),
    maxBytes: z.int().min(0),
    /** How long the rest of the buffer lasts at the rate since the start; absent while nobody can say. */
    daysLeft: z.number().min(0).optional(),
    appended: z.int().min(0),
    evicted: z.int().min(0),
    damaged: z.int().min(0),
    oldestAt: Instant.optional(),
  }),
  /** Readings polled, committed by the cloud, and rejected by it. */
  readings: z.strictObject({ polled: z.int().min(0), acked: z.int().min(0), rejected: z.int().min(0) }),
  clock: z.strictObject({ quality: z.enum(TIME_QUALITY_NAMES), errorMs: z.number().min(0).optional() }),
  memoryBytes: z.int().min(0),
  /** Share of time that each bus was busy in the last minute, 0 to 1. */
  buses: z.array(z.strictObject({ id: Slug, load: z.number().min(0).max(1) })).max(64),
  devices: z.array(DeviceHealth).max(512),
  /** The last command to write since the process started, and what came of it. */
  lastWrite: z
    .strictObject({
      at: Instant,
      by: z.string().max(200),
      device: Slug,
      name: Slug,
      asked: z.number(),
      found: z.number().nullable().optional(),
      status: z.enum(['done', 'refused', 'failed']),
    })
    .optional(),
  /** Absent from gateways that do not keep one. */
  ledger: GatewayLedger.optional(),
  /** Absent from gateways that take no releases. */
  release: ReleaseHealth.optional(),
})

/** Sent every minute. */
export type GatewayHealth = z.infer<typeof GatewayHealth>
