// Declaring while everything goes wrong at once: answers lost before and after DGA held the measurement, pages of HTML,
// receipts left out, outages, passwords that change, and processes that end at any step.
//
// DECLARE_INTERLEAVINGS says of how many slots the history is played (a few when it is not set), DECLARE_SEED which ones,
// DECLARE_WORKS how many works there are at once.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openBreakers } from '../../cloud/compliance/breaker.ts'
import { openRestClient } from '../../cloud/compliance/dga/rest.ts'
import { openSoapClient } from '../../cloud/compliance/dga/soap.ts'
import { InformantSettings } from '../../cloud/compliance/obligation.ts'
import { openPacer } from '../../cloud/compliance/pacer.ts'
import { upsertInformant } from '../../cloud/compliance/provisioning.ts'
import { runRound } from '../../cloud/compliance/runner.ts'
import { verifyEvidence } from '../../cloud/compliance/verify-evidence.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import { CENTRE } from '../cloud/compliance/installation.ts'
import { DAY, HOUR, MINUTE, openScene, type Scene } from '../cloud/compliance/scene.ts'
import { openTestDatabase, type TestDatabase } from '../doubles/databases.ts'
import { ANSWERS, type FaultRule } from '../doubles/dga/faults.ts'
import type { Violation } from '../doubles/dga/monitor.ts'
import { randomFrom } from '../doubles/random.ts'
import { beginLife, Killed } from './declare-life.ts'

const INTERLEAVINGS = Number(process.env.DECLARE_INTERLEAVINGS ?? '80')
const SEED = Number(process.env.DECLARE_SEED ?? '1')
/** Works and hours of one scene: so many slots at once. */
const SICK = Number(process.env.DECLARE_WORKS ?? '18')
const HEALTHY = 2
const HOURS = 4
const SICK_SLOTS = SICK * HOURS

/** The last informant is healthy: nothing goes wrong with what it declares, but that its processes end too. */
const RUTS = ['12345678-5', '11111111-1', '76000006-K', '76000014-0']
const DAYS_MAX = 60
const START = Date.parse('2026-01-15T12:00:00Z')

const faultsOf = (informant: string): FaultRule[] => {
  const of = (probability: number, fault: FaultRule['fault']): FaultRule => ({
    informant,
    probability,
    fault,
  })
  return [
    of(0.06, { kind: 'stored-but-lost', mode: 'close' }),
    of(0.06, { kind: 'stored-but-lost', mode: 'reset' }),
    of(0.06, { kind: 'stored-but-lost', mode: 'cut' }),
    of(0.004, { kind: 'stored-but-lost', mode: 'hang' }),
    of(0.06, { kind: 'lost', mode: 'close' }),
    of(0.06, { kind: 'lost', mode: 'reset' }),
    of(0.06, { kind: 'slow', ms: 5 }),
    of(0.02, { kind: 'no-receipt', how: 'missing' }),
    of(0.02, { kind: 'no-receipt', how: 'empty' }),
    of(0.02, { kind: 'no-receipt', how: 'no-data' }),
    of(0.02, { kind: 'duplicate-without-receipt' }),
    of(0.01, { kind: 'stored-wrong' }),
    ...Object.values(ANSWERS).map(answer => of(0.02, answer)),
  ]
}

describe('declaring while everything goes wrong', () => {
  let database: TestDatabase
  before(async () => {
    database = await openTestDatabase()
  })
  after(() => database.close())

  test(`each of ${INTERLEAVINGS} slots ends with one record and its receipt, or before a person with its reason`, async context => {
    const total = { slots: 0, sent: 0, recovered: 0, review: 0, kills: 0, rounds: 0, excused: 0 }
    for (let seed = SEED; total.slots < INTERLEAVINGS; seed += 1) {
      const scene = await openScene(database.db, { seed, sleep: systemClock.sleep })
      try {
        const played = await play(scene, database, seed)
        for (const [name, count] of Object.entries(played)) total[name as keyof typeof total] += count
      } catch (error) {
        throw new Error(`With DECLARE_SEED=${seed}`, { cause: error })
      } finally {
        await scene.close()
      }
    }
    context.diagnostic(JSON.stringify(total))
    assert.ok(total.recovered > 0 && total.review > 0 && total.kills > 0)
  })
})

/** Plays one scene to its end, and judges it. */
async function play(scene: Scene, { db }: TestDatabase, seed: number) {
  const { clock, dga, site } = scene
  const random = randomFrom(seed * 7919)
  await people(scene)
  const counts = { slots: SICK_SLOTS, sent: 0, recovered: 0, review: 0, kills: 0, rounds: 0, excused: 0 }
  const end = clock.now() + DAYS_MAX * DAY
  const started = clock.now()
  const outageAt = started + Math.floor(random() * 4) * HOUR
  const rotation = openRotation(scene, random)
  for (let hour = 0; ; counts.rounds += 1) {
    assert.ok(clock.now() < end, `slots are left after ${DAYS_MAX} days`)
    const isOut = clock.now() >= outageAt && clock.now() < outageAt + 90 * MINUTE
    if (isOut) await dga.stop()
    await rotation()
    const steps = random() < 0.5 ? 1 + Math.floor(random() ** 2 * 900) : Number.POSITIVE_INFINITY
    const life = await liveOnce(scene, steps, random)
    if (life.isOver) counts.kills += 1
    if (isOut) await dga.start()
    if (!life.isOver && !life.isClosed && !isOut) assert.deepEqual(await delayed(scene), [])
    const nextAt = await nextEvent(scene)
    if (nextAt === null && hour >= HOURS) break
    const now = clock.now()
    const nextHour = now - (now % HOUR) + HOUR
    const waitMs = life.isIdle ? 15 * MINUTE : MINUTE
    const to = Math.max(now + waitMs, Math.min(now + DAY, nextAt ?? 0))
    if (hour < HOURS && (to >= nextHour || random() < 0.3)) {
      await clock.advance(nextHour - now)
      await measureAll(scene)
      hour += 1
    } else await clock.advance(to - now)
  }
  await judge(scene, counts)
  assert.deepEqual((await verifyEvidence(db)).breaks, [])
  assert.ok(!site.lines.some(line => line.includes('could not be handled') && !line.includes('Killed')))
  return counts
}

/** Informants and works, at DGA and here; faults for all but the last informant. */
async function people({ dga, site, clock }: Scene): Promise<void> {
  dga.registry.informants = RUTS.map(rut => ({ rut, password: `clave-${rut}` }))
  for (const rut of RUTS) {
    const settings = InformantSettings.parse({ rut, name: rut, controlCentreRut: CENTRE })
    const { clientId, secrets, db } = site
    await upsertInformant({ db, clock, secrets }, { clientId, settings, password: `clave-${rut}` })
  }
  for (let number = 1; number <= SICK + HEALTHY; number += 1) {
    const code = `OB-0602-${number}`
    const rut = number > SICK ? (RUTS.at(-1) ?? '') : (RUTS[number % (RUTS.length - 1)] ?? '')
    dga.registry.works.push({ code, kind: 'groundwater', informants: [rut] })
    await site.addWork(code, {
      to: new Date(clock.now() + HOURS * HOUR).toISOString(),
      informant: rut,
      channel: number % 5 === 0 && number <= SICK ? 'soap' : 'rest',
    })
  }
  for (const rut of RUTS.slice(0, -1)) dga.faults.add(...faultsOf(rut))
  dga.faults.add({ channel: 'get', probability: 0.1, fault: ANSWERS.html502 })
}

/** Measures every well at this instant. */
async function measureAll({ site, clock }: Scene): Promise<void> {
  const points = await site.db.query<{ id: number }>('select id from points order by id')
  const hours = (clock.now() - START) / HOUR
  const values = { flow: 14.25 + hours / 10, total: 139_806.7 + hours * 51.3, water_table: 23.6 }
  for (const { id } of points) await site.measure(id, clock.now(), values)
}

/** One process, with memory of its own, for a round or until it ends. */
async function liveOnce(
  { site, clock, dga }: Scene,
  steps: number,
  random: () => number,
): Promise<{ isOver: boolean; isIdle: boolean; isClosed: boolean }> {
  const life = beginLife({ db: site.db }, steps, random)
  const limits = { timeoutMs: 1_500 }
  const clients = {
    rest: openRestClient(life, { url: dga.url, limits }),
    soap: await openSoapClient(life, { url: dga.soapUrl, limits }),
  }
  const { log, metrics, secrets, rules } = site
  const pacer = openPacer({ clock }, { everyMs: 0 })
  const own = { db: life.db, clock, log, metrics, clients, secrets, breakers: openBreakers(), pacer }
  try {
    const { submissions, verified } = await runRound(own, rules, new AbortController().signal)
    const isIdle = Object.keys(submissions).length === 0 && verified === 0
    return { isOver: life.isOver(), isIdle, isClosed: own.breakers.closed(clock.now()).length > 0 }
  } catch (error) {
    if (!(error instanceof Killed)) throw error
    return { isOver: true, isIdle: false, isClosed: false }
  }
}

/** One informant's password changes at DGA at some moment; here it is known a while later. */
function openRotation({ site, clock, dga }: Scene, random: () => number): () => Promise<void> {
  const at = clock.now() + Math.floor(random() * 5 * HOUR)
  const knownAt = at + Math.floor(random() * 30 * HOUR)
  const rut = RUTS[0] ?? ''
  const informant = dga.registry.informants.find(one => one.rut === rut)
  if (informant !== undefined) informant.rotation = { at, password: 'otra-clave' }
  let isKnown = false
  return async () => {
    if (isKnown || clock.now() < knownAt) return
    isKnown = true
    const settings = InformantSettings.parse({ rut, name: rut, controlCentreRut: CENTRE })
    const { clientId, secrets, db } = site
    await upsertInformant({ db, clock, secrets }, { clientId, settings, password: 'otra-clave' })
  }
}

const NEXT = `select min(at) as at from (
  select next_attempt_at as at from slots where state = 'ready'
  union all select next_check_at from slots where state in ('pending', 'no_data')
  union all select next_verify_at from slots where state = 'sent'
  union all select lease_until from slots where state = 'sending') t`

/** When something can happen next; null when nothing will. */
async function nextEvent({ site }: Scene): Promise<number | null> {
  const [row] = await site.db.query<{ at: number | null }>(NEXT)
  return row?.at ?? null
}

/** Fresh slots of healthy works that a whole round has left, whatever went wrong with the others. */
function delayed({ site, clock }: Scene): Promise<object[]> {
  return site.db.query(
    `select s.work_code, s.due_at from slots s join obligations o on o.id = s.obligation_id
     join informants i on i.id = o.informant_id
     where i.rut = $1 and s.state = 'ready' and s.next_attempt_at <= to_timestamp($2::float8 / 1000)
       and s.due_at > to_timestamp($3::float8 / 1000)`,
    [RUTS.at(-1) ?? '', clock.now(), clock.now() - 55 * MINUTE],
  )
}

interface Ended {
  id: number
  workCode: string
  dueAt: number
  state: string
  reason: string | null
  receipt: string | null
  recovered: boolean
  acceptedAt: number | null
  /** A process ended, or did not hear the answer in time. */
  unheard: boolean
  accepted: number | null
}

const ENDED = `select s.id, s.work_code as "workCode", s.due_at as "dueAt", s.state, s.reason, s.receipt, s.recovered,
    s.accepted_at as "acceptedAt", exists (select from submissions e
      where e.work_code = s.work_code and e.due_at = s.due_at
        and (e.step = 'abandoned' or e.detail->>'reason' like 'No answer within%')) as unheard,
    (select min(at) from submissions e where e.work_code = s.work_code and e.due_at = s.due_at
      and e.outcome in ('accepted', 'duplicate', 'accepted_without_receipt')) as accepted
  from slots s order by s.work_code, s.due_at`

/** Each slot has one record and its receipt, or a person sees why not; no rule of the regulator was broken. */
async function judge({ dga, site, clock }: Scene, counts: Record<string, number>): Promise<void> {
  const slots = await site.db.query<Ended>(ENDED)
  assert.equal(slots.length, (SICK + HEALTHY) * HOURS)
  const held = dga.holdings.all()
  assert.equal(new Set(held.map(({ work, date, time }) => `${work} ${date} ${time}`)).size, held.length)
  for (const slot of slots) {
    const own = held.filter(
      ({ work, date, time }) => work === slot.workCode && instantOf(date, time) === slot.dueAt,
    )
    const what = JSON.stringify(slot)
    assert.ok(own.length <= 1, what)
    const isHealthy = Number(slot.workCode.split('-')[2]) > SICK
    if (slot.state === 'sent') {
      assert.deepEqual([own.length, own[0]?.receipt], [1, slot.receipt], what)
      counts.sent = (counts.sent ?? 0) + 1
      if (slot.recovered) counts.recovered = (counts.recovered ?? 0) + 1
    } else {
      assert.equal(slot.state, 'review', what)
      assert.ok((slot.reason ?? '') !== '', what)
      counts.review = (counts.review ?? 0) + 1
    }
    if (isHealthy) assert.equal(slot.state, 'sent', what)
  }
  const broken = dga.monitor.violations.filter(violation => !isExcused(violation, slots))
  counts.excused = dga.monitor.violations.length - broken.length
  assert.deepEqual(broken, [])
  assert.ok(clock.now() > 0)
}

/** `OB-0602-7 2026-01-15 10:00:00`, in UTC-4. */
const instantOf = (date: string, time: string): number => Date.parse(`${date}T${time}-04:00`)

/**
 * DGA told that it holds a measurement, and the process ended, or gave up, before that was written down: nobody here knows, and the
 * next day is the time to ask again (6.2). What is in the evidence is never sent again.
 */
function isExcused({ rule, at, evidence }: Violation, slots: readonly Ended[]): boolean {
  if (rule !== 'resend-accepted') return false
  const [work = '', date = '', time = ''] = evidence.split(' ')
  const slot = slots.find(({ workCode, dueAt }) => workCode === work && dueAt === instantOf(date, time))
  return slot?.unheard === true && (slot.accepted === null || slot.accepted >= at)
}
