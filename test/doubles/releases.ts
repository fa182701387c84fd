// Releases made for tests: small, signed, and served over HTTP by a server that fails as it is told.

import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import { type Entry, tar } from '../../deploy/edge/archive.ts'
import { BUFFER_FORMATS } from '../../edge/buffer/state.ts'
import {
  type Architecture,
  RELEASE_CHUNK_BYTES,
  type ReleaseManifest,
  type ReleasePart,
  releasePartPath,
  releaseText,
  type SignedRelease,
} from '../../protocol/release.ts'

/** The architecture of this machine. */
export const HERE: Architecture = process.arch === 'arm64' ? 'arm64' : 'amd64'

/** A release with the bytes of its parts by their hash, and the files that they are. */
export interface TestRelease {
  manifest: ReleaseManifest
  parts: Map<string, Uint8Array>
  files: { runtime: readonly Entry[]; program: readonly Entry[] }
}

/** A key of a fleet. */
export function fleetKey(): { pem: string; privateKey: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return { pem: publicKey.export({ type: 'spki', format: 'pem' }) as string, privateKey }
}

/** The Node that runs the tests, as a runtime of a few bytes. */
const RUNTIME: readonly Entry[] = [
  { kind: 'folder', path: 'bin' },
  {
    kind: 'file',
    path: 'bin/node',
    bytes: Buffer.from(`#!/bin/sh\nexec "${process.execPath}" "$@"\n`),
    mode: 0o755,
  },
]

/** Makes a release whose program is this text. */
export function makeRelease(
  version: string,
  program: string | Uint8Array,
  {
    buffer = BUFFER_FORMATS,
    more = [],
    runtime = RUNTIME,
  }: { buffer?: ReleaseManifest['buffer']; more?: readonly Entry[]; runtime?: readonly Entry[] } = {},
): TestRelease {
  const files = {
    runtime,
    program: [
      entry('package.json', JSON.stringify({ version, type: 'module' })),
      { kind: 'folder', path: 'lib' } as const,
      entry('lib/cli.js', program),
      ...more,
    ],
  }
  const parts = new Map<string, Uint8Array>()
  const part = (name: ReleasePart['name']): ReleasePart => {
    const archive = tar(files[name], { seconds: 0 })
    const bytes = zstdCompressSync(archive)
    const chunks = Array.from({ length: Math.ceil(bytes.length / RELEASE_CHUNK_BYTES) }, (_, index) =>
      sha256(bytes.subarray(index * RELEASE_CHUNK_BYTES, (index + 1) * RELEASE_CHUNK_BYTES)),
    )
    parts.set(sha256(bytes), bytes)
    return { name, sha256: sha256(bytes), bytes: bytes.length, unpackedBytes: archive.length, chunks }
  }
  const machine = { architecture: HERE, parts: [part('runtime'), part('program')] }
  return { manifest: { v: 1, version, buffer, machines: [machine] }, parts, files }
}

/** A manifest as it travels, signed with a key. */
export function signed(manifest: ReleaseManifest, privateKey: KeyObject): SignedRelease {
  const text = JSON.stringify(manifest)
  return {
    manifest: text,
    signature: sign(null, Buffer.from(releaseText(text)), privateKey).toString('base64'),
  }
}

/** Puts a release where a package would have installed it. */
export function installAsPackage({ manifest, files }: TestRelease, folder: string): void {
  for (const name of ['runtime', 'program'] as const) {
    for (const one of files[name]) {
      const path = join(folder, name, one.path)
      if (one.kind !== 'file') continue
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, one.bytes)
      if (one.mode !== undefined) chmodSync(path, one.mode)
    }
  }
  writeFileSync(join(folder, 'release.json'), JSON.stringify(manifest))
}

/** What a server does to an answer instead of giving it whole. */
export type ServerFault =
  | { kind: 'cut'; after: number }
  | { kind: 'garble' }
  | { kind: 'refuse'; code: number }

/** Serves parts; each fault is for one request. */
export async function serveReleases(releases: readonly TestRelease[]) {
  const parts = new Map(
    releases.flatMap(({ parts }) => [...parts]).map(([hash, bytes]) => [releasePartPath(hash), bytes]),
  )
  const faults: ServerFault[] = []
  const requests: { path: string; from: number }[] = []
  const server = createServer((request, response) => {
    const bytes = parts.get(request.url ?? '')
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    requests.push({ path: request.url ?? '', from })
    if (bytes === undefined) return void response.writeHead(404).end()
    answer(response, bytes, from, faults.shift())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    faults,
    requests,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function answer(
  response: ServerResponse,
  whole: Uint8Array,
  from: number,
  fault: ServerFault | undefined,
): void {
  const bytes = Buffer.from(whole.subarray(from))
  if (fault?.kind === 'refuse') return void response.writeHead(fault.code).end()
  if (fault?.kind === 'garble') bytes[0] = (bytes[0] ?? 0) ^ 0xff
  response.writeHead(206, {
    'content-length': bytes.length,
    'content-range': `bytes ${from}-${whole.length - 1}/${whole.length}`,
  })
  if (fault?.kind !== 'cut') return void response.end(bytes)
  response.write(bytes.subarray(0, fault.after), () => response.destroy())
}

const entry = (path: string, content: string | Uint8Array): Entry => ({
  kind: 'file',
  path,
  bytes: Buffer.from(content),
})

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
