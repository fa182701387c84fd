// "From the wiring to the first value" in docs/gateway.md, followed to the letter with the meter that it shows how to make.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { freePort } from '../doubles/ports.ts'
import { until } from '../doubles/until.ts'
import { skipWithout } from '../peers.ts'
import { atEnd, temporaryFolder } from './buffer/folder.ts'
import { runProgram } from './site.ts'

const SECTION = 'From the wiring to the first value'
const skip = skipWithout('socat', 'pymodbus', 'serial_asyncio', 'mosquitto_sub')

const [, chapter = ''] =
  new RegExp(`\n## ${SECTION}\n(.*?)\n## `, 's').exec(readFileSync('docs/gateway.md', 'utf8')) ?? []

/** What the chapter shows in one language. */
function shown(language: string): string {
  const [, text] = new RegExp(`\n\`\`\`${language}\n(.*?)\`\`\``, 's').exec(chapter) ?? []
  assert.ok(text !== undefined, `the chapter shows no ${language}`)
  return text
}

/** What the chapter shows that is printed, from a line that begins so. */
function printed(first: string): string[] {
  const lines = chapter.split('\n')
  const start = lines.findIndex(line => line.startsWith(`    ${first}`))
  assert.notEqual(start, -1, `the chapter prints no ${first}`)
  const length = lines.slice(start).findIndex(line => line !== '' && !line.startsWith('    '))
  return lines
    .slice(start, start + length)
    .map(line => line.slice(4))
    .filter(line => line !== '')
}

const withoutTimes = (line: string) => line.replace(/ at 20\S+$/, ' at …').replace(/"ts":\d+/, '"ts":…')

/** Starts a program that is not ours, until the test is over. */
function start(context: TestContext, program: string, args: readonly string[]): () => string {
  const child = spawn(program, args)
  let text = ''
  for (const output of [child.stdout, child.stderr]) {
    output.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
  }
  atEnd(context, () => void child.kill('SIGKILL'))
  return () => text
}

suite(SECTION, { skip }, () => {
  test('each command prints what the chapter says, to the first value on the site’s broker', async context => {
    const folder = await temporaryFolder(context)
    const [broker, status, line] = [await freePort(), await freePort(), join(folder, 'rs485')]
    const [, simulated = ''] = /`(serial: \{.*?\})`/.exec(chapter) ?? []
    assert.notEqual(simulated, '')
    const here = (text: string) =>
      text
        .replace(/serial:\s*\{[^}]*\}/, simulated)
        .replaceAll('/tmp/rs485', line)
        .replace('port: 1883', `port: ${broker}`)
        .replace('status: {}', `status: { port: ${status} }`)
    const file = join(folder, 'gateway.yaml')
    writeFileSync(file, here(shown('yaml')))
    mkdirSync(join(folder, 'identity'))
    writeFileSync(join(folder, 'identity', 'token'), 'none-yet\n')
    writeFileSync(join(folder, 'meter.py'), shown('python'))
    const [, ends = ''] = /\nsocat (.*)\n/.exec(chapter) ?? []
    start(context, 'socat', here(ends).split(' '))
    await until('the line is there', () => existsSync(line) && existsSync(`${line}-meter`))
    const meter = start(context, '/usr/bin/python3', [join(folder, 'meter.py'), `${line}-meter`])
    const run = async (...args: string[]) => {
      const program = runProgram(context, args)
      return { status: await program.exited, lines: program.text().trimEnd().split('\n').map(withoutTimes) }
    }

    const check = await run('check', file)
    assert.equal(check.status, 0, check.lines.join('\n'))
    const plan = printed('gw-campo-01 of')
    assert.deepEqual([check.lines[0], check.lines[3]], [plan[0], plan[2]])

    const scan = () => run('scan', '--config', file, '--bus', 'rs485', '--units', '1')
    await until('the meter answers', async () =>
      (await scan()).lines.includes('unit 1 answers: meter'),
    ).catch(error => assert.fail(`${error}\n${meter()}`))
    const all = await run('scan', '--config', file, '--bus', 'rs485', '--units', '1-10')
    assert.deepEqual(all.lines, printed('bus rs485: asking'))

    const read = await run('read', '--config', file, 'meter')
    assert.equal(read.status, 0, read.lines.join('\n'))
    assert.deepEqual(read.lines, printed('meter (unit 1').map(withoutTimes))

    runProgram(context, ['run', '--config', file])
    await until('the gateway serves its status', () =>
      fetch(`http://127.0.0.1:${status}/`).then(
        ({ ok }) => ok,
        () => false,
      ),
    )
    const heard = start(context, 'mosquitto_sub', [
      ...['-h', '127.0.0.1', '-p', `${broker}`, '-t', 'raw/v1/#', '-v'],
    ])
    const values = printed('raw/v1/').map(withoutTimes)
    const told = () =>
      heard()
        .split('\n')
        .map(one => withoutTimes(one).replace(/"tq":"\w+"/, '"tq":"synced"'))
    await until('the first values came', () => values.every(value => told().includes(value))).catch(error =>
      assert.fail(`${error}\n${heard()}`),
    )
  })
})
