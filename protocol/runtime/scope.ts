// Start in order, stop in reverse.

import { Unavailable } from './errors.ts'

/** Something that was opened and must be closed. */
export interface Closable {
  close(): Promise<void> | void
}

/**
 * Owns what was opened through it, and the loops that were started in it.
 *
 * The first loop that fails aborts the others; leaving the scope aborts all loops, waits for them, then closes
 * what was opened, last first. Every closing is tried; the first failure is thrown.
 */
export class Scope {
  readonly #abort = new AbortController()
  readonly #opened: Closable[] = []
  readonly #loops: Promise<void>[] = []
  #failure: { error: unknown } | undefined
  #hasThrown = false
  /** Aborts when the parent's signal does, when a loop fails, or when the scope is left. */
  readonly signal: AbortSignal

  constructor(parent?: AbortSignal) {
    this.signal = parent === undefined ? this.#abort.signal : AbortSignal.any([parent, this.#abort.signal])
  }

  /** Takes over the closing of `thing`. */
  use<T extends Closable>(thing: T): T {
    this.#opened.push(thing)
    return thing
  }

  /** Runs a loop until the scope's signal aborts. A loop that throws anything else fails the scope. */
  run(loop: (signal: AbortSignal) => Promise<void>): void {
    const done = loop(this.signal).catch((error: unknown) => {
      if (this.signal.aborted && isAbort(error, this.signal)) return
      this.#fail(error)
      this.#abort.abort(error)
    })
    this.#loops.push(done)
  }

  /** Resolves when the signal aborts; rejects with the failure of a loop if that is the cause. */
  async finished(): Promise<void> {
    if (!this.signal.aborted) {
      await new Promise<void>(resolve =>
        this.signal.addEventListener('abort', () => resolve(), { once: true }),
      )
    }
    this.#throwFailure()
  }

  /**
   * Stops the loops, waits for them, closes what was opened. A failure that finished() threw is not thrown again, nor is
   * Unavailable thrown beside it: what ends one loop of a link ends the others too, each in its own words.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort(new Error('Scope closed'))
    await Promise.all(this.#loops)
    for (const thing of this.#opened.reverse()) {
      try {
        await thing.close()
      } catch (error) {
        this.#fail(error)
      }
    }
    this.#throwFailure()
  }

  #fail(error: unknown): void {
    if (this.#hasThrown && error instanceof Unavailable) return
    this.#failure ??= { error }
  }

  #throwFailure(): void {
    const failure = this.#failure
    this.#failure = undefined
    if (failure === undefined) return
    this.#hasThrown = true
    throw failure.error
  }
}

/** Opens a scope below a signal. Use with `await using`. */
export function openScope(signal?: AbortSignal): Scope {
  return new Scope(signal)
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}

/** Whether this error only says that `signal` was aborted. */
export function isAbort(error: unknown, signal: AbortSignal): boolean {
  if (!signal.aborted) return false
  return error === signal.reason || (error instanceof Error && error.name === 'AbortError')
}
