// Lines and sources on a clock that the test moves.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { GATEWAY_METRICS } from '../../edge/health.ts'
import { type Collected, type Line, openLine, type PollerDeps, type Source } from '../../edge/poller.ts'
import type { Measurement } from '../../protocol/reading.ts'
import { Rejected, Unavailable } from '../../protocol/runtime/errors.ts'
import { openMetrics } from '../../protocol/runtime/metrics.ts'
import { type FakeClock, openFakeClock } from '../doubles/clock.ts'
import { atEnd, keptLog } from './buffer/folder.ts'

/** 2026-01-15T12:00:00Z, on the hour. */
const NOON = Date.parse('2026-01-15T12:00:00Z')

interface Field {
  clock: FakeClock
  deps: PollerDeps
  stored: Measurement[]
  said: ReturnType<typeof keptLog>['said']
  /** Refuses what it throws for. */
  refuse: (how: (group: readonly Measurement[]) => void) => void
}

function openField(start = NOON): Field {
  const clock = openFakeClock(start)
  const { log, said } = keptLog()
  const stored: Measurement[] = []
  let refusal: (group: readonly Measurement[]) => void = () => {}
  const deps: PollerDeps = {
    ...{ clock, log, metrics: openMetrics(GATEWAY_METRICS), health: new Map() },
    store: async group => {
      refusal(group)
      stored.push(...group)
    },
  }
  const refuse: Field['refuse'] = how => {
    refusal = how
  }
  return { clock, deps, stored, said, refuse }
}

const measured = (at: number, more: Partial<Measurement> = {}): Measurement => ({
  ...{ point: 'pozo-7', variable: 'flow', at, value: 1, quality: 'good', timeQuality: 'synced' },
  ...more,
})

interface Polled extends Source {
  /** When it was asked. */
  asked: number[]
}

/** A source that answers at once, or as it is told. */
function source(
  { clock }: Field,
  options: Partial<Source> & { answer?: (ask: number) => Promise<Collected> } = {},
): Polled {
  const asked: number[] = []
  const { answer = async () => ({ measurements: [measured(clock.now())], failure: undefined }), ...rest } =
    options
  return {
    ...{ id: 'meter', provider: undefined, everyMs: 60_000, delayMs: 0, asked },
    collect: () => {
      asked.push(clock.now())
      return answer(asked.length)
    },
    ...rest,
  }
}

function run(context: TestContext, field: Field, ...lines: (readonly Source[])[]): Line[] {
  const stopping = new AbortController()
  const opened = lines.map((sources, index) => openLine(field.deps, { id: `line-${index}`, sources }))
  const loops = opened.map(line =>
    line.run(stopping.signal).catch((error: unknown) => {
      if (error !== stopping.signal.reason) throw error
    }),
  )
  atEnd(context, async () => {
    stopping.abort(new Error('stop'))
    await Promise.all(loops)
  })
  return opened
}

const since = (asked: readonly number[]): number[] => asked.map(at => at - NOON)

const missed = ({ deps }: Field): number =>
  deps.metrics.read()['gateway_polls_missed_total{source="meter"}'] ?? 0

test('a source is asked at whole multiples of its interval on the wall clock, moved by its delay', async context => {
  const field = openField(NOON + 17_300)
  const meter = source(field)
  const late = source(field, { id: 'late', everyMs: 30_000, delayMs: 5_000 })
  run(context, field, [meter, late])

  await field.clock.advance(120_000)

  assert.deepEqual(since(meter.asked), [60_000, 120_000])
  assert.deepEqual(since(late.asked), [35_000, 65_000, 95_000, 125_000])
  assert.equal(missed(field), 0)
})

test('a poll that takes longer than its interval leaves instants out, and they are counted, not made up for', async context => {
  const field = openField(NOON + 1)
  const meter = source(field, {
    everyMs: 10_000,
    answer: async ask => {
      if (ask === 1) await field.clock.sleep(34_000)
      return { measurements: [measured(field.clock.now())], failure: undefined }
    },
  })
  run(context, field, [meter])

  await field.clock.advance(70_000)

  assert.deepEqual(since(meter.asked), [10_000, 50_000, 60_000, 70_000])
  assert.equal(missed(field), 3)
  assert.equal(field.deps.health.get('meter')?.missed, 3)
})

test('a step of the clock forward brings no burst, and the instants it leapt over count as nothing missed', async context => {
  const field = openField(NOON + 1)
  const meter = source(field)
  run(context, field, [meter])
  await field.clock.advance(60_000)

  field.clock.step(3 * 3_600_000 + 20_000)
  await field.clock.advance(60_000)

  assert.deepEqual(since(meter.asked), [60_000, 3 * 3_600_000 + 120_000])
  assert.equal(missed(field), 0)
  assert.deepEqual(
    field.said('clock stepped').map(({ stepMs }) => stepMs),
    [3 * 3_600_000 + 20_000],
  )
})

test('a step forward in the middle of a poll counts as nothing missed either', async context => {
  const field = openField(NOON + 1)
  const meter = source(field, {
    answer: async () => {
      if (meter.asked.length === 1) field.clock.step(3_600_000)
      return { measurements: [measured(field.clock.now())], failure: undefined }
    },
  })
  run(context, field, [meter])

  await field.clock.advance(180_000)

  assert.deepEqual(since(meter.asked), [60_000, 3_720_000, 3_780_000])
  assert.equal(missed(field), 0)
})

test('a small step back makes no instant come twice; after a large one polling goes on within an interval', async context => {
  const field = openField(NOON + 1)
  const meter = source(field)
  run(context, field, [meter])
  await field.clock.advance(60_000)

  field.clock.step(-30_000)
  await field.clock.advance(90_000)
  assert.deepEqual(since(meter.asked), [60_000, 120_000])

  field.clock.step(-7_200_000)
  await field.clock.advance(60_500)
  assert.equal(meter.asked.length, 3)
  assert.equal(missed(field), 0)
})

test('a step back in the middle of a poll does not make its instant due again', async context => {
  const field = openField(NOON + 1)
  const meter = source(field, {
    answer: async () => {
      if (meter.asked.length === 1) field.clock.step(-10_000)
      return { measurements: [measured(field.clock.now())], failure: undefined }
    },
  })
  run(context, field, [meter])

  await field.clock.advance(75_000)

  assert.deepEqual(since(meter.asked), [60_000, 120_000].slice(0, meter.asked.length))
  assert.equal(meter.asked.length, 1)
  await field.clock.advance(60_000)
  assert.deepEqual(since(meter.asked), [60_000, 120_000])
})

test('a source that hangs until its deadline delays those of its line by that and no more, and no other line', async context => {
  const field = openField(NOON + 1)
  const dead = source(field, {
    id: 'dead',
    everyMs: 10_000,
    answer: async () => {
      await field.clock.sleep(3_000)
      return {
        measurements: [measured(field.clock.now(), { value: null, quality: 'no_answer' })],
        failure: 'no answer in 3000 ms',
      }
    },
  })
  const neighbour = source(field, { id: 'neighbour', everyMs: 10_000 })
  const elsewhere = source(field, { id: 'elsewhere', everyMs: 10_000 })
  run(context, field, [dead, neighbour], [elsewhere])

  await field.clock.advance(35_000)

  assert.deepEqual(since(elsewhere.asked), [10_000, 20_000, 30_000])
  assert.deepEqual(since(neighbour.asked), [13_000, 23_000, 33_000])
  assert.deepEqual(since(dead.asked), [10_000, 20_000, 30_000])
})

test('a poll that failed is stored as readings without a value, and said once until it changes', async context => {
  const field = openField(NOON + 1)
  let isDead = true
  const meter = source(field, {
    everyMs: 1_000,
    answer: async () =>
      isDead
        ? {
            measurements: [
              measured(field.clock.now(), { value: null, quality: 'no_answer' }),
              measured(field.clock.now(), { variable: 'level', value: null, quality: 'no_answer' }),
            ],
            failure: 'no answer in 300 ms',
          }
        : { measurements: [measured(field.clock.now())], failure: undefined },
  })
  run(context, field, [meter])

  await field.clock.advance(3_000)
  assert.deepEqual(
    field.stored.map(({ value, quality }) => [value, quality]),
    Array.from({ length: 6 }, () => [null, 'no_answer']),
  )
  assert.equal(field.said('source failed').length, 1)
  isDead = false
  await field.clock.advance(1_000)

  assert.equal(field.said('source answered again').length, 1)
  const { lastOkAt, ...health } = field.deps.health.get('meter') ?? {}
  assert.deepEqual(health, { ok: 1, failed: 3, missed: 0 })
  assert.equal(lastOkAt, NOON + 4_000)
})

test('a source that breaks is a failed poll, and the next source of its line is asked', async context => {
  const field = openField(NOON + 1)
  const broken = source(field, {
    id: 'broken',
    answer: async () => {
      throw new Error('a bug in a driver')
    },
  })
  const meter = source(field)
  run(context, field, [broken, meter])

  await field.clock.advance(60_000)

  assert.equal(field.stored.length, 1)
  assert.equal(field.deps.health.get('broken')?.lastFailure, 'broke: a bug in a driver')
})

test('a measurement that can never be stored is left out alone, and each is counted once', async context => {
  const field = openField(NOON + 1)
  field.refuse(group => {
    if (group.some(({ variable }) => variable === 'level')) throw new Rejected('its time is after 2105')
  })
  const meter = source(field, {
    answer: async () => ({
      measurements: (['flow', 'level', 'total'] as const).map(variable =>
        measured(field.clock.now(), { variable }),
      ),
      failure: undefined,
    }),
  })
  run(context, field, [meter])

  await field.clock.advance(60_000)

  assert.deepEqual(
    field.stored.map(({ variable }) => variable),
    ['flow', 'total'],
  )
  const counts = field.deps.metrics.read()
  assert.equal(counts.gateway_readings_polled_total, 3)
  assert.equal(counts['gateway_readings_lost_total{source="meter"}'], 1)
})

test('what cannot be stored now is lost with its count and reason, and the line goes on', async context => {
  const field = openField(NOON + 1)
  let isFull = true
  field.refuse(() => {
    if (isFull) throw new Unavailable('the disk is full')
  })
  const meter = source(field)
  run(context, field, [meter])
  await field.clock.advance(120_000)
  isFull = false
  await field.clock.advance(60_000)

  assert.equal(field.stored.length, 1)
  assert.equal(field.deps.metrics.read()['gateway_readings_lost_total{source="meter"}'], 2)
  assert.deepEqual(
    field.said('readings lost: they could not be stored').map(({ count, reason }) => [count, reason]),
    [
      [1, 'the disk is full'],
      [1, 'the disk is full'],
    ],
  )
})

test('poll() asks in turn with what is due, and says how many values were stored', async context => {
  const field = openField(NOON + 1)
  const slow = source(field, {
    id: 'slow',
    answer: async () => {
      await field.clock.sleep(2_000)
      return { measurements: [measured(field.clock.now())], failure: undefined }
    },
  })
  const meter = source(field, {
    everyMs: 3_600_000,
    answer: async () => ({
      measurements: [
        measured(field.clock.now()),
        measured(field.clock.now(), { variable: 'level', value: null, quality: 'exception' }),
      ],
      failure: 'exception 2',
    }),
  })
  const [line] = run(context, field, [slow, meter])
  await field.clock.advance(60_000)
  assert.deepEqual(since(slow.asked), [60_000])

  const stored = line?.poll(meter, new AbortController().signal)
  await field.clock.advance(2_000)

  assert.equal(await stored, 1)
  assert.deepEqual(since(meter.asked), [62_000])
})
