// One after the other.

/** Does what it is given when all that was given before is done, also where that failed. */
export type Turns = <T>(act: () => Promise<T>) => Promise<T>

/** Opens a queue; what waits in it is bounded by whoever asks. */
export function openTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve()
  return act => {
    const done = last.then(act)
    last = done.catch(() => {})
    return done
  }
}
