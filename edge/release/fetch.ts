// A part of a release over a link that breaks: chunk by chunk, each checked before it is kept, going on where it ended.

import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { get as getPlain, type IncomingMessage } from 'node:http'
import { get as getSecure } from 'node:https'
import { rootCertificates } from 'node:tls'
import { RELEASE_CHUNK_BYTES, type ReleasePart, releasePartPath } from '../../protocol/release.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { Rejected, reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { backoffMs } from '../../protocol/runtime/retry.ts'
import { isAbort } from '../../protocol/runtime/scope.ts'
import { writeAll } from '../files.ts'

/** A link that brings nothing for so long is tried anew. */
const SILENCE_MS = 60_000
const RETRY = { firstMs: 1_000, maxMs: 60_000 }
/** Tries in a row that bring no chunk, before it is left to the next command: about two hours. */
const TRIES_MAX = 120
/** Chunks in a row that are not what was signed. */
const WRONG_MAX = 3

/** What fetching needs. */
export interface FetchDeps {
  clock: Clock
  log: Log
  random: () => number
  /** Told how many bytes are there. */
  onProgress?: (bytes: number) => void
}

/** Where parts are. `ca`: who vouches for the server besides the authorities that Node knows, PEM. */
export interface FetchFrom {
  url: string
  ca?: readonly string[] | undefined
}

/**
 * Has the whole part in the file at `path`; what is there of it already is checked and kept. Throws Rejected when what
 * comes is not what was signed, and Unavailable when nothing came for long.
 */
export async function fetchPart(
  deps: FetchDeps,
  from: FetchFrom,
  part: ReleasePart,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const { clock, log, random } = deps
  await using file = await openPart(path)
  let done = await soundChunks(file, part)
  let wrong = 0
  for (let tries = 0; done < part.chunks.length; tries += 1) {
    deps.onProgress?.(Math.min(done * RELEASE_CHUNK_BYTES, part.bytes))
    const before = done
    try {
      for await (const chunk of chunksFrom(from, part, done, signal)) {
        if (sha256(chunk) !== part.chunks[done]) throw new WrongChunk(`Chunk ${done} of part ${part.name}`)
        await writeAll(file, chunk, done * RELEASE_CHUNK_BYTES)
        await file.datasync()
        done += 1
        deps.onProgress?.(Math.min(done * RELEASE_CHUNK_BYTES, part.bytes))
      }
    } catch (error) {
      if (isAbort(error, signal) || error instanceof Rejected) throw error
      wrong = error instanceof WrongChunk && done === before ? wrong + 1 : 0
      if (wrong >= WRONG_MAX) throw new Rejected(`${reasonOf(error)} is not what was signed`)
      log.warn('part of a release broke off', { part: part.name, chunk: done, reason: reasonOf(error) })
    }
    if (done > before) tries = 0
    if (tries >= TRIES_MAX) throw new Unavailable(`Part ${part.name} did not come from ${from.url}`)
    if (done < part.chunks.length) await clock.sleep(backoffMs(RETRY, Math.min(tries, 10), random), signal)
  }
  await file.truncate(part.bytes)
  await file.sync()
  if ((await hashOf(file, part.bytes)) !== part.sha256)
    throw new Rejected(`Part ${part.name} is not what was signed`)
}

class WrongChunk extends Error {}

async function openPart(path: string): Promise<FileHandle> {
  return await open(path, 'r+').catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    return await open(path, 'w+', 0o600)
  })
}

/** How many chunks from the first on are there as they were signed. */
async function soundChunks(file: FileHandle, { chunks, bytes }: ReleasePart): Promise<number> {
  const buffer = Buffer.alloc(RELEASE_CHUNK_BYTES)
  for (const [index, expected] of chunks.entries()) {
    const at = index * RELEASE_CHUNK_BYTES
    const { bytesRead } = await file.read(buffer, 0, Math.min(RELEASE_CHUNK_BYTES, bytes - at), at)
    if (sha256(buffer.subarray(0, bytesRead)) !== expected) return index
  }
  return chunks.length
}

async function hashOf(file: FileHandle, bytes: number): Promise<string> {
  const hash = createHash('sha256')
  const buffer = Buffer.alloc(RELEASE_CHUNK_BYTES)
  for (let at = 0; at < bytes; at += RELEASE_CHUNK_BYTES) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(RELEASE_CHUNK_BYTES, bytes - at), at)
    hash.update(buffer.subarray(0, bytesRead))
  }
  return hash.digest('hex')
}

/** The chunks of a part from the one at `first` on, as they come. */
async function* chunksFrom(
  { url, ca }: FetchFrom,
  { sha256: name, bytes }: ReleasePart,
  first: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const start = first * RELEASE_CHUNK_BYTES
  const address = new URL(`${url.replace(/\/$/, '')}${releasePartPath(name)}`)
  const answer = await ask(address, { range: `bytes=${start}-`, ca, signal })
  try {
    // Who knows no ranges sends all of it.
    let skip = answer.statusCode === 200 ? start : 0
    let held: Uint8Array[] = []
    let length = 0
    let at = start
    for await (const piece of answer as AsyncIterable<Uint8Array>) {
      const fresh = piece.subarray(Math.min(skip, piece.length))
      skip -= piece.length - fresh.length
      held.push(fresh)
      length += fresh.length
      for (let size = chunkLength(at, bytes); size > 0 && length >= size; size = chunkLength(at, bytes)) {
        const all = Buffer.concat(held)
        yield all.subarray(0, size)
        held = [all.subarray(size)]
        length -= size
        at += size
      }
    }
    if (at < bytes) throw new Unavailable(`it ended after ${at + length} of ${bytes} bytes`)
  } finally {
    answer.destroy()
  }
}

const chunkLength = (at: number, bytes: number): number => Math.min(RELEASE_CHUNK_BYTES, bytes - at)

function ask(
  address: URL,
  { range, ca, signal }: { range: string; ca: readonly string[] | undefined; signal: AbortSignal },
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = { headers: { range }, signal, timeout: SILENCE_MS }
    const onAnswer = (answer: IncomingMessage) => {
      const { statusCode = 0 } = answer
      if (statusCode === 200 || statusCode === 206) return resolve(answer)
      answer.destroy()
      reject(new Unavailable(`${address.origin} answered ${statusCode}`))
    }
    const request =
      address.protocol === 'https:'
        ? getSecure(
            address,
            { ...options, ...(ca === undefined ? {} : { ca: [...rootCertificates, ...ca] }) },
            onAnswer,
          )
        : getPlain(address, options, onAnswer)
    request.on('timeout', () => request.destroy(new Unavailable(`nothing came for ${SILENCE_MS} ms`)))
    request.on('error', reject)
  })
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
