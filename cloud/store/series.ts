// Series by name: which number stands for a variable of a point.

import { VARIABLES, type Variable } from '../../protocol/variables.ts'
import { type Database, DatabaseRefused, type Sql } from './database.ts'

/** A variable of a point of a project. */
export interface SeriesName {
  projectId: number
  point: string
  variable: Variable
}

/** The numbers of series, remembered: they never change once given. */
export interface SeriesIds {
  /**
   * The numbers of `names`, in their order. A point or series that is not there yet is made: what a gateway measures
   * belongs to its own project, and is never refused for want of paperwork, up to a bound that only a fault passes:
   * then it throws DatabaseRefused, and nothing is made.
   */
  of(names: readonly SeriesName[]): Promise<number[]>
}

/** Opens a memory of series numbers over a database. */
export function openSeriesIds(db: Database): SeriesIds {
  const known = new Map<string, number>()
  return {
    async of(names) {
      const unknown = new Map(names.filter(name => !known.has(keyOf(name))).map(name => [keyOf(name), name]))
      if (unknown.size > 0) {
        for (const { key, id } of await ensureSeries(db, [...unknown.values()])) known.set(key, id)
      }
      return names.map(name => {
        const id = known.get(keyOf(name))
        if (id === undefined) throw new Error(`No series for ${keyOf(name)}`)
        return id
      })
    },
  }
}

/** Appendix A of PostgreSQL's manual: what was sent is too much. */
const PROGRAM_LIMIT_EXCEEDED = '54000'

const keyOf = ({ projectId, point, variable }: SeriesName): string =>
  `${projectId}/${point}/${VARIABLES[variable].code}`

interface SeriesRow {
  key: string
  id: number
}

/** In a transaction of its own, so that its locks are short; in a fixed order, so that two collectors cannot block. */
async function ensureSeries(db: Database, names: readonly SeriesName[]): Promise<SeriesRow[]> {
  const columns = [
    names.map(({ projectId }) => projectId),
    names.map(({ point }) => point),
    names.map(({ variable }) => VARIABLES[variable].code),
  ]
  return db.transaction(async tx => {
    await discoverPoints(tx, names)
    await tx.query(
      `insert into series (point_id, variable)
       select distinct p.id, t.variable
       from unnest($1::int[], $2::text[], $3::int2[]) as t(project_id, point, variable)
       join points p on p.project_id = t.project_id and p.slug = t.point
       order by 1, 2
       on conflict do nothing`,
      columns,
    )
    return tx.query<SeriesRow>(
      `select p.project_id || '/' || p.slug || '/' || s.variable as key, s.id
       from unnest($1::int[], $2::text[], $3::int2[]) as t(project_id, point, variable)
       join points p on p.project_id = t.project_id and p.slug = t.point
       join series s on s.point_id = p.id and s.variable = t.variable`,
      columns,
    )
  })
}

/** Points of a project that nobody provisioned. */
export const DISCOVERED_MAX = 10_000

async function discoverPoints(tx: Sql, names: readonly SeriesName[]): Promise<void> {
  const projects = names.map(({ projectId }) => projectId)
  const found = await tx.query(
    `insert into points (project_id, slug, name, origin)
     select distinct project_id, point, point, 'discovered'
     from unnest($1::int[], $2::text[]) as t(project_id, point)
     order by 1, 2
     on conflict do nothing
     returning 1 as one`,
    [projects, names.map(({ point }) => point)],
  )
  if (found.length === 0) return
  const [full] = await tx.query<{ slug: string }>(
    `select pr.slug from points p join projects pr on pr.id = p.project_id
     where p.project_id = any($1::int[]) and p.origin = 'discovered'
     group by pr.slug having count(*) > $2`,
    [projects, DISCOVERED_MAX],
  )
  if (full === undefined) return
  const message = `project ${full.slug} has ${DISCOVERED_MAX} points that nobody provisioned, and takes no more`
  throw new DatabaseRefused(message, { code: PROGRAM_LIMIT_EXCEEDED, cause: undefined })
}
