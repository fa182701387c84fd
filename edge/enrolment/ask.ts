// Requests to the cloud over HTTPS, before and beside the session that carries readings.

import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { Rejected, reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import { tlsReason } from '../../protocol/tls.ts'

const TIMEOUT_MS = 30_000
const ANSWER_BYTES_MAX = 256 * 1024

/** What is asked of the cloud, and whom to believe. */
export interface Question {
  /** The cloud's address. */
  url: string
  path: string
  /** Sent as JSON; absent: GET. */
  body?: object
  /** Who vouches for the cloud's address, PEM; absent: the authorities of the machine. */
  ca?: string | undefined
  /** Whoever answers is heard: the answer is signed. */
  unproved?: boolean
}

/** What the cloud answers, read from JSON. Throws Unavailable when it did not, and Rejected when it said no. */
export async function askCloud(question: Question, signal?: AbortSignal): Promise<unknown> {
  const target = new URL(question.path, question.url)
  let answer: { status: number; text: string }
  try {
    answer = await exchange(target, question, signal)
  } catch (cause) {
    signal?.throwIfAborted()
    throw new Unavailable(`${target.host} did not answer: ${tlsReason(cause, target.hostname)}`, { cause })
  }
  const { status, text } = answer
  const document = jsonOf(text)
  if (status >= 200 && status < 300 && document !== undefined) return document
  const said = (document ?? {}) as { title?: unknown; detail?: unknown }
  const reason = [said.title, said.detail].filter(part => typeof part === 'string').join(': ')
  const line = `${target.host} answered ${status}${reason === '' ? '' : `: ${reason}`}`
  // 429 and 5xx may be otherwise later; so may what somebody between answers, who speaks no JSON.
  const isFinal = status >= 400 && status < 500 && status !== 429 && status !== 408 && document !== undefined
  throw isFinal ? new Rejected(line) : new Unavailable(line)
}

function exchange(
  target: URL,
  { body, ca, unproved = false }: Question,
  signal: AbortSignal | undefined,
): Promise<{ status: number; text: string }> {
  const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
  const options = {
    method: bytes === undefined ? 'GET' : 'POST',
    headers: {
      accept: 'application/json',
      ...(bytes === undefined ? {} : { 'content-type': 'application/json', 'content-length': bytes.length }),
    },
    timeout: TIMEOUT_MS,
    ...(signal === undefined ? {} : { signal }),
  }
  return new Promise((resolve, reject) => {
    const asked =
      target.protocol === 'https:'
        ? httpsRequest(target, {
            ...options,
            ...(ca === undefined ? {} : { ca }),
            rejectUnauthorized: !unproved,
          })
        : httpRequest(target, options)
    asked.on('timeout', () => asked.destroy(new Error(`nothing came in ${TIMEOUT_MS / 1000} s`)))
    asked.on('error', reject)
    asked.on('response', response => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        chunks.push(chunk)
        if (size > ANSWER_BYTES_MAX)
          asked.destroy(new Error(`it answers more than ${ANSWER_BYTES_MAX} bytes`))
      })
      response.on('error', reject)
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
      )
    })
    asked.end(bytes)
  })
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw new Error(reasonOf(error), { cause: error })
  }
}
