// Releases as they are lived with on site: the real program, started again and again as systemd does it, a cloud and an
// instrument on sockets; and a gateway whose power goes at any moment.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, type TestContext, test } from 'node:test'
import { bundleEdge } from '../../../deploy/edge/bundle.ts'
import { nativesOf } from '../../../deploy/edge/machine.ts'
import { ShelfState } from '../../../edge/release/shelf.ts'
import { systemClock as clock } from '../../../protocol/runtime/clock.ts'
import { openFakeCloud } from '../../doubles/cloud.ts'
import { openInstrument, wellRegisters } from '../../doubles/instrument.ts'
import { randomFrom } from '../../doubles/random.ts'
import {
  fleetKey,
  HERE,
  installAsPackage,
  makeRelease,
  serveReleases,
  signed,
} from '../../doubles/releases.ts'
import { until } from '../../doubles/until.ts'
import { atEnd, temporaryFolder } from '../buffer/folder.ts'
import { makeSite } from '../site.ts'

const key = fleetKey()
const PATIENCE = { timeoutMs: 60_000 }
/** How often the power goes. */
const CUTS = Number(process.env.RELEASE_CUTS ?? 6)
let bundle: Uint8Array
before(async () => {
  bundle = (await bundleEdge('cli')).bytes
})

/** A release with the real program in it, under a version. `instead` is run in the place of \`run\`. */
function realRelease(version: string, instead = '') {
  const natives = nativesOf(HERE).map(({ name, bytes }) => {
    return { kind: 'file', path: `lib/native/${name}.node`, bytes } as const
  })
  const folders = ['lib/native', 'lib/profiles'].map(path => ({ kind: 'folder', path }) as const)
  const program = instead === '' ? './real.js' : './instead.js'
  const main = `await import(process.argv[2] === 'run' ? '${program}' : './real.js')`
  const file = (path: string, bytes: Uint8Array) => ({ kind: 'file', path, bytes }) as const
  return makeRelease(version, main, {
    more: [
      ...[file('lib/real.js', bundle), file('lib/instead.js', Buffer.from(instead))],
      ...[...folders, ...natives],
    ],
  })
}

/** A gateway that is started anew whenever it ends, as its supervisor does. */
function supervise(
  context: TestContext,
  { packaged, state, config }: { packaged: string; state: string; config: string },
  beforeStart: () => void,
) {
  let text = ''
  let starts = 0
  let child: ChildProcess
  let isOver = false
  const begin = () => {
    starts += 1
    beforeStart()
    const args = [join(packaged, 'program/lib/cli.js'), 'launch', '--config', config]
    child = spawn(process.execPath, args, {
      ...{ stdio: ['ignore', 'pipe', 'pipe'], detached: true },
      env: { PATH: process.env.PATH ?? '', SMARTHYDRO_PACKAGE: packaged, STATE_DIRECTORY: state },
    })
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
    }
    child.once('close', () => void (isOver || begin()))
  }
  begin()
  atEnd(context, async () => {
    isOver = true
    const closed = once(child, 'close')
    cutPower()
    await closed
  })
  /** All of its processes at once. */
  const cutPower = () => void process.kill(-(child.pid ?? 0), 'SIGKILL')
  const said = (event: string) => text.split(`"event":"${event}"`).length - 1
  return { said, text: () => text, starts: () => starts, cutPower }
}

async function openStage(context: TestContext) {
  const instrument = await openInstrument({ clock }, { registers: wellRegisters({ clock }) })
  atEnd(context, () => instrument.close())
  const cloud = await openFakeCloud({ clock })
  atEnd(context, () => cloud.close())
  const folder = await temporaryFolder(context)
  const { file } = makeSite(context, { instrument: instrument.port, cloudUrl: cloud.url, folder })
  writeFileSync(join(folder, 'identity', 'fleet-key.pem'), key.pem)
  const packaged = join(folder, 'package')
  installAsPackage(realRelease('1.0.0'), packaged)
  const state = join(folder, 'state')
  const stateFile = join(state, 'releases', 'state.json')
  let isShort = false
  const gateway = supervise(context, { packaged, state, config: file }, () => {
    if (!isShort) return
    const read = JSON.parse(readFileSync(stateFile, 'utf8'))
    if (read.trial !== undefined) read.trial.leftMs = Math.min(read.trial.leftMs, 2_000)
    writeFileSync(stateFile, JSON.stringify(read))
  })
  /** From now on a trial takes two seconds, whatever the gateway thinks that it needs. */
  const shorten = () => {
    isShort = true
  }
  const runs = (version: string) => {
    const last = cloud.states.findLast(({ state }) => state !== 'lost')
    return last?.state === 'ready' && last.version === version
  }
  await until('the packaged release runs', () => runs('1.0.0'), PATIENCE)
  const update = async (release: ReturnType<typeof realRelease>, id: string) => {
    const server = await serveReleases([release])
    atEnd(context, () => server.close())
    cloud.command('gw-test', {
      ...{ v: 1, id, by: 'test', kind: 'update', expiresAt: clock.now() + 3_600_000 },
      ...{ release: signed(release.manifest, key.privateKey), from: server.url },
    })
  }
  const read = () =>
    existsSync(stateFile) ? ShelfState.parse(JSON.parse(readFileSync(stateFile, 'utf8'))) : {}
  /** Whether every number from the first on is there, each once. */
  const isWhole = () => {
    const numbers = [...cloud.stored.values()].map(({ seq }) => seq).sort((a, b) => a - b)
    return numbers.length > 0 && numbers.every((seq, index) => seq === index + 1)
  }
  return { cloud, gateway, runs, update, state: read as () => Partial<ShelfState>, isWhole, shorten }
}

test('a release that delivers what it measured is kept, and no reading is lost on the way', async context => {
  const { cloud, gateway, runs, update, state, isWhole } = await openStage(context)

  await update(realRelease('1.1.0'), 'up')

  await until('the new release runs', () => runs('1.1.0'), PATIENCE)
  await until('it is kept', () => gateway.said('release kept') === 1, PATIENCE)
  assert.equal(state().current, '1.1.0')
  const count = cloud.stored.size
  await until('readings go on', () => cloud.stored.size > count + 40, PATIENCE)
  await until('every number is there', isWhole, PATIENCE)
  assert.equal(cloud.results.find(({ id }) => id === 'up')?.status, 'done')
  assert.deepEqual(new Set(cloud.healths.map(({ release }) => release?.packaged)), new Set(['1.0.0']))
})

const bad: [string, string, RegExp][] = [
  ['ends as soon as it is started', 'process.exit(1)', /It was started 3 times and ended each time/],
  ['says that its configuration is wrong', 'process.exit(78)', /It ended with 78/],
]
for (const [what, instead, reason] of bad) {
  test(`a release that ${what} is given up by the launcher, and the one of before goes on, no reading lost`, async context => {
    const { cloud, runs, update, state, isWhole } = await openStage(context)

    await update(realRelease('1.1.0', instead), 'up')

    await until('it is given up', () => state().failed !== undefined, PATIENCE)
    assert.match(state().failed?.reason ?? '', reason)
    const count = cloud.stored.size
    await until('the old release runs', () => runs('1.0.0') && cloud.stored.size > count + 40, PATIENCE)
    await until('every number is there', isWhole, PATIENCE)
    await until(
      'the cloud is told',
      () => cloud.healths.at(-1)?.release?.failed?.version === '1.1.0',
      PATIENCE,
    )
  })
}

test('a release that runs and delivers nothing is stopped when its time is over, even if it does not want to stop', async context => {
  const { gateway, runs, update, state, shorten } = await openStage(context)
  shorten()

  await update(realRelease('1.1.0', `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)`), 'up')

  await until('it is given up', () => state().failed !== undefined, PATIENCE)
  assert.match(state().failed?.reason ?? '', /No reading of its own was committed in its time/)
  assert.equal(gateway.said('release tried'), 1)
  await until('the old release runs', () => runs('1.0.0'), PATIENCE)
})

test('whenever the power goes, a whole release is started; no reading is lost, and the update ends well once it may', async context => {
  const { gateway, runs, update, state, isWhole } = await openStage(context)
  const release = realRelease('1.1.0')
  const random = randomFrom(7)

  for (let cut = 0; cut < CUTS; cut += 1) {
    await update(release, `up-${cut}`)
    await clock.sleep(random() * 2_500)
    gateway.cutPower()
    const before = gateway.starts()
    await until('it is started again', () => gateway.starts() > before, PATIENCE)
  }

  // Whoever is not connected does not hear a command: it is given again, as a rollout does.
  let tries = 0
  const isKept = () => state().current === '1.1.0' && state().trial === undefined && runs('1.1.0')
  await until(
    'the new release is kept',
    async () => {
      if (tries % 250 === 0) await update(release, `again-${tries}`)
      tries += 1
      return isKept()
    },
    PATIENCE,
  )
  await until('every number is there', isWhole, PATIENCE)
})
