// Projections of generated wells: how often what came lies within what was said, printed and held to what is promised.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DailyVolume, project } from '../../../cloud/analytics/projection.ts'
import { addDays } from '../../../cloud/processor/civil-time.ts'
import { wellHistory } from '../../doubles/history.ts'
import { randomFrom } from '../../doubles/random.ts'

const FROM = '2023-01-01'
const WELLS = 45

const monthOf = (day: string) => {
  const date = Temporal.PlainDate.from(day)
  const first = date.with({ day: 1 })
  return { from: first.toString(), to: first.add({ months: 1 }).subtract({ days: 1 }).toString() }
}
const yearOf = (day: string) => ({ from: `${day.slice(0, 4)}-01-01`, to: `${day.slice(0, 4)}-12-31` })

test('project() tells the end of month and year within its error, in about eight of ten', context => {
  const told = new Map<string, { asked: number; within: number; errors: number[]; widths: number[] }>()
  for (let seed = 1; seed <= WELLS; seed += 1) {
    const random = randomFrom(seed * 31)
    const history = wellHistory(seed, { from: FROM, days: 1096, gaps: false })
    const known = history.days.map(
      ({ day, facts }): DailyVolume => ({ day, m3: facts.consumptionM3, gapM3: null }),
    )
    for (let asked = 0; asked < 12; asked += 1) {
      const years = asked % 2
      const index = (years === 1 ? 420 : 70) + Math.floor(random() * (years === 1 ? 600 : 280))
      const today = addDays(FROM, index)
      for (const [what, span] of [
        ['month', monthOf(today)],
        ['year', yearOf(today)],
      ] as const) {
        const name = `${what}, ${years === 1 ? 'a year and more' : 'less than a year'} of history`
        const since = years === 1 ? 0 : Math.max(0, index - 180)
        const answer = project(known.slice(since, index), { ...span, today, todayM3: 0 })
        assert.ok(answer)
        const came = known
          .filter(({ day }) => day >= span.from && day <= span.to && day >= addDays(FROM, since))
          .reduce((sum, { m3 }) => sum + (m3 ?? 0), 0)
        const score = told.get(name) ?? { asked: 0, within: 0, errors: [], widths: [] }
        told.set(name, score)
        score.asked += 1
        if (answer.lowM3 <= came && came <= answer.highM3) score.within += 1
        score.errors.push(Math.abs(answer.projectedM3 - came) / Math.max(came, 1))
        score.widths.push((answer.highM3 - answer.lowM3) / Math.max(came, 1))
      }
    }
  }

  for (const [name, { asked, within, errors, widths }] of told) {
    const middle = (values: number[]) =>
      (values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0) * 100
    const coverage = within / asked
    context.diagnostic(
      `${name}: ${(100 * coverage).toFixed(0)} % within the interval of 80 %, median error ${middle(errors).toFixed(1)} %, median width ${middle(widths).toFixed(0)} % (${asked} projections, ${WELLS} wells)`,
    )
    assert.ok(coverage >= 0.7 && coverage <= 0.95, `${name}: ${coverage}`)
  }
})
