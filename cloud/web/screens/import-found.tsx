// What was found in a file of history: its columns, its values, and what of it is stored already.

import type { FileFormat, ImportPreview } from '../api/types.ts'
import { useFormat, useText } from '../i18n/language.tsx'
import { type Column, DataTable } from '../ui/data-table.tsx'
import { Panel } from '../ui/panel.tsx'

type Found = ImportPreview['variables'][number]

/** The values of each variable. */
export function FoundValues({ preview: { variables, overlaps } }: { preview: ImportPreview }) {
  const text = useText()
  const format = useFormat()
  const count = (one: number) => <span className="numeric">{one === 0 ? '–' : format.number(one, 0)}</span>
  const columns: Column<Found>[] = [
    {
      ...{ key: 'variable', head: text.imports.variable, isMain: true },
      cell: ({ variable }) => <strong>{text.variable[variable]}</strong>,
    },
    {
      ...{ key: 'readings', head: text.imports.readings, align: 'right' },
      cell: ({ readings }) => count(readings),
    },
    {
      ...{ key: 'span', head: text.imports.span },
      cell: ({ from, to }) => (
        <span className="numeric">
          {format.instant(Date.parse(from))} – {format.instant(Date.parse(to))}
        </span>
      ),
    },
    {
      ...{ key: 'range', head: text.imports.range, align: 'right' },
      cell: ({ variable, min, max }) =>
        min === null || max === null ? (
          '–'
        ) : (
          <span className="numeric">
            {format.value(variable, min)} – {format.withUnit(variable, max)}
          </span>
        ),
    },
    {
      ...{ key: 'gaps', head: text.imports.gaps, align: 'right' },
      cell: ({ gaps }) =>
        gaps.count === 0
          ? '–'
          : `${format.number(gaps.count, 0)} (${format.number(gaps.totalMs / 3_600_000, 1)} h)`,
    },
    {
      ...{ key: 'without', head: text.imports.withoutValue, align: 'right' },
      cell: ({ withoutValue }) => count(withoutValue),
    },
    {
      ...{ key: 'jumps', head: text.imports.jumps, align: 'right' },
      cell: ({ scaleJumps, reversals }) => count(scaleJumps.count + reversals.count),
    },
    {
      ...{ key: 'overlap', head: text.imports.overlap, align: 'right' },
      cell: ({ variable }) => {
        const found = overlaps.find(one => one.variable === variable)
        if (found === undefined || found.same + found.different === 0) return '–'
        return text.imports.overlapOf(found.same, found.different)
      },
    },
  ]
  return (
    <Panel title={text.imports.values}>
      <DataTable
        label={text.imports.values}
        columns={columns}
        rows={variables}
        keyOf={({ variable }) => variable}
      />
    </Panel>
  )
}

/** How the file is written, as it was understood. */
export function FoundFormat({ format }: { format: FileFormat }) {
  const text = useText()
  const { imports } = text
  const roleOf = (role: string) =>
    imports.roles[role] ?? (text.variable as Record<string, string>)[role] ?? role
  const rows = [
    ...format.columns.map(({ name, role }) => ({ name, said: roleOf(role) })),
    ...format.ignored.map(({ name, why }) => ({ name, said: imports.ignored(why) })),
  ]
  const facts: [string, string][] = [
    [imports.delimiter, imports.delimiters[format.delimiter]],
    [imports.decimal, imports.decimals[format.decimal]],
    [imports.dates, imports.datesOf[format.dates]],
    [imports.zone, imports.zones[format.zone]],
    [imports.time, imports.times[format.time]],
  ]
  return (
    <Panel title={imports.found}>
      <div className="found">
        <DataTable
          label={imports.mapping}
          rows={rows}
          keyOf={({ name }) => name}
          columns={[
            { key: 'name', head: imports.inFile, isMain: true, cell: ({ name }) => <strong>{name}</strong> },
            { key: 'said', head: imports.takenAs, cell: ({ said }) => said },
          ]}
        />
        <dl className="facts panel-body">
          {facts.map(([name, value]) => (
            <div key={name} className="fact">
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      </div>
    </Panel>
  )
}
