// What is granted to a point, made values that a rule can watch: how much of it is used, or will be, in percent.

import { type DailyVolume, project } from '../analytics/projection.ts'
import { useOf } from '../analytics/use.ts'
import { addDays, dateOf, daySpan } from '../processor/civil-time.ts'
import { selectBalances, sumTaken } from '../store/balances.ts'
import type { Sql } from '../store/database.ts'
import { type Right, selectRights } from '../store/rights.ts'
import type { Sample, ValueCondition } from './evaluate.ts'
import type { AlertCondition } from './rule.ts'

/** What is granted changes with an obligation; it is asked anew after so long. */
const GRANTED_KEPT_MS = 5 * 60_000
const GRANTED_MAX = 20_000

/** History that a projection takes into account: two years and a season. */
const HISTORY_DAYS = 800

/** The rights of points, kept for a while: every rule asks for them each time that it is looked at. */
export interface Granted {
  of(sql: Sql, pointId: number, at: number): Promise<Right[]>
}

/** Opens the rights, of which nothing is known yet. */
export function openGranted(): Granted {
  const kept = new Map<number, { until: number; rights: Right[] }>()
  return {
    async of(sql, pointId, at) {
      const known = kept.get(pointId)
      if (known !== undefined && at < known.until && at >= known.until - GRANTED_KEPT_MS) return known.rights
      const rights = await selectRights(sql, { pointId, at })
      if (kept.size >= GRANTED_MAX) kept.clear()
      kept.set(pointId, { until: at + GRANTED_KEPT_MS, rights })
      return rights
    },
  }
}

/** Kinds whose values are made here. */
export type SignalCondition = Extract<AlertCondition, { kind: 'over_right' | 'forecast' }>

/** Whether the values of a condition are made here, and not measured. */
export const isSignal = (condition: AlertCondition): condition is SignalCondition =>
  condition.kind === 'forecast' || (condition.kind === 'over_right' && condition.of === 'year')

/**
 * The condition over values that says the same: what is granted becomes a limit. `undefined` where nothing is granted, and
 * there is nothing to be above of; conditions over values are what they are.
 */
export function toValueCondition(
  condition: Exclude<AlertCondition, { kind: 'dga_late' | 'gateway_lost' }>,
  rights: readonly Right[],
): ValueCondition | undefined {
  if (condition.kind !== 'over_right' && condition.kind !== 'forecast') return condition
  const above = { kind: 'threshold', variable: 'flow', is: 'above' } as const
  const lasting = 'for' in condition && condition.for !== undefined ? { for: condition.for } : {}
  if (condition.kind === 'over_right' && condition.of === 'flow') {
    const { grantedFlowLps } = useOf(rights, { facts: [], takenM3: null })
    if (grantedFlowLps === null) return undefined
    const share = (percent: number) => (grantedFlowLps * percent) / 100
    return { ...above, limit: share(condition.percent), hysteresis: share(condition.hysteresis), ...lasting }
  }
  return { ...above, limit: condition.percent, hysteresis: condition.hysteresis, ...lasting }
}

/** How much of what is granted is used by now, or will be; `undefined` where it is not known. */
export async function signalAt(
  sql: Sql,
  condition: SignalCondition,
  { pointId, rights, at }: { pointId: number; rights: readonly Right[]; at: number },
): Promise<number | undefined> {
  const today = dateOf(at)
  if (condition.kind === 'over_right') {
    const pointIds = [...new Set([pointId, ...rights.flatMap(right => right.pointIds)])]
    const takenM3 = await sumTaken(sql, { pointIds, from: `${today.slice(0, 4)}-01-01`, to: today })
    return useOf(rights, { facts: [], takenM3 }).percentOfYear ?? undefined
  }
  const days = await loadDays(sql, pointId, { from: today, to: today })
  return forecastOn(condition, today, days, rights)
}

/** The same at the end of each day of a stretch, oldest first. */
export async function signalsOfDays(
  sql: Sql,
  condition: SignalCondition,
  { pointId, from, to }: { pointId: number; from: number; to: number },
): Promise<Sample[]> {
  const span = { from: dateOf(from), to: dateOf(to - 1) }
  const days = condition.kind === 'forecast' ? await loadDays(sql, pointId, span) : []
  const samples: Sample[] = []
  for (let day = span.from; day <= span.to; day = addDays(day, 1)) {
    const at = Math.min(daySpan(day).to - 1, to)
    const rights = await selectRights(sql, { pointId, at })
    const value =
      condition.kind === 'forecast'
        ? forecastOn(condition, day, days, rights)
        : await signalAt(sql, condition, { pointId, rights, at })
    if (value !== undefined && at >= from) samples.push({ at, value })
  }
  return samples
}

async function loadDays(
  sql: Sql,
  pointId: number,
  { from, to }: { from: string; to: string },
): Promise<DailyVolume[]> {
  const rows = await selectBalances(sql, { pointId, from: addDays(from, -HISTORY_DAYS), to })
  return rows.map(({ day, consumptionM3, gapConsumptionM3 }) => ({
    ...{ day, m3: consumptionM3, gapM3: gapConsumptionM3 },
  }))
}

function forecastOn(
  { period }: Extract<SignalCondition, { kind: 'forecast' }>,
  today: string,
  days: readonly DailyVolume[],
  rights: readonly Right[],
): number | undefined {
  // What other wells of a work will take is not known here.
  const own = rights.every(({ pointIds }) => pointIds.length === 1) ? rights : []
  const { grantedYearM3 } = useOf(own, { facts: [], takenM3: null })
  if (grantedYearM3 === null || grantedYearM3 <= 0) return undefined
  const first = addDays(today, -HISTORY_DAYS)
  const before = days.filter(({ day }) => day >= first && day < today)
  const todayM3 = days.find(({ day }) => day === today)?.m3 ?? 0
  const year = { from: `${today.slice(0, 4)}-01-01`, to: `${today.slice(0, 4)}-12-31` }
  const begins = Temporal.PlainDate.from(today).with({ day: 1 })
  const month = {
    from: begins.toString(),
    to: begins.add({ months: 1 }).subtract({ days: 1 }).toString(),
  }
  const span = period === 'year' ? year : month
  const projection = project(before, { ...span, today, todayM3 })
  if (projection === undefined) return undefined
  return (100 * projection.projectedM3) / (period === 'year' ? grantedYearM3 : grantedYearM3 / 12)
}
