// Two real processes that declare from one database: one stands still past its lease, or is killed again and again.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { InformantSettings } from '../../cloud/compliance/obligation.ts'
import { upsertInformant } from '../../cloud/compliance/provisioning.ts'
import { openSecrets } from '../../cloud/compliance/secrets.ts'
import { verifyEvidence } from '../../cloud/compliance/verify-evidence.ts'
import { systemClock } from '../../protocol/runtime/clock.ts'
import {
  CENTRE,
  type Installation,
  openInstallation,
  PASSWORD,
  RUT,
} from '../cloud/compliance/installation.ts'
import { openTestDatabase, type TestDatabase } from '../doubles/databases.ts'
import { type Dga, openDga } from '../doubles/dga/server.ts'
import { randomFrom } from '../doubles/random.ts'
import { until } from '../doubles/until.ts'
import type { DeclareProcess } from './declare-process.ts'

const SCRIPT = fileURLToPath(new URL('declare-process.ts', import.meta.url))
const MINUTE = 60_000
const DAY = 86_400_000
const LEASE_MS = 1_500
const KILLS = Number(process.env.DECLARE_KILLS ?? '12')

describe('two processes that declare', () => {
  let database: TestDatabase
  let dga: Dga
  let site: Installation
  let aheadMs = 0
  const key = randomBytes(32)
  const clock = { ...systemClock, now: () => systemClock.now() + aheadMs }
  const children: ChildProcess[] = []
  before(async () => {
    database = await openTestDatabase()
    dga = await openDga({ clock }, { strict: true })
    dga.registry.controlCentres.push(CENTRE)
    dga.registry.informants.push({ rut: RUT, password: PASSWORD })
    const { db } = database
    const fake = { ...clock, advance: async () => {}, step: () => {}, sleepers: () => 0 }
    site = await openInstallation({ db, clock: fake }, { restUrl: dga.url, soapUrl: dga.soapUrl })
    const secrets = openSecrets(new Uint8Array(key))
    const settings = InformantSettings.parse({ rut: RUT, name: 'Ana', controlCentreRut: CENTRE })
    await upsertInformant({ db, clock, secrets }, { clientId: site.clientId, settings, password: PASSWORD })
  })
  after(async () => {
    for (const child of children) child.kill('SIGKILL')
    await dga.close()
    await database.close()
  })

  const start = (some: Partial<DeclareProcess> = {}): ChildProcess => {
    const told: DeclareProcess = {
      ...{ url: database.url, restUrl: dga.url, soapUrl: dga.soapUrl, key: key.toString('base64') },
      ...{ leaseMs: LEASE_MS, aheadMs, freezes: false },
      ...some,
    }
    const child = spawn(process.execPath, [SCRIPT, JSON.stringify(told)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    children.push(child)
    return child
  }
  const end = async (child: ChildProcess) => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  /** A work with so many slots that are owed since a moment ago, measured. */
  const owe = async (workCode: string, slots: number) => {
    const dueAt = Math.floor(clock.now() / MINUTE) * MINUTE
    const instant = (at: number) => new Date(at).toISOString()
    const from = instant(dueAt - (slots - 1) * MINUTE)
    const only = { every: '1m', from, backfillFrom: from, to: instant(dueAt + 1) }
    dga.registry.works.push({ code: workCode, kind: 'groundwater', informants: [RUT] })
    const pointId = await site.addWork(workCode, only)
    for (let at = dueAt - (slots - 1) * MINUTE; at <= dueAt; at += MINUTE) await site.measureWell(pointId, at)
    return pointId
  }
  const stateOf = async (pointId: number) => (await site.slots(pointId)).map(({ state }) => state)
  const sentOf = (workCode: string) => dga.submissions.filter(({ work }) => work === workCode).length

  test('never send a slot that one of them took and stood still with past its lease', async () => {
    const pointId = await owe('OB-0602-1', 1)
    const frozen = start({ freezes: true })
    await until('one has taken the slot', async () => (await stateOf(pointId))[0] === 'sending')
    const other = start()
    await until('the other has recovered it', async () => (await stateOf(pointId))[0] === 'ready')

    frozen.kill('SIGCONT')
    await until('the first has noticed', async () => {
      const [row] = await database.db.query(
        `select from submissions where detail->>'reason' like '%stood still%'`,
      )
      return row !== undefined
    })

    assert.equal(sentOf('OB-0602-1'), 0)
    assert.deepEqual(await stateOf(pointId), ['ready'])
    await Promise.all([end(frozen), end(other)])
  })

  test('have one record of a slot that one of them stood still with while DGA answered', async () => {
    const pointId = await owe('OB-0602-2', 1)
    const { promise: asked, resolve: arrived } = Promise.withResolvers<void>()
    const { promise: resumed, resolve: resume } = Promise.withResolvers<void>()
    dga.beforeAnswer = work => {
      if (work === 'OB-0602-2') arrived()
      return work === 'OB-0602-2' ? resumed : Promise.resolve()
    }
    const frozen = start()
    await asked
    frozen.kill('SIGSTOP')
    const other = start()
    await until('the other has recovered it', async () => (await stateOf(pointId))[0] === 'ready')
    assert.equal(sentOf('OB-0602-2'), 1)

    resume()
    frozen.kill('SIGCONT')
    await until('the answer has settled it', async () => (await stateOf(pointId))[0] === 'sent')

    assert.equal(sentOf('OB-0602-2'), 1)
    const [slot] = await site.slots(pointId)
    const [held] = dga.holdings.all().filter(({ work }) => work === 'OB-0602-2')
    assert.equal(slot?.receipt, held?.receipt)
    dga.beforeAnswer = undefined
    await Promise.all([end(frozen), end(other)])
  })

  test(`have one record of every slot after ${KILLS} kills`, async () => {
    const random = randomFrom(7)
    const wells: number[] = []
    for (let number = 10; number < 20; number += 1) wells.push(await owe(`OB-0602-${number}`, 3))
    dga.faults.add(
      { probability: 0.15, fault: { kind: 'stored-but-lost', mode: 'reset' } },
      { probability: 0.15, fault: { kind: 'lost', mode: 'close' } },
    )
    const isDone = async () => (await site.slots()).every(({ state }) => state === 'sent')
    for (let kill = 0; kill < KILLS || !(await isDone()); kill += 1) {
      assert.ok(kill < KILLS + 60, 'slots are left')
      const pair = [start(), start()]
      await Promise.all(pair.map(child => once(child.stdout as NonNullable<typeof child.stdout>, 'data')))
      const rounds = 1 + Math.floor(random() * 4)
      const seen = dga.requests.length
      // A number of requests is a moment within the work of either; where nothing is asked any more, its output is.
      await Promise.race([
        until('some requests came', () => dga.requests.length >= seen + rounds),
        ...pair.map(child => once(child.stdout as NonNullable<typeof child.stdout>, 'data')),
      ])
      await Promise.all(pair.map(end))
      aheadMs += random() < 0.6 ? 6 * MINUTE : DAY
    }

    const held = dga.holdings.all()
    const slots = await site.slots()
    for (const { workCode, dueAt, receipt } of slots) {
      const own = held.filter(
        ({ work, date, time }) => work === workCode && Date.parse(`${date}T${time}-04:00`) === dueAt,
      )
      assert.deepEqual(
        own.map(one => one.receipt),
        [receipt],
      )
    }
    assert.deepEqual(
      dga.monitor.violations.filter(({ rule }) => rule !== 'resend-accepted'),
      [],
    )
    assert.deepEqual((await verifyEvidence(database.db)).breaks, [])
  })
})
