// The cloud as a newcomer runs it: a process, an empty folder, no database of its own.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { SERVICE_NAMES } from '../../cloud/service.ts'
import { type Program, startProgram } from '../doubles/program.ts'
import { until } from '../doubles/until.ts'

const SITE = `
clients: [{ id: campo, name: Campo }]
projects: [{ client: campo, id: los-aromos, name: Los Aromos }]
points: [{ client: campo, project: los-aromos, id: pozo-7, name: Pozo 7, kind: groundwater }]
gateways: [{ client: campo, project: los-aromos, id: gw-1 }]
`
const ANY_PORTS = Object.fromEntries(
  [...SERVICE_NAMES.map(name => `${name.toUpperCase()}_PORT`), 'MQTT_PORT'].map(name => [name, '0']),
)

describe('smarthydro-cloud', () => {
  let cwd: string
  const started: Program[] = []
  const start = (args: string[], env: Record<string, string> = {}): Program => {
    const program = startProgram('cloud', args, { cwd, env: { ...ANY_PORTS, ...env } })
    started.push(program)
    return program
  }
  before(() => {
    cwd = mkdtempSync(join(tmpdir(), 'smarthydro-cloud-'))
  })
  after(async () => {
    for (const program of started) program.kill('SIGKILL')
    await Promise.all(started.map(({ exited }) => exited))
    rmSync(cwd, { recursive: true, force: true })
  })

  test('says what is wrong with its command line, its settings or a file, each with a status of its own', async () => {
    writeFileSync(join(cwd, 'wrong.yaml'), 'clients:\n  - { id: Campo, name: "" }\npoints: 7\n')
    const cases = [
      { args: [], status: 64, says: /Say what to do/ },
      { args: ['run', '--services', 'collector,mail'], status: 64, says: /--services: "mail" is none of/ },
      { args: ['user', 'create', '--email', 'a@b.cl'], status: 64, says: /--name is needed/ },
      { args: ['run'], env: { API_PORT: 'x' }, status: 78, says: /API_PORT: must be a port/ },
      {
        args: ['run'],
        env: {
          ...{ MQTT_TLS_PORT: '0', MQTT_TLS_CERT: 'none.pem', MQTT_TLS_KEY: 'none.pem' },
          ...{ NATS_URL: 'tls://127.0.0.1:1', NATS_CA: 'wrong.yaml' },
        },
        status: 78,
        says: /MQTT_TLS_CERT: none.pem cannot be read[\s\S]*NATS_CA: wrong.yaml holds no certificate/,
      },
      { args: ['migrate'], env: { SMARTHYDRO_SECRET: 'x' }, status: 78, says: /unknown setting/ },
      { args: ['provision', 'none.yaml'], status: 78, says: /none.yaml/ },
      {
        args: ['provision', 'wrong.yaml'],
        status: 78,
        says: /wrong.yaml:2: clients\[0\].id[\s\S]*wrong.yaml:3: points/,
      },
      {
        args: ['migrate'],
        env: {
          DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
          SMARTHYDRO_SECRET_KEY: Buffer.alloc(32).toString('base64'),
        },
        status: 69,
        says: /127\.0\.0\.1/,
      },
      {
        args: ['recompute', '--point', 'pozo-7', '--from', 'today'],
        status: 64,
        says: /--from must be an instant/,
      },
      {
        args: ['recompute', 'first', '--reason', 'x'],
        status: 1,
        says: /There is no preview first/,
      },
      {
        args: [
          'recompute',
          '--point',
          'nowhere',
          '--from',
          '2026-01-15T12:00:00Z',
          '--to',
          '2026-01-15T13:00:00Z',
        ],
        ...{ status: 1, says: /Point not found/ },
      },
      { args: ['recompute', '7', '--reason', 'x'], status: 1, says: /There is no preview 7/ },
      { args: ['sending', 'off'], status: 64, says: /--reason is needed/ },
      {
        args: ['sending', 'off', '--reason', 'x', '--work', 'OB-0602-7'],
        ...{ status: 1, says: /There is no work OB-0602-7/ },
      },
      {
        args: ['sending', 'off', '--reason', 'x', '--informant', '1-1'],
        status: 64,
        says: /"1-1" is no RUT/,
      },
      {
        args: ['sending', 'off', '--reason', 'DGA asked us to wait'],
        ...{ status: 0, says: /sending is off since .*, by command line: DGA asked us to wait/ },
      },
      { args: ['sending', 'on', '--reason', 'done'], status: 0, says: /sending is on since .*: done/ },
      { args: ['pack', '--work', 'OB-0602-7'], status: 64, says: /--month is needed/ },
      {
        args: ['pack', '--work', 'OB-0602-7', '--month', '2026-13'],
        ...{ status: 64, says: /"2026-13" is no month/ },
      },
      {
        args: ['pack', '--work', 'OB-0602-7', '--month', '2026-01'],
        ...{ status: 1, says: /There is no work OB-0602-7/ },
      },
      {
        args: ['verify-evidence', '--pack', 'wrong.yaml'],
        ...{ status: 1, says: /not the JSON file of a pack/ },
      },
      { args: ['secrets', 'rewrap'], status: 0, says: /0 sealed with key [0-9a-f]{16}, 0 left/ },
      { args: ['verify-evidence'], status: 0, says: /0 rows of 0 works: nothing was altered/ },
      { args: ['gateway', 'token', 'gw-none'], status: 1, says: /There is no gateway gw-none/ },
    ]
    for (const { args, env = {}, status, says } of cases) {
      const program = start(args, env)
      assert.equal(await program.exited, status, `${args.join(' ')}: ${program.text()}`)
      assert.match(program.text(), says)
      assert.doesNotMatch(program.text(), /\n {4}at /)
    }
  })

  test('says which setting names a port that somebody else has', async () => {
    const somebody = createServer().listen(0, '127.0.0.1')
    await once(somebody, 'listening')
    const port = String((somebody.address() as AddressInfo).port)

    for (const setting of ['MQTT_PORT', 'PROCESSOR_PORT']) {
      const program = start(['run'], { [setting]: port })
      assert.equal(await program.exited, 78, program.text())
      assert.match(program.text(), new RegExp(`${setting}: cannot listen on 127.0.0.1:${port}: .*EADDRINUSE`))
      assert.doesNotMatch(program.text(), /\n {4}at /)
    }
    somebody.close()
  })

  test('provisions a site, runs all services on an embedded database, and stops when told to', async () => {
    writeFileSync(join(cwd, 'site.yaml'), SITE)
    const first = start(['provision', 'site.yaml'])
    assert.equal(await first.exited, 0, first.text())
    assert.match(
      first.text(),
      /point campo.los-aromos.pozo-7: created[\s\S]*token of gateway gw-1, shown once: shg_/,
    )
    const run = start(['run'])
    const ports = () => run.log().filter(({ event }) => event === 'service started')
    await until('all services listen', () => ports().length === SERVICE_NAMES.length)
    assert.deepEqual(new Set(ports().map(({ service }) => service)), new Set(SERVICE_NAMES))
    for (const { service, port } of ports()) {
      const health = await fetch(`http://127.0.0.1:${port}/health`)
      const body = JSON.parse(await health.text())
      assert.deepEqual([health.status, body.status, body.service], [200, 'healthy', service])
      assert.ok(Date.parse(body.timestamp) > 0 && /^\d+\.\d+\.\d+$/.test(body.version))
      const metrics = await fetch(`http://127.0.0.1:${port}/metrics`)
      assert.match(metrics.headers.get('content-type') ?? '', /^text\/plain/)
      const asJson = await fetch(`http://127.0.0.1:${port}/metrics`, {
        headers: { accept: 'application/json' },
      })
      assert.equal(JSON.parse(await asJson.text()).service, service)
    }

    const made = start(['token', 'create', '--name', 'mine', '--role', 'operator'])
    assert.equal(await made.exited, 0, made.text())
    const token = /shk_[\w-]+/.exec(made.text())?.[0]
    const api = ports().find(({ service }) => service === 'api')?.port
    const ask = async () => {
      const headers = { authorization: `Bearer ${token}` }
      return (await fetch(`http://127.0.0.1:${api}/api/v1/points`, { headers })).status
    }
    assert.equal(await ask(), 200)
    assert.equal(await start(['token', 'revoke', '--name', 'mine']).exited, 0)
    assert.equal(await ask(), 401)
    assert.equal(await start(['token', 'revoke', '--name', 'mine']).exited, 1)

    const beside = start(['provision', 'site.yaml'])
    assert.equal(await beside.exited, 0, beside.text())
    assert.match(beside.text(), /nothing to change/)
    const subscribe = ['--scopes', 'subscribe', '--role', 'client_reader', '--client', 'campo']
    assert.equal(await start(['token', 'create', '--name', 'My program!', ...subscribe]).exited, 0)
    const users = start(['nats', 'users'])
    assert.equal(await users.exited, 0, users.text())
    assert.match(users.text(), /user: "gw-1"\n +password: \$SMARTHYDRO_GW_1\n/)
    assert.match(
      users.text(),
      /user: "_reader-my-program"\n +password: \$SMARTHYDRO__READER_MY_PROGRAM\n.*\n +publish: \{ deny: ">" \}\n +subscribe: \["raw\.v1\.campo", "raw\.v1\.campo\.>"\]/,
    )
    assert.doesNotMatch(users.text(), /_reader-mine/)
    const second = start(['run'])
    assert.notEqual(await second.exited, 0)
    assert.match(second.text(), /DATA_DIR: .* is in use by process \d+/)
    assert.doesNotMatch(second.text(), /\n {4}at /)

    run.kill('SIGTERM')
    assert.equal(await run.exited, 0, run.text())
  })

  test('goes on after it was killed with what it had', async () => {
    const killed = start(['run'])
    await until('it runs', () => killed.text().includes('"service":"api"'))
    killed.kill('SIGKILL')
    await killed.exited
    const again = start(['provision', 'site.yaml'])
    assert.equal(await again.exited, 0, again.text())
    assert.match(again.text(), /nothing to change/)
  })
})
