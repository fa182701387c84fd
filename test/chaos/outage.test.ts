// A long outage: ten devices of eight variables each minute, a gateway that is killed again and again meanwhile, and a cloud
// that comes back in the end. What is stored then is what was polled: every reading of every minute, as it was measured.
//
// The minutes pass as fast as the disk takes them (outage-site.ts). After a kill it goes on with the minute that was not
// confirmed whole: what was on disk of it already is a reading again, and the same one. What drains is the real program.
// OUTAGE_DAYS=30 OUTAGE_KILLS=200 node --test test/chaos/outage.test.ts is the outage that a site must be able to stand.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Reading } from '../../protocol/reading.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { type FakeCloud, openFakeCloud } from '../doubles/cloud.ts'
import { randomFrom } from '../doubles/random.ts'
import { until } from '../doubles/until.ts'
import { atEnd, temporaryFolder } from '../edge/buffer/folder.ts'
import { runProgram, stopProgram } from '../edge/site.ts'
import { sayFigures } from './figures.ts'
import { DEVICES, measured, SINCE, VARIABLES } from './outage-site.ts'

const DAYS = Number(process.env.OUTAGE_DAYS ?? 0.5)
const KILLS = Number(process.env.OUTAGE_KILLS ?? 5)
const SEED = Number(process.env.OUTAGE_SEED ?? systemClock.now() % 1_000_000)
const MINUTES = DAYS * 1440
const READINGS = MINUTES * DEVICES * VARIABLES.length

test(`an outage of ${DAYS} days with ${KILLS} kills ends with everything stored that was polled`, {
  timeout: 120_000 + DAYS * 60_000 + KILLS * 10_000,
}, async context => {
  const folder = await temporaryFolder(context)
  context.diagnostic(`seed ${SEED}`)
  const kills = await pollThrough(context, join(folder, 'buffer'))

  const stored = await drain(context, folder)

  const outage = `chaos: an outage of ${DAYS} days with ${kills} kills`
  const unit = `of ${READINGS.toLocaleString('en-US')}`
  sayFigures(context, [
    { name: `${outage}, stored of what was polled`, value: stored.count, unit },
    { name: `${outage}, came twice`, value: stored.twice, unit },
  ])
  assert.equal(kills, KILLS)
  assert.equal(stored.wrong, 0)
  assert.equal(stored.missingRanges, 0)
  assert.equal(stored.count, READINGS)
  assert.ok(stored.twice <= KILLS * DEVICES * VARIABLES.length)
  assert.equal(stored.numbers, READINGS + stored.twice)
})

/** Polls every minute of the outage, over as many lives as it takes. Returns how many of them were cut short. */
async function pollThrough(context: TestContext, buffer: string): Promise<number> {
  const random = randomFrom(SEED)
  const site = join(import.meta.dirname, 'outage-site.ts')
  let next = 0
  for (let kills = 0; ; kills += 1) {
    const lastsMinutes = Math.ceil((2 * random() * (MINUTES - next)) / (KILLS - kills + 1))
    const child = spawn(process.execPath, [site, buffer, String(next), String(MINUTES - 1)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    atEnd(context, () => child.kill('SIGKILL'))
    let said = ''
    const from = next
    child.stderr.on('data', chunk => context.diagnostic(String(chunk)))
    child.stdout.on('data', chunk => {
      const lines = `${said}${chunk}`.split('\n')
      said = lines.pop() ?? ''
      next = lines.length === 0 ? next : Number(lines.at(-1)) + 1
      if (kills < KILLS && next - from >= lastsMinutes && next < MINUTES) child.kill('SIGKILL')
    })
    const [code] = await once(child, 'close')
    assert.ok(code === 0 || (code === null && next > from), `it went on by itself: ${code}`)
    if (code === 0) return kills
  }
}

/** Has the gateway send everything, and looks at each reading once it has come. */
async function drain(context: TestContext, folder: string) {
  const cloud = await openFakeCloud({ clock: systemClock })
  atEnd(context, () => cloud.close())
  mkdirSync(join(folder, 'identity'))
  writeFileSync(join(folder, 'identity', 'token'), 'a-token')
  const file = join(folder, 'gateway.yaml')
  writeFileSync(
    file,
    `gateway: gw-test
client: campo
project: los-aromos
uplink: { url: "${cloud.url}", credentials: ./identity }
buffer: { path: ./buffer }
clock: trusted
`,
  )
  const gateway = runProgram(context, ['run', '--config', file], { environment: { LOG_LEVEL: 'warn' } })
  const check = openCheck()
  await until('everything is stored', () => check.take(cloud) >= READINGS, { timeoutMs: 60_000 * (DAYS + 1) })
  await stopProgram(gateway)
  check.take(cloud)
  return check.result()
}

/** Marks each reading off; what has been looked at is let go of. */
function openCheck() {
  const seen = new Uint8Array(READINGS)
  const result = { count: 0, twice: 0, wrong: 0, missingRanges: 0, numbers: 0 }
  const mark = ({ point, variable, at, value, quality, seq }: Reading) => {
    const [minute, device] = [(at - SINCE) / 60_000, Number(point.slice('pozo-'.length))]
    const index = VARIABLES.indexOf(variable)
    const expected = measured(device, minute)[index]
    if (expected?.value !== value || expected.quality !== quality) result.wrong += 1
    const place = (minute * DEVICES + device) * VARIABLES.length + index
    if (seen[place] === 0) result.count += 1
    else result.twice += 1
    seen[place] = 1
    result.numbers = Math.max(result.numbers, seq)
  }
  return {
    take(cloud: FakeCloud) {
      for (const reading of cloud.stored.values()) mark(reading)
      for (const { batch } of cloud.batches) result.missingRanges += batch.missing.length
      cloud.stored.clear()
      cloud.batches.length = 0
      return result.count
    },
    result: () => result,
  }
}
