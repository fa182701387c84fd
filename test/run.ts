// `npm test`: format, lint, types, then every test. `npm run check` stops before the tests.
//
// Arguments after `--` choose test files: `npm test -- test/edge/buffer`.

import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { parseArgs } from 'node:util'
import { installPeers } from './peers.ts'

/** Two at a time: suites start brokers and databases, and a machine of two cores is the smallest we test on. */
const CONCURRENCY = 2

const { values, positionals } = parseArgs({
  options: { static: { type: 'boolean' } },
  allowPositionals: true,
})

check('format and lint', 'biome', 'ci', `--colors=${process.stdout.isTTY ? 'force' : 'off'}`, '.')
check('types', 'tsc', '--project', '.')
check('types of the web application', 'tsc', '--project', 'cloud/web')
if (values.static !== true) {
  installPeers(line => console.log(line))
  await runTests()
}

function check(what: string, command: string, ...args: string[]): void {
  const { status } = spawnSync(command, args, { stdio: 'inherit' })
  if (status === 0) return
  console.error(`${what}: failed`)
  process.exit(1)
}

async function runTests(): Promise<void> {
  const files = globSync('test/**/*.test.ts').filter(
    file => positionals.length === 0 || positionals.some(chosen => file.startsWith(chosen)),
  )
  if (files.length === 0) throw new Error(`No test file begins with ${positionals.join(' or ')}`)
  let failed = 0
  let skipped = 0
  const events = run({ files: files.sort(), concurrency: CONCURRENCY, timeout: 300_000 })
  events.on('test:fail', ({ todo }) => {
    if (todo === undefined) failed += 1
  })
  events.on('test:pass', ({ skip }) => {
    if (skip !== undefined) skipped += 1
  })
  await new Promise<void>((resolve, reject) => {
    events
      .compose(spec)
      .on('data', text => process.stdout.write(text))
      .on('end', resolve)
      .on('error', reject)
  })
  if (skipped > 0 && process.env.CI === 'true') {
    console.error(`${skipped} skipped: in CI nothing may be skipped`)
    failed += 1
  }
  process.exitCode = failed > 0 ? 1 : 0
}
