// The days of the buffer's numbers: kept through restarts, power cuts and full disks, and told in a few words.

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Buffer, openBuffer } from '../../edge/buffer.ts'
import { openLedger, toNumbers } from '../../edge/ledger.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { LEDGER_DAYS_MAX, LEDGER_RANGES_MAX } from '../../protocol/status.ts'
import { openFakeClock } from '../doubles/clock.ts'
import { atEnd, measurements, RESERVE_BYTES, temporaryFolder } from './buffer/folder.ts'

const DAY_MS = 86_400_000

async function openScene(context: TestContext) {
  // 09:00 in Chile.
  const clock = openFakeClock(Date.parse('2026-01-15T12:00:00Z'))
  const path = join(await temporaryFolder(context), 'buffer')
  const open = () =>
    openBuffer({ clock, log: silentLog }, { path, maxBytes: 2 ** 20, reserveBytes: RESERVE_BYTES })
  const scene = {
    ...{ clock, path, lost: 0, underWay: [] as { first: number; last: number }[] },
    buffer: await open(),
    ledger: undefined as unknown as Awaited<ReturnType<typeof openLedger>>,
    /** As a new process finds it. */
    async restart() {
      await scene.buffer.close()
      scene.buffer = await open()
      scene.lost = 0
      await scene.openLedger()
    },
    async openLedger() {
      const deps = { clock, log: silentLog, lost: () => scene.lost, underWay: () => scene.underWay }
      const buffer: Pick<Buffer, 'epoch' | 'status'> = {
        get epoch() {
          return scene.buffer.epoch
        },
        status: () => scene.buffer.status(),
      }
      scene.ledger = await openLedger({ ...deps, buffer }, path)
    },
    async poll(count: number) {
      await scene.ledger.look()
      await scene.buffer.append(measurements(count))
    },
    days: async () => (await scene.ledger.tell()).days.map(({ day, first, lost }) => [day, first, lost]),
  }
  await scene.openLedger()
  atEnd(context, () => scene.buffer.close())
  return scene
}

test('a day begins with the first number of it, at midnight in Chile, and a restart changes nothing', async context => {
  const scene = await openScene(context)
  await scene.poll(3)
  await scene.clock.advance(DAY_MS / 2)
  await scene.poll(2)
  await scene.clock.advance(DAY_MS / 4)
  await scene.poll(4)
  await scene.restart()
  await scene.poll(1)

  assert.deepEqual(await scene.days(), [
    ['2026-01-15', 1, 0],
    ['2026-01-16', 6, 0],
  ])
})

test('what is not answered is told, and what of it is on its way', async context => {
  const scene = await openScene(context)
  await scene.poll(10)
  await scene.buffer.ack(scene.buffer.epoch, 3, 6)
  scene.underWay = [{ first: 1, last: 2 }]

  const { days: _, ...told } = await scene.ledger.tell()

  assert.deepEqual(told, {
    ...{ epoch: scene.buffer.epoch, next: 11, underWay: [[1, 2]] },
    unanswered: [
      [1, 2],
      [7, 10],
    ],
  })
})

test('what could not be put on disk is counted on its day, and found again', async context => {
  const scene = await openScene(context)
  await scene.poll(1)
  scene.lost = 5
  await scene.ledger.tell()
  await scene.restart()
  scene.lost = 2

  assert.deepEqual(await scene.days(), [['2026-01-15', 1, 7]])
})

test('days of which nothing is unanswered are told for a week, the others until they are answered', async context => {
  const scene = await openScene(context)
  for (let day = 0; day < 20; day += 1) {
    await scene.poll(1)
    await scene.clock.advance(DAY_MS)
  }
  const before = await scene.days()
  await scene.buffer.ack(scene.buffer.epoch, 1, 18)
  const after = await scene.days()

  assert.equal(before.length, 21)
  assert.deepEqual(after, before.slice(-7))
})

test('a file that is damaged or cannot be written costs days, and holds up nobody', async context => {
  const scene = await openScene(context)
  await scene.poll(4)
  writeFileSync(join(scene.path, 'days.json'), '{"v":1,"epo')
  await scene.restart()
  const anew = await scene.days()
  // A folder in the place of the file that is written first.
  mkdirSync(join(scene.path, 'days.json.new'))
  await scene.clock.advance(DAY_MS)
  await scene.poll(2)
  const unwritten = await scene.days()
  rmSync(join(scene.path, 'days.json.new'), { recursive: true })
  await scene.poll(1)
  const written = await scene.days()

  assert.deepEqual(anew, [['2026-01-15', 1, 0]])
  assert.deepEqual(unwritten, anew)
  assert.deepEqual(written, [
    ['2026-01-15', 1, 0],
    ['2026-01-16', 7, 0],
  ])
})

test('a clock that jumps about makes no more days than are kept, and their numbers ascend', async context => {
  const scene = await openScene(context)
  for (let jump = 0; jump < LEDGER_DAYS_MAX + 20; jump += 1) {
    scene.clock.step(jump % 2 === 0 ? 3 * DAY_MS : -2 * DAY_MS)
    if (jump % 3 > 0) await scene.poll(1)
    else await scene.ledger.look()
  }
  const { days } = JSON.parse(readFileSync(join(scene.path, 'days.json'), 'utf8')) as {
    days: { first: number }[]
  }

  assert.ok(days.length <= LEDGER_DAYS_MAX && days.length > 100)
  assert.ok(days.every(({ first }, index) => index === 0 || first > (days[index - 1]?.first ?? 0)))
})

test('toNumbers() tells no more ranges than may be, and joins those that are closest', () => {
  const ranges = Array.from({ length: LEDGER_RANGES_MAX + 2 }, (_, index) => {
    const first = index * 100 + (index === 10 ? -90 : 0)
    return { first: first + 1, last: first + 5 }
  })

  const told = toNumbers(ranges)

  assert.equal(told.length, LEDGER_RANGES_MAX)
  assert.deepEqual(told[9], [901, 915])
  assert.ok(ranges.every(({ first, last }) => told.some(([from, to]) => from <= first && last <= to)))
})
