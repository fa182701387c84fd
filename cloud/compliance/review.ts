// What persons decide about slots: pure decisions.
//
// Promises:
//   D1. What DGA has accepted is never sent again, whatever a person decides.
//   D2. What a person decides keeps to one attempt a day where DGA may know of an earlier one.
//   D3. What was measured stays beside what a person declares instead, which is checked by the same rules.
//   D4. Every state has a way out but `sent`, whose receipt may be asked after again; every decision has who and why.

import { nextDay } from './calendar.ts'
import type { CheckCode } from './checks.ts'
import {
  buildDeclaration,
  type ChosenValues,
  type Declaration,
  type DeclaredTexts,
  declaredText,
  QUANTITIES,
  type Quantity,
  quantitiesOf,
} from './declaration.ts'
import type { ObligationTerms } from './obligation.ts'
import { reasonOfFindings, toBeSent } from './slots.ts'
import { type Background, type Finding, validate } from './validation.ts'

/** What a person gave instead of what was measured. */
export interface PersonValues {
  by: string
  at: number
  reason: string
  values: { [quantity in Quantity]?: { value: number; text: string } | undefined }
}

/** A slot before a person. */
export interface SlotInDoubt {
  state: string
  workCode: string
  dueAt: number
  pointId: number
  terms: ObligationTerms
  chosen: ChosenValues | null
  person: PersonValues | null
  findings: readonly Finding[]
  declaration: Declaration | null
  reason: string | null
  receipt: string | null
  /** When DGA accepted it, as far as it is known. */
  acceptedAt: number | null
  /** When it was last tried so that DGA may know of it. */
  reachedAt: number | null
}

/** What a person decides. */
export type Decision = { reason: string } & (
  | { action: 'approve' | 'reject' | 'reopen' | 'hold' | 'verify' }
  | {
      action: 'replace'
      values: { [quantity in Quantity]?: number | undefined }
      despite: readonly CheckCode[]
    }
  | { action: 'settle'; receipt: string }
)

/** What is written of a slot after a person has decided. */
export interface DecisionChange {
  state: 'pending' | 'ready' | 'shadow' | 'review' | 'rejected' | 'sent'
  reason: string | null
  findings: readonly Finding[]
  person: PersonValues | null
  declaration: Declaration | null
  nextCheckAt: number | null
  nextAttemptAt: number | null
  receipt: string | null
  nextVerifyAt: number | null
}

/** What came of a decision; refused: nothing was changed, and why. */
export type Decided =
  | { kind: 'changed'; change: DecisionChange }
  | { kind: 'refused'; reason: string; findings: readonly Finding[] }

/** Decides. `background` is what surrounds the slot's values. */
export function decide(
  slot: SlotInDoubt,
  decision: Decision,
  background: Background,
  { by, now }: { by: string; now: number },
): Decided {
  switch (decision.action) {
    case 'approve':
      return approve(slot, now)
    case 'replace':
      return replace(slot, decision, background, { by, now })
    case 'reject':
      return reject(slot, decision.reason)
    case 'reopen':
      return reopen(slot, now)
    case 'hold':
      return hold(slot, decision.reason)
    case 'verify':
      return verify(slot, now)
    case 'settle':
      return settle(slot, decision.receipt, now)
  }
}

const unchanged = (slot: SlotInDoubt): Omit<DecisionChange, 'state'> => ({
  ...{ reason: slot.reason, findings: slot.findings, person: slot.person, declaration: slot.declaration },
  ...{ nextCheckAt: null, nextAttemptAt: null, receipt: slot.receipt, nextVerifyAt: null },
})

const refused = (reason: string, findings: readonly Finding[] = []): Decided => ({
  kind: 'refused',
  reason,
  findings,
})

const HELD_BY_DGA = 'DGA holds it already: it can only be settled, or rejected'

/** What is sent again goes on the next day at the earliest. */
const earliest = ({ reachedAt }: SlotInDoubt, now: number): number =>
  reachedAt === null ? now : Math.max(now, nextDay(reachedAt))

function approve(slot: SlotInDoubt, now: number): Decided {
  if (slot.state !== 'review') return refused(`It is ${slot.state}: only what is in review can be approved`)
  if (slot.acceptedAt !== null) return refused(HELD_BY_DGA)
  const blocking = slot.findings.filter(({ severity }) => severity === 'block')
  if (blocking.length > 0) {
    return refused(`It cannot be declared as it is: ${reasonOfFindings(blocking)}`, blocking)
  }
  const built = buildDeclaration(slot, slot.terms, textsOf(slot.chosen, slot.person))
  if (built.kind === 'missing') return refused(`It is not complete: ${built.quantities.join(', ')} missing`)
  const sent = toBeSent(slot.terms, built.declaration, earliest(slot, now))
  return { kind: 'changed', change: { ...unchanged(slot), ...asDecided(sent) } }
}

const asDecided = ({ state, ...rest }: ReturnType<typeof toBeSent>) => ({
  state: state === 'ready' ? ('ready' as const) : ('shadow' as const),
  ...rest,
})

function textsOf(chosen: ChosenValues | null, person: PersonValues | null): DeclaredTexts {
  return { ...chosen, ...Object.fromEntries(givenOf(person?.values ?? {})) }
}

const REPLACEABLE = ['review', 'no_data', 'not_measured']

function replace(
  slot: SlotInDoubt,
  { values, despite, reason }: Extract<Decision, { action: 'replace' }>,
  background: Background,
  { by, now }: { by: string; now: number },
): Decided {
  const { state, terms, dueAt, chosen } = slot
  if (!REPLACEABLE.includes(state))
    return refused(`It is ${state}: hold or reopen it before it is given a value`)
  if (slot.acceptedAt !== null) return refused(HELD_BY_DGA)
  const { required, optional } = quantitiesOf(terms, dueAt)
  const given = givenOf(values)
  const foreign = given.find(([quantity]) => ![...required, ...optional].includes(quantity))
  if (foreign !== undefined) return refused(`No ${foreign[0]} is declared of such a work`)
  const texts = given.map(([quantity, value]) => [
    quantity,
    { value, text: declaredText(quantity, value, terms) },
  ])
  const person: PersonValues = {
    ...{ by, at: now, reason },
    values: { ...slot.person?.values, ...Object.fromEntries(texts) },
  }
  const built = buildDeclaration(slot, terms, textsOf(chosen, person))
  if (built.kind === 'missing') return refused(`Not complete: ${built.quantities.join(', ')} missing`)
  const declared = declaredValues(slot, person, background)
  const findings = validate({ values: declared, terms }, besides(person, declared, background))
  const held = findings.filter(
    ({ severity, code }) => severity === 'block' || (severity === 'review' && !despite.includes(code)),
  )
  if (held.length > 0) return refused(`The values are doubtful: ${reasonOfFindings(held)}`, held)
  const sent = toBeSent(terms, built.declaration, earliest(slot, now))
  return { kind: 'changed', change: { ...unchanged(slot), ...asDecided(sent), findings, person } }
}

/** What would be declared, as if it had been measured: in parts where one point gives it. */
function declaredValues(
  { chosen, pointId, dueAt, terms }: SlotInDoubt,
  person: PersonValues,
  { previous }: Background,
): ChosenValues {
  const values: ChosenValues = { ...chosen }
  for (const [quantity, given] of givenOf(person.values)) {
    const measured = chosen?.[quantity]
    const like = measured?.parts?.[0] ?? previous?.values[quantity]?.parts?.[0]
    const variable = like?.variable ?? VARIABLE_OF[quantity]
    const read = { variable, seriesId: like?.seriesId ?? 0, readAt: dueAt, ageMs: 0, value: given.value }
    const part = { ...read, pointId: like?.pointId ?? pointId, quality: 0, timeQuality: 0, flags: 0 }
    const isOne = terms.alsoPointIds.length === 0 || quantity === 'level'
    values[quantity] = { ...read, text: given.text, ...(isOne ? { parts: [part] } : {}) }
  }
  return values
}

/** What the instrument did before says nothing about what a person gives instead. */
function besides(person: PersonValues, values: ChosenValues, background: Background): Background {
  const given = givenOf(person.values).map(([quantity]) => values[quantity]?.seriesId)
  const without = <Value>(bySeries: ReadonlyMap<number, Value>) =>
    new Map([...bySeries].filter(([seriesId]) => !given.includes(seriesId)))
  const points = [...background.points].map(([id, facts]) => [id, { ...facts, columnM: null }] as const)
  return {
    ...background,
    ...{ stays: without(background.stays), hours: without(background.hours) },
    delays: without(background.delays),
    points: person.values.level === undefined ? background.points : new Map(points),
  }
}

const givenOf = <Value>(values: { [quantity in Quantity]?: Value | undefined }): [Quantity, Value][] =>
  QUANTITIES.flatMap(quantity => {
    const value = values[quantity]
    return value === undefined ? [] : [[quantity, value] as [Quantity, Value]]
  })

const VARIABLE_OF = { flow: 'flow', total: 'total', level: 'water_table' } as const

const REJECTABLE = ['review', 'no_data', 'not_measured']

function reject(slot: SlotInDoubt, reason: string): Decided {
  if (!REJECTABLE.includes(slot.state)) return refused(`It is ${slot.state}: there is nothing to reject`)
  return { kind: 'changed', change: { ...unchanged(slot), state: 'rejected', reason } }
}

const REOPENABLE = ['review', 'no_data', 'not_measured', 'rejected', 'shadow']

function reopen(slot: SlotInDoubt, now: number): Decided {
  if (!REOPENABLE.includes(slot.state)) return refused(`It is ${slot.state}: there is nothing to reopen`)
  if (slot.acceptedAt !== null) {
    if (slot.state !== 'rejected') return refused(HELD_BY_DGA)
    return { kind: 'changed', change: { ...unchanged(slot), state: 'review', reason: 'DGA holds it' } }
  }
  // DGA may know the values that were sent: others would contradict them.
  if (slot.reachedAt !== null && slot.declaration !== null) {
    const change = { ...unchanged(slot), state: 'ready' as const, reason: null }
    return { kind: 'changed', change: { ...change, nextAttemptAt: earliest(slot, now) } }
  }
  return {
    kind: 'changed',
    change: {
      ...{ ...unchanged(slot), state: 'pending', reason: null, findings: [], person: null },
      ...{ declaration: null, nextCheckAt: now },
    },
  }
}

function hold(slot: SlotInDoubt, reason: string): Decided {
  if (slot.state !== 'ready') return refused(`It is ${slot.state}: only what waits to be sent can be held`)
  return { kind: 'changed', change: { ...unchanged(slot), state: 'review', reason: `held: ${reason}` } }
}

function verify(slot: SlotInDoubt, now: number): Decided {
  if (slot.state !== 'sent')
    return refused(`It is ${slot.state}: only what was sent has a receipt to ask after`)
  return { kind: 'changed', change: { ...unchanged(slot), state: 'sent', nextVerifyAt: now } }
}

function settle(slot: SlotInDoubt, receipt: string, now: number): Decided {
  if (slot.state !== 'review' || slot.acceptedAt === null)
    return refused('Only what DGA holds, and is in review, can be settled with its receipt')
  return {
    kind: 'changed',
    change: { ...unchanged(slot), state: 'sent', reason: null, receipt, nextVerifyAt: now },
  }
}
