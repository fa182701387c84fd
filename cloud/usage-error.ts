// Mistakes of the command line.

/** What is wrong with the command line. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The value of an option that must be given. Throws UsageError. */
export function needed(option: string, value: string | undefined): string {
  if (value === undefined || value === '') throw new UsageError(`--${option} is needed`)
  return value
}
