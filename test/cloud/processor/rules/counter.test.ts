// The counter against its documented cases (test/cases/counters) and against a brute-force oracle.

import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import type { Meter } from '../../../../cloud/processor/rules/calibration.ts'
import { type CounterState, SUSPECTS_MAX, stepCounter } from '../../../../cloud/processor/rules/counter.ts'
import {
  beginRun,
  type CounterRules,
  continueRun,
  type VolumeRun,
} from '../../../../cloud/processor/volume.ts'
import type { SourceReading } from '../../../../cloud/store/derived.ts'
import { QUALITIES, QUALITY_NAMES, qualityOf } from '../../../../protocol/reading.ts'

const MINUTE = 60_000
const TOTAL = 2
const METER: Meter = { calibrationId: 1, source: TOTAL, litresPerCount: 1000, baseM3: 0, maxM3PerHour: 500 }

const Case = z.strictObject({
  what: z.string(),
  meter: z.strictObject({
    litresPerCount: z.number().optional(),
    baseM3: z.number().optional(),
    modulus: z.number().optional(),
  }),
  /** Minute and count. */
  readings: z.array(z.tuple([z.number(), z.number().nullable()])),
  /** Minute, volume, quality, what passed since the one before. */
  expected: z.array(
    z.tuple([z.number(), z.number().nullable(), z.enum(QUALITY_NAMES), z.number().nullable()]),
  ),
  /** Minute, kind, m³. */
  events: z.array(z.tuple([z.number(), z.string(), z.number().nullable()])),
})

for (const file of globSync('test/cases/counters/*/case.json').sort()) {
  const { what, meter, readings, expected, events } = Case.parse(JSON.parse(readFileSync(file, 'utf8')))
  test(`stepCounter() on ${basename(dirname(file))}: ${what}`, () => {
    const run = runOf(
      readings.map(([minute, count]) => reading(minute * MINUTE, count)),
      { ...METER, ...(meter as Partial<Meter>) },
    )

    assert.deepEqual(
      [...run.values.values()].map(({ at, value, quality, consumed }) => [
        at / MINUTE,
        rounded(value),
        qualityOf(quality),
        rounded(consumed),
      ]),
      expected,
    )
    assert.deepEqual(
      run.events.map(({ at, kind, amountM3 }) => [at / MINUTE, kind, rounded(amountM3)]),
      events,
    )
  })
}

/** What water does between two readings, and what the counter does to itself. */
const Happening = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('flow' as const), m3: fc.integer({ min: 0, max: 40 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('absent' as const), m3: fc.integer({ min: 0, max: 5 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('reset' as const), m3: fc.integer({ min: 3, max: 8 }) }),
  },
)

test('stepCounter() counts what a brute-force oracle counts, through absences, rollovers and resets', () => {
  fc.assert(
    fc.property(
      fc.array(Happening, { minLength: 2, maxLength: 200 }),
      fc.integer({ min: 20_000, max: 99_000 }),
      (happenings, start) => {
        const { readings, passedM3 } = playMeter(happenings, start)

        const run = runOf(readings, { ...METER, modulus: 100_000 })

        const consumed = [...run.values.values()].map(value => value.consumed ?? 0)
        assert.ok(consumed.every(m3 => m3 >= 0))
        assert.equal(
          consumed.reduce((a, b) => a + b, 0),
          passedM3,
        )
        const volumes = [...run.values.values()].map(({ value }) => value).filter(value => value !== null)
        assert.equal((volumes.at(-1) ?? 0) - (volumes[0] ?? 0), passedM3)
      },
    ),
    { numRuns: 500 },
  )
})

test('stepCounter() never counts a negative amount and never stays frozen, whatever comes (N1, N3)', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { maxLength: 100 }), counts => {
      let state: CounterState | undefined
      for (const [index, count] of counts.entries()) {
        const step = stepCounter(state, { at: index * MINUTE, count }, METER)
        state = step.state
        assert.ok(step.counted.every(({ consumedM3 }) => consumedM3 === null || consumedM3 >= 0))
        assert.ok(state.suspects.length < SUSPECTS_MAX)
      }
    }),
  )
})

test('continueRun() in any two pieces ends as in one, and agrees where nothing has changed (N4)', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: 0, max: 60 }), fc.constant(-1)), { minLength: 2, maxLength: 150 }),
      fc.nat(),
      (steps, cutAt) => {
        let count = 5000
        const readings = steps.map((step, index) => {
          if (step >= 0) count += step
          return reading(index * 20 * MINUTE, step < 0 ? 0 : count)
        })
        const whole = runOf(readings, METER)
        const checkpoints = [...whole.checkpoints.values()]
        const resume = checkpoints[cutAt % Math.max(1, checkpoints.length)]
        const rest = beginRun(resume)
        const before = new Map(checkpoints.map(({ at, state }) => [at, state]))
        const after = readings.filter(({ at }) => at > (resume?.at ?? -1))
        const dirtyUntil = after[0]?.at ?? 0

        continueRun(rest, after, { ...rulesOf(METER), before, dirtyUntil })

        for (const [at, value] of rest.values) assert.deepEqual(value, whole.values.get(at))
        if (after.some(({ at }) => at >= dirtyUntil && before.has(at))) assert.ok(rest.agreed)
      },
    ),
  )
})

test('stepCounter() counts on with a new factor from its time, and moves the volume by a new base alone', () => {
  const first = { ...METER, litresPerCount: 100, baseM3: 10 }
  const second = { ...first, calibrationId: 2, litresPerCount: 1000, baseM3: 15 }
  const run = beginRun(undefined)
  const meters = [
    { validFrom: 0, value: first },
    { validFrom: 90 * MINUTE, value: second },
  ]

  continueRun(run, [reading(0, 1000), reading(60 * MINUTE, 1010), reading(120 * MINUTE, 1012)], {
    ...rulesOf(METER),
    meters,
    before: new Map(),
    dirtyUntil: 0,
  })

  assert.deepEqual(
    [...run.values.values()].map(({ value, consumed }) => [value, consumed]),
    [
      [110, null],
      [111, 1],
      [118, 2],
    ],
  )
})

test('stepCounter() continues the volume with another counter, whose first reading counts nothing', () => {
  const pulses = { ...METER, source: 4, litresPerCount: 100 }
  const total = { ...METER, calibrationId: 2 }
  const run = beginRun(undefined)
  const meters = [
    { validFrom: 0, value: pulses },
    { validFrom: 90 * MINUTE, value: total },
  ]
  const readings = [
    { ...reading(0, 1000), variable: 4 },
    reading(0, 77),
    { ...reading(60 * MINUTE, 1010), variable: 4 },
    reading(120 * MINUTE, 500),
    { ...reading(120 * MINUTE, 9999), variable: 4 },
    reading(180 * MINUTE, 503),
  ]

  continueRun(run, readings, { ...rulesOf(METER), meters, before: new Map(), dirtyUntil: 0 })

  assert.deepEqual(
    [...run.values.values()].map(({ value, consumed }) => [value, consumed]),
    [
      [100, null],
      [101, 1],
      [101, null],
      [104, 3],
    ],
  )
})

function reading(at: number, count: number | null): SourceReading {
  const quality = count === null ? QUALITIES.no_answer.code : QUALITIES.good.code
  return { variable: TOTAL, at, value: count, quality, timeQuality: 0, flags: 0 }
}

const rulesOf = (meter: Meter): CounterRules => ({
  ...{ meters: [{ validFrom: 0, value: meter }], meterEvents: [], screens: new Map() },
})

function runOf(readings: readonly SourceReading[], meter: Meter): VolumeRun {
  const run = beginRun(undefined)
  continueRun(run, readings, { ...rulesOf(meter), before: new Map(), dirtyUntil: 0 })
  return run
}

/** Lets water through a meter of five digits, adding it up beside. Resets happen high up, where they can be told. */
function playMeter(
  happenings: readonly { kind: 'flow' | 'absent' | 'reset'; m3: number }[],
  start: number,
): { readings: SourceReading[]; passedM3: number } {
  let count = start
  let passedM3 = 0
  let counted = false
  let unread = 0
  const readings = [reading(0, count)]
  for (const [index, { kind, m3 }] of happenings.entries()) {
    const at = (index + 1) * 60 * MINUTE
    unread += m3
    if (kind === 'absent') {
      count = (count + m3) % 100_000
      readings.push(reading(at, null))
      continue
    }
    // What a counter forgets when it starts again nobody can know: a reset happens where everything was read.
    const canReset = kind === 'reset' && counted && unread === m3 && count > 20_000 && count < 90_000
    count = canReset ? 10 + m3 : (count + m3) % 100_000
    passedM3 += canReset ? 10 + m3 : unread
    unread = 0
    counted = true
    readings.push(reading(at, count))
  }
  return { readings, passedM3 }
}

const rounded = (value: number | null): number | null =>
  value === null ? null : Math.round(value * 1e6) / 1e6
