// Anomalies on generated wells whose faults are known: precision and recall of each kind, printed and held to a floor.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ANOMALY_KINDS, type AnomalyKind, judge, PATTERN_DAYS } from '../../../cloud/analytics/judge.ts'
import { addDays } from '../../../cloud/processor/civil-time.ts'
import { type Fault, wellHistory } from '../../doubles/history.ts'
import { randomFrom } from '../../doubles/random.ts'

const WELLS = 60
const DAYS = 365
const FROM = '2025-03-01'

for (const flow of [true, false]) {
  test(`judge() finds the faults of generated wells, and little else, ${flow ? 'with' : 'without'} a flow meter`, context => {
    hold(context, flow)
  })
}

/** Two instruments disagree only where there are two. */
const kindsOf = (flow: boolean) => ANOMALY_KINDS.filter(kind => flow || kind !== 'flow_against_volume')

function hold(context: TestContext, flow: boolean): void {
  const kinds = kindsOf(flow)
  const scores = new Map(kinds.map(kind => [kind, { faults: 0, found: 0, days: 0, right: 0 }]))
  for (let seed = 1; seed <= WELLS; seed += 1) {
    const faults = drawFaults(seed).filter(({ kind }) => kinds.includes(kind))
    const { days } = wellHistory(seed, { from: FROM, days: DAYS, faults, flow })
    const facts = days.map(one => one.facts)
    const foundOn = new Map<AnomalyKind, string[]>(ANOMALY_KINDS.map(kind => [kind, []]))
    for (const [index, today] of facts.entries()) {
      const before = facts.slice(Math.max(0, index - PATTERN_DAYS), index)
      for (const [kind, verdict] of Object.entries(judge(today, before, { isOver: true }))) {
        if (verdict.isFound) foundOn.get(kind as AnomalyKind)?.push(today.day)
      }
    }
    for (const kind of kinds) {
      const score = scores.get(kind) ?? assert.fail(kind)
      const found = foundOn.get(kind) ?? []
      const ofKind = faults.filter(fault => fault.kind === kind)
      const isIn = (day: string, { from, to }: Fault) => from <= day && day <= to
      score.faults += ofKind.length
      score.found += ofKind.filter(fault => found.some(day => isIn(day, fault))).length
      score.days += found.length
      score.right += found.filter(day => ofKind.some(fault => isIn(day, fault))).length
    }
  }

  for (const [kind, { faults, found, days, right }] of scores) {
    const recall = found / faults
    const precision = right / days
    context.diagnostic(
      `${kind}: recall ${recall.toFixed(3)} (${found} of ${faults} faults), precision ${precision.toFixed(3)} (${right} of ${days} days), ${WELLS} wells, ${DAYS} days`,
    )
    assert.ok(recall >= FLOORS[kind].recall, `${kind} recall ${recall}`)
    assert.ok(precision >= FLOORS[kind].precision, `${kind} precision ${precision}`)
  }
}

/** A tenth of what is found may be wrong, and a tenth of the faults unseen. */
const FLOORS: Record<AnomalyKind, { recall: number; precision: number }> = {
  night_flow: { recall: 0.9, precision: 0.9 },
  stuck_counter: { recall: 0.9, precision: 0.9 },
  drawdown: { recall: 0.9, precision: 0.9 },
  flow_against_volume: { recall: 0.9, precision: 0.9 },
}

/** Of each kind two a year, each three to fourteen days long, in what is known well enough to judge. */
function drawFaults(seed: number): Fault[] {
  const random = randomFrom(seed * 7919)
  return ANOMALY_KINDS.flatMap((kind, index) =>
    [0, 1].map(half => {
      // Apart, so that each is alone: 60 days of pattern, then a fault each five weeks.
      const from = addDays(FROM, 60 + (half * 4 + index) * 36 + Math.floor(random() * 14))
      return { kind, from, to: addDays(from, 3 + Math.floor(random() * 12)), severity: random() }
    }),
  )
}
