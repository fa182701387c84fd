// A site for tests of the processor: a client, a project, a gateway, and batches as the collector commits them.

import { type Flag, flagNames } from '../../../cloud/flags.ts'
import { processRound, type RoundLimits } from '../../../cloud/processor/round.ts'
import type { Rule } from '../../../cloud/processor/rules/parameters.ts'
import { commitBatches } from '../../../cloud/store/batches.ts'
import type { Database } from '../../../cloud/store/database.ts'
import { type SeriesValue, valuesOf } from '../../../cloud/store/derived.ts'
import { type Bucket, type BucketSize, selectBuckets } from '../../../cloud/store/rollups.ts'
import { insertRule } from '../../../cloud/store/rules.ts'
import { openSeriesIds } from '../../../cloud/store/series.ts'
import { QUALITIES, type Quality, type TimeQuality } from '../../../protocol/reading.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { VARIABLES, type Variable } from '../../../protocol/variables.ts'

/** A value to be measured: instant, variable, value. A null value did not answer. */
export type Sample = readonly [
  at: number,
  variable: Variable,
  value: number | null,
  quality?: Quality | undefined,
  point?: string,
]

/** Limits small enough that several rounds are needed. */
export const LIMITS: RoundLimits = { gatewaysMax: 8, batchesEachMax: 8, readingsMax: 50_000 }

/** One gateway with one point. */
export interface Site {
  gatewayId: number
  projectId: number
  /** Commits samples as one batch, of `point` where a sample names none. */
  commit(samples: readonly Sample[], point?: string, timeQuality?: TimeQuality): Promise<void>
  /** The number of a point. */
  pointId(point?: string): Promise<number>
  calibrate(rule: string, params: object, validFrom: number, point?: string): Promise<void>
  /** The same for a rule that names its variable. */
  rule(rule: Rule, variable: Variable, params: object, validFrom: number): Promise<void>
}

let sites = 0

/** Opens a site of its own in a migrated database. */
export async function openSite(db: Database): Promise<Site> {
  sites += 1
  const slug = `site-${process.pid}-${sites}`
  const [client] = await db.query<{ id: number }>(
    'insert into clients (slug, name) values ($1, $1) returning id',
    [slug],
  )
  const [project] = await db.query<{ id: number }>(
    'insert into projects (client_id, slug, name) values ($1, $2, $2) returning id',
    [client?.id ?? 0, slug],
  )
  const projectId = project?.id ?? 0
  const [gateway] = await db.query<{ id: number }>(
    'insert into gateways (project_id, slug) values ($1, $2) returning id',
    [projectId, slug],
  )
  const gatewayId = gateway?.id ?? 0
  const series = openSeriesIds(db)
  let seq = 0
  const pointId = async (point = 'pozo-7') => {
    await db.query(
      `insert into points (project_id, slug, name) values ($1, $2, $2) on conflict (project_id, slug) do nothing`,
      [projectId, point],
    )
    const [row] = await db.query<{ id: number }>(
      'select id from points where project_id = $1 and slug = $2',
      [projectId, point],
    )
    return row?.id ?? 0
  }
  return {
    gatewayId,
    projectId,
    pointId,
    async rule(rule, variable, params, validFrom) {
      const { code } = VARIABLES[variable]
      const asked = { rule, variable: code, params: { ...params }, validFrom, createdBy: 'a test' }
      await insertRule(db, { pointId: await pointId(), ...asked })
    },
    async commit(samples, point = 'pozo-7', timeQuality = 'synced') {
      const first = seq + 1
      const readings = samples.map(([at, variable, value, quality, ofPoint = point]) => {
        seq += 1
        const told = quality ?? (value === null ? 'no_answer' : 'good')
        return { seq, point: ofPoint, variable, at, value, quality: told, timeQuality }
      })
      const table = { gateway: slug, client: slug, project: slug, series: [] }
      const clock = { quality: 'synced' as const }
      const batch = { table, epoch: 1, first, last: seq, configVersion: 0, clock, readings, missing: [] }
      await commitBatches({ db, series, clock: systemClock }, [{ gatewayId, projectId, lane: 'live', batch }])
    },
    async calibrate(rule, params, validFrom, point) {
      await db.query(
        `insert into calibrations (point_id, rule, params, valid_from, created_by)
         values ($1, $2, $3::jsonb, to_timestamp($4::float8 / 1000), 'a test')`,
        [await pointId(point), rule, JSON.stringify(params), validFrom],
      )
    },
  }
}

/** Runs rounds until nothing waits. Returns how many batches were processed. */
export async function processAll(db: Database, limits: RoundLimits = LIMITS): Promise<number> {
  let batches = 0
  for (;;) {
    const outcome = await processRound({ db, clock: systemClock }, limits)
    if (outcome.batches === 0) return batches
    batches += outcome.batches
  }
}

/** Values with the name of their quality. */
export async function valuesIn(
  db: Database,
  pointId: number,
  variable: Variable,
): Promise<(readonly [at: number, value: number | null, quality: Quality | undefined])[]> {
  const values = await allValues(db, pointId, variable)
  return values.map(({ at, value, quality }) => [at, value, qualityName(quality)])
}

/** Values in force, with their flags. */
export async function flagsIn(
  db: Database,
  pointId: number,
  variable: Variable,
): Promise<(readonly [at: number, value: number | null, flags: Flag[]])[]> {
  const values = await allValues(db, pointId, variable)
  return values.map(({ at, value, flags }) => [at, value, flagNames(flags)])
}

/** All values of a variable. */
export function allValues(db: Database, pointId: number, variable: Variable): Promise<SeriesValue[]> {
  return valuesOf(db, { pointId, variable, from: 0, to: 4e12, limit: 100_000 })
}

/** All buckets of a variable. */
export function bucketsIn(
  db: Database,
  pointId: number,
  variable: Variable,
  size: BucketSize,
): Promise<Bucket[]> {
  return selectBuckets(db, size, {
    pointId,
    variable: VARIABLES[variable].code,
    from: 0,
    to: 4e12,
    limit: 100_000,
  })
}

const qualityName = (code: number): Quality | undefined =>
  (Object.keys(QUALITIES) as Quality[]).find(name => QUALITIES[name].code === code)
