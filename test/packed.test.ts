// The package as npm puts it on somebody's machine: no sources, below node_modules, started by its own bins.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

describe('the packed package', () => {
  let home: string
  before(() => {
    home = mkdtempSync(join(tmpdir(), 'smarthydro-packed-'))
    const packed = spawnSync('npm', ['pack', '--silent', '--pack-destination', home], {
      cwd: ROOT,
      encoding: 'utf8',
    })
    assert.equal(packed.status, 0, packed.stderr)
    const tarball = join(home, packed.stdout.trim().split('\n').at(-1) ?? '')
    const folder = join(home, 'app', 'node_modules', 'smarthydro')
    mkdirSync(folder, { recursive: true })
    const unpacked = spawnSync('tar', ['-xzf', tarball, '-C', folder, '--strip-components=1'])
    assert.equal(unpacked.status, 0)
    symlinkSync(join(ROOT, 'node_modules'), join(home, 'node_modules'))
  })
  after(() => rmSync(home, { recursive: true, force: true }))

  const run = (bin: string, args: string[], env: Record<string, string> = {}) => {
    const program = join(home, 'app', 'node_modules', 'smarthydro', 'bin', `${bin}.js`)
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
      ...{ cwd: join(home, 'app'), encoding: 'utf8', timeout: 60_000 },
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    })
    return { status, text: `${stdout}${stderr}` }
  }

  test('holds no sources, tests or secrets', () => {
    const inside = (path: string) => existsSync(join(home, 'app', 'node_modules', 'smarthydro', path))
    assert.deepEqual(['cloud', 'test', 'data', '.ci'].filter(inside), [])
    assert.deepEqual(
      globSync('{protocol,edge,deploy}/**/*.ts', { cwd: join(home, 'app', 'node_modules', 'smarthydro') }),
      [],
    )
    assert.ok(inside('dist/web/index.html') && inside('dist/web/favicon.svg'))
    assert.ok(inside('README.md') && inside('LICENSE') && inside('dist/cloud/store/migrations/0001_base.sql'))
  })

  test('holds every file that its documents link to', () => {
    const folder = join(home, 'app', 'node_modules', 'smarthydro')
    const documents = ['README.md', ...globSync('docs/*.md', { cwd: folder })]
    const linked = documents.flatMap(document =>
      [...readFileSync(join(folder, document), 'utf8').matchAll(/\]\(([^)#\s]+)/g)]
        .map(([, target]) => target ?? '')
        .filter(target => !/^[a-z]+:/.test(target))
        .map(target => ({ document, target })),
    )

    assert.ok(linked.length > 5 && documents.length > 1)
    assert.deepEqual(
      linked.filter(({ document, target }) => !existsSync(join(folder, dirname(document), target))),
      [],
    )
  })

  test('says its version, on both programs', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    for (const bin of ['smarthydro-edge', 'smarthydro-cloud']) {
      assert.deepEqual(run(bin, ['--version']), { status: 0, text: `${version}\n` })
    }
  })

  test('checks a configuration with a profile, and migrates a database of its own', () => {
    mkdirSync(join(home, 'app', 'identity'))
    writeFileSync(join(home, 'app', 'identity', 'token'), 'a-token')
    const file = join(home, 'app', 'gateway.yaml')
    writeFileSync(
      file,
      `gateway: gw-1
client: campo
project: los-aromos
uplink: { url: "mqtt://127.0.0.1:1884", credentials: ./identity }
buffer: { path: ./buffer }
buses: [{ id: plant, tcp: { host: 127.0.0.1, port: 5020 } }]
devices: [{ id: meter, bus: plant, unit: 1, profile: siemens-mag-6000, point: pozo-7, every: 1m }]
`,
    )
    const checked = run('smarthydro-edge', ['check', file])
    assert.equal(checked.status, 0, checked.text)
    const migrated = run('smarthydro-cloud', ['migrate'])
    assert.equal(migrated.status, 0, migrated.text)
    assert.match(migrated.text, /0002_compliance\.sql/)
  })
})
