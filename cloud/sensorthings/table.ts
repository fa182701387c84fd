// A collection as a table: CSV for spreadsheets, and the standard's dataArray for programs.

import { defuse } from '../csv.ts'
import { selfLink } from './answer.ts'
import type { Entity, Kind } from './model.ts'

type Cell = string | number | boolean | null

/** Entities as CSV, one line each; what is nested has columns of its own: `parameters/quality`. */
export function toCsv(entities: readonly Entity[], select: readonly string[] | undefined): string {
  const rows = entities.map(({ id, properties }) => {
    const cells = new Map<string, Cell>()
    if (select === undefined || select.includes('@iot.id') || select.includes('id')) cells.set('@iot.id', id)
    for (const [name, value] of Object.entries(properties)) {
      if (select === undefined || select.includes(name)) flatten(name, value, cells)
    }
    return cells
  })
  const columns = [...new Set(rows.flatMap(row => [...row.keys()]))]
  const lines = [columns.map(quoted), ...rows.map(row => columns.map(name => quoted(row.get(name) ?? null)))]
  return lines.map(line => `${line.join(',')}\r\n`).join('')
}

function flatten(name: string, value: unknown, into: Map<string, Cell>): void {
  const left: [string, unknown][] = [[name, value]]
  for (let next = left.shift(); next !== undefined; next = left.shift()) {
    const [path, inner] = next
    if (Array.isArray(inner)) into.set(path, inner.join(' '))
    else if (typeof inner === 'object' && inner !== null) {
      left.unshift(...Object.entries(inner).map(([key, one]): [string, unknown] => [`${path}/${key}`, one]))
    } else into.set(path, inner as Cell)
  }
}

function quoted(cell: Cell): string {
  if (cell === null) return ''
  if (typeof cell !== 'string') return String(cell)
  const text = defuse(cell)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

const COMPONENTS = ['id', 'phenomenonTime', 'resultTime', 'result', 'parameters']

/** Observations as the standard's dataArray (OGC 18-088, 12.2): one for each Datastream. */
export function toDataArrays(
  base: string,
  entities: readonly Entity[],
  select: readonly string[] | undefined,
) {
  const components = COMPONENTS.filter(name => select?.includes(name) ?? true)
  const byStream = Map.groupBy(entities, ({ of }) => of.series?.id ?? 0)
  return [...byStream].map(([id, rows]) => ({
    'Datastream@iot.navigationLink': selfLink(base, {
      kind: 'Datastreams' as Kind,
      id,
      properties: {},
      of: {},
    }),
    components,
    'dataArray@iot.count': rows.length,
    dataArray: rows.map(({ id: own, properties }) =>
      components.map(name => (name === 'id' ? own : properties[name])),
    ),
  }))
}
