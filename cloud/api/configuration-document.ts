// How configurations of gateways, and what gateways say of them, stand in the API.

import { z } from '@hono/zod-openapi'
import { ReportedConfig } from '../../protocol/configuration.ts'
import type { ConfigMistake } from '../../protocol/runtime/errors.ts'
import type { ConfigurationRow, ReportedRow, ReportRow } from '../store/configurations.ts'
import { InstantText, orNull, toInstantText, toInstantTextOrNull } from './fields.ts'
import { Next } from './paging.ts'

const Hash = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .openapi({ description: 'SHA-256 of the document' })

const Mistake = z
  .strictObject({
    path: z.string().openapi({ example: 'devices[0].bus' }),
    line: z.int().nullable(),
    message: z.string(),
  })
  .openapi('ConfigurationMistake')

/** A version without its document. */
export const Version = z
  .strictObject({
    version: z.int(),
    hash: Hash,
    at: InstantText,
    by: z.string(),
    note: z.string(),
    copyOf: z.int().nullable().openapi({ description: 'the version that was taken again' }),
    isAdopted: z.boolean().openapi({ description: 'it was the gateway’s own file' }),
  })
  .openapi('ConfigurationVersion')

/** The same with it. */
export const WholeVersion = z
  .strictObject({ ...Version.shape, document: z.string() })
  .openapi('ConfigurationWithDocument')

/** A page of versions. */
export const VersionPage = z
  .strictObject({ items: z.array(Version), next: Next })
  .openapi('ConfigurationVersionPage')

const Refused = z
  .strictObject({
    version: z.int(),
    at: InstantText,
    kind: z.enum(['foreign', 'stale', 'mistaken', 'taken-back']).openapi({
      description:
        '`foreign`: not signed by this fleet, or for another gateway; `taken-back`: it made things worse',
    }),
    reason: z.string(),
    mistakes: z.array(Mistake),
  })
  .openapi('ConfigurationRefused')

const Reported = z
  .strictObject({
    version: z.int().openapi({ description: '0: its own file' }),
    hash: Hash,
    appliedAt: InstantText,
    saidAt: orNull(InstantText),
    probationUntil: orNull(InstantText).openapi({
      description: 'until then it watches itself, and would take it back',
    }),
    document: z
      .string()
      .nullable()
      .openapi({ description: 'its own file, where it is in force and holds no secret' }),
    refused: orNull(Refused),
  })
  .openapi('ConfigurationReported')

/** What a gateway runs with, in a word. */
export const ConfigurationState = z
  .enum(['unknown', 'file', 'waiting', 'probation', 'applied', 'refused', 'taken-back', 'drift'])
  .openapi({
    description:
      '`unknown`: the gateway has said nothing of it; `file`: its own file, and nothing else is wanted; `drift`: its file ' +
      'was changed on site after what is wanted was in force',
  })

/** What is wanted, and what is so. */
export const Configuration = z
  .strictObject({
    state: ConfigurationState,
    desired: orNull(WholeVersion),
    reported: orNull(Reported),
  })
  .openapi('GatewayConfiguration')

/** What came of looking at a document. */
export const Check = z
  .strictObject({
    mistakes: z.array(Mistake),
    effect: orNull(
      z
        .strictObject({
          opened: z.array(z.string()),
          closed: z.array(z.string()),
          kept: z.array(z.string()).openapi({ description: 'these go on without a gap' }),
          restarts: z.boolean().openapi({ description: 'for some seconds nothing is measured' }),
        })
        .openapi('ConfigurationEffect', {
          description: 'buses and devices at providers, by what becomes of them',
        }),
    ),
  })
  .openapi('ConfigurationCheck')

/** What two versions differ in. */
export const Diff = z
  .strictObject({
    from: z.int(),
    to: z.int(),
    lines: z.array(
      z.strictObject({
        kind: z.enum(['same', 'added', 'removed', 'left-out']),
        line: z.string().openapi({ description: 'of `left-out`: how many lines' }),
      }),
    ),
  })
  .openapi('ConfigurationDiff')

const Report = z
  .strictObject({
    at: InstantText,
    version: z.int(),
    hash: Hash,
    onProbation: z.boolean(),
    refused: orNull(Refused),
  })
  .openapi('ConfigurationReport')

/** A page of reports. */
export const ReportPage = z
  .strictObject({ items: z.array(Report), next: Next })
  .openapi('ConfigurationReportPage')

type Told = Omit<ConfigMistake, 'line'> & { line?: number | undefined }

/** A mistake as the API tells it. */
export const toMistake = ({ path, line, message }: Told): z.infer<typeof Mistake> => ({
  ...{ path, message },
  line: line ?? null,
})

/** A version without its document. */
export function toVersion({ createdAt, document: _, ...row }: ConfigurationRow): z.infer<typeof Version> {
  return { ...row, at: toInstantText(createdAt) }
}

/** What is wanted and what is so; what a gateway said is read again here: it may be of another version than ours. */
export function toConfiguration(
  desired: ConfigurationRow | undefined,
  { reported, reportedAt }: ReportedRow,
): z.infer<typeof Configuration> {
  const said = ReportedConfig.safeParse(reported).data
  return {
    state: stateOf(desired, said),
    desired: desired === undefined ? null : { ...toVersion(desired), document: desired.document },
    reported:
      said === undefined
        ? null
        : {
            ...{ version: said.version, hash: said.hash, document: said.document ?? null },
            appliedAt: toInstantText(said.appliedAt),
            saidAt: toInstantTextOrNull(reportedAt),
            probationUntil: toInstantTextOrNull(said.probationUntil ?? null),
            refused: said.refused === undefined ? null : toRefused(said.refused),
          },
  }
}

/** What a gateway runs with, in a word. */
export function stateOf(
  desired: Pick<ConfigurationRow, 'version' | 'hash'> | undefined,
  said: ReportedConfig | undefined,
): z.infer<typeof Configuration>['state'] {
  if (said === undefined) return desired === undefined ? 'unknown' : 'waiting'
  if (desired === undefined) return said.version === 0 ? 'file' : 'drift'
  if (said.version === desired.version && said.hash === desired.hash)
    return said.probationUntil === undefined ? 'applied' : 'probation'
  const { refused } = said
  if (refused?.version !== desired.version || refused.hash !== desired.hash) return 'waiting'
  if (refused.kind === 'stale') return 'drift'
  return refused.kind === 'taken-back' ? 'taken-back' : 'refused'
}

/** A report as the API tells it. */
export function toReport({ id: _, refused, at, ...row }: ReportRow): z.infer<typeof Report> {
  const said = ReportedConfig.shape.refused.safeParse(refused ?? undefined).data
  return { ...row, at: toInstantText(at), refused: said === undefined ? null : toRefused(said) }
}

function toRefused({
  version,
  at,
  kind,
  reason,
  mistakes = [],
}: NonNullable<ReportedConfig['refused']>): z.infer<typeof Refused> {
  return { version, at: toInstantText(at), kind, reason, mistakes: mistakes.map(toMistake) }
}
