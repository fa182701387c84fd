// Releases as a gateway takes them: what it refuses, what a bad link costs, and what lies on its disk meanwhile.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openShelf, STARTS_MAX } from '../../../edge/release/shelf.ts'
import { openUpdater, type UpdaterOptions } from '../../../edge/release/update.ts'
import { RELEASE_CHUNK_BYTES } from '../../../protocol/release.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { Rejected, Unavailable } from '../../../protocol/runtime/errors.ts'
import {
  fleetKey,
  HERE,
  installAsPackage,
  makeRelease,
  serveReleases,
  signed,
  type TestRelease,
} from '../../doubles/releases.ts'
import { atEnd, keptLog, temporaryFolder } from '../buffer/folder.ts'

const TRIAL_MS = 60_000
/** Says its version, and finds every configuration right. */
const program = (version: string) => `
if (process.argv[2] === '--version') console.log(${JSON.stringify(version)})
else if (process.argv[2] !== 'check') process.exit(1)
`
/** Sleeps that only yield: what is tried again is tried at once. */
const clock = { ...systemClock, sleep: () => new Promise<void>(resolve => setImmediate(resolve)) }
const never = new AbortController().signal

const key = fleetKey()
const OLD = makeRelease('1.0.0', program('1.0.0'))
const NEW = makeRelease('1.1.0', program('1.1.0'), {
  more: [
    { kind: 'folder', path: 'lib/native' },
    { kind: 'file', path: 'lib/native/large.node', bytes: randomBytes(3 * RELEASE_CHUNK_BYTES) },
  ],
})

async function openStage(
  context: TestContext,
  { releases = [NEW], more = {} }: { releases?: readonly TestRelease[]; more?: Partial<UpdaterOptions> } = {},
) {
  const folder = await temporaryFolder(context)
  const packagedFolder = join(folder, 'package')
  installAsPackage(OLD, packagedFolder)
  const { log, said } = keptLog()
  const server = await serveReleases(releases)
  atEnd(context, () => server.close())
  const open = () => openShelf({ clock, log }, { folder: join(folder, 'releases'), packagedFolder })
  const shelf = await open()
  const updater = openUpdater(
    { clock, log, random: () => 0.5, shelf },
    {
      fleetKey: key.pem,
      architecture: HERE,
      configFile: join(folder, 'gateway.yaml'),
      trialMs: () => TRIAL_MS,
      ...more,
    },
  )
  return { shelf, updater, server, said, open, folder }
}

test('an update fetches what is new, unpacks it beside what runs, and has it started next, on trial', async context => {
  const { shelf, updater, server } = await openStage(context)

  assert.equal(await updater.update(signed(NEW.manifest, key.privateKey), server.url, never), 'tried')

  const [runtime, programPart] = NEW.manifest.machines[0]?.parts ?? []
  assert.deepEqual(
    server.requests.map(({ path }) => path.split('/').at(-1)),
    [programPart?.sha256],
    'the runtime is that of the package, and is not fetched',
  )
  assert.ok(runtime)
  const next = await shelf.next()
  assert.deepEqual([next.version, next.isTrial], ['1.1.0', true])
  assert.ok(statSync(join(next.folder, 'runtime/bin/node')).mode & 0o100)
  assert.equal(statSync(join(next.folder, 'program/lib/native/large.node')).size, 3 * RELEASE_CHUNK_BYTES)
  assert.equal(existsSync(join(shelf.folder, 'incoming', programPart?.sha256 ?? '')), false)
})

test('a download goes on where it broke off, and a chunk that is not what was signed is not kept', async context => {
  const { updater, server, said } = await openStage(context)
  server.faults.push({ kind: 'cut', after: RELEASE_CHUNK_BYTES + 1000 }, { kind: 'refuse', code: 503 })
  server.faults.push({ kind: 'garble' })

  await updater.update(signed(NEW.manifest, key.privateKey), server.url, never)

  assert.deepEqual(
    server.requests.map(({ from }) => from),
    [0, RELEASE_CHUNK_BYTES, RELEASE_CHUNK_BYTES, RELEASE_CHUNK_BYTES],
  )
  assert.equal(said('part of a release broke off').length, 3)
})

test('a download goes on after the process died, and what the disk garbled meanwhile is fetched again', async context => {
  const { updater, server, shelf } = await openStage(context)
  const stop = new AbortController()
  server.faults.push({ kind: 'cut', after: 2 * RELEASE_CHUNK_BYTES + 1000 })
  const part = NEW.manifest.machines[0]?.parts[1]
  const file = join(shelf.folder, 'incoming', part?.sha256 ?? '')
  const dying = updater.update(signed(NEW.manifest, key.privateKey), server.url, stop.signal)
  dying.catch(() => {})
  while (server.requests.length < 2) await clock.sleep()
  stop.abort(new Error('power cut'))
  await assert.rejects(dying)
  writeFileSync(
    file,
    Buffer.concat([readFileSync(file).subarray(0, RELEASE_CHUNK_BYTES), randomBytes(2_000_000)]),
  )
  const before = server.requests.length

  await updater.update(signed(NEW.manifest, key.privateKey), server.url, never)

  assert.deepEqual(
    server.requests.slice(before).map(({ from }) => from),
    [RELEASE_CHUNK_BYTES],
  )
})

const refusals: [string, TestRelease, Partial<UpdaterOptions>, RegExp][] = [
  ['of another fleet', NEW, { fleetKey: fleetKey().pem }, /not signed with the key of this fleet/],
  ['when it knows no fleet', NEW, { fleetKey: undefined }, /has no fleet-key\.pem/],
  ['for another machine', NEW, { architecture: undefined }, /is not for this machine/],
  [
    'that cannot read its buffer',
    makeRelease('2.0.0', program('2.0.0'), { buffer: { reads: [99], writes: 99 } }),
    {},
    /reads buffers of the formats 99, and this one is 2/,
  ],
  [
    'from which it could not go back',
    makeRelease('2.0.0', program('2.0.0'), { buffer: { reads: [2, 3], writes: 3 } }),
    {},
    /leaves a buffer of format 3, from which this one could not go back/,
  ],
  ['that says another version', makeRelease('2.0.0', program('1.9.9')), {}, /says that it is 1\.9\.9/],
  [
    'that does not start',
    makeRelease('2.0.0', 'syntax error'),
    {},
    /ends its --version with 1: .*SyntaxError/s,
  ],
  [
    'that finds the configuration wrong',
    makeRelease('2.0.0', `if (process.argv[2] === '--version') console.log('2.0.0'); else process.exit(78)`),
    {},
    /ends its check with 78/,
  ],
]
for (const [which, release, more, reason] of refusals) {
  test(`a gateway refuses a release ${which}, says why, and starts what it started before`, async context => {
    const { shelf, updater, server } = await openStage(context, { releases: [release], more })

    await assert.rejects(
      updater.update(signed(release.manifest, key.privateKey), server.url, never),
      (error: unknown) => error instanceof Rejected && reason.test(error.message),
    )

    assert.equal((await shelf.next()).version, '1.0.0')
  })
}

test('a gateway refuses a release that was tampered with: the manifest, or what is served under its hashes', async context => {
  const { updater, server, shelf } = await openStage(context)
  const honest = signed(NEW.manifest, key.privateKey)
  const tampered = { ...honest, manifest: honest.manifest.replace('1.1.0', '9.9.9') }
  await assert.rejects(updater.update(tampered, server.url, never), Rejected)
  assert.equal(server.requests.length, 0)

  for (let count = 0; count < 3; count += 1) server.faults.push({ kind: 'garble' })
  await assert.rejects(
    updater.update(honest, server.url, never),
    /Chunk 0 of part program is not what was signed/,
  )
  assert.equal((await shelf.next()).version, '1.0.0')
})

test('an archive that reaches outside its folder is refused, although it is signed', async context => {
  const evil = makeRelease('2.0.0', program('2.0.0'), {
    more: [{ kind: 'file', path: '../../../../escaped', bytes: Buffer.from('x') }],
  })
  const link = makeRelease('2.0.1', program('2.0.1'), { more: [{ kind: 'link', path: 'l', target: '/etc' }] })
  const { updater, server, folder } = await openStage(context, { releases: [evil, link] })

  for (const [release, reason] of [
    [evil, /not below its folder/],
    [link, /neither file nor folder/],
  ] as const) {
    await assert.rejects(updater.update(signed(release.manifest, key.privateKey), server.url, never), reason)
  }
  assert.equal(existsSync(join(folder, 'escaped')), false)
})

test('what nobody serves is left to the next command, and the gateway goes on', async context => {
  const { updater, server, shelf } = await openStage(context, { releases: [] })

  await assert.rejects(
    updater.update(signed(NEW.manifest, key.privateKey), server.url, never),
    (error: unknown) => error instanceof Unavailable && /did not come from/.test(error.message),
  )
  assert.equal((await shelf.next()).version, '1.0.0')
})

test(`a release on trial is started ${STARTS_MAX} times, each counted on disk before, and then the old one is (R2, R3)`, async context => {
  const { updater, server, open } = await openStage(context)
  await updater.update(signed(NEW.manifest, key.privateKey), server.url, never)

  for (let start = 1; start <= STARTS_MAX; start += 1) {
    const shelf = await open()
    assert.deepEqual([(await shelf.next()).version, shelf.state().trial?.starts], ['1.1.0', start])
  }
  const shelf = await open()
  assert.equal((await shelf.next()).version, '1.0.0')
  assert.match((await open()).state().failed?.reason ?? '', /started 3 times and ended each time/)
})

test('a release that has proved itself is kept, with the one of before beside it; a package goes before both (R4)', async context => {
  const { updater, server, open, folder } = await openStage(context)
  await updater.update(signed(NEW.manifest, key.privateKey), server.url, never)
  const shelf = await open()
  await shelf.next()
  assert.equal(await shelf.keepProven(), false)
  await shelf.prove('1.1.0')

  const { version, isTrial } = await (await open()).next()
  assert.deepEqual([version, isTrial], ['1.1.0', false])
  assert.equal(
    await updater.update(signed(NEW.manifest, key.privateKey), server.url, never).catch(String),
    'running',
  )

  installAsPackage(makeRelease('1.0.1', program('1.0.1')), join(folder, 'package'))
  assert.equal((await (await open()).next()).version, '1.0.1')
})

test('a proof of an earlier trial is none of the next one', async context => {
  const { updater, server, shelf } = await openStage(context)
  await shelf.prove('1.1.0')

  await updater.update(signed(NEW.manifest, key.privateKey), server.url, never)

  assert.equal(await shelf.keepProven(), false)
})
