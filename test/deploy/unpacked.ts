// A package of the gateway, built once for the tests of a file, and unpacked somewhere as dpkg does it.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Architecture } from '../../deploy/edge/machine.ts'
import { type BuildOptions, type Built, buildPackage } from '../../deploy/edge/package.ts'
import { atEnd } from '../edge/buffer/folder.ts'

const built = new Map<string, Promise<Built>>()

/** The package of a machine, as `npm run build:edge` makes it but for how hard it is compressed. */
export function builtPackage(
  architecture: Architecture,
  options: BuildOptions = { level: 1 },
): Promise<Built> {
  const name = JSON.stringify([architecture, options])
  const known = built.get(name) ?? buildPackage(architecture, options)
  built.set(name, known)
  return known
}

/** A folder that is gone when the test is over. */
export function folderFor(context: TestContext, what: string): string {
  const folder = mkdtempSync(join(tmpdir(), `smarthydro-${what}-`))
  atEnd(context, () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Writes a package beside and unpacks it into `root`; returns the file. */
export function unpackInto(root: string, { deb }: Built): string {
  const file = join(root, '..', deb.name)
  writeFileSync(file, deb.bytes)
  run('dpkg-deb', ['--extract', file, root])
  return file
}

/** What a program says that ends by itself, and well. */
export function run(program: string, args: readonly string[], env: Record<string, string> = {}): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    ...{ encoding: 'utf8', timeout: 240_000, maxBuffer: 64 * 1024 * 1024 },
    env: { PATH: process.env.PATH ?? '', ...env },
  })
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${error ?? ''}${stdout}${stderr}`)
  return stdout
}

/** A program that goes on; it is killed when the test is over. */
export function start(
  context: TestContext,
  program: string,
  args: readonly string[],
  { env = {}, cwd }: { env?: Record<string, string>; cwd?: string } = {},
) {
  const child = spawn(program, args, {
    ...(cwd === undefined ? {} : { cwd }),
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH ?? '', ...env },
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
  }
  const exited = once(child, 'close').then(([code]) => code as number | null)
  atEnd(context, async () => {
    child.kill('SIGKILL')
    await exited
  })
  return { child, exited, text: () => text }
}
