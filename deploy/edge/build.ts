// `npm run build:edge`: the gateway's packages in dist/, for each machine or for those named, and the release that they are:
//
//   npm run build:edge -- arm64
//
// dist/release-<version>/ has the manifest and each part under its hash; deploy/edge/publish.ts sends it to a cloud.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import project from '../../package.json' with { type: 'json' }
import { ARCHITECTURES, type Architecture } from './machine.ts'
import { type Built, buildPackage, manifestOf, SECONDS } from './package.ts'
import { ROOT } from './root.ts'

const names = process.argv.slice(2)
const unknown = names.filter(name => !ARCHITECTURES.some(known => known === name))
if (unknown.length > 0) {
  console.error(`There is no package for ${unknown.join(' and ')}, only for ${ARCHITECTURES.join(' and ')}`)
  process.exit(64)
}
const seconds = Number(process.env.SOURCE_DATE_EPOCH ?? SECONDS)
const { version } = project
const release = join(ROOT, 'dist', `release-${version}`)
rmSync(release, { recursive: true, force: true })
mkdirSync(release, { recursive: true })
const built: Built[] = []
for (const architecture of names.length === 0 ? ARCHITECTURES : (names as Architecture[])) {
  const made = await buildPackage(architecture, { seconds })
  built.push(made)
  writeFileSync(join(ROOT, 'dist', made.deb.name), made.deb.bytes)
  for (const { part, bytes } of made.parts) writeFileSync(join(release, part.sha256), bytes)
  console.log(`dist/${made.deb.name}: ${(made.deb.bytes.length / 1e6).toFixed(1)} MB`)
}
writeFileSync(join(release, 'manifest.json'), JSON.stringify(manifestOf(version, built)))
console.log(`dist/release-${version}: a release for ${built.map(one => one.architecture).join(' and ')}`)
