// What was counted adds up: hours to days, days to months, and to what an oracle knows that passed, through everything
// that a counter does, on days of 23 and 25 hours, whatever the order in which the readings came.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { dayOf, monthOf } from '../../../cloud/processor/civil-time.ts'
import type { Database } from '../../../cloud/store/database.ts'
import { insertMeterEvent } from '../../../cloud/store/rules.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { allValues, bucketsIn, openSite, processAll, type Sample } from './site.ts'

const MINUTE = 60_000
const HOUR = 3_600_000
const DAY = 86_400_000

/** Clocks go back on the night to Sunday 5 April 2026, a day of 25 hours, and forward on that to 6 September, of 23. */
const CHANGES = [Date.parse('2026-04-03T12:00:00Z'), Date.parse('2026-09-04T12:00:00Z')]

/** What may happen between two readings, and how many litres pass in each minute of it. */
interface Happening {
  minutes: number
  litresEach: number
  kind: 'flow' | 'absent' | 'zero' | 'glitch' | 'truncated' | 'replacement' | 'reset'
}

const Happening: fc.Arbitrary<Happening> = fc.record({
  minutes: fc.constantFrom(1, 7, 15, 60, 130, 600),
  litresEach: fc.integer({ min: 0, max: 10 }),
  kind: fc.oneof(
    { weight: 6, arbitrary: fc.constant('flow' as const) },
    {
      weight: 2,
      arbitrary: fc.constantFrom('absent', 'zero', 'glitch', 'truncated', 'replacement', 'reset'),
    },
  ),
})

/** A meter that counts whole litres and rolls over, what people wrote down of it, and what it let through. */
function play(happenings: readonly Happening[], { from, modulus }: { from: number; modulus: number }) {
  const start = modulus - 500
  const samples: Sample[] = [[from, 'pulses', start]]
  const events: { at: number; beforeCount: number; afterCount: number }[] = []
  let [at, count, passed, known] = [from, start, 0, 0]
  let wasRead = true
  for (const [index, { minutes, litresEach, kind }] of [...happenings, ...CALM].entries()) {
    at += minutes * MINUTE
    passed += minutes * litresEach
    const before = count
    count = (count + minutes * litresEach) % modulus
    // Nobody changes a meter at the very moment at which it rolls over, and whoever does has read it well before.
    if ((kind === 'replacement' || kind === 'reset') && count > before && wasRead) {
      events.push({ at: at - 1, beforeCount: count, afterCount: kind === 'reset' ? 0 : 70 })
      count = kind === 'reset' ? 0 : 70
    }
    // Glitches do not follow from each other: what does is believed after a while.
    // Of a young counter nobody can tell what is missing.
    const isOld = count > 20_000
    const shown = {
      ...{ flow: count, replacement: count, reset: count, absent: null, zero: isOld ? 0 : count },
      ...{ truncated: isOld ? Math.floor(count / 10) : count, glitch: count + (index % 2 === 0 ? 4e7 : 9e7) },
    }[kind]
    samples.push([at, 'pulses', shown])
    if (shown === count) known = passed
    if (shown !== null) wasRead = shown === count
  }
  return { samples, events, known }
}

/** At the end all is read again, so that nothing is left that nobody knows. */
const CALM: readonly Happening[] = [1, 2, 3, 4].map(() => ({
  ...{ minutes: 15, litresEach: 1, kind: 'flow' },
}))

describe('what was counted', () => {
  let database: TestDatabase
  let db: Database
  before(async () => {
    database = await openTestDatabase()
    db = database.db
  })
  after(() => database.close())

  test('adds up exactly: values, hours, days and months, as an oracle counts, whatever the order of arrival', async () => {
    const lengths = new Set<number>()
    await fc.assert(
      fc.asyncProperty(
        fc.array(Happening, { minLength: 20, maxLength: 120 }),
        fc.constantFrom(...CHANGES),
        fc.constantFrom(65_536, 99_999, 1_000_000),
        fc.infiniteStream(fc.nat()),
        async (happenings, from, modulus, order) => {
          const site = await openSite(db)
          const pointId = await site.pointId()
          await site.calibrate(
            'pulses_to_volume',
            { litresPerPulse: 1, modulus, maxM3PerHour: 0.8 },
            from - DAY,
          )
          const { samples, events, known } = play(happenings, { from, modulus })
          for (const event of events) {
            const entered = {
              pointId,
              kind: 'replacement' as const,
              note: null,
              createdBy: 'a test',
              ...event,
            }
            await insertMeterEvent(db, entered)
          }
          const shuffled = samples.map(sample => ({ sample, key: order.next().value ?? 0 }))
          shuffled.sort((a, b) => a.key - b.key)
          for (let start = 0; start < shuffled.length; start += 25) {
            await site.commit(shuffled.slice(start, start + 25).map(({ sample }) => sample))
            await processAll(db)
          }

          const values = await allValues(db, pointId, 'volume')
          const counted = mlOf(values.map(({ consumed }) => consumed))
          assert.equal(counted, known * ML_OF_LITRE)
          const [hours, days, months] = await Promise.all(
            (['hour', 'day', 'month'] as const).map(size => bucketsIn(db, pointId, 'volume', size)),
          )
          for (const buckets of [hours, days, months]) {
            assert.equal(mlOf((buckets ?? []).map(({ consumption }) => consumption)), counted)
          }
          for (const month of months ?? []) {
            const { to } = monthOf(month.at)
            const inIt = (days ?? []).filter(day => day.at >= month.at && day.at < to)
            assert.equal(mlOf(inIt.map(({ consumption }) => consumption)), mlOf([month.consumption]))
          }
          for (const { at } of days ?? []) lengths.add((dayOf(at).to - at) / HOUR)
        },
      ),
      { numRuns: 25 },
    )
    assert.deepEqual([...lengths].sort(), [23, 24, 25])
  })
})

const ML_OF_LITRE = 1_000

/** In whole millilitres, which add up in whole numbers. */
function mlOf(m3: readonly (number | null)[]): number {
  return m3.reduce<number>((sum, one) => sum + Math.round((one ?? 0) * 1e6), 0)
}
