// What the analytics answer, the same on their own port and in the API: documents of a point or a project.

import { pointKey } from '../../protocol/ids.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { findPoint } from '../point-name.ts'
import { invalidRequest, Problem } from '../problem.ts'
import { addDays, dateOf, daySpan } from '../processor/civil-time.ts'
import { toDecimal, toShownM3 } from '../rounding.ts'
import { type KeptDay, type StoredAnomaly, selectDays, selectHours } from '../store/analyses.ts'
import {
  selectBalances,
  selectMonths,
  selectProjectBalances,
  selectProjectPoints,
  sumTaken,
} from '../store/balances.ts'
import type { Database } from '../store/database.ts'
import { type ClientIds, selectProject } from '../store/queries.ts'
import { selectRights } from '../store/rights.ts'
import { toBalances, totalOf } from './balance.ts'
import { baselineOf } from './baseline.ts'
import { capacityOf } from './capacity.ts'
import { PATTERN_DAYS } from './judge.ts'
import { type DailyVolume, type Projection, project } from './projection.ts'
import { reasonOf } from './reasons.ts'
import { useOf } from './use.ts'

/** Who asks, of what, when. */
export interface Asking {
  db: Database
  clock: Clock
  clientIds: ClientIds
}

/** A stretch of civil days, and in what steps. */
export interface BalancesAsked {
  by: 'day' | 'month'
  from?: string | undefined
  to?: string | undefined
}

const DEFAULT = { day: 31, month: 365 } as const
const DAYS_MAX = { day: 400, month: 3660 } as const
/** No reading is of another time, and the calendar of the database ends somewhere. */
const [FIRST_DAY, LAST_DAY] = ['1970-01-01', '2105-12-31'] as const

/** What a point has taken, day by day or month by month. */
export async function pointBalances(
  { db, clock, clientIds }: Asking,
  { point: name, ...asked }: BalancesAsked & { point: string },
) {
  const now = clock.now()
  const { by, from, to } = stretchOf(asked, dateOf(now))
  const point = await findPoint(db, clientIds, name)
  const rows = await selectBalances(db, { pointId: point.id, from: addDays(from, -1), to })
  const total = totalOf(rows.filter(({ day }) => day >= from))
  const months = by === 'day' ? [] : await selectMonths(db, { pointId: point.id, from, to })
  return {
    ...{ point: pointKey(point), by, from, to, ...total },
    days: by === 'day' ? toBalances(rows, { from, to, now }) : [],
    months:
      by === 'day'
        ? []
        : periodsOf(by, from, to).map(month => {
            const row = months.find(one => one.month === month)
            return {
              month,
              days: Temporal.PlainYearMonth.from(month).daysInMonth,
              daysKnown: row?.daysKnown ?? 0,
              consumptionM3: toShownM3(row?.consumptionM3 ?? null),
              gapConsumptionM3: toShownM3(row?.gapConsumptionM3 ?? null),
            }
          }),
  }
}

/** More points of a project are not listed one by one. */
const POINTS_LISTED_MAX = 1000

/** What the points of a project have taken together, and each of them. */
export async function projectBalances(
  { db, clock, clientIds }: Asking,
  { project: name, ...asked }: BalancesAsked & { project: string },
) {
  const { by, from, to } = stretchOf(asked, dateOf(clock.now()))
  const [client = '', slug = ''] = name.split('.')
  const found = await selectProject(db, clientIds, { client, project: slug })
  if (found === undefined) throw new Problem(404, 'Project not found')
  const rows = await selectProjectBalances(db, { projectId: found.id, by, from, to })
  const points = await selectProjectPoints(db, { projectId: found.id, from, to, limit: POINTS_LISTED_MAX })
  return {
    ...{ project: name, by, from, to, points: found.points },
    consumptionM3: sumOf(rows.map(({ consumptionM3 }) => consumptionM3)),
    periods: periodsOf(by, from, to).map(period => {
      const row = rows.find(one => one.period === period)
      return {
        period,
        pointsKnown: row?.pointsKnown ?? 0,
        consumptionM3: toShownM3(row?.consumptionM3 ?? null),
        gapConsumptionM3: toShownM3(row?.gapConsumptionM3 ?? null),
      }
    }),
    byPoint: points.map(({ point, consumptionM3, daysKnown }) => ({
      ...{ point: `${name}.${point}`, daysKnown },
      consumptionM3: toShownM3(consumptionM3),
    })),
  }
}

/** How much a point uses of what it was granted, in a civil year: this one unless another is named. */
export async function pointUse(
  { db, clock, clientIds }: Asking,
  asked: { point: string; year?: number | undefined },
) {
  const today = dateOf(clock.now())
  const year = asked.year ?? Number(today.slice(0, 4))
  const point = await findPoint(db, clientIds, asked.point)
  const span = { pointId: point.id, from: `${year}-01-01`, to: `${year}-12-31` }
  const at = Math.min(clock.now(), daySpan(span.to).to - 1)
  const rights = await selectRights(db, { pointId: point.id, at })
  const pointIds = [...new Set([point.id, ...rights.flatMap(right => right.pointIds)])]
  const takenM3 = toShownM3(await sumTaken(db, { ...span, pointIds }))
  const facts = (await selectDays(db, span)).map(day => day.facts)
  const use = useOf(rights, { facts, takenM3 })
  return {
    ...{ point: pointKey(point), year, points: pointIds.length, ...use },
    maxFlowLps: shown(use.maxFlowLps, 2),
    percentOfYear: shown(use.percentOfYear, 1),
  }
}

/** What a point usually takes in each hour of the week, by the eight weeks before today. */
export async function pointBaseline({ db, clock, clientIds }: Asking, { point: name }: { point: string }) {
  const to = dateOf(clock.now())
  const from = addDays(to, -PATTERN_DAYS)
  const point = await findPoint(db, clientIds, name)
  const span = { pointId: point.id, from: daySpan(from).from, to: daySpan(to).from }
  const hours = baselineOf(await selectHours(db, [span]))
  return {
    ...{ point: pointKey(point), from, to: addDays(to, -1) },
    hours: hours.map(({ usualM3, spreadM3, ...hour }) => ({
      ...hour,
      usualM3: toShownM3(usualM3),
      spreadM3: toShownM3(spreadM3),
    })),
  }
}

/** History that a projection takes into account: two years and a season. */
const HISTORY_DAYS = 800

/** What a point will have taken by the end of this month and of this year. */
export async function pointProjection({ db, clock, clientIds }: Asking, { point: name }: { point: string }) {
  const today = dateOf(clock.now())
  const point = await findPoint(db, clientIds, name)
  const rows = await selectBalances(db, { pointId: point.id, from: addDays(today, -HISTORY_DAYS), to: today })
  const days: DailyVolume[] = rows
    .filter(({ day }) => day < today)
    .map(({ day, consumptionM3, gapConsumptionM3 }) => ({ day, m3: consumptionM3, gapM3: gapConsumptionM3 }))
  const todayM3 = rows.find(({ day }) => day === today)?.consumptionM3 ?? 0
  const rights = await selectRights(db, { pointId: point.id, at: clock.now() })
  // What other wells of a work will take is not asked here.
  const own = rights.every(({ pointIds }) => pointIds.length === 1) ? rights : []
  const { grantedYearM3 } = useOf(own, { facts: [], takenM3: null })
  const month = Temporal.PlainDate.from(today).with({ day: 1 })
  const spans = {
    month: { from: month.toString(), to: month.add({ months: 1 }).subtract({ days: 1 }).toString() },
    year: { from: `${today.slice(0, 4)}-01-01`, to: `${today.slice(0, 4)}-12-31` },
  }
  const projected = (span: { from: string; to: string }) => {
    const projection = project(days, { ...span, today, todayM3 })
    return projection === undefined ? null : { ...span, ...toShown(projection) }
  }
  const year = projected(spans.year)
  return {
    ...{ point: pointKey(point), today, confidencePercent: 80, grantedYearM3 },
    percentOfGranted:
      year === null || grantedYearM3 === null ? null : shown((100 * year.projectedM3) / grantedYearM3, 1),
    ...{ month: projected(spans.month), year },
  }
}

const toShown = ({ knownM3, projectedM3, lowM3, highM3, ...rest }: Projection) => ({
  ...{ knownM3: shown0(knownM3), projectedM3: shown0(projectedM3) },
  ...{ lowM3: shown0(lowM3), highM3: shown0(highM3), ...rest },
})

const CAPACITY_DAYS = 400

/** What a point gives for each metre that its water sinks, day by day, and how that changes. */
export async function pointCapacity({ db, clock, clientIds }: Asking, { point: name }: { point: string }) {
  const to = dateOf(clock.now())
  const from = addDays(to, 1 - CAPACITY_DAYS)
  const point = await findPoint(db, clientIds, name)
  const kept = await selectDays(db, { pointId: point.id, from, to })
  const { days, ...capacity } = capacityOf(kept.filter(isOver).map(({ facts }) => facts))
  return {
    ...{ point: pointKey(point), from, to },
    lpsPerM: shown(capacity.lpsPerM, 4),
    spreadLpsPerM: shown(capacity.spreadLpsPerM, 4),
    trendPercentAYear: shown(capacity.trendPercentAYear, 1),
    trendLow: shown(capacity.trendLow, 1),
    trendHigh: shown(capacity.trendHigh, 1),
    days: days.map(({ day, flowLps, drawdownM, lpsPerM }) => ({
      day,
      flowLps: shown0(flowLps),
      drawdownM: shown0(drawdownM),
      lpsPerM: Number(toDecimal(lpsPerM, { decimals: 4 })),
    })),
  }
}

const isOver = ({ isWhole }: KeptDay): boolean => isWhole

/** An anomaly as it is told. */
export function toAnomaly({
  id,
  kind,
  state,
  firstDay,
  lastDay,
  days,
  worstDay,
  evidence,
  ...at
}: StoredAnomaly) {
  return {
    ...{ id, kind, state, firstDay, lastDay, days, worstDay },
    reason: reasonOf(kind, evidence),
    evidence,
    openedAt: new Date(at.openedAt).toISOString(),
    stateAt: new Date(at.stateAt).toISOString(),
  }
}

function stretchOf(
  { by, ...asked }: BalancesAsked,
  today: string,
): { by: 'day' | 'month'; from: string; to: string } {
  for (const name of ['from', 'to'] as const) {
    const day = asked[name]
    if (day === undefined || (FIRST_DAY <= day && day <= LAST_DAY)) continue
    throw invalidRequest([{ in: 'query', name, detail: `must be from ${FIRST_DAY} to ${LAST_DAY}` }])
  }
  const last = asked.to ?? today
  const to = by === 'day' ? last : lastOfMonth(last)
  const first = asked.from ?? addDays(last, 1 - DEFAULT[by])
  const from = by === 'day' ? first : `${first.slice(0, 7)}-01`
  if (to < from || to > addDays(from, DAYS_MAX[by] - 1)) {
    const detail = `must be the day of "from" (${from}) or at most ${DAYS_MAX[by] - 1} days after it`
    throw invalidRequest([{ in: 'query', name: 'to', detail }])
  }
  return { by, from, to }
}

function lastOfMonth(day: string): string {
  const date = Temporal.PlainDate.from(day)
  return date.with({ day: date.daysInMonth }).toString()
}

function periodsOf(by: 'day' | 'month', from: string, to: string): string[] {
  const periods: string[] = []
  for (let day = from; day <= to; day = by === 'day' ? addDays(day, 1) : nextMonth(day)) {
    periods.push(by === 'day' ? day : day.slice(0, 7))
  }
  return periods
}

const nextMonth = (day: string): string => Temporal.PlainDate.from(day).add({ months: 1 }).toString()

function sumOf(amounts: readonly (number | null)[]): number | null {
  const known = amounts.filter(m3 => m3 !== null)
  return known.length === 0 ? null : toShownM3(known.reduce((a, b) => a + b, 0))
}

const shown = (value: number | null, decimals: number): number | null =>
  value === null ? null : Number(toDecimal(value, { decimals }))

const shown0 = (value: number): number => Number(toDecimal(value, { decimals: 3 }))
