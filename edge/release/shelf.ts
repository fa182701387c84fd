// The releases on a gateway's disk: the one of its package, those beside it, and which one is to be started.
//
// Promises:
//   R1. What is to be started is one small file, replaced as a whole: whoever is interrupted, wherever, finds the release
//       of before or the next one, and each of them whole.
//   R2. A release is on trial until its own readings were committed. It is started so many times and runs so long, and
//       then no more: the one of before is what is started.
//   R3. Every start is counted on disk before it is made.
//   R4. A package that is installed goes before what was on trial or kept until then.
//   R5. While a release is on trial the launcher alone changes that file; the release says in one of its own that it has
//       proved itself.

import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { Instant } from '../../protocol/reading.ts'
import { ReleaseManifest, ReleaseVersion } from '../../protocol/release.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { replaceFile, syncedFolder, syncFolder } from '../files.ts'

/** Starts of a release on trial. A machine may be switched off and on; a release that dies does it again. */
export const STARTS_MAX = 3
const REASON_LENGTH_MAX = 500

const Trial = z.strictObject({
  version: ReleaseVersion,
  /** How long it may still run without a reading of its own having been committed. */
  leftMs: z.number().min(0),
  starts: z.int().min(0),
})

const Failed = z.strictObject({
  version: ReleaseVersion,
  reason: z.string().max(REASON_LENGTH_MAX),
  at: Instant,
})

/** Which release is to be started. */
export const ShelfState = z.strictObject({
  v: z.literal(1),
  /** The release of the package when the rest of this was written. */
  packaged: ReleaseVersion,
  /** Null: the one of the package. */
  current: ReleaseVersion.nullable(),
  trial: Trial.optional(),
  /** The last one that did not stand its trial. */
  failed: Failed.optional(),
})

/** Which release is to be started. */
export type ShelfState = z.infer<typeof ShelfState>

/** A release that can be started. */
export interface OnShelf {
  version: string
  /** The folder with its `runtime` and `program`. */
  folder: string
  isTrial: boolean
}

/** The releases on a gateway's disk. */
export interface Shelf {
  /** Where releases lie. */
  readonly folder: string
  /** The release of the package, and where it is. */
  readonly packaged: ReleaseManifest
  readonly packagedFolder: string
  state(): ShelfState
  /** Reads the state again: another process may have changed it. */
  look(): Promise<ShelfState>
  /** What is to be started now; on disk when it resolves. A trial that has had its starts has failed. */
  next(): Promise<OnShelf>
  /** From the next start on this release is on trial, for so long. It is whole. */
  tryOut(version: string, trialMs: number): Promise<void>
  /** So much of the trial has passed. Returns how much is left. */
  tried(ms: number): Promise<number>
  /** Says that the release on trial has proved itself; on disk when it resolves. */
  prove(version: string): Promise<void>
  /** The release on trial stays, if it has proved itself. Returns whether it has. */
  keepProven(): Promise<boolean>
  /** The release on trial does not stay, and this is why. */
  giveUp(reason: string): Promise<void>
  /** The releases that lie beside the package's own, whole, with what they are made of. */
  versions(): Promise<ReleaseManifest[]>
  /** Where the release of that version lies, or is to lie. */
  place(version: string): string
}

interface Where {
  /** Where releases lie. */
  folder: string
  /** The package's own release. */
  packagedFolder: string
}

/** Opens the shelf. Throws when the package's own release cannot be read: nothing else says what is installed. */
export async function openShelf(
  { clock, log }: { clock: Pick<Clock, 'now'>; log: Log },
  { folder, packagedFolder }: Where,
): Promise<Shelf> {
  await syncedFolder(join(folder, 'versions'))
  const packaged = ReleaseManifest.parse(
    JSON.parse(await readFile(join(packagedFolder, 'release.json'), 'utf8')),
  )
  const file = join(folder, 'state.json')
  const proof = join(folder, 'proven.json')
  let state = await readState({ log }, file, packaged.version)
  const write = async (next: ShelfState): Promise<void> => {
    await replaceFile(file, `${JSON.stringify(next)}\n`)
    state = next
  }
  const place = (version: string) => join(folder, 'versions', version)
  const isWhole = async (version: string) => (await readManifest(place(version)))?.version === version
  const giveUp = async (reason: string) => {
    const { trial, ...rest } = state
    if (trial === undefined) return
    log.error('release given up', { version: trial.version, reason, back: rest.current ?? packaged.version })
    const failed = { version: trial.version, reason: reason.slice(0, REASON_LENGTH_MAX), at: clock.now() }
    await write({ ...rest, failed })
  }
  const keepProven = async (): Promise<boolean> => {
    const { trial, failed: _, ...rest } = state
    if (trial === undefined || (await readProof(proof)) !== trial.version) return false
    await write({ ...rest, current: trial.version })
    log.info('release kept', { version: trial.version })
    await prune(folder, new Set([trial.version, rest.current]))
    return true
  }
  /** The release that was kept, or the package's own. */
  const start = async (): Promise<OnShelf> => {
    const { current } = state
    if (current !== null && (await isWhole(current))) return onShelf(current, place(current))
    if (current !== null) {
      log.error('release damaged: the one of the package is started', { version: current })
      await write({ ...state, current: null })
    }
    return onShelf(packaged.version, packagedFolder)
  }

  return {
    folder,
    packaged,
    packagedFolder,
    place,
    giveUp,
    state: () => state,
    async look() {
      state = await readState({ log }, file, packaged.version)
      return state
    },
    async next() {
      if (state.packaged !== packaged.version) {
        log.info('package installed: its release is started', { version: packaged.version })
        await write({ v: 1, packaged: packaged.version, current: null })
      }
      await keepProven()
      const { trial } = state
      if (trial === undefined) return await start()
      if (!(await isWhole(trial.version))) await giveUp('It is damaged')
      else if (trial.starts >= STARTS_MAX)
        await giveUp(`It was started ${trial.starts} times and ended each time`)
      else {
        await write({ ...state, trial: { ...trial, starts: trial.starts + 1 } })
        return onShelf(trial.version, place(trial.version), { isTrial: true })
      }
      return await start()
    },
    async tryOut(version, trialMs) {
      if (!(await isWhole(version))) throw new Error(`Release ${version} was to be tried and is not whole`)
      await rm(proof, { force: true })
      await syncFolder(folder)
      await write({ ...state, trial: { version, leftMs: trialMs, starts: 0 } })
    },
    async tried(ms) {
      const { trial } = state
      if (trial === undefined) return 0
      const leftMs = Math.max(0, trial.leftMs - ms)
      await write({ ...state, trial: { ...trial, leftMs } })
      return leftMs
    },
    keepProven,
    prove: version => replaceFile(proof, `${JSON.stringify({ version })}\n`),
    versions: () => wholeReleases(join(folder, 'versions')),
  }
}

const onShelf = (version: string, folder: string, { isTrial = false } = {}): OnShelf => ({
  ...{ version, folder, isTrial },
})

/** The releases in a folder that are whole, each below its own name. */
async function wholeReleases(folder: string): Promise<ReleaseManifest[]> {
  const names = await readdir(folder)
  const manifests = await Promise.all(names.map(name => readManifest(join(folder, name))))
  return manifests.flatMap((one, index) => (one !== undefined && one.version === names[index] ? [one] : []))
}

/** What a folder's release is made of; `undefined` when it is none, or not whole: the manifest is written last. */
async function readManifest(folder: string): Promise<ReleaseManifest | undefined> {
  try {
    return ReleaseManifest.parse(JSON.parse(await readFile(join(folder, 'release.json'), 'utf8')))
  } catch {
    return undefined
  }
}

async function readState({ log }: { log: Log }, file: string, packaged: string): Promise<ShelfState> {
  try {
    return ShelfState.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      log.error('state of releases forgotten: its file was damaged', { file, reason: reasonOf(error) })
    }
    return { v: 1, packaged, current: null }
  }
}

/** The version that has proved itself; `undefined` when there is none. */
async function readProof(file: string): Promise<string | undefined> {
  try {
    return z.object({ version: ReleaseVersion }).parse(JSON.parse(await readFile(file, 'utf8'))).version
  } catch {
    return undefined
  }
}

/** Removes what is neither started nor gone back to. */
async function prune(folder: string, kept: ReadonlySet<string | null>): Promise<void> {
  const names = await readdir(join(folder, 'versions'))
  for (const name of names.filter(one => !kept.has(one))) {
    // What is half gone must not look whole.
    await rm(join(folder, 'versions', name, 'release.json'), { force: true })
    await rm(join(folder, 'versions', name), { recursive: true, force: true })
  }
  await rm(join(folder, 'incoming'), { recursive: true, force: true })
}
