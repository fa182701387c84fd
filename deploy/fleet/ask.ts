// Questions to the API, with a token: again when it is busy, and in words that a person can act on when it says no.

import { setTimeout as delay } from 'node:timers/promises'
import { Rejected, reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'

const TRIES_MAX = 5
const PAUSE_MS = 500
const TIMEOUT_MS = 60_000

/** An answer. */
export interface Answer {
  status: number
  headers: Headers
  body: ReturnType<typeof JSON.parse>
}

/** Asks the API. Throws Rejected when it says no, and Unavailable when it does not answer. */
export type Ask = (
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  options?: { body?: unknown; headers?: Record<string, string>; mayBe?: readonly number[] },
) => Promise<Answer>

/** Opens a way to ask. `mayBe` are statuses that are no refusal. */
export function openAsk({ url, token }: { url: string; token: string }): Ask {
  const base = `${url.replace(/\/+$/, '')}/api/v1`
  return async (method, path, { body, headers = {}, mayBe = [] } = {}) => {
    for (let attempt = 1; ; attempt += 1) {
      const answer = await once(base, token, method, path, body, headers).catch((error: unknown) => error)
      if (answer instanceof Error) {
        if (attempt === TRIES_MAX) throw new Unavailable(`${url} does not answer: ${reasonOf(answer)}`)
      } else {
        const { status, body: said } = answer as Answer
        if (status < 300 || mayBe.includes(status)) return answer as Answer
        const words = [said?.title, said?.detail, ...(said?.errors ?? []).map(fieldText)].filter(Boolean)
        const line = `${method} ${path}: ${status} ${words.join('; ')}`
        if (status !== 429 && status < 500) throw new Rejected(line)
        if (attempt === TRIES_MAX) throw new Unavailable(line)
      }
      await delay(PAUSE_MS * 2 ** (attempt - 1))
    }
  }
}

const fieldText = ({ name, detail }: { name?: string; detail?: string }): string => `${name}: ${detail}`

async function once(
  base: string,
  token: string,
  method: string,
  path: string,
  body: unknown,
  headers: Record<string, string>,
): Promise<Answer> {
  const response = await fetch(base + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json') === true
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
}
