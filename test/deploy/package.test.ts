// The package of the gateway as a file: what dpkg, systemd and a second build of it say.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { zstdDecompressSync } from 'node:zlib'
import { ar, tar } from '../../deploy/edge/archive.ts'
import { ROOT } from '../../deploy/edge/root.ts'
import { RELEASE_CHUNK_BYTES, ReleaseManifest } from '../../protocol/release.ts'
import { skipWithout } from '../peers.ts'
import { builtPackage, run, unpackInto } from './unpacked.ts'

const SECONDS = 946_684_800
/** What `systemd-analyze security` may find at most, in tenths. */
const EXPOSURE_MAX = 30

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

describe('the package', { skip: skipWithout('dpkg', 'systemd') }, () => {
  let folder: string
  let file: string
  let root: string
  let built: Awaited<ReturnType<typeof builtPackage>>
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'smarthydro-package-'))
    root = join(folder, 'root')
    mkdirSync(root)
    built = await builtPackage('amd64', {})
    file = unpackInto(root, built)
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  test('is the same, byte for byte, when another process in another time zone builds it', () => {
    const script = `
      import { buildPackage } from ${JSON.stringify(`${ROOT}/deploy/edge/package.ts`)}
      import { createHash } from 'node:crypto'
      process.umask(0o077)
      const { deb } = await buildPackage('amd64')
      console.log(createHash('sha256').update(deb.bytes).digest('hex'))`

    const again = run(process.execPath, ['--input-type=module', '--eval', script], { TZ: 'Pacific/Chatham' })

    assert.equal(again.trim(), sha256(built.deb.bytes))
  })

  test('says what it is, what it needs, and which file of it is an operator’s', () => {
    const field = (name: string) => run('dpkg-deb', ['--field', file, name]).trim()

    assert.equal(field('Package'), 'smarthydro-edge')
    assert.equal(field('Architecture'), 'amd64')
    assert.match(field('Depends'), /libatomic1, libc6 \(>= 2\.28\)/)
    assert.ok(Number(field('Installed-Size')) > 100_000)
    assert.equal(run('dpkg-deb', ['--ctrl-tarfile', file]).includes('/etc/default/smarthydro-edge'), true)
  })

  test('belongs to root, and holds no sources, tests or secrets', () => {
    const lines = run('dpkg-deb', ['--contents', file]).trim().split('\n')

    assert.deepEqual(
      lines.filter(line => !/^[-d]rwxr?-?xr-x root\/root|^-rw-r--r-- root\/root/.test(line)),
      [],
    )
    assert.deepEqual(
      lines.filter(line => /\.ts$|\/test\/|\.env|token|\.pem$/.test(line)),
      [],
    )
    const profiles = readdirSync(join(ROOT, 'protocol/modbus/profiles'))
    assert.deepEqual(readdirSync(join(root, 'usr/lib/smarthydro-edge/program/lib/profiles')), profiles)
  })

  test('its program says its version', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))

    assert.equal(run(join(root, 'usr/bin/smarthydro-edge'), ['--version']), `${version}\n`)
  })

  test(`its service is exposed by ${EXPOSURE_MAX / 10} at most, as systemd counts it, and runs as nobody else`, () => {
    const unit = join(root, 'usr/lib/systemd/system/smarthydro-edge.service')

    run('systemd-analyze', ['security', '--offline=true', `--threshold=${EXPOSURE_MAX}`, '--no-pager', unit])

    const text = readFileSync(unit, 'utf8')
    for (const line of ['Type=notify', 'WatchdogSec=180', 'User=smarthydro', 'StateDirectory=smarthydro']) {
      assert.ok(text.split('\n').includes(line), line)
    }
  })

  test('its release names both parts with the hash of each chunk, and they unpack to what the package installs', () => {
    const home = join(root, 'usr/lib/smarthydro-edge')
    const manifest = ReleaseManifest.parse(JSON.parse(readFileSync(join(home, 'release.json'), 'utf8')))

    assert.deepEqual(
      manifest.machines.map(({ architecture, parts }) => [architecture, parts]),
      [['amd64', built.parts.map(({ part }) => part)]],
    )
    for (const { part, bytes } of built.parts) {
      assert.equal(sha256(bytes), part.sha256)
      assert.deepEqual(
        part.chunks,
        part.chunks.map((_, index) =>
          sha256(bytes.subarray(index * RELEASE_CHUNK_BYTES, (index + 1) * RELEASE_CHUNK_BYTES)),
        ),
      )
      assert.equal(zstdDecompressSync(bytes).length, part.unpackedBytes)
    }
    assert.ok(statSync(join(home, 'runtime/bin/node')).mode & 0o100)
  })
})

test('tar() and ar() refuse what their formats cannot hold', () => {
  const file = (path: string) => tar([{ kind: 'file', path, bytes: new Uint8Array() }], { seconds: SECONDS })

  assert.throws(() => file(`${'a'.repeat(101)}`), /its path is too long/)
  assert.throws(() => file('año'), /it is not ASCII/)
  assert.throws(
    () => ar([{ name: 'a-name-of-17-char', bytes: new Uint8Array() }], { seconds: SECONDS }),
    /names of 16 characters/,
  )
  assert.equal(file(`${'a'.repeat(80)}/${'b'.repeat(80)}`).length % 10_240, 0)
})
