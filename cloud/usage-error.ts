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

/** The words of a comma-separated option, each one of those that are known. Throws UsageError. */
export function listOf<Name extends string>(option: string, text: string, known: readonly Name[]): Name[] {
  return text.split(',').map(word => {
    const found = known.find(name => name === word.trim())
    if (found === undefined) throw new UsageError(`--${option}: "${word}" is none of ${known.join(', ')}`)
    return found
  })
}
