// The outcome does not depend on the order in which readings arrived, on the batches that brought them, nor on how often.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import type { Database } from '../../../cloud/store/database.ts'
import { VARIABLES } from '../../../protocol/variables.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { allValues, bucketsIn, openSite, processAll, type Sample, type Site } from './site.ts'

const T = Date.parse('2026-01-15T12:00:00Z')
const MINUTE = 60_000
const DAY = 86_400_000

describe('the processor, whatever the order of arrival', () => {
  let database: TestDatabase
  let db: Database
  before(async () => {
    database = await openTestDatabase()
    db = database.db
  })
  after(() => database.close())

  test('ends the same in whatever order, in whatever batches and however often readings come', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(Moment, { minLength: 5, maxLength: 80 }),
        fc.infiniteStream(fc.nat()),
        fc.integer({ min: 1, max: 20 }),
        async (moments, random, batchSize) => {
          const samples = samplesOf(moments)
          const inOrder = await open()
          await inOrder.commit(samples)
          await processAll(db)
          const other = await open()
          const drawn = () => random.next().value ?? 0
          const twice = samples.filter(() => drawn() % 4 === 0)
          const shuffled = [...samples, ...twice].map(sample => ({ sample, key: drawn() }))
          shuffled.sort((a, b) => a.key - b.key)
          for (let start = 0; start < shuffled.length; start += batchSize) {
            const batch = new Map(
              shuffled
                .slice(start, start + batchSize)
                .map(({ sample }) => [sample.slice(0, 2).join(), sample]),
            )
            await other.commit([...batch.values()])
            if (drawn() % 3 === 0) await processAll(db)
          }
          await processAll(db)

          assert.deepEqual(await everythingOf(other), await everythingOf(inOrder))
        },
      ),
      { numRuns: 25 },
    )
  })

  async function open(): Promise<Site> {
    const site = await openSite(db)
    const stuck = { afterMinutes: 20, within: 0.5 }
    await site.rule('checks', 'level', { rate: { maxPerMinute: 2 }, stuck, range: { max: 45 } }, T - DAY)
    await site.rule('checks', 'level', { rate: { maxPerMinute: 1 }, sentinels: [44] }, T + 90 * MINUTE)
    await site.rule('unit_conversion', 'level', { factor: 0.5 }, T + 150 * MINUTE)
    await site.rule('checks', 'pulses', { stuck: { afterMinutes: 15 }, sentinels: [65_535] }, T - DAY)
    await site.calibrate('level_to_water_table', { sensorDepthM: 80 }, T - DAY)
    await site.calibrate(
      'pulses_to_volume',
      { litresPerPulse: 100, modulus: 10_000, maxM3PerHour: 50 },
      T - DAY,
    )
    await site.calibrate('pulses_to_volume', { litresPerPulse: 10, modulus: 10_000 }, T + 120 * MINUTE)
    await site.calibrate('volume_to_flow', { maxGapMinutes: 20, overMinutes: 5 }, T - DAY)
    return site
  }

  async function everythingOf(site: Site) {
    const pointId = await site.pointId()
    const events = await db.query(
      `select e.at, e.kind, e.count, e.amount_m3 from counter_events e join series s on s.id = e.series_id
       where s.point_id = $1 order by e.at, e.kind`,
      [pointId],
    )
    const all: Record<string, unknown> = { events }
    for (const variable of ['level', 'pulses', 'water_table', 'volume', 'mean_flow'] as const) {
      all[variable] = await allValues(db, pointId, variable)
      for (const size of ['hour', 'day', 'month'] as const) {
        all[`${variable} by ${size}`] = await bucketsIn(db, pointId, variable, size)
      }
    }
    all.latest = await db.query(
      `select l.at, l.value, l.quality, l.good_at, l.good_value, l.flags from latest l join series s on s.id = l.series_id
       where s.point_id = $1 and s.variable >= ${VARIABLES.water_table.code} order by s.variable`,
      [pointId],
    )
    return all
  }
})

/** What a site shows at one moment, and how long it took since the one before. */
interface Moment {
  minutes: number
  level: number | null
  pulses: number | 'zero' | 'glitch' | 'sentinel' | 'reset' | null
}

const Moment: fc.Arbitrary<Moment> = fc.record({
  minutes: fc.constantFrom(1, 2, 5, 11, 30, 130),
  level: fc.oneof(fc.integer({ min: 25, max: 50 }), fc.constant(30), fc.constant(null)),
  pulses: fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 40 }) },
    { weight: 1, arbitrary: fc.constantFrom(null, 'zero' as const, 'glitch', 'sentinel', 'reset') },
  ),
})

function samplesOf(moments: readonly Moment[]): Sample[] {
  let [at, count] = [T, 9_800]
  return moments.flatMap(({ minutes, level, pulses }): Sample[] => {
    at += minutes * MINUTE
    if (typeof pulses === 'number') count = (count + pulses) % 10_000
    if (pulses === 'reset') count = 3
    const strange: Record<string, number> = { zero: 0, glitch: count + 5_000, sentinel: 65_535, reset: count }
    const shown = typeof pulses === 'number' ? count : pulses === null ? null : (strange[pulses] ?? null)
    return [
      [at, 'level', level],
      [at, 'pulses', shown],
    ]
  })
}
