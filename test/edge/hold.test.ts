// Readings taken before the clock was first synchronised, with a real buffer and a clock that a test steps.

import assert from 'node:assert/strict'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { type Buffer, openBuffer } from '../../edge/buffer.ts'
import { type Hold, openHold, readGuess } from '../../edge/hold.ts'
import { openTimeQuality, type TimeQualityProbe } from '../../edge/time-quality.ts'
import type { Measurement, Reading } from '../../protocol/reading.ts'
import { Unavailable } from '../../protocol/runtime/errors.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { type FakeClock, openFakeClock } from '../doubles/clock.ts'
import { until } from '../doubles/until.ts'
import { atEnd, RESERVE_BYTES, temporaryFolder } from './buffer/folder.ts'

/** A machine whose clock starts wrong. */
interface Machine {
  clock: FakeClock
  buffer: Buffer
  folder: string
  /** What `ask` says. */
  synced: boolean | undefined
  connected: boolean
  time: TimeQualityProbe
  hold: Hold
  boot: string
  /** Ends the process, which is no better than losing power, and starts the next. */
  restart(options?: { boot?: string; maxBytes?: number; refuseAfter?: number }): Promise<void>
  look(): Promise<void>
  /** Takes and stores one measurement with this value. */
  poll(value: number): Promise<void>
  stored(): Promise<readonly Reading[]>
}

async function openMachine(folder: string, start?: number): Promise<Machine & { close(): Promise<void> }> {
  const clock = openFakeClock(start)
  const buffer = await openBuffer(
    { clock, log: silentLog },
    { path: folder, maxBytes: 2 ** 24, reserveBytes: RESERVE_BYTES },
  )
  let stop = new AbortController()
  let loop = Promise.resolve()
  const end = async () => {
    stop.abort()
    await loop.catch(() => {})
    await machine.hold?.close()
  }
  const machine = {
    ...{ clock, buffer, folder, boot: 'boot-1', synced: false as boolean | undefined, connected: false },
    async restart({ boot = machine.boot, maxBytes = 2 ** 20, refuseAfter = Number.POSITIVE_INFINITY } = {}) {
      await end()
      machine.boot = boot
      stop = new AbortController()
      const guessMs = await readGuess(folder, boot)
      machine.time = await openTimeQuality({ clock }, async () => machine.synced, { guessMs })
      let appends = 0
      const append = (group: readonly Measurement[]) => {
        appends += 1
        if (appends > refuseAfter) throw new Unavailable('The disk is full')
        return buffer.append(group)
      }
      machine.hold = await openHold(
        {
          ...{ clock, log: silentLog, time: machine.time, onReleased: () => {} },
          ...{ buffer: { append, epoch: buffer.epoch }, connected: () => machine.connected },
        },
        { folder, boot, maxBytes },
      )
      loop = machine.time.run(stop.signal)
      loop.catch(() => {})
    },
    look: () => clock.advance(30_000),
    async poll(value: number) {
      const { clock: stamped, quality } = machine.time.stamp()
      const at = stamped.now()
      await machine.hold.store([
        { point: 'pozo-7', variable: 'flow', at, value, quality: 'good', timeQuality: quality },
      ])
    },
    async stored() {
      const readings: Reading[] = []
      for (let from = 1; ; from = (readings.at(-1)?.seq ?? 0) + 1) {
        const stretch = await buffer.read(from, 500)
        if (stretch === undefined) return readings
        readings.push(...stretch.readings)
      }
    },
    async close() {
      await end()
      await buffer.close()
    },
  } as unknown as Machine & { close(): Promise<void> }
  await machine.restart()
  return machine
}

async function newMachine(context: TestContext): Promise<Machine> {
  const machine = await openMachine(join(await temporaryFolder(context), 'buffer'))
  atEnd(context, () => machine.close())
  return machine
}

const HOUR = 3_600_000

test('what several lines store at the same time waits for the disk together, and keeps its order (C1)', async context => {
  const clock = openFakeClock()
  const disk = Promise.withResolvers<void>()
  const asked: number[] = []
  const append = async (group: readonly Measurement[]): Promise<Reading[]> => {
    asked.push(group[0]?.value ?? 0)
    await disk.promise
    if (group[0]?.value === 2) throw new Unavailable('The disk is full')
    return group.map((one, index) => ({ ...one, seq: index + 1 }))
  }
  const time = await openTimeQuality({ clock }, async () => true, { guessMs: undefined })
  const hold = await openHold(
    {
      ...{ clock, log: silentLog, time, connected: () => false, onReleased: () => {} },
      buffer: { append, epoch: 1 },
    },
    { folder: await temporaryFolder(context), boot: 'boot-1' },
  )
  atEnd(context, () => hold.close())
  const store = (value: number) =>
    hold.store([
      { point: 'pozo-7', variable: 'flow', at: 1000, value, quality: 'good', timeQuality: 'synced' },
    ])

  const stored = Promise.allSettled([store(1), store(2), store(3)])
  await until('all three wait for the disk', () => asked.length === 3)
  disk.resolve()

  assert.deepEqual(asked, [1, 2, 3])
  assert.deepEqual(
    (await stored).map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
})

test('readings before the first synchronisation get their true time when it comes, also in a later process (C2)', async context => {
  const machine = await newMachine(context)
  const trueStart = machine.clock.now() + 5 * HOUR
  await machine.poll(1)
  await machine.clock.advance(60_000)
  machine.clock.step(-HOUR)
  await machine.poll(2)
  await machine.restart()
  await machine.clock.advance(60_000)
  await machine.poll(3)
  assert.deepEqual(await machine.stored(), [], 'they wait')

  machine.clock.step(6 * HOUR)
  machine.synced = true
  await machine.look()
  await machine.poll(4)

  assert.deepEqual(
    (await machine.stored()).map(({ seq, value, at, timeQuality }) => [
      seq,
      value,
      at - trueStart,
      timeQuality,
    ]),
    [
      [1, 1, 0, 'corrected'],
      [2, 2, 60_000, 'corrected'],
      [3, 3, 120_000, 'corrected'],
      [4, 4, 150_000, 'synced'],
    ],
  )
  const [correction] = JSON.parse(await readFile(join(machine.folder, 'corrections.json'), 'utf8'))
  assert.deepEqual(
    [correction.first, correction.through, correction.shiftMs, correction.boot],
    [1, 3, 5 * HOUR, 'boot-1'],
  )
})

test('a poll that began before the synchronisation and ended after it is corrected too', async context => {
  const machine = await newMachine(context)
  const { clock, quality } = machine.time.stamp()
  machine.clock.step(HOUR)
  machine.synced = true
  await machine.look()
  const at = clock.now()

  const one = {
    point: 'pozo-7',
    variable: 'flow',
    at,
    value: 1,
    quality: 'good',
    timeQuality: quality,
  } as const
  await machine.hold.store([one])

  assert.deepEqual(
    (await machine.stored()).map(reading => [reading.at, reading.timeQuality]),
    [[machine.clock.now(), 'corrected']],
  )
})

test('what waits goes on as it is after another boot, above its bound, and when nobody can tell (C3)', async context => {
  const machine = await newMachine(context)
  const start = machine.clock.now()
  await machine.poll(1)
  machine.clock.step(HOUR)
  machine.synced = true
  await machine.restart({ boot: 'boot-2' })
  machine.synced = false
  await machine.restart({ boot: 'boot-3', maxBytes: 250 })
  await machine.poll(2)
  assert.equal((await machine.stored()).length, 1)
  await machine.poll(3)
  assert.equal((await machine.stored()).length, 3)
  machine.synced = undefined
  await machine.restart({ boot: 'boot-4' })
  await machine.poll(4)

  const stored = await machine.stored()
  assert.deepEqual(
    stored.map(({ value, timeQuality }) => [value, timeQuality]),
    [1, 2, 3, 4].map(value => [value, 'unsynced']),
  )
  assert.equal(stored[0]?.at, start)
})

test('the clock is given up when the cloud has been reached for ten minutes, and not while it is away (C3)', async context => {
  const machine = await newMachine(context)
  const stop = new AbortController()
  const loop = machine.hold.run(stop.signal).catch(() => {})
  atEnd(context, () => {
    stop.abort()
    return loop
  })
  await machine.poll(1)
  await machine.clock.advance(24 * HOUR)
  assert.deepEqual(await machine.stored(), [])

  machine.connected = true
  await machine.clock.advance(9 * 60_000)
  assert.deepEqual(await machine.stored(), [])
  await until('it was given up', async () => {
    await machine.clock.advance(5_000)
    return (await machine.stored()).length > 0
  })

  assert.equal((await machine.stored())[0]?.timeQuality, 'unsynced')
})

test('a torn last line was never confirmed, and one that is damaged costs itself (C1)', async context => {
  const machine = await newMachine(context)
  for (const value of [1, 2, 3]) await machine.poll(value)
  const file = join(machine.folder, 'held')
  await writeFile(file, (await readFile(file, 'utf8')).replace('"value":2', '"value":7'))
  await appendFile(file, '00000000 {"point":"poz')
  await machine.restart()
  await machine.poll(4)

  machine.synced = true
  await machine.look()
  await machine.poll(5)

  assert.deepEqual(
    (await machine.stored()).map(({ value }) => value),
    [1, 3, 4, 5],
  )
})

test('a release that the disk stops is finished later: in this process nothing moves twice, in the next to the same time (C4)', async context => {
  const machine = await newMachine(context)
  for (let value = 1; value <= 1_200; value += 1) {
    await machine.poll(value)
    await machine.clock.advance(10)
  }
  machine.clock.step(HOUR)
  machine.synced = true
  await machine.restart({ refuseAfter: 1 })
  await assert.rejects(machine.poll(0), Unavailable)
  assert.equal((await machine.stored()).length, 500)

  machine.clock.step(1)
  await machine.restart()
  await machine.poll(1_201)

  const stored = await machine.stored()
  const instants = new Map(stored.map(({ value, at }) => [value, at]))
  assert.equal(instants.size, 1_201)
  assert.ok(
    stored.every(({ value, at }) => instants.get(value) === at),
    'what came twice came with the same time',
  )
})

/** What can happen to a machine before and after its clock is set. */
const Step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('poll' as const),
      afterMs: fc.integer({ min: 1, max: 90_000 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('step' as const), ms: fc.integer({ min: -HOUR, max: HOUR }) }),
  },
  fc.record({ kind: fc.constant('restart' as const) }),
  fc.record({ kind: fc.constant('reboot' as const) }),
  fc.record({ kind: fc.constant('sync' as const) }),
)

test('whatever the clock does, each reading is stored once, in order, and at its true time when that became known', async context => {
  const root = await temporaryFolder(context)
  let run = 0
  await fc.assert(
    fc.asyncProperty(fc.array(Step, { maxLength: 25 }), async steps => {
      run += 1
      const machine = await openMachine(join(root, `${run}`))
      const trueNow = () => machine.clock.monotonic() + trueOffset
      const trueOffset = machine.clock.now() + 100 * 24 * HOUR
      const polled: { boot: string; at: number }[] = []
      const known = new Set<string>()
      try {
        for (const step of [...steps, { kind: 'sync' as const }, { kind: 'poll' as const, afterMs: 1 }]) {
          if (step.kind === 'step' && !machine.synced) machine.clock.step(step.ms)
          if (step.kind === 'restart') await machine.restart()
          if (step.kind === 'reboot') {
            machine.synced = false
            await machine.restart({ boot: `boot-${polled.length}-${Math.random()}` })
          }
          if (step.kind === 'sync') {
            machine.clock.step(Math.round(trueNow() - machine.clock.now()))
            machine.synced = true
            await machine.look()
            await machine.hold.store([])
            known.add(machine.boot)
          }
          if (step.kind !== 'poll') continue
          await machine.clock.advance(step.afterMs)
          polled.push({ boot: machine.boot, at: trueNow() })
          await machine.poll(polled.length)
        }
        const stored = await machine.stored()
        assert.deepEqual(
          stored.map(({ value }) => value),
          polled.map((_, index) => index + 1),
        )
        for (const [index, { at, timeQuality }] of stored.entries()) {
          const { boot, at: truth } = polled[index] as (typeof polled)[number]
          assert.equal(timeQuality !== 'unsynced', known.has(boot))
          if (known.has(boot)) assert.equal(at, Math.round(truth))
        }
      } finally {
        await machine.close()
      }
    }),
    { numRuns: 60 },
  )
})
