// The cloud as deploy/compose.yaml describes it: its services started with the file's own commands and environment, on a real
// PostgreSQL and the real nats-server with the file's configuration, and asked by deploy/smoke.sh.
//
// There is no Docker here: what is not started is the images, and what only Docker does (networks, volumes, health checks).

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import { natsUsers } from '../../cloud/nats-users.ts'
import { SERVICE_NAMES, SERVICE_PORTS, type ServiceName } from '../../cloud/service.ts'
import { startEmbeddedPostgres } from '../../cloud/store/embedded.ts'
import { buildWeb } from '../../deploy/web.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { freePort } from '../doubles/ports.ts'
import { type Program, startProgram } from '../doubles/program.ts'
import { until } from '../doubles/until.ts'
import { atEnd, temporaryFolder } from '../edge/buffer/folder.ts'
import { skipWithout } from '../peers.ts'
import { readCompose } from './compose.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const EXAMPLE = parseEnv(readFileSync(join(ROOT, 'deploy/.env.example'), 'utf8')) as Record<string, string>
const SECRETS = {
  ...{
    POSTGRES_PASSWORD: 'a-database-password',
    NATS_PASSWORD: 'a-nats-password',
    GRAFANA_PASSWORD: 'grafana',
  },
  SMARTHYDRO_SECRET_KEY: Buffer.alloc(32, 3).toString('base64'),
}

describe('deploy/compose.yaml', () => {
  const services = readCompose('compose.yaml', { ...EXAMPLE, ...SECRETS })

  test('has the five services on their ports, each healthy by its own word, as nobody who may do more', () => {
    for (const name of SERVICE_NAMES) {
      const service = services[name]
      assert.deepEqual(service?.command, ['run', '--services', name])
      assert.deepEqual(service?.healthcheck?.test, ['CMD', 'smarthydro-cloud', 'health', '--services', name])
      assert.ok(service?.ports?.includes(`127.0.0.1:${SERVICE_PORTS[name]}:${SERVICE_PORTS[name]}`))
      assert.deepEqual(
        [service?.user, service?.read_only, service?.cap_drop, service?.security_opt],
        ['node', true, ['ALL'], ['no-new-privileges:true']],
      )
    }
  })

  test('names a version of every image, checks the health of all that stay, and opens nothing but the proxy', () => {
    for (const [name, { image, healthcheck, restart, ports = [] }] of Object.entries(services)) {
      assert.match(image, /^[\w./-]+:[\w.-]+$/, name)
      assert.doesNotMatch(image, /:latest$/, name)
      assert.equal(healthcheck !== undefined, restart === 'unless-stopped', name)
      if (name !== 'proxy') for (const port of ports) assert.match(port, /^127\.0\.0\.1:/, name)
    }
  })

  test('starts on no secret that is missing or that an example has', async () => {
    for (const name of Object.keys(SECRETS)) {
      const { [name]: _, ...without } = { ...EXAMPLE, ...SECRETS } as Record<string, string>
      assert.throws(() => readCompose('compose.yaml', without), new RegExp(`${name} is missing a value`))
      assert.equal(EXAMPLE[name], 'change-me')
    }
    const environment = readCompose('compose.yaml', EXAMPLE).api?.environment ?? {}
    const program = startProgram('cloud', ['run', '--services', 'api'], { env: environment })
    assert.equal(await program.exited, 78)
    for (const name of ['DATABASE_URL', 'NATS_PASSWORD', 'SMARTHYDRO_SECRET_KEY'])
      assert.match(program.text(), new RegExp(`${name}: (still says change-me|must be 32 bytes)`))
  })

  test('knows every variable of .env.example, and no other', () => {
    const text =
      readFileSync(join(ROOT, 'deploy/compose.yaml'), 'utf8') +
      readFileSync(join(ROOT, 'deploy/compose.tls.yaml'), 'utf8')
    const asked = new Set([...text.matchAll(/\$\{(\w+)/g)].map(([, name]) => name))
    const told = new Set(
      [...readFileSync(join(ROOT, 'deploy/.env.example'), 'utf8').matchAll(/^#?([A-Z_]+)=/gm)].map(
        ([, name]) => name,
      ),
    )
    assert.deepEqual([...asked].sort(), [...told].sort())
  })

  test('has the nats-server let in whom the cloud prints', () => {
    const text = readFileSync(join(ROOT, 'deploy/nats/nats.conf'), 'utf8')
    assert.ok(text.endsWith(natsUsers([], [], { mqtt: false })))
  })

  test('runs, and smoke.sh finds all well; without one of them it says which', {
    skip: skipWithout('nats_server', 'curl'),
  }, async context => {
    await buildWeb()
    const deployed = await deploy(context)
    const first = await deployed.smoke()
    assert.equal(first.status, 0, first.text)
    assert.match(
      first.text,
      /ok {6}a reading is committed .*\n.*ok {6}the API shows it .*\n.*ok {6}the processor has its hour/,
    )
    assert.equal(first.text.includes('failed'), false)
    const metrics = await (await fetch(`${deployed.urlOf('collector')}/metrics`)).text()
    assert.match(
      metrics,
      /^collector_readings_total\{became="inserted"\} 1$/m,
      'what Prometheus is told to look at',
    )

    await deployed.stop('analytics')
    const second = await deployed.smoke('--logs')
    assert.equal(second.status, 1)
    assert.match(second.text, /failed {2}analytics is healthy/)
    assert.match(second.text, /2 failed/)
    assert.match(second.text, /these are the logs/)
  })
})

/** Starts what the file says, with its names of machines and its ports put in their places on this one. */
async function deploy(context: TestContext) {
  const folder = await temporaryFolder(context)
  const database = await startEmbeddedPostgres(
    { clock: systemClock, log: silentLog },
    { dir: join(folder, 'postgres') },
  )
  atEnd(context, () => database.close())
  const { password, host } = new URL(database.url)
  const natsPort = await startNats(context, folder)
  const secrets = { ...SECRETS, POSTGRES_PASSWORD: decodeURIComponent(password) }
  const services = readCompose('compose.yaml', { ...EXAMPLE, ...secrets })
  const ports = Object.fromEntries(
    await Promise.all(SERVICE_NAMES.map(async name => [name, await freePort()] as const)),
  ) as Record<ServiceName, number>
  const own: Record<string, string> = { MQTT_PORT: String(await freePort()) }
  for (const [name, port] of Object.entries(ports)) own[`${name.toUpperCase()}_PORT`] = String(port)
  const environmentOf = (name: string) => ({
    ...Object.fromEntries(
      Object.entries(services[name]?.environment ?? {}).map(([key, value]) => [
        key,
        value.replace('database:5432', host).replace('nats:4222', `127.0.0.1:${natsPort}`),
      ]),
    ),
    ...own,
  })

  const migrate = startProgram('cloud', services.migrate?.command ?? [], { env: environmentOf('migrate') })
  assert.equal(await migrate.exited, 0, migrate.text())
  const programs = new Map<string, Program>()
  for (const name of SERVICE_NAMES) {
    const program = startProgram('cloud', services[name]?.command ?? [], { env: environmentOf(name) })
    programs.set(name, program)
    atEnd(context, async () => {
      program.kill('SIGKILL')
      await program.exited
    })
  }
  for (const name of SERVICE_NAMES) {
    const [command = '', ...args] = services[name]?.healthcheck?.test.slice(1) ?? []
    assert.equal(command, 'smarthydro-cloud')
    await until(
      `${name} is healthy by its own word`,
      async () => (await startProgram('cloud', args, { env: environmentOf(name) }).exited) === 0,
      { timeoutMs: 60_000 },
    )
  }
  return {
    urlOf: (name: ServiceName) => `http://127.0.0.1:${ports[name]}`,
    async stop(name: string) {
      programs.get(name)?.kill('SIGTERM')
      assert.equal(await programs.get(name)?.exited, 0)
    },
    async smoke(...args: string[]) {
      const urls = SERVICE_NAMES.map(name => [`${name.toUpperCase()}_URL`, `http://127.0.0.1:${ports[name]}`])
      const child = spawn(join(ROOT, 'deploy/smoke.sh'), args, {
        env: {
          ...{ PATH: process.env.PATH, HOME: process.env.HOME },
          ...environmentOf('collector'),
          ...Object.fromEntries(urls),
          ...{
            SMOKE_CLOUD: `${process.execPath} ${ROOT}/cloud/cli.ts`,
            SMOKE_LOGS: 'echo these are the logs',
          },
        },
      })
      let text = ''
      for (const output of [child.stdout, child.stderr])
        output.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
        })
      const [status] = await once(child, 'close')
      return { status, text }
    },
  }
}

/** The nats-server with the file's configuration, but for where it listens and keeps things. */
async function startNats(context: TestContext, folder: string): Promise<number> {
  const port = await freePort()
  const text = readFileSync(join(ROOT, 'deploy/nats/nats.conf'), 'utf8')
    .replace('listen: "0.0.0.0:4222"', `listen: "127.0.0.1:${port}"`)
    .replace('http: "0.0.0.0:8222"', `http: "127.0.0.1:${await freePort()}"`)
    .replace('store_dir: "/data"', `store_dir: "${join(folder, 'nats')}"`)
  mkdirSync(join(folder, 'nats'))
  writeFileSync(join(folder, 'nats.conf'), text)
  const env = { PATH: '/usr/sbin:/usr/bin', SMARTHYDRO__COLLECTOR: SECRETS.NATS_PASSWORD }
  const server = spawn('nats-server', ['-c', join(folder, 'nats.conf')], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  server.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk
  })
  const exited = once(server, 'exit')
  atEnd(context, async () => {
    server.kill('SIGKILL')
    await exited
  })
  await until(`nats-server is ready: ${said}`, () => said.includes('Server is ready'))
  return port
}
