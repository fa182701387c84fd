// One thing at a time, in the order asked.

/** Runs one piece of work after another. A failing piece rejects its own promise and stops nothing. */
export interface Lane {
  run<T>(work: () => Promise<T>): Promise<T>
}

/** Opens a lane. */
export function openLane(): Lane {
  let last: Promise<unknown> = Promise.resolve()
  return {
    run(work) {
      const result = last.then(work, work)
      last = result.then(
        () => undefined,
        () => undefined,
      )
      return result
    },
  }
}
