// Three ways to fail, and the class tells the caller what to do.
//
//   Unavailable  nobody answered         wait, try the very same thing again
//   Rejected     the answer was "never"  set it aside with its reason, go on with the next
//   ConfigError  the operator's mistake  list every mistake with its place, exit 78
//
// Anything else that is thrown is a bug and belongs to the loop that owns it.

/** Nobody answered, or not in time. The same request may be made again later. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable'
}

/** The far side, or the input itself, says that this will never be accepted. */
export class Rejected extends Error {
  override readonly name = 'Rejected'
}

/** One mistake in a configuration. `path` is dotted (`devices[1].every`); `line` is 1-based where known. */
export interface ConfigMistake {
  path: string
  message: string
  line?: number
}

/** The operator's mistakes, all of them at once. A process that meets it prints them and exits with 78. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly mistakes: readonly ConfigMistake[]

  constructor(source: string, mistakes: readonly ConfigMistake[]) {
    const lines = mistakes.map(({ path, message, line }) => {
      const place = line === undefined ? source : `${source}:${line}`
      return `  ${place}: ${path === '' ? '' : `${path}: `}${message}`
    })
    const count = mistakes.length === 1 ? '1 mistake' : `${mistakes.length} mistakes`
    super(`Cannot use ${source}: ${count}\n${lines.join('\n')}`)
    this.mistakes = mistakes
  }
}

/** Why nobody can listen at the place that a configuration names at `path`: it is taken, or not this machine's. */
export function cannotListen(
  source: string,
  path: string,
  { host, port }: { host: string; port: number },
  error: unknown,
): ConfigError {
  return new ConfigError(source, [{ path, message: `cannot listen on ${host}:${port}: ${reasonOf(error)}` }])
}

/** The exit status of a process that was configured wrongly (EX_CONFIG of sysexits.h). */
export const EXIT_CONFIG = 78

/** What went wrong, in one line, whatever was thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
