// The command line: what it prints, and the status it ends with.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, cpSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { freePort } from '../doubles/ports.ts'
import { until } from '../doubles/until.ts'
import { atEnd } from './buffer/folder.ts'
import { CLI, makeSite, runProgram, statusOf, stopProgram, untilSaid } from './site.ts'

const PACKED = new URL('../../bin/smarthydro-edge.js', import.meta.url).pathname
/** Nobody listens there. */
const NOBODY = { instrument: 1, cloudUrl: 'mqtt://127.0.0.1:1' }

async function ends(
  context: TestContext,
  args: readonly string[],
  options: Parameters<typeof runProgram>[2] = {},
): Promise<{ status: number | null; text: string }> {
  const program = runProgram(context, args, options)
  const status = await program.exited
  return { status, text: program.text() }
}

test('a wrong command line ends with 64 and says how it is right', async context => {
  const wrong = [
    [],
    ['run'],
    ['run', 'gateway.yaml'],
    ['check'],
    ['check', 'a.yaml', 'b.yaml'],
    ['dance'],
    ['run', '--config'],
    ['--no-such-option'],
  ]
  const all = await Promise.all(wrong.map(args => ends(context, args)))

  for (const [index, { status, text }] of all.entries()) {
    assert.equal(status, 64, `${wrong[index]?.join(' ')}: ${text}`)
    assert.match(text, /smarthydro-edge run --config FILE/)
  }
})

test('--version and --help end with 0', async context => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

  assert.deepEqual(await ends(context, ['--version']), { status: 0, text: `${version}\n` })
  assert.equal((await ends(context, ['--help'])).status, 0)
})

test('check and run end with 78 and list every mistake of the file with its line', async context => {
  const { file } = makeSite(context, NOBODY)
  const text = readFileSync(file, 'utf8')
  writeFileSync(
    file,
    text
      .replace('gateway: gw-test', 'gateway: GW')
      .replace('every: 100ms', 'every: soon')
      .concat('colour: red\n'),
  )

  for (const args of [
    ['check', file],
    ['run', '--config', file],
  ]) {
    const ended = await ends(context, args)

    assert.equal(ended.status, 78, ended.text)
    assert.match(ended.text, /3 mistakes/)
    assert.match(ended.text, /gateway\.yaml:1: gateway: must be 1 to 63 characters/)
    assert.match(ended.text, /gateway\.yaml:11: devices\[0\]\.every: /)
    assert.match(ended.text, /gateway\.yaml:17: colour: unknown key/)
  }
})

test('check says what a good file will do, and leaves nothing behind', async context => {
  const { file, folder } = makeSite(context, { ...NOBODY, every: '1m' })

  const { status, text } = await ends(context, ['check', file])

  assert.equal(status, 0)
  assert.match(text, /^gw-test of campo\/los-aromos: 1 device, 0 at providers/)
  assert.match(text, /meter \(unit 1, 4 signals\): 1 request, .*: holding 0\+10; 60 polls an hour/)
  assert.equal(existsSync(join(folder, 'buffer')), false)
})

test('check says how many requests providers will get: one for each key, but Twin for all of a device', async context => {
  const signals =
    'signals: [{ variable: pulses, key: "1" }, { variable: total, key: "1", unit: L }, { variable: flow, key: "2" }]'
  const more = `providers:
  - { id: pozo-1, provider: twin, point: pozo-1, every: 1m, device: x, username: y, password: z, ${signals} }
  - { id: pozo-2, provider: nettra, point: pozo-2, every: 5m, thing: x, ${signals} }
  - { id: pozo-3, provider: novus, point: pozo-3, every: 1h, token: x, ${signals} }
`
  const { file } = makeSite(context, { ...NOBODY, more })

  const { status, text } = await ends(context, ['check', file])

  assert.equal(status, 0, text)
  assert.match(text, /: 1 device, 3 at providers$/m)
  assert.match(
    text,
    /^provider twin: pozo-1, 3 signals: 1 request a poll, 60 polls and 60 requests an hour$/m,
  )
  assert.match(
    text,
    /^provider nettra: pozo-2, 3 signals: 2 requests a poll, 12 polls and 24 requests an hour$/m,
  )
  assert.match(text, /^provider novus: pozo-3, 3 signals: 2 requests a poll, 1 poll and 2 requests an hour$/m)
})

test('a port that is taken and a level that is none end with 78, and end at all', async context => {
  const taken = createServer()
  taken.listen(0, '127.0.0.1')
  await once(taken, 'listening')
  atEnd(context, () => taken.close())
  const { port } = taken.address() as AddressInfo

  for (const part of ['lanBroker', 'status']) {
    const { file } = makeSite(context, { ...NOBODY, more: `${part}: { port: ${port} }\n` })
    const { status, text } = await ends(context, ['run', '--config', file])
    assert.equal(status, 78, text)
    assert.match(text, new RegExp(`${part}: cannot listen on 127.0.0.1:${port}: .*EADDRINUSE`))
  }
  const { file } = makeSite(context, NOBODY)
  const ended = await ends(context, ['run', '--config', file], { environment: { LOG_LEVEL: 'loud' } })
  assert.equal(ended.status, 78)
  assert.match(ended.text, /LOG_LEVEL: "loud" is none of debug, info, warn, error/)
})

/** An older Node cannot become another program. */
const OLDER = { NODE_OPTIONS: '--import=data:text/javascript,process.execve=undefined' }

for (const [name, environment] of [
  ['', {}],
  [', also when an older Node starts it', OLDER],
] as const) {
  test(`the packed program runs from any folder, ends on SIGTERM, and as the gateway ends${name}`, async context => {
    const { file, folder } = makeSite(context, { ...NOBODY, every: '1m' })
    const elsewhere = join(folder, 'elsewhere')
    cpSync(join(folder, 'identity'), elsewhere, { recursive: true })
    const packed = { launcher: PACKED, environment }

    const checked = await ends(context, ['check', '../gateway.yaml'], { ...packed, cwd: elsewhere })
    assert.equal(checked.status, 0, checked.text)
    assert.equal((await ends(context, [], { ...packed, cwd: tmpdir() })).status, 64)
    const program = runProgram(context, ['run', '--config', file], { ...packed, cwd: tmpdir() })
    await untilSaid(program, 'gateway started')
    await stopProgram(program)
    assert.equal(program.said('gateway stopped').length, 1)
  })
}

test('a second gateway on the same buffer ends with 1, and says why', async context => {
  const { file } = makeSite(context, { ...NOBODY, every: '1m' })
  const first = runProgram(context, ['run', '--config', file])
  await untilSaid(first, 'gateway started')

  const second = runProgram(context, ['run', '--config', file])

  assert.equal(await second.exited, 1, second.text())
  assert.match(String(second.said('gateway failed')[0]?.reason), /another process has it open/)
  await stopProgram(first)
})

/** Where its log goes: a pipe that nobody reads any more, a file on a disk that is full. */
for (const place of ['gone', 'full'] as const) {
  test(`a gateway whose log is ${place} goes on measuring`, {
    skip: !existsSync('/dev/full'),
  }, async context => {
    const port = await freePort()
    const { file } = makeSite(context, { ...NOBODY, more: `status: { port: ${port} }\n` })
    const log = place === 'full' ? openSync('/dev/full', 'w') : undefined
    const child = spawn(process.execPath, [CLI, 'run', '--config', file], {
      stdio: ['ignore', 'ignore', log ?? 'pipe'],
    })
    child.stderr?.destroy()
    const exited = once(child, 'exit')
    atEnd(context, () => void child.kill('SIGKILL'))
    if (log !== undefined) closeSync(log)

    await until('it has measured, and said that the cloud is away', async () => {
      if (child.exitCode !== null) assert.fail(`it ended with ${child.exitCode}`)
      const answer = await statusOf(port).catch(() => undefined)
      return ((answer?.body.readings as { polled: number } | undefined)?.polled ?? 0) > 40
    })
    child.kill('SIGTERM')
    assert.deepEqual(await exited, [0, null])
  })
}

test('a command whose reader has gone ends with 1, and not with a stack', async () => {
  const child = spawn(process.execPath, [CLI, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.destroy()
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk
  })

  const [status] = await once(child, 'close')

  assert.deepEqual([status, said], [1, ''])
})
