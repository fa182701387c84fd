// The compliance service at work: its rounds, one by one for who asks, and its loops for ever.

import { drawBackWaits } from '../store/compliance-waits.ts'
import { keepWorking } from '../work-loop.ts'
import { openBeat } from '../workers.ts'
import type { Submission } from './dga/client.ts'
import { fillSlots, makeSlots, PLAN_LIMITS, type PlanCounts, type PlanLimits, raiseFaults } from './plan.ts'
import { recoverSlots, SEND_RULES, type SendDeps, type SendRules, sendNext } from './send.ts'
import { LONGEST_WAITS } from './slots.ts'
import { verifySlots } from './verify.ts'

/** How the service works. */
export interface ComplianceRules extends SendRules, PlanLimits {
  /** How many slots are sent at the same time. */
  hands: number
  /** How many slots one round may send when somebody asked for it. */
  sendsMax: number
  verificationsMax: number
  /** How long an idle loop waits before it looks again. */
  pollMs: number
}

/** Rules unless told otherwise. */
export const COMPLIANCE_RULES: ComplianceRules = {
  ...SEND_RULES,
  ...PLAN_LIMITS,
  hands: 4,
  sendsMax: 200,
  verificationsMax: 50,
  pollMs: 1000,
}

/** What one round did. */
export interface RoundCounts extends PlanCounts {
  recovered: number
  made: number
  /** Slots taken, by what came of them; `settled` are those that the evidence showed to be accepted already. */
  submissions: Partial<Record<Submission['kind'] | 'settled', number>>
  verified: number
}

/** Does everything that can be done now: recover, make, fill, send, verify. */
export async function runRound(
  deps: SendDeps,
  rules: ComplianceRules,
  signal: AbortSignal,
): Promise<RoundCounts> {
  await drawBack(deps, rules)
  const recovered = await recoverSlots(deps)
  const made = await makeSlots(deps, rules)
  const filled = await fillSlots(deps, rules)
  await raiseFaults(deps)
  const submissions = await sendAll(deps, rules, signal)
  const verified = await verifySlots(deps, { limit: rules.verificationsMax }, signal)
  return { recovered, made, ...filled, submissions, verified }
}

async function drawBack({ db, clock, log }: SendDeps, { leaseMs }: ComplianceRules): Promise<void> {
  const count = await drawBackWaits(db, clock.now(), { ...LONGEST_WAITS, leaseMs })
  if (count > 0) log.warn('waits of a clock that ran ahead drawn back', { count })
}

async function sendAll(
  deps: SendDeps,
  rules: ComplianceRules,
  signal: AbortSignal,
): Promise<RoundCounts['submissions']> {
  const counts: RoundCounts['submissions'] = {}
  let left = rules.sendsMax
  const hand = async () => {
    while (left > 0) {
      left -= 1
      const outcome = await sendNext(deps, rules, signal)
      if (outcome === undefined) return
      counts[outcome] = (counts[outcome] ?? 0) + 1
    }
  }
  await Promise.all(Array.from({ length: rules.hands }, hand))
  return counts
}

/** The loops of the service; each is to be run until its signal aborts. */
export function complianceLoops(
  deps: SendDeps,
  rules: ComplianceRules,
): ((signal: AbortSignal) => Promise<void>)[] {
  const plan = async () => {
    await drawBack(deps, rules)
    await recoverSlots(deps)
    await makeSlots(deps, rules)
    await fillSlots(deps, rules)
    await raiseFaults(deps)
    return false
  }
  const send = async (signal: AbortSignal) => (await sendNext(deps, rules, signal)) !== undefined
  const verify = async (signal: AbortSignal) =>
    (await verifySlots(deps, { limit: rules.verificationsMax }, signal)) > 0
  const beat = openBeat(deps, 'compliance.send')
  const hands = Array.from({ length: rules.hands }, () => ({ work: send, beat }))
  return [
    { work: plan, beat: openBeat(deps, 'compliance.plan') },
    ...hands,
    { work: verify, beat: openBeat(deps, 'compliance.verify') },
  ].map(one => signal => keepWorking(deps, { ...rules, beat: one.beat }, one.work, signal))
}
