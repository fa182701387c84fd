// One HTTP exchange with DGA: bounded in time and size, never redirected, and every outcome a value.

import { reasonOf } from '../../../protocol/runtime/errors.ts'

/** The part of the platform's fetch that is used. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** What came back: an answer, or nothing, and then whether the request can have arrived. */
export type Exchange =
  | { kind: 'answered'; status: number; contentType: string; text: string; retryAfterMs: number | undefined }
  | { kind: 'lost'; reason: string; arrived: 'perhaps' | 'no' }

/** Bounds of an exchange. */
export interface ExchangeLimits {
  timeoutMs: number
  answerBytesMax: number
}

/** Answers slower than 15 s were seen of submissions that DGA held: waiting long is cheaper than not knowing. */
export const EXCHANGE_LIMITS: ExchangeLimits = { timeoutMs: 90_000, answerBytesMax: 262_144 }

/** Asks once. Throws only the signal's reason. */
export async function exchange(
  fetch: Fetch,
  url: string,
  init: { method: 'GET' | 'POST'; headers: Record<string, string>; body?: string },
  { timeoutMs, answerBytesMax }: ExchangeLimits,
  signal: AbortSignal,
): Promise<Exchange> {
  signal.throwIfAborted()
  const deadline = AbortSignal.timeout(timeoutMs)
  const lost = (reason: string, arrived: 'perhaps' | 'no' = 'perhaps'): Exchange => ({
    kind: 'lost',
    reason,
    arrived,
  })
  try {
    const response = await fetch(url, {
      ...init,
      redirect: 'manual',
      signal: AbortSignal.any([signal, deadline]),
    })
    const bytes = await readBounded(response, answerBytesMax)
    if (bytes === undefined) return lost(`The answer is longer than ${answerBytesMax} bytes`)
    const { status, headers } = response
    const contentType = headers.get('content-type') ?? ''
    return {
      ...{ kind: 'answered', status, contentType, text: decode(bytes) },
      retryAfterMs: retryAfterOf(headers),
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (deadline.aborted) return lost(`No answer within ${timeoutMs} ms`)
    return lost(causeOf(error), isBeforeConnection(error) ? 'no' : 'perhaps')
  }
}

async function readBounded(response: Response, bytesMax: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > bytesMax) return undefined
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

/** RFC 9110, 10.2.3: seconds, or a date, which is told by their own clock. */
function retryAfterOf(headers: Headers): number | undefined {
  const text = headers.get('retry-after')?.trim() ?? ''
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000
  const waitMs = Date.parse(text) - Date.parse(headers.get('date') ?? '')
  return waitMs >= 0 ? waitMs : undefined
}

/** UTF-8 without its mark; what is not UTF-8 is read as Latin-1, in which every byte means something. */
function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return new TextDecoder('latin1').decode(bytes)
  }
}

/** The codes with which a connection fails before a byte of the request has left. */
const BEFORE_CONNECTION = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

function isBeforeConnection(error: unknown): boolean {
  const errors = failuresIn(error)
  return (
    errors.length > 0 && errors.every(({ code }) => typeof code === 'string' && BEFORE_CONNECTION.has(code))
  )
}

/** fetch wraps what happened as its cause, and a name with several addresses gives one failure for each. */
function failuresIn(error: unknown): (Error & { code?: unknown })[] {
  if (!(error instanceof Error)) return []
  if (error instanceof AggregateError) return error.errors.flatMap(failuresIn)
  return error.cause instanceof Error ? failuresIn(error.cause) : [error]
}

function causeOf(error: unknown): string {
  const reasons = failuresIn(error).map(({ message, code }) => (message === '' ? String(code) : message))
  return reasons.length === 0 ? reasonOf(error) : [...new Set(reasons)].join('; ')
}
