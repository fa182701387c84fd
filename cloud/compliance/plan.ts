// Making the slots that are owed, and picking their values.

import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import {
  type CheckedSlot,
  createSlots,
  type OwingObligation,
  type SlotToCheck,
  selectCandidates,
  selectOwing,
  takeChecks,
  writeChecks,
} from '../store/compliance-slots.ts'
import type { Database } from '../store/database.ts'
import { dueInstants } from './calendar.ts'
import { type Candidate, pickValues, reachOf } from './selection.ts'
import { afterPicking } from './slots.ts'

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
    for (const obligation of owing) made += await makeSlotsOf(db, obligation, limits.slotsEachMax, now)
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

/** What came of looking for values. */
export type PlanCounts = Record<'ready' | 'noData' | 'review' | 'shadow', number>

/** While one process looks at a slot, no other does, for so long. */
const CHECK_LEASE_MS = 60_000

/** Looks for the values of every slot whose turn it is. */
export async function fillSlots({ db, clock, log }: PlanDeps, limits: PlanLimits): Promise<PlanCounts> {
  const counts: PlanCounts = { ready: 0, noData: 0, review: 0, shadow: 0 }
  for (let taken = limits.checksMax; taken === limits.checksMax; ) {
    const now = clock.now()
    const slots = await takeChecks(db, { now, againAt: now + CHECK_LEASE_MS, limit: limits.checksMax })
    taken = slots.length
    if (taken === 0) break
    const changes = await checkSlots(db, slots, now)
    const written = new Set(await writeChecks(db, now, changes))
    for (const [index, { id, state, reason }] of changes.entries()) {
      const slot = slots[index]
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
  else if (state === 'ready' || state === 'review' || state === 'shadow') counts[state] += 1
}

async function checkSlots(db: Database, slots: readonly SlotToCheck[], now: number): Promise<CheckedSlot[]> {
  const reaches = slots.map(({ id, pointId, dueAt, terms }) => ({
    slotId: id,
    pointId,
    dueAt,
    reachMs: reachOf(terms),
  }))
  const bySlot = new Map<number, Candidate[]>()
  for (const { slotId, ...candidate } of await selectCandidates(db, reaches)) {
    const found = bySlot.get(slotId)
    if (found === undefined) bySlot.set(slotId, [candidate])
    else found.push(candidate)
  }
  return slots.map(slot => ({
    id: slot.id,
    ...afterPicking(slot, pickValues(slot, bySlot.get(slot.id) ?? [], now), now),
  }))
}
