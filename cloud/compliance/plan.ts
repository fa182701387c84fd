// Making the slots that are owed, and picking their values.

import type { Clock } from '../../protocol/runtime/clock.ts'
import { reasonOf, Unavailable } from '../../protocol/runtime/errors.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import { type BackgroundQuestion, selectBackgrounds } from '../store/compliance-background.ts'
import {
  type CheckedSlot,
  createSlots,
  type OwingObligation,
  type SlotToCheck,
  selectCandidates,
  selectMeans,
  selectOwing,
  takeChecks,
  writeChecks,
} from '../store/compliance-slots.ts'
import type { Database } from '../store/database.ts'
import { type FaultOfSlot, raiseExpiredFaults, selectFaults } from '../store/sensor-faults.ts'
import { dueInstants, regulatorYear } from './calendar.ts'
import { limitsOf } from './checks.ts'
import { type ChosenValues, quantitiesOf } from './declaration.ts'
import {
  type Candidate,
  type Found,
  type MeanCandidate,
  meanParts,
  pickValues,
  pointsOf,
  reachOf,
} from './selection.ts'
import { afterPicking, whileFaulty } from './slots.ts'
import { type Background, NO_BACKGROUND } from './validation.ts'

/** What planning works with. */
export interface PlanDeps {
  db: Database
  clock: Clock
  log: Log
}

/** How much is done in one round. */
export interface PlanLimits {
  obligationsMax: number
  /** Slots made for one obligation in one round: the rest follow in the next. */
  slotsEachMax: number
  /** Slots looked at in one statement. */
  checksMax: number
}

/** Bounds of a round. */
export const PLAN_LIMITS: PlanLimits = { obligationsMax: 500, slotsEachMax: 1000, checksMax: 500 }

/** Makes the slots that are owed by now. Returns how many were made. */
export async function makeSlots({ db, clock, log }: PlanDeps, limits: PlanLimits): Promise<number> {
  const now = clock.now()
  let made = 0
  for (let afterId = 0; ; ) {
    const owing = await selectOwing(db, now, afterId, limits.obligationsMax)
    for (const obligation of owing) {
      try {
        made += await makeSlotsOf(db, obligation, limits.slotsEachMax, now)
      } catch (error) {
        if (error instanceof Unavailable) throw error
        // What is owed of one work that cannot be read stays with itself.
        log.error('slots could not be made', { workCode: obligation.workCode, reason: reasonOf(error) })
      }
    }
    const last = owing.at(-1)
    if (last === undefined || owing.length < limits.obligationsMax) break
    afterId = last.id
  }
  if (made > 0) log.debug('slots made', { count: made })
  return made
}

/** What is due at this very instant is owed. */
function makeSlotsOf(db: Database, obligation: OwingObligation, limit: number, now: number): Promise<number> {
  const from = obligation.createdThrough
  const to = Math.min(obligation.until ?? Number.POSITIVE_INFINITY, now + 1)
  const dueAts = dueInstants(obligation.terms.frequency, { from, to, limit })
  const last = dueAts.at(-1)
  const through = last !== undefined && dueAts.length === limit ? last + 1 : to
  return createSlots(db, obligation, { dueAts, through, now })
}

/** Says of every sensor whose fault has come to its end that it is believed again, or has to be declared anew. */
export async function raiseFaults({ db, clock, log }: PlanDeps): Promise<number> {
  const expired = await raiseExpiredFaults(db, clock.now())
  for (const { key: point, quantity, reason } of expired)
    log.error('sensor fault expired', { point, quantity, reason })
  return expired.length
}

/** What came of looking for values. */
export type PlanCounts = Record<'ready' | 'noData' | 'review' | 'shadow' | 'notMeasured', number>

/** While one process looks at a slot, no other does, for so long. */
const CHECK_LEASE_MS = 60_000

/** Looks for the values of every slot whose turn it is. */
export async function fillSlots({ db, clock, log }: PlanDeps, limits: PlanLimits): Promise<PlanCounts> {
  const counts: PlanCounts = { ready: 0, noData: 0, review: 0, shadow: 0, notMeasured: 0 }
  for (let taken = limits.checksMax; taken === limits.checksMax; ) {
    const now = clock.now()
    const againAt = now + CHECK_LEASE_MS
    const slots = await takeChecks(db, { now, againAt, limit: limits.checksMax })
    taken = slots.length
    if (taken === 0) break
    const changes = await checkApart({ db, clock, log }, slots, now)
    const written = new Set(await writeChecks(db, { now, againAt }, changes))
    const byId = new Map(slots.map(slot => [slot.id, slot]))
    for (const { id, state, reason } of changes) {
      const slot = byId.get(id)
      if (slot === undefined || !written.has(id) || state === slot.state) continue
      if (state === 'no_data')
        log.warn('slot has no data', { workCode: slot.workCode, dueAt: slot.dueAt, reason })
      if (state === 'review')
        log.warn('slot needs a person', { workCode: slot.workCode, dueAt: slot.dueAt, reason })
      count(counts, state)
    }
  }
  return counts
}

function count(counts: PlanCounts, state: CheckedSlot['state']): void {
  if (state === 'no_data') counts.noData += 1
  else if (state === 'not_measured') counts.notMeasured += 1
  else if (state === 'ready' || state === 'review' || state === 'shadow') counts[state] += 1
}

/**
 * Looks at slots together; where that fails, at those of each work apart, and then at each alone. One that cannot be
 * looked at keeps to itself, and is looked at again when its lease ends.
 */
async function checkApart(
  deps: PlanDeps,
  slots: readonly SlotToCheck[],
  now: number,
): Promise<CheckedSlot[]> {
  try {
    return await checkSlots(deps.db, slots, now)
  } catch (error) {
    if (error instanceof Unavailable) throw error
    const [first] = slots
    if (first === undefined) throw error
    if (slots.length === 1) {
      const { workCode, dueAt } = first
      deps.log.error('slot could not be looked at', { workCode, dueAt, reason: reasonOf(error) })
      return []
    }
    const byWork = [...Map.groupBy(slots, ({ workCode }) => workCode).values()]
    const apart = byWork.length > 1 ? byWork : slots.map(slot => [slot])
    const changes: CheckedSlot[] = []
    for (const some of apart) changes.push(...(await checkApart(deps, some, now)))
    return changes
  }
}

async function checkSlots(db: Database, slots: readonly SlotToCheck[], now: number): Promise<CheckedSlot[]> {
  const faults = await selectFaults(db, slots.map(slotPoints))
  const found = await findValues(db, slots)
  const looked = slots.map(slot => {
    const broken = brokenOf(slot, faults.get(slot.id) ?? [])
    const asked = { ...slot, without: broken.map(({ quantity }) => quantity) }
    const { required } = quantitiesOf(slot.terms, slot.dueAt)
    return {
      slot,
      // What may be left empty is left empty.
      missing: broken.filter(({ quantity }) => required.includes(quantity)),
      picked: pickValues(asked, found.get(slot.id) ?? NOTHING_FOUND, now),
    }
  })
  const chosen = looked.flatMap(({ slot, picked, missing }) =>
    picked.kind === 'chosen' && missing.length === 0 ? [questionOf(slot, picked.values)] : [],
  )
  const backgrounds = await selectBackgrounds(db, chosen)
  // Slots of a work are in time's order: each is compared with the one before it, which may stand in the same list.
  const standing = new Map<string, NonNullable<Background['previous']>>()
  return looked.map(({ slot, missing, picked }) => {
    const { id, workCode, dueAt } = slot
    if (missing.length > 0) return { id, ...whileFaulty(slot, missing, picked) }
    const background = backgrounds.get(id) ?? NO_BACKGROUND
    const before = standing.get(workCode)
    const isNewer = before !== undefined && before.dueAt > (background.previous?.dueAt ?? 0)
    const change = afterPicking(slot, picked, isNewer ? { ...background, previous: before } : background, now)
    if (change.chosen !== null && (change.state === 'ready' || change.state === 'shadow'))
      standing.set(workCode, { dueAt, values: change.chosen })
    return { id, ...change }
  })
}

const NOTHING_FOUND: Found = { candidates: [], means: [] }

const slotPoints = (slot: SlotToCheck) => ({
  ...{ slotId: slot.id, dueAt: slot.dueAt },
  pointIds: allPointsOf(slot),
})

const allPointsOf = ({ pointId, terms: { alsoPointIds, levelPointId } }: SlotToCheck): number[] => [
  ...new Set([pointId, ...alsoPointIds, ...(levelPointId === null ? [] : [levelPointId])]),
]

/** Of the sensors that were declared faulty those that this slot would be read from. */
function brokenOf(slot: SlotToCheck, faults: readonly FaultOfSlot[]): FaultOfSlot[] {
  return faults.filter(({ quantity, pointId }) => pointsOf(quantity, slot).includes(pointId))
}

async function findValues(db: Database, slots: readonly SlotToCheck[]): Promise<Map<number, Found>> {
  const reaches = slots.flatMap(slot =>
    allPointsOf(slot).map(pointId => ({
      ...{ slotId: slot.id, pointId, dueAt: slot.dueAt, reachMs: reachOf(slot.terms) },
    })),
  )
  const spans = slots.flatMap(slot => {
    const { selection } = slot.terms
    if (selection.kind !== 'mean') return []
    const { overMs } = selection
    const span = {
      slotId: slot.id,
      from: slot.dueAt - overMs,
      to: slot.dueAt,
      partMs: overMs / meanParts(overMs),
    }
    return allPointsOf(slot).map(pointId => ({ ...span, pointId }))
  })
  const found = new Map<number, { candidates: Candidate[]; means: MeanCandidate[] }>(
    slots.map(({ id }) => [id, { candidates: [], means: [] }]),
  )
  for (const { slotId, ...candidate } of await selectCandidates(db, reaches))
    found.get(slotId)?.candidates.push(candidate)
  if (spans.length > 0)
    for (const { slotId, ...mean } of await selectMeans(db, spans)) found.get(slotId)?.means.push(mean)
  return found
}

/** What is asked of what surrounds a slot's values. */
export function questionOf(
  slot: Pick<SlotToCheck, 'id' | 'workCode' | 'dueAt' | 'pointId' | 'terms'>,
  values: ChosenValues,
): BackgroundQuestion {
  const { id: slotId, workCode, dueAt, pointId, terms } = slot
  const isBounded = terms.rights.length > 0 && terms.rights.every(({ yearlyM3 }) => yearlyM3 !== undefined)
  return {
    ...{ slotId, workCode, dueAt, stayMs: limitsOf(terms.checks).stuckAfter },
    parts: Object.values(values).flatMap(chosen => chosen?.parts ?? []),
    year: isBounded ? { pointIds: [pointId, ...terms.alsoPointIds], from: regulatorYear(dueAt) } : undefined,
  }
}
