// A person decides about a slot: what it says now, what surrounds it, the decision, and what is written, in one transaction.

import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { SlotState } from '../store/compliance.ts'
import { selectBackgrounds } from '../store/compliance-background.ts'
import { lockSlot, writeDecision } from '../store/compliance-review.ts'
import type { Database } from '../store/database.ts'
import type { ClientIds } from '../store/queries.ts'
import { questionOf } from './plan.ts'
import { type Decided, type Decision, decide } from './review.ts'
import { type Finding, NO_BACKGROUND } from './validation.ts'

/** Who decides, and whose slots they may see. */
export interface Decider {
  clientIds: ClientIds
  by: string
  /** Nothing is written. */
  dryRun?: boolean
}

/** What came of it. `decided` is absent where there is no such slot that may be seen. */
export type SlotDecided =
  | { slot: number; point: null; state: null; decided: undefined }
  | {
      slot: number
      point: string
      /** What it is now, or would be. */
      state: SlotState
      decided: { kind: 'changed'; findings: readonly Finding[] } | Extract<Decided, { kind: 'refused' }>
    }

/** Decides about one slot. */
export function decideSlot(
  { db, clock, log }: { db: Database; clock: Clock; log: Log },
  id: number,
  decision: Decision,
  { clientIds, by, dryRun = false }: Decider,
): Promise<SlotDecided> {
  return db.transaction(async tx => {
    const slot = await lockSlot(tx, clientIds, id)
    if (slot === undefined) return { slot: id, point: null, state: null, decided: undefined }
    const background = await selectBackgrounds(tx, [questionOf(slot, slot.chosen ?? {})])
    const now = clock.now()
    const decided = decide(slot, decision, background.get(id) ?? NO_BACKGROUND, { by, now })
    if (decided.kind === 'refused') return { slot: id, point: slot.key, state: slot.state, decided }
    const { change } = decided
    if (!dryRun) {
      await writeDecision(tx, slot, { decision, change, by, now })
      const { workCode, dueAt } = slot
      log.info('slot decided', { workCode, dueAt, action: decision.action, state: change.state, by })
    }
    const { state, findings } = change
    return { slot: id, point: slot.key, state, decided: { kind: 'changed', findings } }
  })
}
