// The real nats-server, on ports of its own, as its Debian package brings it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './ports.ts'
import { until } from './until.ts'

/** A nats-server that listens. */
export interface NatsServer {
  port: number
  mqttPort: number
  /** The number of its process. */
  pid(): number
  /** Holds it where it is: connections stay, and nobody answers on them. */
  freeze(): Promise<void>
  /** Ends it as a crash does. */
  stop(): Promise<void>
  /** The same again, on the same ports. */
  start(): Promise<void>
  /** Has it read its configuration again, with other lines in place of `more`. */
  reload(more: string): Promise<void>
  close(): Promise<void>
}

/** Who may sign in, as nats-server's configuration writes it. */
export interface NatsSettings {
  users?: readonly { user: string; password: string; publish?: string[]; subscribe?: string[] }[]
  /** With `ca`, whoever connects must show a certificate of it. */
  tls?: { cert: string; key: string; ca?: string }
  /** Names of users are taken from certificates. */
  map?: boolean
  /** Free ones if absent. */
  port?: number
  mqttPort?: number
  /** False: without JetStream, and without its MQTT port. */
  jetstream?: boolean
  /** More lines of its configuration, and the variables in them. */
  more?: string
  env?: Record<string, string>
}

/** Starts one with JetStream, which its MQTT needs. A port that somebody took meanwhile is no reason to fail. */
export async function openNatsServer(settings: NatsSettings = {}): Promise<NatsServer> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await openOnce(settings)
    } catch (error) {
      if (tries === 3 || !/address already in use/.test(String(error))) throw error
    }
  }
}

async function openOnce(settings: NatsSettings): Promise<NatsServer> {
  const { users = [], tls, more = '', env = {} } = settings
  const folder = await mkdtemp(join(tmpdir(), 'smarthydro-nats-'))
  const port = settings.port ?? (await freePort())
  const mqttPort = settings.mqttPort ?? (await freePort())
  const certificate = tls === undefined ? '' : await tlsText(folder, tls, settings.map ?? false)
  const write = (changing: string) => writeFile(join(folder, 'nats.conf'), [changing, ...lines].join('\n'))
  const lines = [
    'server_name: test',
    `listen: "127.0.0.1:${port}"`,
    certificate,
    ...(settings.jetstream === false
      ? []
      : [
          `jetstream { store_dir: "${join(folder, 'js')}" }`,
          `mqtt {\n listen: "127.0.0.1:${mqttPort}"\n ${certificate}\n}`,
        ]),
    users.length === 0 ? '' : `authorization { users: [ ${users.map(userText).join(', ')} ] }`,
  ]
  await write(more)
  const [program = 'nats-server'] = globSync('/usr/{sbin,bin}/nats-server')
  let reread = async () => {}
  let pid = 0
  let freeze = async () => {}
  let stop = async () => {}
  const start = async () => {
    const child = spawn(program, ['-c', join(folder, 'nats.conf')], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    pid = child.pid ?? 0
    const exited = once(child, 'exit')
    let text = ''
    reread = async () => {
      const before = text.length
      child.kill('SIGHUP')
      await until('it has read it', () => text.includes('Reloaded server configuration', before))
    }
    freeze = async () => {
      child.kill('SIGSTOP')
      await until('it stands still', async () =>
        / T /.test(await readFile(`/proc/${child.pid}/stat`, 'utf8')),
      )
    }
    stop = async () => {
      child.kill('SIGKILL')
      await exited
    }
    await new Promise<void>((resolve, reject) => {
      child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
        if (text.includes('Server is ready')) resolve()
      })
      child.once('exit', () => reject(new Error(`nats-server ended: ${text}`)))
    })
  }
  await start()
  return {
    port,
    mqttPort,
    start,
    pid: () => pid,
    freeze: () => freeze(),
    stop: () => stop(),
    async reload(changed) {
      await write(changed)
      await reread()
    },
    async close() {
      await stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function tlsText(
  folder: string,
  { cert, key, ca }: NonNullable<NatsSettings['tls']>,
  map: boolean,
): Promise<string> {
  const at = (name: string) => join(folder, name)
  await writeFile(at('cert.pem'), cert)
  await writeFile(at('key.pem'), key)
  if (ca !== undefined) await writeFile(at('ca.pem'), ca)
  const theirs =
    ca === undefined ? '' : `, ca_file: "${at('ca.pem')}", ${map ? 'verify_and_map' : 'verify'}: true`
  return `tls { cert_file: "${at('cert.pem')}", key_file: "${at('key.pem')}"${theirs} }`
}

function userText({
  user,
  password,
  publish,
  subscribe,
}: NonNullable<NatsSettings['users']>[number]): string {
  const permissions =
    publish === undefined || subscribe === undefined
      ? ''
      : `, permissions: { publish: ${JSON.stringify(publish)}, subscribe: ${JSON.stringify(subscribe)} }`
  return `{ user: "${user}", password: "${password}"${permissions} }`
}
