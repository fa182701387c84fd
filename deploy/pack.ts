// What `npm pack` puts into the package: JavaScript in dist/, because Node does not erase types below node_modules, and
// beside it what the programs read at run time.

import { spawnSync } from 'node:child_process'
import { cpSync, globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import project from '../package.json' with { type: 'json' }
import { buildWeb } from './web.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const DIST = join(ROOT, 'dist')

/** Files that are no source and that a program opens. */
const ASSETS = '{protocol,edge,cloud}/**/*.{yaml,sql,wsdl,xsd}'

rmSync(DIST, { recursive: true, force: true })
const { status } = spawnSync('tsc', ['--project', join(ROOT, 'tsconfig.build.json')], { stdio: 'inherit' })
if (status !== 0) throw new Error('The sources do not compile')
for (const file of globSync(ASSETS, { cwd: ROOT })) {
  mkdirSync(dirname(join(DIST, file)), { recursive: true })
  cpSync(join(ROOT, file), join(DIST, file))
}
const { name, version, type } = project
writeFileSync(join(DIST, 'package.json'), JSON.stringify({ name, version, type }))
await buildWeb({ always: true })
