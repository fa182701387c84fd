// What a gateway's package holds, and the parts of the release that it is: the same files, told once.

import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import { BUFFER_FORMATS } from '../../edge/buffer/state.ts'
import project from '../../package.json' with { type: 'json' }
import { RELEASE_CHUNK_BYTES, type ReleaseManifest, type ReleasePart } from '../../protocol/release.ts'
import { ar, type Entry, tar } from './archive.ts'
import { bundleEdge, type Ingredient } from './bundle.ts'
import { type Architecture, nativesOf, nodeOf } from './machine.ts'
import { ROOT } from './root.ts'

/** The one second of all that is built, unless SOURCE_DATE_EPOCH names another: 2000-01-01. */
export const SECONDS = 946_684_800
/** Above it Zstandard gains a hundredth for each doubling of the time. */
const LEVEL = 10
const HOME = 'usr/lib/smarthydro-edge'
const DOC = 'usr/share/doc/smarthydro-edge'
const MAINTAINER = 'SmartHydro <smarthydro@localhost>'

/** A part of a release with its bytes. */
export interface BuiltPart {
  part: ReleasePart
  bytes: Uint8Array
}

/** A package with what it is made of. */
export interface Built {
  architecture: Architecture
  deb: { name: string; bytes: Uint8Array }
  parts: BuiltPart[]
}

/** How a package is built. */
export interface BuildOptions {
  version?: string
  /** The one second of all its files, since 1970. */
  seconds?: number
  /** How hard Zstandard tries. */
  level?: number
}

/** Builds the package of a machine. The same sources give the same bytes. */
export async function buildPackage(
  architecture: Architecture,
  { version = project.version, seconds = SECONDS, level = LEVEL }: BuildOptions = {},
): Promise<Built> {
  const node = nodeOf(architecture)
  const { bytes, ingredients } = await bundleEdge('cli')
  const runtime: Entry[] = [
    { kind: 'folder', path: 'bin' },
    { kind: 'file', path: 'bin/node', bytes: readFileSync(join(node, 'bin', 'node')), mode: 0o755 },
  ]
  const program = programEntries(architecture, bytes, version)
  const parts = [
    buildPart('runtime', runtime, { seconds, level }),
    buildPart('program', program, { seconds, level }),
  ]
  const manifest = manifestOf(version, [{ architecture, parts }])
  const entries: Entry[] = [
    ...folders(HOME),
    { kind: 'folder', path: `${HOME}/runtime` },
    ...below(`${HOME}/runtime`, runtime),
    { kind: 'folder', path: `${HOME}/program` },
    ...below(`${HOME}/program`, program),
    text(`${HOME}/release.json`, `${JSON.stringify(manifest)}\n`),
    ...systemEntries(ingredients, readFileSync(join(node, 'LICENSE'), 'utf8')),
  ]
  const deb = debian({ architecture, version, entries: sorted(entries), seconds, level })
  return {
    architecture,
    deb: { name: `smarthydro-edge_${debianVersion(version)}_${architecture}.deb`, bytes: deb },
    parts,
  }
}

/** What a release is, from the packages of its machines. */
export function manifestOf(
  version: string,
  built: readonly { architecture: Architecture; parts: readonly BuiltPart[] }[],
): ReleaseManifest {
  return {
    v: 1,
    version,
    buffer: BUFFER_FORMATS,
    machines: built.map(({ architecture, parts }) => ({
      architecture,
      parts: parts.map(({ part }) => part),
    })),
  }
}

function buildPart(
  name: ReleasePart['name'],
  entries: readonly Entry[],
  { seconds, level }: { seconds: number; level: number },
): BuiltPart {
  const archive = tar(entries, { seconds })
  const bytes = compress(archive, level)
  const chunks: string[] = []
  for (let at = 0; at < bytes.length; at += RELEASE_CHUNK_BYTES) {
    chunks.push(sha256(bytes.subarray(at, at + RELEASE_CHUNK_BYTES)))
  }
  const part = { name, sha256: sha256(bytes), bytes: bytes.length, unpackedBytes: archive.length, chunks }
  return { part, bytes }
}

function programEntries(architecture: Architecture, bundle: Uint8Array, version: string): Entry[] {
  const profiles = globSync('protocol/modbus/profiles/*.yaml', { cwd: ROOT }).sort()
  return [
    text('package.json', `${JSON.stringify({ name: 'smarthydro-edge', version, type: 'module' })}\n`),
    { kind: 'folder', path: 'lib' },
    { kind: 'file', path: 'lib/cli.js', bytes: bundle },
    { kind: 'folder', path: 'lib/native' },
    ...nativesOf(architecture).map(
      ({ name, bytes }): Entry => ({
        kind: 'file',
        path: `lib/native/${name}.node`,
        bytes,
      }),
    ),
    { kind: 'folder', path: 'lib/profiles' },
    ...profiles.map((path): Entry => fileOf(`lib/profiles/${basename(path)}`, path)),
  ]
}

function systemEntries(ingredients: readonly Ingredient[], nodeLicence: string): Entry[] {
  const own = (name: string) => `deploy/edge/debian/${name}`
  return [
    ...folders('usr/bin'),
    fileOf('usr/bin/smarthydro-edge', own('smarthydro-edge'), 0o755),
    ...folders('usr/lib/systemd/system', 'usr/lib/systemd/journald.conf.d'),
    fileOf('usr/lib/systemd/system/smarthydro-edge.service', own('smarthydro-edge.service')),
    fileOf('usr/lib/systemd/journald.conf.d/smarthydro-edge.conf', own('journald.conf')),
    ...folders('usr/lib/sysusers.d', 'usr/lib/udev/rules.d', 'etc/default'),
    fileOf('usr/lib/sysusers.d/smarthydro-edge.conf', own('sysusers.conf')),
    fileOf('usr/lib/udev/rules.d/70-smarthydro-edge.rules', own('serial.rules')),
    fileOf('etc/default/smarthydro-edge', own('default')),
    ...folders(DOC),
    fileOf(`${DOC}/gateway.md`, 'docs/gateway.md'),
    fileOf(`${DOC}/gateway.yaml`, own('gateway.yaml')),
    text(`${DOC}/copyright`, copyright(ingredients, nodeLicence)),
    {
      kind: 'file',
      path: `${DOC}/changelog.gz`,
      bytes: gzipSync(readFileSync(join(ROOT, 'CHANGELOG.md')), { level: 9 }),
    },
  ]
}

function copyright(ingredients: readonly Ingredient[], nodeLicence: string): string {
  const packages = ingredients.map(({ name, version, licence }) => `  ${name} ${version}: ${licence}`)
  return `SmartHydro, Apache-2.0 (/usr/share/common-licenses/Apache-2.0)

In its program are these packages, each under its own licence:
${packages.join('\n')}

Beside it is Node.js, under the following:

${nodeLicence}`
}

/** The package as dpkg reads it. */
function debian({
  architecture,
  version,
  entries,
  seconds,
  level,
}: {
  architecture: Architecture
  version: string
  entries: readonly Entry[]
  seconds: number
  level: number
}): Uint8Array {
  const files = entries.flatMap(entry => (entry.kind === 'file' ? [entry] : []))
  const kibibytes = Math.ceil(files.reduce((sum, { bytes }) => sum + bytes.length, 0) / 1024)
  const script = (name: string) => fileOf(name, `deploy/edge/debian/${name}`, 0o755)
  const control = [
    text('control', controlText({ architecture, version, kibibytes })),
    text('conffiles', '/etc/default/smarthydro-edge\n'),
    text('md5sums', files.map(({ path, bytes }) => `${md5(bytes)}  ${path}\n`).join('')),
    ...['postinst', 'prerm', 'postrm'].map(script),
  ]
  const archived = (list: readonly Entry[]) =>
    compress(tar([{ kind: 'folder', path: '.' }, ...below('.', list)], { seconds }), level)
  return ar(
    [
      { name: 'debian-binary', bytes: Buffer.from('2.0\n') },
      { name: 'control.tar.zst', bytes: archived(control) },
      { name: 'data.tar.zst', bytes: archived(entries) },
    ],
    { seconds },
  )
}

function controlText({
  architecture,
  version,
  kibibytes,
}: {
  architecture: Architecture
  version: string
  kibibytes: number
}): string {
  return `Package: smarthydro-edge
Version: ${debianVersion(version)}
Architecture: ${architecture}
Maintainer: ${MAINTAINER}
Installed-Size: ${kibibytes}
Depends: libatomic1, libc6 (>= 2.28), libgcc-s1, libstdc++6, systemd (>= 247)
Suggests: chrony
Section: net
Priority: optional
Description: gateway of SmartHydro: reads water meters, loses no reading
 Reads instruments over Modbus and from telemetry providers, keeps every
 reading on disk until the cloud has committed it, and shows it on the
 site's own MQTT broker. Brings its own Node.js.
`
}

/** Debian sorts 1.0.0~rc.1 before 1.0.0, as SemVer means 1.0.0-rc.1. */
const debianVersion = (version: string): string => version.replace('-', '~')

function below(folder: string, entries: readonly Entry[]): Entry[] {
  return entries.map(entry => ({ ...entry, path: `${folder}/${entry.path}` }))
}

/** Folders with all that are above them. */
function folders(...paths: readonly string[]): Entry[] {
  return paths.flatMap(path => {
    const names = path.split('/')
    return names.map((_, index): Entry => ({ kind: 'folder', path: names.slice(0, index + 1).join('/') }))
  })
}

/** In the order of their paths, each once: a folder comes before what is in it. */
function sorted(entries: readonly Entry[]): Entry[] {
  const byPath = new Map(entries.map(entry => [entry.path, entry]))
  return [...byPath.keys()].sort().flatMap(path => byPath.get(path) ?? [])
}

function fileOf(path: string, source: string, mode = 0o644): Entry {
  return { kind: 'file', path, bytes: readFileSync(join(ROOT, source)), mode }
}

const text = (path: string, content: string): Entry => ({ kind: 'file', path, bytes: Buffer.from(content) })

const compress = (bytes: Uint8Array, level: number): Uint8Array =>
  zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: level } })

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex')
