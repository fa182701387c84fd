// Nothing stops in silence: workers that must beat, the weekly canary, and who says so by another way.

import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { CANARY_EVERY_MS, flyCanary, runCanary } from '../../../cloud/alerts/canary.ts'
import { deliverDue, retryMs } from '../../../cloud/alerts/deliver.ts'
import { type Mailer, openMailer } from '../../../cloud/alerts/mail.ts'
import { CANARY_ARRIVES_MS, runWatchdog, watchWorkers } from '../../../cloud/alerts/watchdog.ts'
import { ANALYTICS_METRICS } from '../../../cloud/analytics/service.ts'
import type { Database } from '../../../cloud/store/database.ts'
import { selectIncidents } from '../../../cloud/store/incident-rows.ts'
import { beatWorker, declareWorkers, retireCanaries, selectWorkers } from '../../../cloud/store/workers.ts'
import { keepWorking } from '../../../cloud/work-loop.ts'
import { graceMs, openBeat, WORKERS, workersCheck } from '../../../cloud/workers.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { openMetrics } from '../../../protocol/runtime/metrics.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { type MailServer, openMailServer } from '../../doubles/mail-server.ts'
import { until } from '../../doubles/until.ts'
import { FRIDAY } from './watch.ts'

const MINUTE = 60_000
const TO = 'guardia@campo.cl'

describe('the watchdog', () => {
  let database: TestDatabase
  let db: Database
  let server: MailServer
  let mailer: Mailer
  let listener: Server
  const heard: { kind: string; subject: string }[] = []
  let refuses = false
  before(async () => {
    database = await openTestDatabase()
    db = database.db
    server = await openMailServer()
    mailer = openMailer({ url: server.url, from: 'avisos@smarthydro.cl' })
    listener = createServer(async (request, response) => {
      const pieces: Buffer[] = []
      for await (const piece of request) pieces.push(piece)
      if (!refuses) heard.push(JSON.parse(Buffer.concat(pieces).toString()))
      response.writeHead(refuses ? 503 : 204).end()
    })
    await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve))
  })
  after(async () => {
    listener.closeAllConnections()
    listener.close()
    await server.close()
    await database.close()
  })

  const openScene = async () => {
    await retireCanaries(db)
    await db.query('delete from workers')
    await db.query('delete from incidents')
    heard.length = 0
    refuses = false
    const clock = openFakeClock(FRIDAY)
    const deps = { db, clock, log: silentLog, metrics: openMetrics(ANALYTICS_METRICS) }
    const port = (listener.address() as AddressInfo).port
    return {
      clock,
      deps,
      outcry: {
        url: `http://127.0.0.1:${port}/`,
        networks: [{ address: '127.0.0.0', prefix: 8, family: 'ipv4' as const }],
      },
      beatAll: async (...but: string[]) => {
        for (const name of Object.keys(WORKERS).filter(one => !but.includes(one)))
          await beatWorker(db, name, clock.now())
      },
      open: async () =>
        (await selectIncidents(db, null, { beforeId: Number.MAX_SAFE_INTEGER, limit: 100, open: true })).map(
          ({ kind, subject }) => `${kind} ${subject}`,
        ),
    }
  }

  test('misses a worker that nobody ever started, and one that stopped, until they beat', async () => {
    const { clock, deps, beatAll, open } = await openScene()
    await declareWorkers(db, Object.keys(WORKERS), clock.now())
    await beatAll('compliance.send')
    const before = await watchWorkers(deps)
    clock.step(15 * MINUTE + 1)
    await beatAll('compliance.send', 'analytics.alerts')
    const missed = await watchWorkers(deps)
    const again = await watchWorkers(deps)
    const silent = await open()
    await beatAll()
    await watchWorkers(deps)

    assert.deepEqual(before, [])
    assert.deepEqual(
      missed.map(({ subject }) => subject),
      ['analytics.alerts', 'compliance.send'],
    )
    assert.deepEqual(again, [])
    assert.deepEqual(silent.toSorted(), ['worker_silent analytics.alerts', 'worker_silent compliance.send'])
    assert.deepEqual(await open(), [])
  })

  test('makes a service unhealthy by its own workers alone, and tells of the others', async () => {
    const { clock, deps, beatAll } = await openScene()
    await declareWorkers(db, Object.keys(WORKERS), clock.now())
    const analytics = workersCheck(deps, 'analytics')
    const compliance = workersCheck(deps, 'compliance')
    clock.step(graceMs + 15 * MINUTE)
    await beatAll('compliance.plan')

    assert.deepEqual(await analytics(), { silent: ['compliance.plan'] })
    await assert.rejects(async () => compliance(), /Silent: compliance\.plan/)
  })

  test('hears a loop that does its rounds, and not one whose rounds fail', async () => {
    const { clock, deps } = await openScene()
    const stop = new AbortController()
    let rounds = 0
    const beat = openBeat(deps, 'processor.ledger')
    const loop = keepWorking(
      deps,
      { pollMs: 1000, beat },
      async () => {
        rounds += 1
        return false
      },
      stop.signal,
    )
    await until('it has done a round', () => rounds > 0)
    const seen = async () => (await selectWorkers(db)).find(({ name }) => name === 'processor.ledger')?.beatAt
    await until('it has beaten', async () => (await seen()) === FRIDAY)
    stop.abort()
    await loop

    assert.equal(await seen(), FRIDAY)
    assert.ok(clock.now() >= FRIDAY)
  })

  test('tells by a way of its own, and again where nobody took it', async () => {
    const { clock, deps, outcry } = await openScene()
    const stop = new AbortController()
    refuses = true
    const watching = runWatchdog(deps, outcry, stop.signal)
    await until('they are declared', async () => (await selectWorkers(db)).length > 0)
    await until('nobody has taken it', async () => {
      await clock.advance(MINUTE)
      return (
        (await db.query(`select from incidents where kind = 'worker_silent' and closed_at is null`))
          .length === Object.keys(WORKERS).length
      )
    })
    refuses = false
    await until('it was taken', async () => {
      await clock.advance(MINUTE)
      return new Set(heard.map(({ subject }) => subject)).size === Object.keys(WORKERS).length
    })
    stop.abort()
    await watching

    assert.ok(heard.every(({ kind }) => kind === 'worker_silent'))
  })

  test('flies a canary the whole way once a week, and says when it arrived', async () => {
    const { clock, deps, open } = await openScene()
    const before = server.taken.filter(({ to }) => to.includes(TO)).length
    await flyCanary(deps, TO)
    const flying = await open()
    await flyCanary(deps, TO)
    await deliverDue({ ...deps, mailer })
    clock.step(MINUTE)
    await flyCanary(deps, TO)
    const arrived = await open()
    clock.step(CANARY_EVERY_MS)
    await flyCanary(deps, TO)
    await deliverDue({ ...deps, mailer })

    assert.equal(flying.length, 1)
    assert.match(flying[0] ?? '', /^canary canary \d+$/)
    assert.deepEqual(arrived, [])
    assert.equal(server.taken.filter(({ to }) => to.includes(TO)).length - before, 2)
    assert.deepEqual(await watchWorkers(deps), [])
  })

  test('misses a canary that did not arrive, and one that never flew again', async () => {
    const { clock, deps, open } = await openScene()
    await flyCanary(deps, TO)
    server.fail(451)
    await deliverDue({ ...deps, mailer })
    clock.step(CANARY_ARRIVES_MS - 1)
    const early = await watchWorkers(deps)
    clock.step(1)
    const late = await watchWorkers(deps)
    clock.step(retryMs(1))
    await deliverDue({ ...deps, mailer })
    await flyCanary(deps, TO)
    await watchWorkers(deps)
    const mended = await open()
    clock.step(CANARY_EVERY_MS)
    const stopped = await watchWorkers(deps)
    const stop = new AbortController()
    const off = runCanary(deps, undefined, stop.signal)
    await until(
      'it is off',
      async () => (await db.query('select from canaries where not retired')).length === 0,
    )
    stop.abort()
    await off
    await watchWorkers(deps)

    const missing = [{ kind: 'canary_missing', subject: 'canary' }]
    assert.deepEqual([early, late, mended, stopped], [[], missing, [], missing])
    assert.deepEqual(
      (await open()).filter(one => one.startsWith('canary_missing')),
      [],
    )
  })
})
