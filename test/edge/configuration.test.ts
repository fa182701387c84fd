// Which configuration is in force, through everything that may happen in between: a folder on disk and nothing else.

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Configuration, openConfiguration } from '../../edge/configuration.ts'
import type { Baseline } from '../../edge/probation.ts'
import { type DesiredConfig, documentHash, PROBATION_MS } from '../../protocol/configuration.ts'
import { openFakeClock } from '../doubles/clock.ts'
import { openFleet } from '../doubles/fleet.ts'
import { atEnd } from './buffer/folder.ts'

const BASELINE: Baseline = { working: ['meter'], connected: true, rejecting: false }

const document = (more = '', every = '1m') => `gateway: gw-test
client: campo
project: los-aromos
uplink: { url: "mqtt://127.0.0.1:1", credentials: ./identity }
buffer: { path: ./state }
buses: [{ id: plant, tcp: { host: 127.0.0.1, port: 502 } }]
devices:
  - { id: meter, bus: plant, point: pozo-7, every: ${every}, profile: siemens-mag-6000 }
${more}`

async function openStage(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'smarthydro-configuration-'))
  atEnd(context, () => rmSync(folder, { recursive: true, force: true }))
  const fleet = openFleet()
  mkdirSync(join(folder, 'identity'))
  writeFileSync(join(folder, 'identity', 'token'), 'a-token')
  writeFileSync(join(folder, 'identity', 'fleet-key.pem'), fleet.publicKey)
  const file = join(folder, 'gateway.yaml')
  writeFileSync(file, document())
  const clock = openFakeClock()
  const warned: string[] = []
  const note = (event: string) => void warned.push(event)
  const log = { debug: () => {}, info: () => {}, warn: note, error: note, with: () => log }
  /** As after a start: nothing is known but what is on disk. */
  const open = () => openConfiguration({ clock, log }, { path: file, environment: {} })
  return { folder, fleet, file, clock, warned, open }
}

const take = (configuration: Configuration, desired: DesiredConfig | object) =>
  configuration.take(new TextEncoder().encode(JSON.stringify(desired)), BASELINE)

const everyOf = (configuration: Configuration) => configuration.config().devices[0]?.every

test('what the fleet has signed is in force from then on, also after a start, and stands after ten minutes (G1, G2)', async context => {
  const { fleet, open } = await openStage(context)
  const configuration = await open()
  assert.equal(configuration.reported().document, document())

  const taken = await take(configuration, fleet.desire('gw-test', 1, document('', '2m')))

  assert.equal(taken.kind, 'taken')
  const again = await open()
  for (const one of [configuration, again]) {
    assert.equal(everyOf(one), 120_000)
    const reported = one.reported()
    assert.equal(reported.version, 1)
    assert.equal(reported.hash, documentHash(document('', '2m')))
    assert.ok(reported.probationUntil !== undefined && reported.document === undefined)
  }
  await again.watched(PROBATION_MS - 1)
  assert.ok((await open()).probation() !== undefined)
  await again.watched(1)
  assert.equal((await open()).probation(), undefined)
  assert.equal(everyOf(await open()), 120_000)
})

test('what is not from the fleet, for another gateway, older, or has mistakes is refused, and nothing changes (G1, G5)', async context => {
  const { fleet, open, folder } = await openStage(context)
  const configuration = await open()
  await take(configuration, fleet.desire('gw-test', 5, document('', '2m')))
  await configuration.watched(PROBATION_MS)
  const before = readFileSync(join(folder, 'state', 'configuration.json'), 'utf8')
  const right = fleet.desire('gw-test', 6, document('', '3m'))
  const foreign: [object, RegExp][] = [
    [openFleet().desire('gw-test', 6, document('', '3m')), /not signed with the key/],
    [{ ...right, version: 7 }, /not signed with the key/],
    [{ ...right, document: document('', '4m') }, /not signed with the key/],
    [fleet.desire('gw-other', 6, document('', '3m')), /It is for gw-other/],
    [{ ...fleet.desire('gw-other', 6, document('', '3m')), gateway: 'gw-test' }, /not signed with the key/],
  ]
  for (const [desired, reason] of foreign) {
    const taken = await take(configuration, desired)
    assert.ok(taken.kind === 'refused' && taken.refused.kind === 'foreign', JSON.stringify(taken))
    assert.match(taken.refused.reason, reason)
  }
  for (const version of [1, 4, 5]) {
    const taken = await take(configuration, fleet.desire('gw-test', version, document('', '3m')))
    assert.ok(taken.kind === 'refused' && taken.refused.kind === 'stale')
  }
  assert.equal((await take(configuration, fleet.desire('gw-test', 5, document('', '2m')))).kind, 'known')
  assert.equal((await take(configuration, { v: 1, gateway: 'gw-test' })).kind, 'unreadable')
  assert.equal(readFileSync(join(folder, 'state', 'configuration.json'), 'utf8'), before)

  const wrong = document(
    '  - { id: meter, bus: nope, point: pozo-7, every: 1x, profile: siemens-mag-6001 }\n',
  )
    .replace('./state', './elsewhere')
    .replace('project: los-aromos', 'project: los-peumos')
  const taken = await take(configuration, fleet.desire('gw-test', 6, wrong))
  assert.ok(taken.kind === 'refused' && taken.refused.kind === 'mistaken')
  assert.deepEqual(
    new Set(taken.refused.mistakes?.map(({ line, path }) => `${line} ${path}`)),
    new Set([
      ...['3 project', '5 buffer.path', '9 devices[1].id'],
      ...['9 devices[1].bus', '9 devices[1].every', '9 devices[1].profile'],
    ]),
  )
  assert.equal(everyOf(await open()), 120_000)
  assert.equal((await open()).reported().refused?.version, 6)
})

test('what is taken back does not come again, and what was before is in force, also after a start (G2)', async context => {
  const { fleet, open } = await openStage(context)
  const configuration = await open()
  await take(configuration, fleet.desire('gw-test', 1, document('', '2m')))
  await configuration.watched(PROBATION_MS)
  const bad = fleet.desire('gw-test', 2, document('', '3m'))
  await take(configuration, bad)

  const back = await configuration.takeBack('meter brought nothing')

  assert.equal(back.devices[0]?.every, 120_000)
  for (const one of [configuration, await open()]) {
    assert.equal(everyOf(one), 120_000)
    const { version, refused } = one.reported()
    assert.deepEqual([version, refused?.version, refused?.kind], [1, 2, 'taken-back'])
    assert.equal((await take(one, bad)).kind, 'known')
    assert.equal(everyOf(one), 120_000)
  }
})

test('a second change while the first is watched goes back to what has stood its time', async context => {
  const { fleet, open } = await openStage(context)
  const configuration = await open()
  await take(configuration, fleet.desire('gw-test', 1, document('', '2m')))
  await take(configuration, fleet.desire('gw-test', 2, document('', '3m')))

  await configuration.takeBack('worse')

  assert.equal(configuration.version(), 0)
  assert.equal(everyOf(await open()), 60_000)
})

test('a gateway that starts again and again within a probation goes back by itself (G3)', async context => {
  const { fleet, open } = await openStage(context)
  await take(await open(), fleet.desire('gw-test', 1, document('', '2m')))

  for (let start = 1; start <= 3; start += 1) assert.equal(everyOf(await open()), 120_000)
  const fourth = await open()

  assert.equal(everyOf(fourth), 60_000)
  assert.match(fourth.reported().refused?.reason ?? '', /started 4 times/)
})

test('whoever changes the file on site goes before the cloud, which is told so (G4)', async context => {
  const { fleet, open, file } = await openStage(context)
  const first = fleet.desire('gw-test', 1, document('', '2m'))
  await take(await open(), first)
  writeFileSync(file, document('', '5m'))

  const configuration = await open()

  assert.equal(everyOf(configuration), 300_000)
  const { version, document: told } = configuration.reported()
  assert.deepEqual([version, told], [0, document('', '5m')])
  const taken = await take(configuration, first)
  assert.ok(taken.kind === 'refused' && taken.refused.kind === 'stale')
  assert.equal((await take(configuration, fleet.desire('gw-test', 2, document('', '6m')))).kind, 'taken')
})

test('what cannot run any more, or was altered on disk, gives way to what was before', async context => {
  const { fleet, open, folder } = await openStage(context)
  await take(await open(), fleet.desire('gw-test', 1, document('', '2m')))
  const file = join(folder, 'state', 'configuration.json')
  const whole = readFileSync(file, 'utf8')

  for (const altered of [whole.replace('every: 2m', 'every: 9s'), '{', whole.slice(0, -20)]) {
    writeFileSync(file, altered)
    assert.equal(everyOf(await open()), 60_000)
  }
})

test('a file with a secret in it is not told, nor taken from the cloud', async context => {
  const secret = `providers:
  - { id: p8, provider: novus, every: 5m, point: pozo-8, token: hunter2, signals: [{ variable: level, key: a }] }
`
  const { fleet, open, file } = await openStage(context)
  writeFileSync(file, document(secret))

  const configuration = await open()

  assert.equal(configuration.reported().document, undefined)
  assert.doesNotMatch(JSON.stringify(configuration.reported()), /hunter2/)
  const taken = await take(configuration, fleet.desire('gw-test', 1, document(secret)))
  assert.ok(taken.kind === 'refused')
  assert.deepEqual(
    taken.refused.mistakes?.map(({ path, line }) => [path, line]),
    [['providers[0].token', 10]],
  )
})

test('whoever is interrupted at any step finds the one or the other, whole (G2)', async context => {
  const { fleet, open, folder } = await openStage(context)
  const first = fleet.desire('gw-test', 1, document('', '2m'))
  const second = fleet.desire('gw-test', 2, document('', '3m'))
  const file = join(folder, 'state', 'configuration.json')
  const steps: ((one: Configuration) => Promise<unknown>)[] = [
    one => take(one, first),
    one => one.watched(PROBATION_MS),
    one => take(one, second),
    one => one.watched(1_000),
    one => one.takeBack('worse'),
  ]
  const found: (number | undefined)[] = []

  for (const step of steps) {
    const before = existsSync(file) ? readFileSync(file, 'utf8') : undefined
    const one = await open()
    await step(one)
    const after = readFileSync(file, 'utf8')
    // Interrupted while it is written: half of it lies beside its place, and the old one, or none, is there.
    for (const length of [0, 1, Math.floor(after.length / 2), after.length]) {
      writeFileSync(`${file}.new`, after.slice(0, length))
      if (before === undefined) rmSync(file, { force: true })
      else writeFileSync(file, before)
      await open()
    }
    // Interrupted behind it, before anything was applied or said.
    writeFileSync(file, after)
    found.push(everyOf(await open()))
    // That start counts, and is none of the story.
    writeFileSync(file, after)
  }

  assert.deepEqual(found, [120_000, 120_000, 180_000, 180_000, 120_000])
})

test('where nothing can be written a gateway runs all the same, and takes nothing new', async context => {
  const { fleet, open, folder, warned } = await openStage(context)
  await take(await open(), fleet.desire('gw-test', 1, document('', '2m')))
  // A folder in the place of the file that is written first: as a full disk, also for who may write everything.
  mkdirSync(join(folder, 'state', 'configuration.json.new'))

  const configuration = await open()

  assert.equal(everyOf(configuration), 120_000)
  await configuration.watched(1_000)
  await assert.rejects(take(configuration, fleet.desire('gw-test', 2, document('', '3m'))))
  assert.equal(everyOf(configuration), 120_000)
  assert.equal((await configuration.takeBack('worse')).devices[0]?.every, 60_000)
  assert.ok(warned.includes('configuration not noted: what is on disk is older'))
})
