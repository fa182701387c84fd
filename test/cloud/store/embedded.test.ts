// The database we bring (E1-E5 of cloud/store/embedded.ts).

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  globSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, describe, test } from 'node:test'
import { startEmbeddedPostgres } from '../../../cloud/store/embedded.ts'
import { findProgram, launcherFor, linkLibraries } from '../../../cloud/store/embedded-program.ts'
import { openPostgres } from '../../../cloud/store/postgres.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { ConfigError } from '../../../protocol/runtime/errors.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { skipUnlessRoot } from '../../doubles/root.ts'
import { until } from '../../doubles/until.ts'

const deps = { clock: systemClock, log: silentLog }
/** Made with the mode 0700: what lies in it `nobody` cannot walk to. */
const home = mkdtempSync(join(tmpdir(), 'smarthydro-embedded-'))
after(() => rmSync(home, { recursive: true, force: true }))

const dir = join(home, 'postgres')

async function query<Row extends object>(url: string, text: string): Promise<Row[]> {
  const db = openPostgres(deps, { url, poolMax: 1, connectTimeoutMs: 5_000 })
  try {
    return await db.query<Row>(text)
  } finally {
    await db.close()
  }
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  return !existsSync(`/proc/${pid}/stat`) || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
}

describe('startEmbeddedPostgres()', () => {
  test('startEmbeddedPostgres() makes a database on first use, stops it cleanly, and finds it again', async () => {
    const first = await startEmbeddedPostgres(deps, { dir })
    const pid = first.pid() ?? 0
    await query(first.url, 'create table kept (value int); insert into kept values (7)')
    await first.close()
    const stopped = !isAlive(pid)
    const second = await startEmbeddedPostgres(deps, { dir })
    const rows = await query(second.url, 'select value, version() from kept')
    await second.close()

    assert.ok(stopped)
    assert.equal(existsSync(join(dir, 'cluster', 'postmaster.pid')), false)
    assert.partialDeepStrictEqual(rows, [{ value: 7 }])
    assert.match(String((rows[0] as { version: string }).version), /^PostgreSQL 18\./)
  })

  test('startEmbeddedPostgres() wants the password it drew, keeps it to its owner, and listens on loopback only', async () => {
    const server = await startEmbeddedPostgres(deps, { dir })
    const url = new URL(server.url)
    const wrong = new URL(server.url)
    wrong.password = 'postgres'
    const outside = Object.values(networkInterfaces())
      .flatMap(addresses => addresses ?? [])
      .find(({ internal, family }) => !internal && family === 'IPv4')

    await assert.rejects(query(wrong.href, 'select 1'), /password authentication failed/)
    if (outside !== undefined) {
      const far = new URL(server.url)
      far.hostname = outside.address
      await assert.rejects(query(far.href, 'select 1'), /ECONNREFUSED/)
    }
    await server.close()

    assert.equal(url.hostname, '127.0.0.1')
    assert.ok(url.password.length >= 32)
    assert.equal(statSync(join(dir, 'password')).mode & 0o777, 0o600)
  })

  test('startEmbeddedPostgres() runs as nobody when it is started by root, below a folder that only root may enter (E1)', {
    skip: skipUnlessRoot('only root leaves root'),
  }, async () => {
    const server = await startEmbeddedPostgres(deps, { dir })
    const status = readFileSync(`/proc/${server.pid()}/status`, 'utf8')
    await server.close()

    assert.equal(statSync(home).mode & 0o777, 0o700)
    assert.match(status, /^Uid:\t65534\t65534\t65534\t65534$/m)
    assert.match(status, /^Gid:\t65534\t65534\t65534\t65534$/m)
    // CAP_DAC_READ_SEARCH alone: to look, not to write.
    assert.match(status, /^CapEff:\t0{15}4$/m)
    assert.deepEqual([statSync(dir).uid, statSync(join(dir, 'cluster')).uid], [0, 65534])
  })

  test('startEmbeddedPostgres() refuses a second owner, and says who the first is (E3)', async () => {
    const server = await startEmbeddedPostgres(deps, { dir })

    await assert.rejects(
      startEmbeddedPostgres(deps, { dir }),
      (error: unknown) =>
        error instanceof ConfigError && error.message.includes(`is in use by process ${process.pid}`),
    )
    assert.deepEqual(await query(server.url, 'select 1 as one'), [{ one: 1 }])
    await server.close()
  })

  test('startEmbeddedPostgres() stops what a killed owner left running, and what was committed is there (E3)', async () => {
    const { owner, pid, url } = await startOwner(dir)
    await query(url, 'create table committed as select generate_series(1, 1000) as value')
    owner.kill('SIGKILL')
    await once(owner, 'exit')
    const orphaned = isAlive(pid)

    const server = await startEmbeddedPostgres(deps, { dir })
    const rows = await query(server.url, 'select count(*)::int as count from committed')
    await server.close()

    assert.ok(orphaned)
    assert.equal(isAlive(pid), false)
    assert.deepEqual(rows, [{ count: 1000 }])
  })

  test('startEmbeddedPostgres() is not misled by the pid of somebody else in a stale postmaster.pid or owner file', async () => {
    writeFileSync(join(dir, 'owner'), `${process.pid} 12345\n`)
    const pidFile = join(dir, 'cluster', 'postmaster.pid')
    // Of the server's own user: of another's process PostgreSQL itself knows that it is no server.
    const { uid } = statSync(join(dir, 'cluster'))
    const somebody = spawn('sleep', ['60'], { uid })
    await once(somebody, 'spawn')
    writeFileSync(pidFile, `${somebody.pid}\n${dir}/cluster\n1\n1\n\n127.0.0.1\n\nready\n`)

    const server = await startEmbeddedPostgres(deps, { dir })
    const rows = await query(server.url, 'select 1 as one')
    await server.close()

    assert.deepEqual(rows, [{ one: 1 }])
    assert.ok(somebody.exitCode === null && isAlive(somebody.pid ?? 0))
    somebody.kill()
  })

  test('startEmbeddedPostgres() starts a server that died again, on the same port (E4)', async () => {
    const server = await startEmbeddedPostgres(deps, { dir })
    const first = server.pid() ?? 0

    process.kill(first, 'SIGKILL')
    await until('another server is there', () => server.pid() !== first)
    const rows = await query(server.url, 'select 1 as one')
    await server.close()

    assert.deepEqual(rows, [{ one: 1 }])
  })

  test('startEmbeddedPostgres() begins anew when it was killed before the database was whole', async () => {
    const other = join(home, 'interrupted')
    const half = await startEmbeddedPostgres(deps, { dir: other })
    await half.close()
    rmSync(join(other, 'cluster', 'PG_VERSION'))

    const server = await startEmbeddedPostgres(deps, { dir: other })
    const rows = await query(server.url, 'select 1 as one')
    await server.close()

    assert.deepEqual(rows, [{ one: 1 }])
  })
})

test('findProgram() says to set DATABASE_URL where no package fits the platform', async () => {
  await assert.rejects(findProgram('sunos-sparc'), (error: unknown) => {
    assert.ok(error instanceof ConfigError)
    assert.match(error.message, /DATABASE_URL: no PostgreSQL is here for sunos-sparc/)
    return true
  })
})

test('launcherFor() starts, as nobody, a program that only root may reach, whose links were never made', {
  skip: skipUnlessRoot('only root leaves root'),
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'smarthydro-program-'))
  try {
    const root = join(folder, 'package')
    cpSync(dirname(await findProgram()), root, {
      recursive: true,
      filter: path => !lstatSync(path).isSymbolicLink(),
    })
    await linkLibraries(root)
    await linkLibraries(root)

    const launcher = await launcherFor(folder, join(root, 'native'))
    const again = await launcherFor(folder, join(root, 'native'))
    const said = await outputOf(again.start('initdb', ['--version']))

    assert.deepEqual(launcher.owner, { uid: 65534, gid: 65534 })
    assert.match(said, /^initdb \(PostgreSQL\) 18\./)
    assert.equal(globSync(readFileSync(join(folder, 'program'), 'utf8')).length, 1)
  } finally {
    rmSync(readFileSync(join(folder, 'program'), 'utf8'), { recursive: true, force: true })
    rmSync(folder, { recursive: true, force: true })
  }
})

async function startOwner(folder: string): Promise<{ owner: ChildProcess; pid: number; url: string }> {
  const script = new URL('../../doubles/embedded-owner.ts', import.meta.url).pathname
  const owner = spawn(process.execPath, [script, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: owner.stdout })
  const [line] = (await once(lines, 'line')) as [string]
  const [pid, url] = line.split(' ')
  return { owner, pid: Number(pid), url: url ?? '' }
}

async function outputOf(child: ChildProcess): Promise<string> {
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
  await once(child, 'close')
  return said
}
