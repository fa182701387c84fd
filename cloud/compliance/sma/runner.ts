// Reporting to SMA: reports are made, their values looked for, and each is sent once, by loops beside those of DGA.

import type { Clock } from '../../../protocol/runtime/clock.ts'
import { Rejected, reasonOf, Unavailable } from '../../../protocol/runtime/errors.ts'
import type { Log } from '../../../protocol/runtime/log.ts'
import type { Metrics } from '../../../protocol/runtime/metrics.ts'
import { isAbort } from '../../../protocol/runtime/scope.ts'
import { NOT_ASKED } from '../../store/compliance-waits.ts'
import type { Database } from '../../store/database.ts'
import { type FaultOfSlot, selectFaults } from '../../store/sensor-faults.ts'
import {
  createReports,
  type ReportToCheck,
  selectOwingTerms,
  selectReportCandidates,
  selectValuesBefore,
  takeReportChecks,
  writeReportChecks,
} from '../../store/sma.ts'
import {
  finishReport,
  recoverReports,
  type Settle,
  type TakenReport,
  takeReport,
} from '../../store/sma-sending.ts'
import { keepWorking } from '../../work-loop.ts'
import { dueInstants } from '../calendar.ts'
import type { Pacer } from '../pacer.ts'
import type { Secrets } from '../secrets.ts'
import type { SmaClient } from './client.ts'
import { afterOutcome, type SmaOutcome } from './outcome.ts'
import { holderOwner } from './provisioning.ts'
import { bodyOf, checkReport, type SmaCheck, valueKey } from './report.ts'

/** What reporting works with. */
export interface SmaDeps {
  db: Database
  clock: Clock
  log: Log
  metrics: Metrics
  secrets: Secrets
  client: SmaClient
  pacer: Pacer
}

/** The rules of reporting. */
export interface SmaRules {
  /** For how long a report is ours: longer than the exchanges of one may take. */
  leaseMs: number
  /** What is younger goes before what is older. */
  freshMs: number
  hands: number
  pollMs: number
}

/** Rules unless told otherwise. */
export const SMA_RULES: SmaRules = { leaseMs: 600_000, freshMs: 15 * 60_000, hands: 2, pollMs: 1_000 }

const TERMS_MAX = 500
const REPORTS_EACH_MAX = 1_000
const CHECKS_MAX = 500
const CHECK_LEASE_MS = 60_000

/** What one round did. */
export interface SmaCounts {
  made: number
  recovered: number
  /** Reports taken, by what came of them. */
  reports: Partial<Record<SmaOutcome['kind'] | 'settled', number>>
}

/** Makes the reports that are owed by now. Returns how many. */
export async function makeReports({ db, clock }: Pick<SmaDeps, 'db' | 'clock'>): Promise<number> {
  const now = clock.now()
  let made = 0
  for (let afterId = 0; ; ) {
    const page = await selectOwingTerms(db, now, afterId, TERMS_MAX)
    for (const owing of page) {
      const to = Math.min(owing.until ?? Number.POSITIVE_INFINITY, now + 1)
      const frequency = { kind: 'interval', everyMs: owing.terms.everyMs } as const
      const ats = dueInstants(frequency, { from: owing.createdThrough, to, limit: REPORTS_EACH_MAX })
      const last = ats.at(-1)
      const through = last !== undefined && ats.length === REPORTS_EACH_MAX ? last + 1 : to
      made += await createReports(db, owing, { ats, through, now })
    }
    const last = page.at(-1)
    if (last === undefined || page.length < TERMS_MAX) return made
    afterId = last.id
  }
}

/** Looks for the values of every report whose turn it is. */
export async function fillReports({ db, clock, log }: Pick<SmaDeps, 'db' | 'clock' | 'log'>): Promise<void> {
  for (let taken = CHECKS_MAX; taken === CHECKS_MAX; ) {
    const now = clock.now()
    const reports = await takeReportChecks(db, { now, againAt: now + CHECK_LEASE_MS, limit: CHECKS_MAX })
    taken = reports.length
    if (taken === 0) return
    const found = await selectReportCandidates(db, reports)
    const faults = await selectFaults(db, reports.map(reportPoints))
    const checks: (SmaCheck & { id: number })[] = []
    for (const [key, own] of Map.groupBy(reports, report => report.key)) {
      try {
        checks.push(...(await checkProcess(db, key, own, { found, faults }, now)))
      } catch (error) {
        if (error instanceof Unavailable) throw error
        // Reports of one process that cannot be looked at keep to themselves, and are looked at again when the lease ends.
        log.error('reports could not be looked at', { process: key, reason: reasonOf(error) })
      }
    }
    const written = new Set(await writeReportChecks(db, now, checks))
    const byId = new Map(reports.map(report => [report.id, report]))
    for (const { id, state, reason } of checks) {
      const report = byId.get(id)
      if (report === undefined || !written.has(id) || report.state === state) continue
      if (state === 'no_data' || state === 'review')
        log.warn('report is not sent', { process: report.key, at: report.at, state, reason })
    }
  }
}

const reportPoints = ({ id: slotId, at: dueAt, terms: { devices } }: ReportToCheck) => ({
  ...{ slotId, dueAt },
  pointIds: [...new Set(devices.map(({ pointId }) => pointId))],
})

/** In time's order: each is compared with the one before it, which may stand in the same list. */
async function checkProcess(
  db: Database,
  key: string,
  reports: readonly ReportToCheck[],
  {
    found,
    faults,
  }: {
    found: Awaited<ReturnType<typeof selectReportCandidates>>
    faults: ReadonlyMap<number, readonly FaultOfSlot[]>
  },
  now: number,
): Promise<(SmaCheck & { id: number })[]> {
  const checks: (SmaCheck & { id: number })[] = []
  let standing: SmaCheck['values'] | undefined
  for (const report of reports) {
    const before = standing ?? (await selectValuesBefore(db, key, report.at))
    const texts = new Map(before.map(value => [valueKey(value), value.text]))
    const looked = { ...report, faults: faults.get(report.id) ?? [] }
    const check = checkReport(looked, found.get(report.id) ?? [], { texts }, now)
    if (check.state === 'ready' || check.state === 'shadow') standing = check.values
    checks.push({ id: report.id, ...check })
  }
  return checks
}

/** Takes the report whose turn it is and sends it. Undefined when there is none now. */
export async function sendReport(
  deps: SmaDeps,
  rules: SmaRules,
  signal: AbortSignal,
): Promise<SmaOutcome['kind'] | 'settled' | undefined> {
  await deps.pacer.wait(signal)
  const { db, clock, log, metrics } = deps
  const now = clock.now()
  const leaseUntil = now + rules.leaseMs
  const taking = await takeReport(db, { now, leaseUntil, freshAfter: now - rules.freshMs }, settle(now))
  if (taking.kind === 'none') return undefined
  if (taking.kind === 'settled') return 'settled'
  const { report } = taking
  const { outcome, evidence } = await submit(deps, report, leaseUntil, signal)
  const answeredAt = clock.now()
  const change = afterOutcome(outcome, report.terms, answeredAt)
  const answer = { outcome, wire: evidence, change, now: answeredAt }
  const ours = await finishReport(db, report, answer)
  metrics.count('compliance_sma_reports_total', { outcome: outcome.kind })
  const { key: process, at, attempt } = report
  const fields = { process, at, attempt, outcome: outcome.kind, reason: change.reason }
  if (!ours) log.warn('report was taken over while it was sent', fields)
  if (change.stop !== undefined) log.error('reporting stopped', { ...fields, what: change.stop.what })
  else if (change.state === 'sent') log.info('reported', { ...fields, verification: change.verification })
  else log.warn('not reported', fields)
  return outcome.kind
}

/** A secret that cannot be opened is a mistake of ours, and a process that stood still past its lease has lost its turn. */
async function submit(
  { client, clock, secrets }: SmaDeps,
  { uf, process, at, terms, values, user, secretKeyId, secret }: TakenReport,
  leaseUntil: number,
  signal: AbortSignal,
): ReturnType<SmaClient['submit']> {
  const evidence = { request: NOT_ASKED, status: null, answer: null }
  let password: string
  try {
    password = secrets.open({ keyId: secretKeyId, bytes: secret }, holderOwner(user))
  } catch (error) {
    if (!(error instanceof Rejected)) throw error
    return { outcome: { kind: 'configuration_error', what: 'holder', reason: reasonOf(error) }, evidence }
  }
  if (clock.now() >= leaseUntil) {
    const reason = 'the process stood still until its lease had ended'
    return { outcome: { kind: 'not_sent', reason }, evidence }
  }
  return client.submit({ uf, process, body: bodyOf(at, terms, values) }, { user, password }, signal)
}

/** Settles what a program took for sending and did not come back from. Returns how many. */
export async function recoverLostReports({
  db,
  clock,
  log,
}: Pick<SmaDeps, 'db' | 'clock' | 'log'>): Promise<number> {
  const now = clock.now()
  const recovered = await recoverReports(db, now, settle(now))
  for (const { key, at } of recovered) log.warn('abandoned report recovered', { process: key, at })
  return recovered.length
}

const ENDED: SmaOutcome = { kind: 'unknown_outcome', reason: 'the process that sent it ended' }

const settle =
  (now: number): Settle =>
  (answered, terms) =>
    afterOutcome(answered ?? ENDED, terms, now)

const SENDS_MAX = 200

/** Does everything that can be done now. */
export async function runSmaRound(deps: SmaDeps, rules: SmaRules, signal: AbortSignal): Promise<SmaCounts> {
  const recovered = await recoverLostReports(deps)
  const made = await makeReports(deps)
  await fillReports(deps)
  const reports: SmaCounts['reports'] = {}
  for (let left = SENDS_MAX; left > 0; left -= 1) {
    const outcome = await sendReport(deps, rules, signal)
    if (outcome === undefined) break
    reports[outcome] = (reports[outcome] ?? 0) + 1
  }
  return { recovered, made, reports }
}

/** The loops of reporting; each is to be run until its signal aborts. */
export function smaLoops(deps: SmaDeps, rules: SmaRules): ((signal: AbortSignal) => Promise<void>)[] {
  const plan = async () => {
    await recoverLostReports(deps)
    await makeReports(deps)
    await fillReports(deps)
    return false
  }
  const send = async (signal: AbortSignal) => {
    try {
      return (await sendReport(deps, rules, signal)) !== undefined
    } catch (error) {
      if (error instanceof Unavailable || isAbort(error, signal)) throw error
      // One report that cannot be handled stays with itself: its lease ends, and the evidence says what is known of it.
      deps.log.error('report could not be handled', { reason: reasonOf(error) })
      return true
    }
  }
  return [plan, ...Array.from({ length: rules.hands }, () => send)].map(
    work => signal => keepWorking(deps, rules, work, signal),
  )
}
