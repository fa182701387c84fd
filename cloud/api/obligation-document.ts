// What is owed of a work as the API's document has it.

import { z } from '@hono/zod-openapi'
import { Frequency } from '../compliance/calendar.ts'
import { CHECK_CODES, SEVERITIES } from '../compliance/checks.ts'
import { QUANTITIES } from '../compliance/declaration.ts'
import { MODES, Selection, STANDARDS, type Standard } from '../compliance/obligation.ts'
import type { ObligationVersion } from '../store/compliance-obligations.ts'
import { InstantText, orNull, PointKey, toInstantText, toInstantTextOrNull } from './fields.ts'

const STANDARD_NAMES = Object.keys(STANDARDS) as [Standard, ...Standard[]]

const ms = z.int().openapi({ description: 'milliseconds' })

const Checks = z
  .strictObject({
    severity: z.partialRecord(z.enum(CHECK_CODES), z.enum(SEVERITIES)),
    stuckAfter: ms.optional(),
    maxM3PerHour: z.number().optional(),
    modulus: z.number().optional(),
    volumeTolerance: z.number().optional(),
    volumeSlackM3: z.number().optional(),
    levelMinM: z.number().optional(),
    levelMaxM: z.number().optional(),
    levelJumpM: z.number().optional(),
    dryBelowM: z.number().optional(),
    staleAfter: ms.optional(),
    clockAfter: ms.optional(),
  })
  .openapi('ObligationChecks', { description: 'what differs from the limits of docs/dga.md' })

const Exemption = z.strictObject({
  quantity: z.literal('level'),
  from: InstantText,
  to: orNull(InstantText),
  reason: z.string(),
})

/** What is owed of a work from an instant on. */
export const Version = z
  .strictObject({
    from: InstantText,
    to: orNull(InstantText),
    until: orNull(InstantText).openapi({
      description: 'where it ends: by itself, or because the next begins',
    }),
    point: PointKey,
    informant: z.string(),
    owedFrom: InstantText.openapi({ description: 'slots are owed from here on' }),
    standard: z.enum(STANDARD_NAMES),
    resolution: z.string().nullable(),
    frequency: Frequency,
    channel: z.enum(['rest', 'soap']),
    kind: z.enum(['groundwater', 'surface_pipe', 'surface_channel']),
    required: z.array(z.enum(QUANTITIES)).nullable(),
    levelExempt: z.boolean(),
    exemptions: z.array(Exemption),
    alsoPoints: z.array(PointKey).openapi({ description: 'declared together with `point`' }),
    levelPoint: orNull(PointKey).openapi({ description: 'whose level is declared; null: that of `point`' }),
    total: z.enum(['meter', 'volume']).nullable(),
    totalRounding: z.enum(['truncate', 'half_away']),
    deadlineMs: ms,
    maxLagMs: ms,
    graceMs: ms,
    arrivalMs: ms,
    selection: Selection,
    rights: z.array(z.strictObject({ flowLps: z.number(), yearlyM3: z.number().optional() })),
    checks: Checks,
    mode: z.enum(MODES),
  })
  .openapi('ObligationVersion')

/** A row as a version. */
export function toVersion(row: ObligationVersion): z.infer<typeof Version> {
  const { from, to, until, point, alsoPoints, levelPoint, informant, owedFrom } = row
  const { alsoPointIds: _, levelPointId: __, ...terms } = row.terms
  return {
    ...terms,
    ...{ alsoPoints, levelPoint },
    ...{ from: toInstantText(from), to: toInstantTextOrNull(to), until: toInstantTextOrNull(until) },
    ...{ point, informant, owedFrom: toInstantText(owedFrom) },
    ...{ required: terms.required === null ? null : [...terms.required], total: terms.total ?? null },
    exemptions: terms.exemptions.map(({ quantity, from: since, to: end, reason }) => {
      return { quantity, from: toInstantText(since), to: toInstantTextOrNull(end ?? null), reason }
    }),
    rights: [...terms.rights],
  }
}
