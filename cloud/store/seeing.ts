// Whose rows a connection of the API may see, told to the database before each statement.
//
// V1. Within seeAs(), every statement sees the rows of these clients alone, whatever it asks for: the policies of
//     row-security.ts heed what is told here.
// V2. Outside of seeAs() nothing is seen.

import { AsyncLocalStorage } from 'node:async_hooks'
import type { ClientIds } from './queries.ts'

/** The setting that the policies heed: `all`, numbers with commas between, or nothing. */
export const SEEN_SETTING = 'smarthydro.clients'

const seen = new AsyncLocalStorage<string>()

/** Does something with the eyes of who may see these clients; null: all of them. */
export function seeAs<Result>(clientIds: ClientIds, work: () => Result): Result {
  return seen.run(clientIds === null ? 'all' : clientIds.join(','), work)
}

/**
 * A stream that goes on with the eyes of who began it: it is drawn from by whoever sends it, outside of seeAs(), and may still ask
 * the database.
 */
export function seeOn(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const within = AsyncLocalStorage.snapshot()
  const reader = within(() => body.getReader())
  return new ReadableStream<Uint8Array>(
    {
      pull: controller =>
        within(async () => {
          const { done, value } = await reader.read()
          if (done) controller.close()
          else controller.enqueue(value)
        }),
      cancel: reason => within(() => reader.cancel(reason)),
    },
    { highWaterMark: 0 },
  )
}

/** What the database is told. */
export const seenNow = (): string => seen.getStore() ?? ''
