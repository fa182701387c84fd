// The whole program on a disk that fills up, and with a buffer that is damaged when it starts.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { type FakeCloud, openFakeCloud } from '../doubles/cloud.ts'
import { openInstrument, wellRegisters } from '../doubles/instrument.ts'
import { skipUnlessRoot } from '../doubles/root.ts'
import { until } from '../doubles/until.ts'
import { atEnd } from './buffer/folder.ts'
import { makeSite, type Program, runProgram, statusOf, stopProgram, untilSaid } from './site.ts'

const clock = systemClock
const DISK_BYTES = 64 * 2 ** 20
const skip = skipUnlessRoot('mounts a small file system')

async function openField(
  context: TestContext,
): Promise<{ cloud: FakeCloud; instrument: number; cloudUrl: string }> {
  const instrument = await openInstrument({ clock }, { registers: wellRegisters({ clock }) })
  atEnd(context, () => instrument.close())
  const cloud = await openFakeCloud({ clock })
  atEnd(context, () => cloud.close())
  return { cloud, instrument: instrument.port, cloudUrl: cloud.url }
}

function smallDisk(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'smarthydro-disk-'))
  atEnd(context, () => rmSync(folder, { recursive: true, force: true }))
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', folder])
  assert.equal(mount.status, 0, String(mount.stderr))
  atEnd(context, () => spawnSync('umount', ['-l', folder]))
  return folder
}

/** Takes all the space there is. */
function fill(disk: string): string {
  const path = join(disk, 'somebody-elses-file')
  const { bavail, bsize } = statfsSync(disk)
  writeFileSync(path, new Uint8Array(bavail * bsize))
  return path
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** The readings that are committed, without gaps from the first number. */
function committedNumbers(cloud: FakeCloud): number[] {
  return [...cloud.stored.values()].map(({ seq }) => seq).sort((a, b) => a - b)
}

test('on a full disk the gateway says what is lost and why, keeps what it had, and goes on when there is space', {
  skip,
}, async context => {
  const field = await openField(context)
  const disk = smallDisk(context)
  const port = await freePort()
  // LevelDB's log has room for a while: the more is read, the sooner it is used up.
  const options = { folder: disk, every: '5ms', more: `status: { port: ${port} }\n` }
  const { file } = makeSite(context, { ...field, ...options })
  const program = runProgram(context, ['run', '--config', file])
  await until('readings are committed', () => field.cloud.stored.size >= 40)
  await field.cloud.stop()
  await until('it notices', () => program.said('cloud not reached').length > 0)

  const filler = fill(disk)
  await untilSaid(program, 'readings lost: they could not be stored', 3)
  const [lost] = program.said('readings lost: they could not be stored')
  assert.match(String(lost?.reason), /disk of .* is full \(.* free, .* needed\); free space there or lower/)
  assert.deepEqual([lost?.level, lost?.count, lost?.source], ['error', 4, 'meter'])
  const sick = await statusOf(port)
  assert.deepEqual([sick.code, sick.body.status, sick.body.cloud], [503, 'unhealthy', 'not connected'])
  assert.match(String(sick.body.reason), /is full/)

  rmSync(filler)
  await until('it is well again', async () => (await statusOf(port)).code === 200)
  await field.cloud.start()
  const before = field.cloud.stored.size
  // A refused reading takes no number, and none that was kept is missing.
  await until('all numbers are committed, and more come', () => {
    const { length, [length - 1]: highest } = committedNumbers(field.cloud)
    return length > before + 40 && highest === length
  })
  await stopProgram(program)
})

test('a gateway that starts on a full disk starts, delivers what it has, and says what it cannot keep', {
  skip,
}, async context => {
  const field = await openField(context)
  const disk = smallDisk(context)
  const { file } = makeSite(context, { ...field, folder: disk })
  await field.cloud.stop()
  const before = runProgram(context, ['run', '--config', file], { environment: { LOG_LEVEL: 'debug' } })
  await untilSaid(before, 'source polled', 10)
  await stopProgram(before)
  const kept = before.said('source polled').length * 4
  fill(disk)

  await field.cloud.start()
  const program = runProgram(context, ['run', '--config', file])

  await until('what was kept is committed', () => field.cloud.stored.size >= kept)
  await untilSaid(program, 'readings lost: they could not be stored')
  await stopProgram(program)
})

test('a gateway whose buffer is beyond repair sets it aside, says so, and goes on with a new epoch', async context => {
  const field = await openField(context)
  const { file, folder } = makeSite(context, field)
  await field.cloud.stop()
  const before = runProgram(context, ['run', '--config', file])
  await untilSaid(before, 'gateway started')
  await stopProgram(before)
  const level = join(folder, 'buffer', 'level')
  for (const name of readdirSync(level)) writeFileSync(join(level, name), 'not what LevelDB wrote')
  for (const name of ['witness', 'series']) {
    writeFileSync(join(folder, 'buffer', name), 'not what was written')
  }

  await field.cloud.start()
  const program = runProgram(context, ['run', '--config', file])
  await until('it delivers', () => field.cloud.stored.size >= 40)
  await stopProgram(program)

  assert.ok(damageSaid(program).length > 0, program.text())
  assert.notEqual(epochOf(program), epochOf(before))
})

test('a gateway whose buffer was cut short at its end delivers what is left, and reports what is not', async context => {
  const field = await openField(context)
  const { file, folder } = makeSite(context, field)
  await field.cloud.stop()
  const before = runProgram(context, ['run', '--config', file], { environment: { LOG_LEVEL: 'debug' } })
  await untilSaid(before, 'source polled', 20)
  before.child.kill('SIGKILL')
  await before.exited
  const level = join(folder, 'buffer', 'level')
  const log = readdirSync(level).find(name => name.endsWith('.log'))
  assert.ok(log)
  const used = readFileSync(join(level, log)).findLastIndex(byte => byte !== 0)
  truncateSync(join(level, log), Math.floor(used / 2))

  await field.cloud.start()
  const program = runProgram(context, ['run', '--config', file])
  await until('it delivers', () => field.cloud.stored.size >= 80)
  await stopProgram(program)

  const accounted = new Set(committedNumbers(field.cloud))
  for (const { batch } of field.cloud.batches) {
    for (const { first, last } of batch.missing)
      for (let seq = first; seq <= last; seq += 1) accounted.add(seq)
  }
  const highest = Math.max(...accounted)
  assert.equal(accounted.size, highest, 'every number is committed or reported as missing')
  assert.ok(field.cloud.batches.some(({ batch }) => batch.missing.length > 0))
  assert.ok(damageSaid(program).length > 0, program.text())
})

const epochOf = (program: Program): unknown => program.said('gateway started')[0]?.epoch

const damageSaid = (program: Program): unknown[] =>
  program.log().filter(({ event, level }) => level === 'error' && /^(buffer|readings)/.test(String(event)))
