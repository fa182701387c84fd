// An update, from a signed manifest to a release that is started next: checked, fetched, unpacked beside the one that runs,
// asked whether it can do this gateway's work, and then put on trial.
//
// Until the last step nothing of what runs has changed, and each step that was done is found done when it is begun again.

import { execFile } from 'node:child_process'
import { cp, link, mkdir, readdir, rename, rm, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { readFleetKey } from '../../protocol/configuration.ts'
import {
  type Architecture,
  type ReleaseManifest,
  type ReleasePart,
  readRelease,
  type SignedRelease,
} from '../../protocol/release.ts'
import { Rejected, reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import { isAbort } from '../../protocol/runtime/scope.ts'
import { BUFFER_FORMATS } from '../buffer/state.ts'
import { replaceFile, syncedFolder, syncFolder } from '../files.ts'
import { type FetchDeps, fetchPart } from './fetch.ts'
import type { Shelf } from './shelf.ts'
import { unpackPart } from './unpack.ts'

/** What the new release is asked must be answered within this time; a small machine starts slowly. */
const ANSWER_MS = 120_000
/** What stays free beside a release, for readings. */
const SPARE_BYTES = 128 * 1024 * 1024

/** How far an update is. */
export interface UpdateProgress {
  version: string
  bytes: number
  bytesTotal: number
}

/** Takes releases. */
export interface Updater {
  /**
   * Has the release on trial from the next start on. Throws Rejected for what this gateway will never take, and
   * Unavailable for what may be otherwise the next time.
   */
  update(release: SignedRelease, from: string, signal: AbortSignal): Promise<'tried' | 'running'>
  progress(): UpdateProgress | undefined
}

/** What an update needs. */
export interface UpdaterDeps extends Omit<FetchDeps, 'onProgress'> {
  shelf: Shelf
}

/** About this gateway. */
export interface UpdaterOptions {
  /** The fleet's public key, PEM; absent where the gateway has none, and then no release is taken. */
  fleetKey: string | undefined
  architecture: Architecture | undefined
  /** Who vouches for the server besides the authorities that Node knows, PEM. */
  ca?: readonly string[] | undefined
  /** What the new release is to check: the file of the configuration. */
  configFile: string
  /** How long a trial may take without a reading of its own having been committed. */
  trialMs: () => number
}

/** Opens an updater. One update is made at a time. */
export function openUpdater(deps: UpdaterDeps, options: UpdaterOptions): Updater {
  let current: UpdateProgress | undefined
  return {
    progress: () => current,
    async update(release, from, signal) {
      const manifest = admitted(release, options)
      if (current !== undefined) throw new Unavailable(`Release ${current.version} is being fetched`)
      const { version } = manifest
      current = { version, bytes: 0, bytesTotal: 0 }
      try {
        // The launcher may have kept it, or given it up, since this process started.
        const { current: kept, trial } = await deps.shelf.look()
        if (trial !== undefined) throw new Unavailable(`Release ${trial.version} is on trial`)
        if ((kept ?? deps.shelf.packaged.version) === version) return 'running'
        await bring(deps, options, { manifest, from, progress: current }, signal)
        await deps.shelf.tryOut(version, options.trialMs())
        return 'tried'
      } finally {
        current = undefined
      }
    },
  }
}

/** The manifest, when this gateway may run it, and may go back from it. Throws Rejected otherwise. */
function admitted(release: SignedRelease, { fleetKey, architecture }: UpdaterOptions): ReleaseManifest {
  if (fleetKey === undefined) {
    throw new Rejected('This gateway has no fleet-key.pem in its credentials: it takes no release')
  }
  const manifest = readRelease(release, readFleetKey(fleetKey))
  const { version, buffer, machines } = manifest
  if (!machines.some(one => one.architecture === architecture)) {
    throw new Rejected(`Release ${version} is not for ${architecture ?? 'this machine'}`)
  }
  if (!buffer.reads.includes(BUFFER_FORMATS.writes)) {
    throw new Rejected(
      `Release ${version} reads buffers of the formats ${buffer.reads.join(', ')}, and this one is ${BUFFER_FORMATS.writes}`,
    )
  }
  if (!BUFFER_FORMATS.reads.includes(buffer.writes)) {
    throw new Rejected(
      `Release ${version} leaves a buffer of format ${buffer.writes}, from which this one could not go back`,
    )
  }
  return manifest
}

interface Wanted {
  manifest: ReleaseManifest
  from: string
  progress: UpdateProgress
}

/** Has the release whole on the shelf, and has asked it. */
async function bring(
  deps: UpdaterDeps,
  options: UpdaterOptions,
  { manifest, from, progress }: Wanted,
  signal: AbortSignal,
): Promise<void> {
  const { shelf } = deps
  const { version } = manifest
  const parts = manifest.machines.find(one => one.architecture === options.architecture)?.parts ?? []
  const known = await shelf.versions()
  if (known.some(one => sameParts(one, parts, options) && one.version === version)) return
  await checkRoom(shelf.folder, parts)
  progress.bytesTotal = parts.reduce((sum, { bytes }) => sum + bytes, 0)
  const place = shelf.place(version)
  const beside = `${place}.new`
  await rm(beside, { recursive: true, force: true })
  await syncedFolder(beside)
  let before = 0
  for (const part of parts) {
    const onProgress = (bytes: number) => {
      progress.bytes = before + bytes
    }
    await bringPart(
      { ...deps, onProgress },
      options,
      { part, from, folder: join(beside, part.name), known },
      signal,
    )
    before += part.bytes
  }
  await ask(beside, version, options.configFile, signal)
  // Written last: a folder without it is no release.
  await replaceFile(join(beside, 'release.json'), `${JSON.stringify(manifest)}\n`)
  await rm(place, { recursive: true, force: true })
  await rename(beside, place)
  await syncFolder(dirname(place))
}

function sameParts(
  manifest: ReleaseManifest,
  parts: readonly ReleasePart[],
  { architecture }: Pick<UpdaterOptions, 'architecture'>,
): boolean {
  const its = manifest.machines.find(one => one.architecture === architecture)?.parts ?? []
  return parts.every(part => its.some(({ sha256 }) => sha256 === part.sha256))
}

async function checkRoom(folder: string, parts: readonly ReleasePart[]): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  const needed = parts.reduce((sum, { bytes, unpackedBytes }) => sum + bytes + unpackedBytes, SPARE_BYTES)
  if (bavail * bsize >= needed) return
  const [has, needs] = [bavail * bsize, needed].map(bytes => Math.round(bytes / 1_000_000))
  throw new Unavailable(`The disk has ${has} MB free, and the release needs ${needs}`)
}

interface WantedPart {
  part: ReleasePart
  from: string
  folder: string
  known: readonly ReleaseManifest[]
}

/** A part that another release brought is not fetched again. */
async function bringPart(
  deps: UpdaterDeps & FetchDeps,
  { ca, architecture }: UpdaterOptions,
  { part, from, folder, known }: WantedPart,
  signal: AbortSignal,
): Promise<void> {
  const { shelf } = deps
  const has = (one: ReleaseManifest) => sameParts(one, [part], { architecture })
  const sibling = known.find(has)
  if (sibling !== undefined) return await linkAll(join(shelf.place(sibling.version), part.name), folder)
  if (has(shelf.packaged)) return await copyAll(join(shelf.packagedFolder, part.name), folder)
  const incoming = join(shelf.folder, 'incoming')
  await syncedFolder(incoming)
  const file = join(incoming, part.sha256)
  await fetchPart(deps, { url: from, ca }, part, file, signal)
  await unpackPart(file, part, folder)
  await rm(file)
}

/** Nothing of a release is ever changed in its place, so two may share what is the same. */
async function linkAll(from: string, to: string): Promise<void> {
  await mkdir(to, { mode: 0o700 })
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) await linkAll(source, target)
    else await link(source, target)
  }
  await syncFolder(to)
}

/** What the package installed may be replaced by the next one. */
async function copyAll(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true, errorOnExist: true, force: false })
  for (const entry of await readdir(to, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    await syncFolder(path)
  }
  await syncFolder(to)
}

/** Has the new release say which one it is, and check the configuration that it will run with. */
async function ask(folder: string, version: string, configFile: string, signal: AbortSignal): Promise<void> {
  const [node, program] = [join(folder, 'runtime', 'bin', 'node'), join(folder, 'program', 'lib', 'cli.js')]
  for (const args of [['--version'], ['check', configFile]]) {
    try {
      const { stdout } = await promisify(execFile)(node, [program, ...args], { timeout: ANSWER_MS, signal })
      if (args[0] !== '--version' || stdout.trim() === version) continue
      throw new Rejected(`Release ${version} says that it is ${stdout.trim().slice(0, 60)}`)
    } catch (error) {
      if (isAbort(error, signal) || error instanceof Rejected) throw error
      const { stderr = '', code } = error as { stderr?: string; code?: unknown }
      const said = stderr.trim() === '' ? reasonOf(error) : stderr.trim()
      throw new Rejected(`Release ${version} ends its ${args[0]} with ${code}: ${said.slice(0, 300)}`)
    }
  }
}
