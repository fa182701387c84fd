// A rule tried on history, on a real database.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backtest } from '../../../cloud/alerts/backtest.ts'
import { AlertRule } from '../../../cloud/alerts/rule.ts'
import { openTestDatabase } from '../../doubles/databases.ts'
import { openSite, processAll } from '../processor/site.ts'

const MINUTE = 60_000
const FROM = Date.parse('2026-01-16T22:00:00Z')

test('backtest() says the same in steps as at once, counts the firings of an incident, and stops at its bound', async () => {
  const { db, close } = await openTestDatabase()
  const site = await openSite(db)
  await site.commit(
    Array.from({ length: 200 }, (_, index) => [FROM + index * MINUTE, 'flow', Math.floor(index / 7) % 2]),
  )
  await processAll(db)
  const condition = { kind: 'threshold', variable: 'flow', is: 'above', limit: 0.5, for: '3m' }
  const rule = AlertRule.parse({ name: 'regla', condition, quietFor: '10m' })
  const asked = { rule, pointId: await site.pointId(), from: FROM, to: FROM + 300 * MINUTE }

  const whole = await backtest(db, asked)
  const stepped = await backtest(db, asked, { stepMax: 9 })
  const bounded = await backtest(db, asked, { stepMax: 50, samplesMax: 100 })
  await close()

  assert.deepEqual(whole.episodes, [
    { from: FROM + 10 * MINUTE, to: FROM + 196 * MINUTE, firings: 14, value: 1 },
  ])
  assert.deepEqual([whole.samples, whole.through], [200, asked.to])
  assert.deepEqual(stepped, whole)
  assert.deepEqual([bounded.samples, bounded.through], [100, FROM + 99 * MINUTE])
})
