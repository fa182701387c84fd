// How lists are shown in a terminal.

/** Columns as wide as what is in them. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, at) => Math.max(name.length, ...rows.map(row => (row[at] ?? '').length)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd()
  return `${[head, ...rows].map(line).join('\n')}\n`
}

/** An instant as it is written, if there is one. */
export const instantOf = (at: number | null | undefined): string | null =>
  at === null || at === undefined || at === 0 ? null : new Date(at).toISOString()
