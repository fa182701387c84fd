// The LevelDB underneath: opened unattended, whatever state its files are in.
//
// A damaged database is repaired; one that cannot be repaired is set aside under a dated name and a new one is begun.
// Only what a person must see to is thrown: another process, a full disk, no permission.

import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { syncedFolder } from '../files.ts'
import type { Reserve } from './reserve.ts'

/** ClassicLevel, with what the types of `level` leave out because browsers lack it. */
export type Database = Level<Uint8Array, Uint8Array> & {
  compactRange(start: Uint8Array, end: Uint8Array): Promise<void>
}

/** One change of a batch. */
export type Operation = { type: 'put'; key: Uint8Array; value: Uint8Array } | { type: 'del'; key: Uint8Array }

/** An open database, and what it took to open it. */
export interface Opened {
  db: Database
  /** `repaired`: some records may be gone. `begun`: empty, because there was none or it was beyond repair. */
  condition: 'sound' | 'repaired' | 'begun'
}

/** What opening needs. */
export interface DatabaseDeps {
  clock: Clock
  log: Log
  reserve: Reserve
}

/** Folders that are kept after they were set aside; older ones are deleted. */
const SET_ASIDE_MAX = 2

const LevelClass = Level as unknown as {
  new (location: string, options: object): Database
  repair(location: string): Promise<void>
}

/** Opens the database in `folder`, or begins it. `repairFirst` when it opened but could not be written. */
export async function openDatabase(
  deps: DatabaseDeps,
  folder: string,
  { repairFirst = false }: { repairFirst?: boolean } = {},
): Promise<Opened> {
  const location = join(folder, 'level')
  await syncedFolder(location)
  const exists = (await namesIn(location)).some(name => /^(MANIFEST|CURRENT)|\.(ldb|sst|log)$/.test(name))
  if (!exists) return { db: await openOrThrow(deps, location, true), condition: 'begun' }
  try {
    const db = await openOrThrow(deps, location, false)
    if (!repairFirst) return { db, condition: 'sound' }
    await db.close()
  } catch (error) {
    if (!(error instanceof Damaged)) throw error
    deps.log.error('buffer found damaged', { folder, reason: error.message })
  }
  return await repaired(deps, folder, location)
}

async function repaired(deps: DatabaseDeps, folder: string, location: string): Promise<Opened> {
  try {
    // Where an earlier repair put what it could not use.
    await rm(join(location, 'lost'), { recursive: true, force: true })
    await LevelClass.repair(location)
    const db = await openOrThrow(deps, location, false)
    deps.log.warn('buffer repaired', { folder })
    return { db, condition: 'repaired' }
  } catch (error) {
    if (error instanceof Unavailable) throw error
    const failure = failureOf(error)
    if (isFull(error) || BEYOND_US.test(failure)) throw unavailable(location, error)
    await setAside(deps, folder, location, failure)
    return { db: await openOrThrow(deps, location, true), condition: 'begun' }
  }
}

/** Whether an error says that the disk is full. */
export function isFull(error: unknown): boolean {
  return /No space left on device|Disk quota exceeded|ENOSPC|EDQUOT/.test(failureOf(error))
}

/** Whether an error says that records cannot be read as they were written. */
export function isDamage(error: unknown): boolean {
  const code = (error as { code?: unknown }).code
  return code === 'LEVEL_CORRUPTION' || code === 'LEVEL_IO_ERROR'
}

/** Failures that no repair of ours can mend. */
const BEYOND_US =
  /Permission denied|Read-only file system|Input\/output error|Too many open files|not permitted/

class Damaged extends Error {}

async function openOrThrow(
  { reserve }: DatabaseDeps,
  location: string,
  createIfMissing: boolean,
): Promise<Database> {
  try {
    return await openLevel(location, createIfMissing)
  } catch (first) {
    // A full disk cannot even be opened: LevelDB writes a new log first. The reserve is kept for this.
    if (isFull(first) && (await reserve.release())) {
      try {
        return await openLevel(location, createIfMissing)
      } catch (second) {
        throw toOpenError(location, second)
      }
    }
    throw toOpenError(location, first)
  }
}

async function openLevel(location: string, createIfMissing: boolean): Promise<Database> {
  const db = new LevelClass(location, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    createIfMissing,
    // The gateway is a small machine, and a queue is read once: little is gained by caching. A file that is lost costs
    // what is in it, and files that are open are mapped into memory: both are the least that LevelDB takes.
    cacheSize: 2 ** 20,
    writeBufferSize: 2 ** 20,
    maxFileSize: 2 ** 20,
    maxOpenFiles: 74,
  })
  await db.open()
  return db
}

function toOpenError(location: string, error: unknown): Error {
  const failure = failureOf(error)
  const code = (error as { cause?: { code?: unknown } }).cause?.code
  if (code === 'LEVEL_LOCKED') {
    return new Unavailable(`Cannot open the buffer ${location}: another process has it open (LEVEL_LOCKED)`, {
      cause: error,
    })
  }
  if (isFull(error) || BEYOND_US.test(failure)) return unavailable(location, error)
  return new Damaged(failure, { cause: error })
}

const unavailable = (location: string, error: unknown) =>
  new Unavailable(`Cannot open the buffer ${location}: ${failureOf(error)}`, { cause: error })

/** What LevelDB itself said: abstract-level puts it into the cause. */
export function failureOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error ? `${cause.message}` : reasonOf(error)
}

async function setAside(
  { clock, log }: DatabaseDeps,
  folder: string,
  location: string,
  reason: string,
): Promise<void> {
  const name = `damaged-${new Date(clock.now()).toISOString().replaceAll(/[:.]/g, '-')}`
  await rename(location, join(folder, name))
  log.error('buffer set aside beyond repair', { folder, name, reason })
  const older = (await namesIn(folder)).filter(found => found.startsWith('damaged-')).sort()
  for (const found of older.slice(0, -SET_ASIDE_MAX)) {
    await rm(join(folder, found), { recursive: true })
    log.warn('buffer set aside earlier deleted', { folder, name: found })
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
