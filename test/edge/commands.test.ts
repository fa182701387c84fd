// What the cloud asks for, and what it hears back.

import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Commands, type Execute, openCommands } from '../../edge/commands.ts'
import { GATEWAY_METRICS } from '../../edge/health.ts'
import { COMMAND_BYTES_MAX, type Command, CommandResult } from '../../protocol/command.ts'
import { Rejected, Unavailable } from '../../protocol/runtime/errors.ts'
import { type Metrics, openMetrics } from '../../protocol/runtime/metrics.ts'
import { openFakeClock } from '../doubles/clock.ts'
import { keptLog, temporaryFolder } from './buffer/folder.ts'

const clock = openFakeClock()
const COMMAND: Command = {
  ...{ v: 1, id: 'c-0001', by: 'ana@campo.example', kind: 'collect' },
  expiresAt: clock.now() + 60_000,
}

interface Office {
  commands: Commands
  /** Ids of what was executed. */
  executed: string[]
  said: ReturnType<typeof keptLog>['said']
  metrics: Metrics
}

async function openOffice(path: string, execute: Execute = async () => ({ readings: 3 })): Promise<Office> {
  const { log, said } = keptLog()
  const metrics = openMetrics(GATEWAY_METRICS)
  const executed: string[] = []
  const commands = await openCommands(
    {
      ...{ clock, log, metrics },
      execute: command => {
        executed.push(command.id)
        return execute(command)
      },
    },
    { gateway: 'gw-test', path },
  )
  return { commands, executed, said, metrics }
}

async function ask(
  { commands }: Office,
  command: unknown,
  id = COMMAND.id,
): Promise<CommandResult | undefined> {
  const text = typeof command === 'string' ? command : JSON.stringify(command)
  const answer = await commands.handle({ topic: `gw/v1/gw-test/cmd/${id}`, payload: Buffer.from(text) })
  if (answer === undefined) return undefined
  assert.equal(answer.topic, `gw/v1/gw-test/cmd/${id}/result`)
  return CommandResult.parse(JSON.parse(answer.payload))
}

test('a command is executed and answered with what it brought', async context => {
  const office = await openOffice(await temporaryFolder(context))

  assert.deepEqual(await ask(office, COMMAND), {
    ...{ v: 1, id: 'c-0001', status: 'done', at: clock.now(), readings: 3 },
  })
})

test('a command that comes again is answered the same and not executed again, also after a restart', async context => {
  const path = await temporaryFolder(context)
  const first = await openOffice(path)
  const answer = await ask(first, COMMAND)
  assert.deepEqual(await ask(first, COMMAND), answer)

  const second = await openOffice(path)
  assert.deepEqual(await ask(second, COMMAND), answer)
  assert.deepEqual([first.executed, second.executed], [['c-0001'], []])
})

test('a command that comes again while it is executed waits for the one result', async context => {
  const going = Promise.withResolvers<void>()
  const office = await openOffice(await temporaryFolder(context), async () => {
    await going.promise
    return { readings: 7 }
  })

  const both = [ask(office, COMMAND), ask(office, COMMAND)]
  going.resolve()

  assert.deepEqual(
    (await Promise.all(both)).map(result => [result?.status, result?.readings]),
    [
      ['done', 7],
      ['done', 7],
    ],
  )
  assert.deepEqual(office.executed, ['c-0001'])
})

test('a command that a crash interrupted is reported as failed and not executed again', async context => {
  const path = await temporaryFolder(context)
  const crashing = await openOffice(path, () => new Promise(() => {}))
  void ask(crashing, COMMAND)
  while (crashing.executed.length === 0) await new Promise(resolve => setImmediate(resolve))

  const after = await openOffice(path)
  const result = await ask(after, COMMAND)

  assert.deepEqual([result?.status, result?.reason], ['failed', 'The gateway stopped while executing it'])
  assert.deepEqual(after.executed, [])
})

test('what is expired, unknown, malformed or too large is refused with the reason, and not executed', async context => {
  const office = await openOffice(await temporaryFolder(context))
  const cases: [unknown, RegExp][] = [
    [{ ...COMMAND, expiresAt: clock.now() - 1 }, /after it had expired/],
    [{ ...COMMAND, kind: 'dance' }, /none this gateway knows: .*kind/s],
    [{ ...COMMAND, colour: 'red' }, /none this gateway knows: .*colour/s],
    [{ ...COMMAND, v: 2 }, /none this gateway knows/],
    [{ ...COMMAND, id: 'c-0002' }, /Its topic says c-0001, it says c-0002/],
    ['{"v":1', /not JSON/],
    ['', /not JSON/],
    ['[]', /none this gateway knows/],
    [`"${'x'.repeat(COMMAND_BYTES_MAX)}"`, /has 65538 bytes, at most 65536/],
  ]
  for (const [command, reason] of cases) {
    const result = await ask(office, command)
    assert.equal(result?.status, 'refused', JSON.stringify(command).slice(0, 100))
    assert.match(result?.reason ?? '', reason)
  }
  assert.deepEqual(office.executed, [])
})

test('a topic that names no command is ignored: an answer to it would be published nowhere', async context => {
  const office = await openOffice(await temporaryFolder(context))

  for (const id of ['', 'Not A Name', '-x', 'x'.repeat(64)])
    assert.equal(await ask(office, COMMAND, id), undefined)
  assert.equal(office.said('command ignored: it has no name').length, 4)
})

test('a command that fails is answered with why, cut to what a result may have', async context => {
  const office = await openOffice(await temporaryFolder(context), async () => {
    throw new Error(`No device: ${'x'.repeat(2_000)}`)
  })

  const result = await ask(office, COMMAND)

  assert.equal(result?.status, 'failed')
  assert.match(result?.reason ?? '', /^No device: x+$/)
  assert.equal(result?.reason?.length, 500)
})

test('what a gateway cannot do is one line without a stack; what broke has one', async context => {
  const failures = [new Rejected('No such device'), new Unavailable('No answer'), new Error('a bug')]
  const office = await openOffice(await temporaryFolder(context), async ({ id }) => {
    throw failures[Number(id.at(-1))] ?? new Error('none')
  })

  const results = [0, 1, 2].map(index => ask(office, { ...COMMAND, id: `c-${index}` }, `c-${index}`))

  assert.deepEqual(
    (await Promise.all(results)).map(result => [result?.status, result?.reason]),
    [
      ['failed', 'No such device'],
      ['failed', 'No answer'],
      ['failed', 'a bug'],
    ],
  )
  assert.deepEqual(
    office.said('command failed').map(({ reason, error }) => [reason, error !== undefined]),
    [
      ['No such device', false],
      ['No answer', false],
      [undefined, true],
    ],
  )
})

test('a command that cannot be remembered is not executed, and may come again when it can', async context => {
  const path = join(await temporaryFolder(context), 'there')
  const office = await openOffice(path)
  const refused = await ask(office, COMMAND)
  assert.equal(refused?.status, 'failed')
  assert.match(refused?.reason ?? '', /not executed, as it cannot be remembered: ENOENT/)
  assert.deepEqual(office.executed, [])

  await mkdir(path)
  assert.equal((await ask(office, COMMAND))?.status, 'done')
})

test('commands in execution have a bound; the next one is refused and may come again', async context => {
  const going = Promise.withResolvers<void>()
  const office = await openOffice(await temporaryFolder(context), async () => {
    await going.promise
    return {}
  })
  const ids = Array.from({ length: 17 }, (_, index) => `c-${index}`)
  const asked = ids.map(id => ask(office, { ...COMMAND, id }, id))

  const last = await asked[16]
  assert.deepEqual(
    [last?.status, last?.reason],
    ['refused', '16 commands are being executed, which is the most'],
  )
  going.resolve()
  await Promise.all(asked)
  assert.equal((await ask(office, { ...COMMAND, id: 'c-16' }, 'c-16'))?.status, 'done')
})

test('the newest thousand results are remembered', async context => {
  const path = await temporaryFolder(context)
  const office = await openOffice(path)
  for (let index = 0; index <= 1_000; index += 1)
    await ask(office, { ...COMMAND, id: `c-${index}` }, `c-${index}`)

  const after = await openOffice(path)
  await ask(after, { ...COMMAND, id: 'c-1' }, 'c-1')
  await ask(after, { ...COMMAND, id: 'c-0' }, 'c-0')

  assert.deepEqual(after.executed, ['c-0'])
})

test('a damaged memory is said and begun anew; the gateway starts all the same', async context => {
  const path = await temporaryFolder(context)
  for (const damage of ['[{"v":1', '{"a":1}', 'null', '[{"id":"c-0001"}]']) {
    await writeFile(join(path, 'commands.json'), damage)
    const office = await openOffice(path)
    assert.equal(office.said('executed commands forgotten: their file was damaged').length, 1, damage)
    assert.equal((await ask(office, COMMAND))?.status, 'done')
    rmSync(join(path, 'commands.json'))
  }
  await ask(await openOffice(path), COMMAND)
  assert.equal(JSON.parse(await readFile(join(path, 'commands.json'), 'utf8')).commands.length, 1)
})

const WRITE = { v: 1, by: 'ana', kind: 'write', device: 'pump', name: 'start-level', value: 3 }

test('a write is remembered until it has expired, however many commands come in between', async context => {
  const path = await temporaryFolder(context)
  const office = await openOffice(path)
  const write = { ...WRITE, id: 'w-1', expiresAt: clock.now() + 600_000 }
  await ask(office, write, 'w-1')
  for (let index = 0; index <= 1_000; index += 1)
    await ask(office, { ...COMMAND, id: `c-${index}` }, `c-${index}`)

  const after = await openOffice(path)
  await ask(after, write, 'w-1')

  assert.deepEqual(after.executed, [])
})

test('a write in the middle of which the gateway stopped may have been done, and is not done again', async context => {
  const path = await temporaryFolder(context)
  const crashing = await openOffice(path, () => new Promise(() => {}))
  const write = { ...WRITE, id: 'w-1', expiresAt: clock.now() + 600_000 }
  void ask(crashing, write, 'w-1')
  while (crashing.executed.length === 0) await new Promise(resolve => setImmediate(resolve))

  const after = await openOffice(path)
  const result = await ask(after, write, 'w-1')

  assert.deepEqual(
    [result?.status, result?.reason],
    ['failed', 'The gateway stopped while executing it: it may have been written'],
  )
  assert.deepEqual(after.executed, [])
})

test('a write that could outlive what is remembered is refused', async context => {
  const office = await openOffice(await temporaryFolder(context))
  const late = { ...WRITE, id: 'w-1', expiresAt: clock.now() + 3_600_001 }

  const result = await ask(office, late, 'w-1')

  assert.deepEqual(
    [result?.status, result?.reason],
    ['refused', 'It expires too late: 60 minutes ahead at most'],
  )
  assert.deepEqual(office.executed, [])
})

test('nothing is written where it is forgotten what was written, until all of that has expired', async context => {
  const path = await temporaryFolder(context)
  const write = (id: string) => ({ ...WRITE, id, expiresAt: clock.now() + 600_000 })
  await writeFile(join(path, 'commands.json'), 'damaged')
  const first = await openOffice(path)
  assert.match((await ask(first, write('w-1'), 'w-1'))?.reason ?? '', /has forgotten which commands/)
  assert.equal((await ask(first, COMMAND))?.status, 'done')

  // The file is whole again, and still says so.
  const second = await openOffice(path)
  assert.equal((await ask(second, write('w-1'), 'w-1'))?.status, 'refused')
  await clock.advance(3_600_000)
  assert.equal((await ask(second, write('w-2'), 'w-2'))?.status, 'done')
  const third = await openOffice(path)
  assert.equal((await ask(third, write('w-3'), 'w-3'))?.status, 'done')
})

test('writes that are remembered have a bound', async context => {
  const office = await openOffice(await temporaryFolder(context))
  const write = (id: string) => ({ ...WRITE, id, expiresAt: clock.now() + 600_000 })
  for (let index = 0; index < 500; index += 1) await ask(office, write(`w-${index}`), `w-${index}`)

  const result = await ask(office, write('w-500'), 'w-500')
  await clock.advance(600_001)
  const later = await ask(office, write('w-501'), 'w-501')

  assert.equal(result?.reason, '500 writes are remembered, which is the most')
  assert.equal(later?.status, 'done')
})

test('everything is counted by what came of it', async context => {
  const office = await openOffice(await temporaryFolder(context), async () => ({
    ...{ status: 'refused', reason: 'Nothing of pump that may be written is named start-level' },
  }))

  const result = await ask(office, { ...WRITE, id: 'w-1', expiresAt: clock.now() + 1_000 }, 'w-1')

  assert.equal(result?.status, 'refused')
  assert.equal(office.metrics.read()['gateway_commands_total{kind="write",status="refused"}'], 1)
})
