// The two programs, started as a person would start them, each in a process group of its own: a Ctrl-C reaches us first,
// and we stop the gateway before the cloud.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Closable } from '../../protocol/runtime/scope.ts'
import { ADMINISTRATOR, type Credentials } from './credentials.ts'
import { DEMO_FOLDER, GATEWAY_PORT, HEALTH_PORTS, PLACES, ROOT } from './places.ts'
import { TWIN } from './simulation.ts'

/** The programs. */
export interface Programs extends Closable {
  /** Ends what a start before this one left behind when it was killed. */
  endLeftovers(): Promise<void>
  /** Provisions the site, makes the administrator and a token, runs the cloud; resolves when all services are healthy. */
  startCloud(credentials: Credentials): Promise<void>
  /** Runs the gateway; resolves when it is healthy. */
  startGateway(credentials: Credentials): Promise<void>
  /** Resolves when the signal aborts; rejects when a program ends by itself. */
  watch(signal: AbortSignal): Promise<void>
  /** Ends both at once. */
  kill(): void
}

const PIDS = `${DEMO_FOLDER}/pids.json`
const READY_WITHIN_MS = 60_000
const LOOK_EVERY_MS = 100

/** Opens the programs; nothing runs yet. */
export function openPrograms({ clock }: { clock: Clock }): Programs {
  const running: { name: string; child: ChildProcess; exited: Promise<unknown> }[] = []
  const failure = Promise.withResolvers<void>()
  failure.promise.catch(() => {})
  let closing = false

  const start = (name: string, args: readonly string[], env: Record<string, string>) => {
    const log = openSync(`${DEMO_FOLDER}/${name}.log`, 'a', 0o600)
    const child = spawn(process.execPath, args, {
      ...{ cwd: DEMO_FOLDER, env, detached: true },
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    const exited = once(child, 'exit').then(([code, signal]) => {
      if (!closing)
        failure.reject(new Error(`the ${name} ended (${code ?? signal}): see data/demo/${name}.log`))
    })
    running.push({ name, child, exited })
    writeFileSync(PIDS, JSON.stringify(running.map(one => one.child.pid)), { mode: 0o600 })
  }
  const healthy = async (port: number) => {
    const deadline = clock.monotonic() + READY_WITHIN_MS
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined)
      if (answer?.ok) return
      if (clock.monotonic() > deadline)
        throw new Error(`nothing healthy at port ${port}: see data/demo/*.log`)
      await Promise.race([clock.sleep(LOOK_EVERY_MS), failure.promise])
    }
  }

  return {
    watch: signal =>
      Promise.race([
        failure.promise,
        new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true })),
      ]),
    async endLeftovers() {
      if (!existsSync(PIDS)) return
      const left = readPids().filter(isOurs)
      for (const pid of left) process.kill(pid, 'SIGTERM')
      while (left.some(isOurs)) await clock.sleep(LOOK_EVERY_MS)
      rmSync(PIDS, { force: true })
    },
    async startCloud(credentials) {
      const env = cloudEnvironment(credentials)
      mkdirSync(`${DEMO_FOLDER}/cloud`, { recursive: true, mode: 0o700 })
      await ask(['provision', `${ROOT}deploy/demo/site.yaml`], env)
      await makeAccess(credentials, env)
      // So that the gateway believes what the cloud has it run with.
      writeFileSync(`${DEMO_FOLDER}/identity/fleet-key.pem`, `${await ask(['fleet', 'key'], env)}\n`, {
        mode: 0o600,
      })
      start('cloud', [`${ROOT}cloud/cli.ts`, 'run'], env)
      for (const port of HEALTH_PORTS) await healthy(port)
    },
    async startGateway({ twinPassword }) {
      const env = {
        ...inherited(),
        ...{
          DEMO_TWIN_DEVICE: TWIN.device,
          DEMO_TWIN_USERNAME: TWIN.username,
          DEMO_TWIN_PASSWORD: twinPassword,
        },
      }
      start('gateway', [`${ROOT}edge/cli.ts`, 'run', '--config', `${ROOT}deploy/demo/gateway.yaml`], env)
      await healthy(GATEWAY_PORT)
    },
    kill() {
      for (const { child } of running) child.kill('SIGKILL')
    },
    async close() {
      closing = true
      for (const { child, exited } of running.reverse()) {
        child.kill('SIGTERM')
        await exited
      }
      rmSync(PIDS, { force: true })
    },
  }
}

/** None when the last start was killed while it wrote them. */
function readPids(): number[] {
  try {
    return JSON.parse(readFileSync(PIDS, 'utf8')) as number[]
  } catch {
    return []
  }
}

function inherited(): Record<string, string> {
  const { PATH = '', HOME = '' } = process.env
  return { PATH, HOME }
}

function cloudEnvironment({ gatewayToken, dgaPassword }: Credentials): Record<string, string> {
  const dga = `http://127.0.0.1:${PLACES['DGA (simulated)']}`
  return {
    ...inherited(),
    DATA_DIR: `${DEMO_FOLDER}/cloud`,
    DGA_REST_URL: dga,
    DGA_SOAP_URL: `${dga}/controlextraccion/datosExtraccion/SendDataExtraccionService`,
    DEMO_GATEWAY_TOKEN: gatewayToken,
    DEMO_DGA_PASSWORD: dgaPassword,
  }
}

/** The administrator and a token for programs, once; made anew when what we kept of them is gone. */
async function makeAccess(credentials: Credentials, env: Record<string, string>): Promise<void> {
  if (credentials.adminPassword === undefined) {
    const account = ['--email', ADMINISTRATOR]
    const adminPassword = await ask(
      ['user', 'create', ...account, '--name', 'Administrator', '--role', 'administrator'],
      env,
    ).catch(() => ask(['user', 'reset-password', ...account], env))
    credentials.save({ adminPassword })
  }
  if (credentials.apiToken === undefined) {
    const name = `demo ${new Date().toISOString()}`
    const options = ['--name', name, '--role', 'administrator', '--scopes', 'read,write,subscribe']
    credentials.save({ apiToken: await ask(['token', 'create', ...options], env) })
  }
}

/** Runs a command of the cloud to its end, and returns what it printed. */
async function ask(args: readonly string[], env: Record<string, string>): Promise<string> {
  const child = spawn(process.execPath, [`${ROOT}cloud/cli.ts`, ...args], {
    ...{ cwd: DEMO_FOLDER, env, detached: true },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  let complained = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complained += text
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`smarthydro-cloud ${args[0]}: ${complained}`)
  return said.trim()
}

/** Whether a process is alive and one of the programs: numbers are given again. */
function isOurs(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  const args = `/proc/${pid}/cmdline`
  return !existsSync(args) || readFileSync(args, 'utf8').includes(ROOT)
}
