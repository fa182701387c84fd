// The house rules that a compiler does not know: who may import whom, which folder owns which package, how long a
// file may be, where the machine's clock and environment may be read.

import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'

const LINES_MAX = 400

/** Written by a program from the API's document: nobody reads it from top to bottom. */
const WRITTEN = 'cloud/web/api/types.ts'

/** What is ours and runs: sources, not tests. */
const sources = globSync('{protocol,edge,cloud,deploy}/**/*.{ts,tsx}')
const everything = [...sources, ...globSync('{test,bin}/**/*.{ts,js}')]

/** Each package belongs to one file or folder; nobody else may import it. */
const OWNERS: Record<string, readonly string[]> = {
  '@bufbuild/protobuf': ['edge/sparkplug/'],
  '@peculiar/x509': ['protocol/x509.ts'],
  '@hono/node-server': ['cloud/service.ts', 'edge/status-server.ts'],
  '@hono/zod-openapi': ['cloud/api/'],
  aedes: ['cloud/collector/', 'edge/broker.ts'],
  '@simplewebauthn/server': ['cloud/api/accounts-passkeys.ts'],
  'better-auth': ['cloud/api/accounts'],
  'csv-parse': ['cloud/imports/', 'deploy/fleet/'],
  hono: ['cloud/', 'edge/status-server.ts'],
  level: ['edge/buffer'],
  'hyparquet-writer': ['cloud/exports/'],
  'modbus-serial': ['edge/modbus/'],
  mqtt: ['edge/transport/mqtt.ts', 'cloud/smoke/gateway.ts'],
  nats: ['protocol/nats.ts'],
  nodemailer: ['cloud/alerts/mail.ts'],
  'openid-client': ['cloud/api/accounts-oidc.ts'],
  pdfkit: ['cloud/compliance/pack-pdf.ts', 'cloud/fleet/labels.ts'],
  pg: ['cloud/store/', 'cloud/api/accounts.ts'],
  'reflect-metadata': ['protocol/x509.ts'],
  serialport: ['edge/modbus/'],
  soap: ['cloud/compliance/dga/'],
  'swagger-ui-dist': ['cloud/api/'],
  uqr: ['cloud/fleet/labels.ts', 'cloud/web/'],
  yaml: ['protocol/yaml.ts'],
  yazl: ['cloud/exports/'],
  zod: ['protocol/', 'edge/', 'cloud/', 'deploy/'],
}

/** The same for what the web application is built from and with: who runs it needs only what was built. */
const BUILT_IN: Record<string, readonly string[]> = {
  '@ariakit/react': ['cloud/web/'],
  '@tanstack/react-query': ['cloud/web/'],
  '@tanstack/react-router': ['cloud/web/'],
  esbuild: ['deploy/edge/'],
  react: ['cloud/web/'],
  'react-dom': ['cloud/web/'],
  uplot: ['cloud/web/'],
  vite: ['cloud/web/vite.config.ts', 'deploy/web.ts'],
}

/** The leaves of protocol/ that both sides run. A closed list. */
const RUNTIME = ['clock.ts', 'deadline.ts', 'errors.ts', 'log.ts', 'metrics.ts', 'retry.ts', 'scope.ts']

/** Where the machine's own clock and environment may be read. */
const MACHINE = [
  /(^|\/)cli\.ts$/,
  /(^|\/)config\.ts$/,
  /^protocol\/runtime\/clock\.ts$/,
  /^deploy\//,
  /^cloud\/web\/clock\.ts$/,
]

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  const found = [
    ...text.matchAll(/^(?:import|export)\s[^'"]*?from\s+'([^']+)'|^import\s+'([^']+)'|import\('([^']+)'\)/gm),
  ]
  return found.map(([, from, bare, dynamic]) => from ?? bare ?? dynamic ?? '')
}

/** The file an import names, relative to the repository; `undefined` for a package. */
function targetOf(file: string, name: string): string | undefined {
  return name.startsWith('.') ? normalize(join(dirname(file), name)) : undefined
}

function packageOf(name: string): string {
  return name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/')
}

const ownersOf = (name: string): readonly string[] => OWNERS[name] ?? BUILT_IN[name] ?? []

test('protocol/ imports neither side, and edge/ and cloud/ never meet', () => {
  const forbidden: Record<string, RegExp> = {
    protocol: /^(edge|cloud|deploy|test)\//,
    edge: /^(cloud|deploy|test)\//,
    cloud: /^(edge|deploy|test)\//,
  }
  const wrong = sources.flatMap(file => {
    const rule = forbidden[file.split('/')[0] ?? '']
    return importsOf(file)
      .map(name => targetOf(file, name))
      .filter(target => target !== undefined && rule?.test(target))
      .map(target => `${file} imports ${target}`)
  })

  assert.deepEqual(wrong, [])
})

test('each package is imported by its owner only, and every package has one', () => {
  const wrong = sources.flatMap(file =>
    importsOf(file)
      .filter(name => !name.startsWith('.') && !name.startsWith('node:'))
      .filter(name => !ownersOf(packageOf(name)).some(owner => file.startsWith(owner)))
      .map(name => `${file} imports ${name}`),
  )

  assert.deepEqual(wrong, [])
})

test('every package that is owned is a dependency with an exact version', () => {
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(
    readFileSync('package.json', 'utf8'),
  )
  const all: Record<string, string> = { ...dependencies, ...devDependencies, ...optionalDependencies }

  assert.deepEqual(
    Object.keys(OWNERS).filter(name => dependencies[name] === undefined),
    [],
  )
  assert.deepEqual(
    Object.keys(dependencies).filter(name => OWNERS[name] === undefined),
    [],
  )
  assert.deepEqual(
    Object.keys(BUILT_IN).filter(name => devDependencies[name] === undefined),
    [],
  )
  assert.deepEqual(
    Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)),
    [],
  )
})

test('imports are relative with their ending, from node:, or packages; nothing has an index', () => {
  const wrong = everything.flatMap(file =>
    importsOf(file)
      .filter(name => name.startsWith('.') && !/\.(tsx?|js|json|css)$/.test(name))
      .map(name => `${file} imports ${name}`),
  )

  assert.deepEqual(wrong, [])
  assert.deepEqual(
    everything.filter(file => /(^|\/)index\.[jt]s$/.test(file)),
    [],
  )
})

test('protocol/runtime/ is a closed list', () => {
  assert.deepEqual(globSync('*', { cwd: 'protocol/runtime' }).sort(), RUNTIME)
})

test(`no file is longer than ${LINES_MAX} lines`, () => {
  const long = everything
    .filter(file => file !== WRITTEN)
    .map(file => ({ file, lines: readFileSync(file, 'utf8').split('\n').length - 1 }))
    .filter(({ lines }) => lines > LINES_MAX)
    .map(({ file, lines }) => `${file}: ${lines}`)

  assert.deepEqual(long, [])
})

test('only clock.ts, config.ts and cli.ts read the machine’s clock and environment', () => {
  const wrong = sources
    .filter(file => !MACHINE.some(allowed => allowed.test(file)))
    .filter(file =>
      /\bDate\.now\(|new Date\(\)|process\.env\b|performance\.now\(|Temporal\.Now\b/.test(
        readFileSync(file, 'utf8'),
      ),
    )

  assert.deepEqual(wrong, [])
})

test('every source says at its top what it is', () => {
  assert.deepEqual(
    sources.filter(file => !/^(#!.*\n)?\/\/ \S/.test(readFileSync(file, 'utf8'))),
    [],
  )
})

test('only cloud/store writes SQL', () => {
  const sql =
    /\b(select\s[\s\S]{1,200}?\sfrom\s+\w|insert\s+into\s+\w|update\s+\w+\s+set\s|delete\s+from\s+\w)/i
  const wrong = sources
    .filter(file => file.startsWith('cloud/') && !file.startsWith('cloud/store/'))
    .filter(file => (readFileSync(file, 'utf8').match(/`[^`]*`/g) ?? []).some(text => sql.test(text)))

  assert.deepEqual(wrong, [])
})
