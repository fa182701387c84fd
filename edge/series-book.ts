// Which series a gateway has, and how their values are usually written: the table that its batches refer to.
//
// A series that a backlog still holds joins it after having left the configuration, and a scale that turned out too
// coarse is made finer, never coarser: so a series changes the table a few times at most, and each table travels once.

import { SERIES_MAX, type SeriesEntry, type SeriesTable } from '../protocol/batch.ts'
import { encodeTable } from '../protocol/codec.ts'
import { holds, SCALE_F64, type Scale, scaleOf } from '../protocol/columns.ts'
import type { Reading } from '../protocol/reading.ts'
import type { Variable } from '../protocol/variables.ts'

/** Whose series they are. */
export type TableOwner = Pick<SeriesTable, 'gateway' | 'client' | 'project'>

/** A series of the configuration; `decimals`, when it is known how many its values have. */
export interface KnownSeries {
  point: string
  variable: Variable
  decimals?: number
}

/** Knows the table. */
export interface SeriesBook {
  /** The table that holds these readings, and the name of its bytes. */
  tableFor(readings: readonly Reading[]): { table: SeriesTable; id: string }
}

/** Opens a book with the series of the configuration, in its order. */
export function openSeriesBook(owner: TableOwner, configured: readonly KnownSeries[]): SeriesBook {
  const entries = new Map<string, SeriesEntry>()
  for (const { point, variable, decimals = 0 } of configured) {
    entries.set(keyOf(point, variable), { point, variable, scale: decimals })
  }
  let current = toTable()

  function toTable(): { table: SeriesTable; id: string } {
    const table = { ...owner, series: [...entries.values()] }
    return { table, id: encodeTable(table).id }
  }

  /** Whether the table had to change for these values. */
  function learn(point: string, variable: Variable, values: readonly number[]): boolean {
    const key = keyOf(point, variable)
    const known = entries.get(key)
    if (known !== undefined && values.every(value => holds(known.scale, value))) return false
    const scale = finer(known?.scale ?? 0, values)
    entries.set(key, { point, variable, scale })
    return scale !== known?.scale
  }

  function learnAll(readings: readonly Reading[]): boolean {
    let changed = false
    const groups = Map.groupBy(readings, ({ point, variable }) => keyOf(point, variable))
    for (const group of groups.values()) {
      const [{ point, variable }] = group as [Reading]
      const values = group.map(({ value }) => value).filter(value => value !== null)
      changed = learn(point, variable, values) || changed
    }
    return changed
  }

  return {
    tableFor(readings) {
      if (learnAll(readings)) {
        if (entries.size > SERIES_MAX) {
          entries.clear()
          learnAll(readings)
        }
        current = toTable()
      }
      return current
    },
  }
}

const keyOf = (point: string, variable: Variable): string => `${point}/${variable}`

/** Scales only move one way, so that two batches in turn cannot make tables without end. */
function finer(before: Scale, values: readonly number[]): Scale {
  const scale = Math.max(before, scaleOf(values))
  return values.every(value => holds(scale, value)) ? scale : SCALE_F64
}
