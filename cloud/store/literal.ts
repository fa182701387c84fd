// Columns of rows as PostgreSQL's own array text: one parameter a column, whatever the number of rows.

/** `{1,2,NULL}`. Numbers print as the shortest text that reads back the same. */
export function literal<T>(rows: readonly T[], value: (row: T) => number | null): string {
  return `{${rows.map(row => value(row) ?? 'NULL').join(',')}}`
}
