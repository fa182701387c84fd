// Watches: evaluates every rule at every of its points, and makes one incident of each condition.
//
// What is kept of a rule moves on with the values alone, so that what comes a little late is still seen; what silence says
// is found anew each time from there.

import type { Clock } from '../../protocol/runtime/clock.ts'
import type { Log } from '../../protocol/runtime/log.ts'
import type { Metrics } from '../../protocol/runtime/metrics.ts'
import { VARIABLES } from '../../protocol/variables.ts'
import {
  type AlertTarget,
  saveProgress,
  selectAlertTargets,
  selectLostGateways,
  selectSamples,
} from '../store/alerts.ts'
import type { Database } from '../store/database.ts'
import { type Addressee, insertDeliveries } from '../store/deliveries.ts'
import { type Condition, settleIncidents } from '../store/incidents.ts'
import { keepWorking } from '../work-loop.ts'
import { beginAt, contextMs, evaluate, type Progress, type Sample } from './evaluate.ts'
import { AlertRule, durationMs } from './rule.ts'

/** What watching works with. */
export interface AlertDeps {
  db: Database
  clock: Clock
  log: Log
  metrics: Metrics
}

const EVERY_MS = 15_000
const TARGETS_A_PAGE = 50
/** More than the longest window of a rate holds, read each second. */
const SAMPLES_MAX = 25_000

const CODES = Object.fromEntries(Object.entries(VARIABLES).map(([name, { code }]) => [name, code]))

/** Watches until the signal aborts. A database that does not answer is waited for. */
export function runAlerts(deps: AlertDeps, signal: AbortSignal): Promise<void> {
  const work = async () => {
    await watchAlerts(deps)
    return false
  }
  return keepWorking(deps, { pollMs: EVERY_MS }, work, signal)
}

/** Evaluates every rule once, and brings the incidents `alert` and `gateway_lost` to what is so now. */
export async function watchAlerts({ db, clock, log, metrics }: AlertDeps): Promise<void> {
  const now = clock.now()
  const seen: Seen[] = []
  for (let after: readonly [number, number] = [0, 0]; ; ) {
    const targets = await selectAlertTargets(db, { after, limit: TARGETS_A_PAGE, variables: CODES })
    seen.push(...(await look(db, targets, now)))
    const last = targets.at(-1)
    if (last === undefined || targets.length < TARGETS_A_PAGE) break
    after = [last.ruleId, last.pointId]
  }
  const lost = (await selectLostGateways(db)).map(
    ({ id, slug, since }): Condition => ({
      ...{ subject: slug, gatewayId: id, details: { since: new Date(since).toISOString() } },
    }),
  )
  const there = seen.flatMap(({ condition }) => condition ?? [])
  const settled = await db.transaction(async tx => {
    for (let first = 0; first < seen.length; first += 1000)
      await saveProgress(tx, seen.slice(first, first + 1000))
    const gateways = await settleIncidents(tx, 'gateway_lost', lost, now)
    const alerts = await settleIncidents(tx, 'alert', there, now)
    await insertDeliveries(tx, seen.flatMap(addresseesOf), now)
    return { gateways, alerts }
  })
  metrics.gauge('analytics_alert_targets', seen.length)
  metrics.gauge('analytics_alerts_open', there.length)
  metrics.gauge('analytics_alerts_silenced', seen.filter(({ silencedBy }) => silencedBy !== null).length)
  for (const gateway of settled.gateways.opened) log.warn('gateway is lost', { gateway })
  for (const alert of settled.alerts.opened) log.warn('alert opened', { alert })
  for (const alert of settled.alerts.closed) log.info('alert closed', { alert })
}

/** What was seen of a rule at a point. */
interface Seen {
  ruleId: number
  version: number
  pointId: number
  progress: Progress
  /** Who is told: of the alert, or of the lost gateway that explains it. */
  recipients: readonly string[]
  silencedBy: string | null
  /** Absent: what the rule looks for is not so, or a lost gateway explains it. */
  condition?: Condition
}

async function look(db: Database, targets: readonly AlertTarget[], now: number): Promise<Seen[]> {
  const watched = targets.map(target => {
    const rule = AlertRule.parse(target.rule)
    return { ...target, rule, progress: target.progress ?? beginning(target, rule, now) }
  })
  const stretches = watched.map(({ seriesIds, rule, progress, goodAt }) => {
    const from = progress.through - contextMs(rule)
    // Where nothing is new there is nothing to read again.
    return { seriesIds, from, to: goodAt !== null && goodAt > progress.through ? now : from }
  })
  const samples = Map.groupBy(await selectSamples(db, stretches, SAMPLES_MAX), ({ index }) => index)
  return watched.map((target, index) => judge(target, samples.get(index + 1) ?? [], now))
}

/** A rule that begins looks at what is there already: the newest value, and what it needs before it. */
function beginning({ goodAt, changedAt }: AlertTarget, rule: AlertRule, now: number): Progress {
  if (goodAt === null) return { ...beginAt(changedAt), lastAt: changedAt }
  const lastsMs = rule.condition.for === undefined ? 0 : durationMs(rule.condition.for)
  const start =
    Math.min(goodAt, now) - contextMs(rule) - (rule.condition.kind === 'no_data' ? 0 : lastsMs) - 1
  return { ...beginAt(start), lastAt: start }
}

function judge(
  target: AlertTarget & { rule: AlertRule; progress: Progress },
  samples: readonly Sample[],
  now: number,
): Seen {
  const { ruleId, version, pointId, rule, progress: before, lostGateway } = target
  const through = Math.max(before.through, samples.at(-1)?.at ?? before.through)
  const data = evaluate(rule, before, samples, through)
  const verdict = evaluate(rule, data.progress, [], now)
  const isThere = verdict.progress.firingSince !== null
  const wasThere = data.firings.some(({ from }) => from > before.through)
  const recipients = rule.notify.map(({ email }) => email.toLowerCase())
  const seen: Seen = { ruleId, version, pointId, progress: data.progress, recipients, silencedBy: null }
  if (!isThere && !wasThere) return seen
  if (rule.condition.kind === 'no_data' && lostGateway !== null) return { ...seen, silencedBy: lostGateway }
  const last = verdict.firings.at(-1) ?? data.firings.at(-1)
  return { ...seen, condition: conditionOf(target, last?.from ?? now, last?.number ?? 1, verdict.progress) }
}

function addresseesOf({ condition, recipients, silencedBy }: Seen): Addressee[] {
  const kind = silencedBy === null ? 'alert' : 'gateway_lost'
  const subject = silencedBy ?? condition?.subject
  if (subject === undefined) return []
  return recipients.map(recipient => ({ kind, subject, channel: 'email', recipient }))
}

function conditionOf(
  { ruleId, pointId, point, rule }: AlertTarget,
  since: number,
  firings: number,
  { lastAt, lastValue }: Progress,
): Condition {
  return {
    ...{ subject: `${point} (rule ${ruleId})`, pointId, reopenWithinMs: durationMs(rule.quietFor) },
    details: {
      ...{ ruleId, rule: rule.name, severity: rule.severity, point, condition: rule.condition },
      ...{ since: new Date(since).toISOString(), firings, value: lastValue },
      valueAt: lastAt === null || lastValue === null ? null : new Date(lastAt).toISOString(),
    },
  }
}
