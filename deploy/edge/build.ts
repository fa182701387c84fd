// `npm run build:edge`: the gateway's packages in dist/, for each machine or for those named:
//
//   npm run build:edge -- arm64

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ARCHITECTURES, type Architecture } from './machine.ts'
import { buildPackage, SECONDS } from './package.ts'
import { ROOT } from './root.ts'

const names = process.argv.slice(2)
const unknown = names.filter(name => !ARCHITECTURES.some(known => known === name))
if (unknown.length > 0) {
  console.error(`There is no package for ${unknown.join(' and ')}, only for ${ARCHITECTURES.join(' and ')}`)
  process.exit(64)
}
const seconds = Number(process.env.SOURCE_DATE_EPOCH ?? SECONDS)
mkdirSync(join(ROOT, 'dist'), { recursive: true })
for (const architecture of names.length === 0 ? ARCHITECTURES : (names as Architecture[])) {
  const { deb } = await buildPackage(architecture, { seconds })
  writeFileSync(join(ROOT, 'dist', deb.name), deb.bytes)
  console.log(`dist/${deb.name}: ${(deb.bytes.length / 1e6).toFixed(1)} MB`)
}
