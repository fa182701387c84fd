// What the gateway keeps in files: all of it or an error, and from other users' eyes.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openCommandMemory } from '../../edge/command-memory.ts'
import { openJournal } from '../../edge/hold/journal.ts'
import { openMarks } from '../../edge/providers/marks.ts'
import { nextBdSeq } from '../../edge/sparkplug/session.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { openFakeClock } from '../doubles/clock.ts'
import { atEnd, measurements, openTestBuffer, temporaryFolder } from './buffer/folder.ts'

const filesOf = (folder: string) => ({
  held: join(folder, 'held'),
  shift: join(folder, 'held-shift'),
  folder,
})
const HEAD = { v: 1, boot: 'boot-1', guessMs: 0 } as const

/** Runs JavaScript in a process of which no file may be longer than a few KiB: a write across that is cut short. */
function runWithShortFiles(folder: string, script: string): unknown {
  const node = [process.execPath, '--input-type=module', '--no-warnings', '-e', script, folder]
  const { stdout, stderr } = spawnSync('sh', ['-c', 'ulimit -f 8; exec "$@"', 'sh', ...node], {
    cwd: join(import.meta.dirname, '../..'),
    encoding: 'utf8',
  })
  assert.equal(stderr, '')
  return JSON.parse(stdout)
}

test('a write of held readings that the disk cuts short is refused, and what was held before it is whole (C1)', async context => {
  const folder = await temporaryFolder(context)
  const said = runWithShortFiles(
    folder,
    `import { openJournal } from './edge/hold/journal.ts'
     const folder = process.argv[1]
     const journal = openJournal({ held: folder + '/held', folder }, ${JSON.stringify(HEAD)}, 0)
     await journal.append([{ value: 1 }])
     const before = journal.bytes()
     const many = Array.from({ length: 200 }, (_, value) => ({ value, text: 'x'.repeat(60) }))
     const refusal = await journal.append(many).then(() => 'none', error => error.name + ': ' + error.message)
     const after = journal.bytes()
     await journal.append([{ value: 2 }])
     console.log(JSON.stringify({ refusal, grown: after - before, bytes: journal.bytes() }))`,
  ) as { refusal: string; grown: number; bytes: number }

  assert.match(said.refusal, /^Unavailable: Cannot hold readings: .*EFBIG/)
  assert.equal(said.grown, 0)
  const text = readFileSync(join(folder, 'held'), 'utf8')
  assert.equal(text.length, said.bytes)
  assert.deepEqual(
    text
      .trimEnd()
      .split('\n')
      .slice(1)
      .map(line => line.slice(9)),
    ['{"value":1}', '{"value":2}'],
  )
})

test('a reserve that the disk cuts short is not taken for a whole one', async context => {
  const said = runWithShortFiles(
    await temporaryFolder(context),
    `import { openReserve } from './edge/buffer/reserve.ts'
     const outcome = await openReserve(process.argv[1], 65_536).restore().then(String, error => error.code)
     console.log(JSON.stringify(outcome))`,
  )
  assert.equal(said, 'EFBIG')
})

test('whatever is kept is for its owner only, also in a folder that others may enter', async context => {
  const folder = join(await temporaryFolder(context), 'buffer')
  mkdirSync(folder)
  chmodSync(folder, 0o755)
  const umask = process.umask(0o022)
  atEnd(context, () => process.umask(umask))
  const deps = { clock: openFakeClock(), log: silentLog }

  const buffer = await openTestBuffer(context, folder)
  await buffer.append(measurements(10))
  const journal = openJournal(filesOf(folder), HEAD, 0)
  await journal.append([{ value: 1 }])
  await journal.close()
  const memory = await openCommandMemory(deps, folder)
  await memory.remember({ v: 1, id: 'command-1', status: 'done', at: deps.clock.now() })
  await nextBdSeq(deps, folder)
  const marks = await openMarks(deps, { folder, devices: ['logger'] })
  await marks.put('logger', new Map([['flow', { newest: 1_767_268_800_000 }]]))
  await marks.close()

  const modes = readdirSync(folder).map(name => {
    const stat = statSync(join(folder, name))
    return [name, (stat.mode & 0o777).toString(8), stat.isDirectory()]
  })
  assert.deepEqual(modes.map(([name]) => name).sort(), [
    ...['commands.json', 'held', 'level', 'providers.json', 'reserve', 'series', 'sparkplug.json', 'witness'],
  ])
  for (const [name, mode, isFolder] of modes) assert.equal(mode, isFolder ? '700' : '600', String(name))
})
