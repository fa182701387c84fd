// Random schedules: gateways that send twice and out of order, while any process is killed, connections are cut, and disks
// are full for a moment. Each schedule ends with what is stored being what was produced, by hash.
//
// Three gateways are rough (rough-gateway.ts) and one is real, with its buffer on a small disk of its own; collector and
// processor are programs as people run them, the database is the embedded one on a disk of its own.
// SCHEDULES=2000 node --test test/chaos/schedules.test.ts makes more of them; the seed of a failure is printed.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Database } from '../../cloud/store/database.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../cloud/store/embedded.ts'
import { migrate } from '../../cloud/store/migrate.ts'
import { openPostgres } from '../../cloud/store/postgres.ts'
import { systemClock as clock } from '../../protocol/runtime/clock.ts'
import { silentLog as log } from '../../protocol/runtime/log.ts'
import { addGateway } from '../cloud/collector/site.ts'
import { freePort } from '../doubles/ports.ts'
import { type Program, startProgram } from '../doubles/program.ts'
import { randomFrom } from '../doubles/random.ts'
import { skipUnlessRoot } from '../doubles/root.ts'
import { until } from '../doubles/until.ts'
import { atEnd, temporaryFolder } from '../edge/buffer/folder.ts'
import { sayFigures } from './figures.ts'
import { type Keepable, type Kept, keep } from './keep.ts'
import { sendRoughly } from './rough-gateway.ts'
import { producedSum, type Sum, storedSum } from './schedule.ts'

const SCHEDULES = Number(process.env.SCHEDULES ?? 12)
const SEED = Number(process.env.SCHEDULES_SEED ?? clock.now() % 1_000_000)
const ROUGH = ['gw-rough-1', 'gw-rough-2', 'gw-rough-3']
const REAL = 'gw-real'
const READINGS_MAX = 400
const DATABASE_BYTES = 4 * 2 ** 30
const BUFFER_BYTES = 256 * 2 ** 20
/** A disk is full for so long at most. */
const FULL_MS = 600
/** Between the beginning of a schedule and what happens in it. */
const AFTER_MS = 400
/** A database that was killed comes back by itself; on a busy machine that alone takes a minute. */
const SETTLED_WITHIN_MS = 300_000
/** So often a long run says how far it is. */
const SAY_EVERY = 100

test(`${SCHEDULES} random schedules end with what is stored being what was produced`, {
  skip: skipUnlessRoot('makes disks that are full'),
  timeout: 600_000 + SCHEDULES * 30_000,
}, async context => {
  context.diagnostic(`seed ${SEED}`)
  const random = randomFrom(SEED)
  const scene = await setScene(context)
  const happened: Record<string, number> = {}
  let produced = 0
  for (let number = 0; number < SCHEDULES; number += 1) {
    const chosen = chooseEvents(random)
    for (const { name } of chosen) happened[name] = (happened[name] ?? 0) + 1
    const { shares, differing } = await runSchedule(scene, random, chosen).catch((cause: unknown) => {
      throw new Error(`schedule ${number} of seed ${SEED}`, { cause })
    })
    produced += shares.reduce((sum, { last, first }) => sum + last - first + 1, 0)
    assert.deepEqual(differing, [], `schedule ${number} of seed ${SEED}: ${chosen.map(({ name }) => name)}`)
    if ((number + 1) % SAY_EVERY === 0)
      console.error(`${number + 1} schedules of seed ${SEED}: all was stored`)
  }
  const [rows] = await scene.db.query<{ all: number; odd: number }>(
    'select (select count(*)::int from readings) as all, (select count(*)::int from revisions) as odd',
  )
  context.diagnostic(JSON.stringify(happened))
  sayFigures(context, [
    {
      name: `chaos: ${SCHEDULES} random schedules, readings stored`,
      value: rows?.all ?? 0,
      unit: `of ${produced.toLocaleString('en-US')}`,
    },
  ])
  assert.deepEqual(rows, { all: produced, odd: 0 })
})

interface Scene {
  db: Database
  /** Aborts when the test is over. */
  signal: AbortSignal
  port: number
  /** Goes on where the last schedule ended. */
  next: Map<string, number>
  real: { measure(first: number, last: number): void; kill(): Promise<void> }
  collector: Kept<Program>
  processor: Kept<Program>
  server: EmbeddedPostgres
  disks: { database: string; buffer: string }
}

/** What can happen in a schedule. */
interface Event {
  name: string
  happen: (scene: Scene, random: () => number) => Promise<void>
}

const EVENTS: readonly Event[] = [
  { name: 'the collector is killed', happen: ({ collector }) => collector.kill() },
  { name: 'the processor is killed', happen: ({ processor }) => processor.kill() },
  { name: 'the gateway is killed', happen: ({ real }) => real.kill() },
  { name: 'the database is killed', happen: async ({ server }) => endServer(server, 'SIGKILL') },
  // SIGINT is PostgreSQL's fast shutdown; its supervisor starts it again.
  { name: 'the database is restarted', happen: async ({ server }) => endServer(server, 'SIGINT') },
  { name: 'the database’s disk is full', happen: ({ disks }, random) => fill(disks.database, random) },
  { name: 'the buffer’s disk is full', happen: ({ disks }, random) => fill(disks.buffer, random) },
]

/** None, one or two. */
function chooseEvents(random: () => number): Event[] {
  return Array.from({ length: Math.floor(random() * 3) }, () => {
    const event = EVENTS[Math.floor(random() * EVENTS.length)]
    assert.ok(event !== undefined)
    return event
  })
}

/** Has all gateways deliver while the events happen, and compares. */
async function runSchedule(scene: Scene, random: () => number, events: readonly Event[]) {
  const shares = [...ROUGH, REAL].map(gateway => {
    const first = scene.next.get(gateway) ?? 1
    const last = first + Math.floor(random() * READINGS_MAX)
    scene.next.set(gateway, last + 1)
    return { gateway, first, last }
  })
  const underWay = new Set<string>()
  const noted = async (name: string, work: () => Promise<void>) => {
    underWay.add(name)
    await work()
    underWay.delete(name)
  }
  const happening = events.map(({ name, happen }) =>
    noted(name, async () => {
      await clock.sleep(random() * AFTER_MS)
      await happen(scene, random)
    }),
  )
  const delivering = shares.map(({ gateway, first, last }) =>
    noted(`${gateway} sends ${first} to ${last}`, async () => {
      if (gateway === REAL) scene.real.measure(first, last)
      else await sendRoughly({ gateway, port: scene.port, random }, first, last, scene.signal)
    }),
  )
  await soon(Promise.all([...delivering, ...happening]), () => storyOf(scene, [...underWay], events))
  const differing: { gateway: string; produced: Sum; stored: Sum }[] = []
  for (const { gateway, first, last } of shares) {
    const produced = producedSum(gateway, first, last)
    let stored = await storedOnceThere(scene.db, gateway, first, last)
    // What a rough gateway sent was answered; the real one has still to deliver.
    if (gateway === REAL && stored.hash !== produced.hash) {
      const isThere = async () => {
        stored = await storedOnceThere(scene.db, gateway, first, last)
        return stored.hash === produced.hash
      }
      await until('the real gateway delivered', isThere, { timeoutMs: SETTLED_WITHIN_MS }).catch(() => {})
    }
    if (stored.hash !== produced.hash) differing.push({ gateway, produced, stored })
  }
  return { shares, differing }
}

/** What can be told of a schedule that does not end. */
async function storyOf(
  { db, collector, port }: Scene,
  underWay: readonly string[],
  events: readonly Event[],
): Promise<string> {
  const sessions = await db
    .query<{ state: string; waits: string; query: string }>(
      `select state, coalesce(wait_event, '') as waits, left(query, 80) as query from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid()`,
    )
    .catch((error: unknown) => String(error))
  return JSON.stringify(
    {
      happened: events.map(({ name }) => name),
      ...{ underWay, sessions, load: loadavg(), port },
      collector: collector.current().text().slice(-4_000),
    },
    null,
    1,
  )
}

/** Throws with the story when it takes too long. */
async function soon(work: Promise<unknown>, story: () => Promise<string>): Promise<void> {
  const over = new AbortController()
  const late = clock.sleep(SETTLED_WITHIN_MS, over.signal).then(
    async () => assert.fail(`Not delivered within ${SETTLED_WITHIN_MS} ms: ${await story()}`),
    () => {},
  )
  try {
    await Promise.race([work, late])
  } finally {
    over.abort()
  }
}

/** Asks the database, also when it is just being started again. */
async function storedOnceThere(db: Database, gateway: string, first: number, last: number): Promise<Sum> {
  let sum: Sum | undefined
  const isThere = async () => {
    sum = await storedSum(db, gateway, first, last).catch(() => undefined)
    return sum !== undefined
  }
  await until('the database is there', isThere, { timeoutMs: SETTLED_WITHIN_MS })
  return sum as Sum
}

async function setScene(context: TestContext): Promise<Scene> {
  const folder = await temporaryFolder(context)
  const disks = {
    database: makeDisk(context, folder, 'database', DATABASE_BYTES),
    buffer: makeDisk(context, folder, 'buffer', BUFFER_BYTES),
  }
  const server = await startEmbeddedPostgres({ clock, log }, { dir: join(disks.database, 'postgres') })
  atEnd(context, () => server.close())
  const db = openPostgres({ log }, { url: server.url, poolMax: 2 })
  atEnd(context, () => db.close())
  await migrate(db, { log })
  for (const gateway of [...ROUGH, REAL]) await addGateway(db, gateway)
  const port = await freePort()
  const serve = (service: string) => {
    const env = {
      ...{ DATABASE_URL: server.url, SMARTHYDRO_SECRET_KEY: Buffer.alloc(32, 7).toString('base64') },
      ...{ COLLECTOR_PORT: '0', PROCESSOR_PORT: '0', MQTT_PORT: String(port), LOG_LEVEL: 'warn' },
    }
    return keep(context, () => startProgram('cloud', ['run', '--services', service], { cwd: folder, env }))
  }
  const [collector, processor] = [serve('collector'), serve('processor')]
  const real = openReal(context, join(disks.buffer, 'buffer'), port)
  return {
    ...{ db, signal: context.signal, port, server, disks, collector, processor, real },
    next: new Map(),
  }
}

/** A disk of its own, in a file. */
function makeDisk(context: TestContext, folder: string, name: string, bytes: number): string {
  const [image, place] = [join(folder, `${name}.img`), join(folder, name)]
  writeFileSync(image, '')
  truncateSync(image, bytes)
  mkdirSync(place)
  for (const [command, ...args] of [
    ['mkfs.ext4', '-q', '-F', '-m', '0', image],
    ['mount', '-o', 'loop', image, place],
  ] as const) {
    const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  }
  atEnd(context, () => spawnSync('umount', ['-l', place]))
  return place
}

/** Takes all the space there is, for a moment. */
async function fill(disk: string, random: () => number): Promise<void> {
  const path = join(disk, 'somebody-elses-file')
  const { bavail, bsize } = statfsSync(disk)
  for (const share of [0.99, 0.9, 0.5]) {
    const { status } = spawnSync('fallocate', ['-l', String(Math.floor(bavail * bsize * share)), path])
    if (status === 0) break
  }
  try {
    const rest = statfsSync(disk)
    writeFileSync(`${path}-too`, new Uint8Array(rest.bavail * rest.bsize))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
  await clock.sleep(random() * FULL_MS)
  for (const one of [path, `${path}-too`]) rmSync(one, { force: true })
}

async function endServer(server: EmbeddedPostgres, signal: NodeJS.Signals): Promise<void> {
  const pid = server.pid()
  try {
    if (pid !== undefined) process.kill(pid, signal)
  } catch (error) {
    // It has just ended by itself, on a full disk for instance.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** The real gateway: what it was told to measure and did not confirm, its next process is told again. */
function openReal(context: TestContext, buffer: string, port: number): Scene['real'] {
  const program = join(import.meta.dirname, 'schedule-gateway.ts')
  let confirmed = 0
  let wanted = 0
  const start = (): Keepable & { tell(line: string): void } => {
    const child = spawn(process.execPath, [program, REAL, buffer, String(port)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    child.stdin.on('error', () => {})
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = `${text}${chunk}`.split('\n')
      text = lines.pop() ?? ''
      confirmed = Math.max(confirmed, ...lines.map(Number))
    })
    const tell = (line: string) => void child.stdin.write(line)
    if (wanted > confirmed) tell(`${confirmed + 1} ${wanted}\n`)
    return { exited: once(child, 'close'), kill: signal => void child.kill(signal), tell }
  }
  const kept = keep(context, start)
  return {
    kill: kept.kill,
    measure(first, last) {
      wanted = last
      kept.current().tell(`${first} ${last}\n`)
    },
  }
}
