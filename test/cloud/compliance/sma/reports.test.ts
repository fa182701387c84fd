// Reports to SMA, against SMA's double over HTTP and a real database: each time stamp once, whole, or with a reason.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { rewrapSecrets } from '../../../../cloud/compliance/credentials.ts'
import { openSecrets } from '../../../../cloud/compliance/secrets.ts'
import type { SmaClient } from '../../../../cloud/compliance/sma/client.ts'
import { watchReports } from '../../../../cloud/compliance/sma/late.ts'
import { afterOutcome } from '../../../../cloud/compliance/sma/outcome.ts'
import { recoverLostReports, SMA_RULES } from '../../../../cloud/compliance/sma/runner.ts'
import { verifyEvidence } from '../../../../cloud/compliance/verify-evidence.ts'
import { insertFault } from '../../../../cloud/store/sensor-faults.ts'
import { decideSmaReport } from '../../../../cloud/store/sma-reports.ts'
import { turnSending } from '../../../../cloud/store/switches.ts'
import { openTestDatabase, type TestDatabase } from '../../../doubles/databases.ts'
import { FAULTS } from '../../../doubles/providers/service.ts'
import { openSmaScene, PASSWORD, type SmaScene, USER } from './scene.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

test('afterOutcome() waits as long as SMA asks for, at most an hour', () => {
  const waitFor = (retryAfterMs: number) =>
    afterOutcome({ kind: 'not_sent', reason: 'x', retryAfterMs }, { afterNoAnswer: 'hold' }, 0).nextAttemptAt
  assert.deepEqual([0, 20 * MINUTE, 1e12].map(waitFor), [5 * MINUTE, 20 * MINUTE, HOUR])
})

describe('reports to SMA', () => {
  let database: TestDatabase
  let scene: SmaScene
  before(async () => {
    database = await openTestDatabase()
  })
  after(() => database.close())
  beforeEach(async () => {
    scene = await openSmaScene(database.db)
  })
  afterEach(() => scene.close())

  const states = async () => (await scene.reports()).map(({ state }) => state)
  const reasons = async () => (await scene.reports()).map(({ reason }) => reason)
  const outcomes = async () =>
    (
      await database.db.query<{ outcome: string }>(
        `select outcome from submissions where step = 'answered' order by id`,
      )
    ).map(({ outcome }) => outcome)

  test('all parameters of a time stamp go in one call, signed in once, with what was measured', async () => {
    await scene.toNext()
    assert.deepEqual((await scene.round()).reports, { accepted: 1 })
    await scene.toNext()
    await scene.round()

    assert.deepEqual(await states(), ['sent', 'sent'])
    assert.deepEqual(scene.sma.paths('auth').length, 1)
    const [first] = await scene.reports()
    assert.equal(first?.verification, scene.sma.held[0]?.verification)
    assert.deepEqual(
      scene.sma.held
        .slice(0, 4)
        .map(({ device, name, value, unit, time }) => [device, name, value, unit, time]),
      ['890', '891'].flatMap(device => [
        [device, 'Q', '14.25', 'l/s', '2026-01-15T09:35:00'],
        [device, 'VA', '139807', 'm3', '2026-01-15T09:35:00'],
      ]),
    )
    assert.deepEqual((await verifyEvidence(database.db)).breaks, [])
  })

  test('waits for a nearer reading, and does not report a time stamp of which a parameter is missing', async () => {
    const [one, two] = scene.points
    await scene.clock.advance(2 * MINUTE)
    const at = scene.clock.now()
    await scene.site.measure(one, at, { flow: 1, total: 10 })
    await scene.site.measure(two, at + 30_000, { flow: 2, total: 20 })
    await scene.round()
    assert.deepEqual(await states(), ['pending'])
    await scene.clock.advance(2 * MINUTE)
    await scene.round()
    assert.deepEqual(await states(), ['sent'])

    await scene.clock.advance(3 * MINUTE)
    await scene.site.measure(one, scene.clock.now(), { flow: 1, total: 10 })
    await scene.clock.advance(2 * MINUTE)
    await scene.round()
    assert.deepEqual(await states(), ['sent', 'no_data'])
    assert.deepEqual((await reasons())[1], 'no good reading: Q of device 891, VA of device 891')
    await scene.site.measure(two, at + 5 * MINUTE, { flow: 2, total: 21 })
    await scene.clock.advance(2 * MINUTE)
    await scene.round()
    assert.deepEqual((await states())[1], 'sent', 'what comes late heals')
    assert.equal(scene.sma.held.length, 8)
  })

  test('a sensor that was declared faulty is not reported, and is again when its time is over', async () => {
    const [, two] = scene.points
    const now = scene.clock.now()
    const fault = { pointId: two, quantity: 'flow', reason: 'cable cortado', by: 'ana' } as const
    await database.db.transaction(tx =>
      insertFault(tx, { ...fault, from: now, until: now + 10 * MINUTE, now }),
    )
    for (let times = 0; times < 3; times += 1) await scene.toNext()
    await scene.round()

    assert.deepEqual(await states(), ['no_data', 'no_data', 'sent'])
    assert.equal((await reasons())[0], 'no good reading: Q of device 891, whose sensor was declared faulty')
  })

  test('what was off is owed from when it is on, and what was given up stays so when terms change', async () => {
    await scene.provision({ mode: 'off' })
    await scene.toNext()
    await scene.round()
    await scene.clock.advance(MINUTE)
    await scene.provision({ every: '1h' })
    await scene.round()
    assert.deepEqual(await states(), [])

    await scene.clock.advance(HOUR)
    await scene.round()
    await scene.clock.advance(3 * HOUR)
    await scene.round()
    const before = (await scene.reports()).map(({ id, state }) => [id, state])
    assert.equal(before[0]?.[1], 'no_data')
    await scene.provision({ every: '1h', within: '2m' })
    await scene.round()
    assert.deepEqual((await scene.reports())[0]?.id, before[0]?.[0])
  })

  test('a counter that went back, and what is negative, waits for a person, who may send or close it', async () => {
    await scene.toNext(1, 100)
    await scene.round()
    await scene.toNext(1, 90)
    await scene.round()
    await scene.toNext(-1, 101)
    await scene.round()
    assert.deepEqual(await states(), ['sent', 'review', 'review'])
    assert.match((await reasons())[1] ?? '', /VA of device 890 went back from 100 to 90/)
    assert.match((await reasons())[2] ?? '', /Q of device 890 is negative: -1.00/)

    const [, back, negative] = await scene.reports()
    assert.ok(back && negative)
    const decision = { reason: 'visto', by: 'Ana', at: scene.clock.now() }
    await decideSmaReport(database.db, back, { ...decision, decision: 'send' })
    await decideSmaReport(database.db, negative, { ...decision, decision: 'close' })
    await scene.round()
    assert.deepEqual(await states(), ['sent', 'sent', 'closed'])
    assert.equal((await scene.reports())[1]?.decision?.by, 'Ana')
  })

  test('a token that ended early is replaced at once; one that lives a day is not used longer', async () => {
    await scene.toNext()
    await scene.round()
    scene.sma.fail({ fault: FAULTS.unauthorized, channel: 'records', times: 1 })
    await scene.toNext()
    await scene.round()
    assert.deepEqual(await states(), ['sent', 'sent'])
    assert.equal(scene.sma.paths('auth').length, 2)
    await scene.clock.advance(24 * HOUR)
    await scene.toNext()
    await scene.round()
    assert.equal((await outcomes()).at(-1), 'accepted')
    assert.equal(scene.sma.paths('auth').length, 3)
  })

  test('what may have arrived is held, or sent again where that was chosen; what certainly did not goes by itself', async () => {
    for (const fault of [{ kind: 'reset' } as const, FAULTS.html502, FAULTS.html200]) {
      scene.sma.fail({ fault, channel: 'records', times: 1 })
      await scene.toNext()
      await scene.round()
    }
    assert.deepEqual(await states(), ['review', 'review', 'review'])
    assert.deepEqual(await outcomes(), ['unknown_outcome', 'unknown_outcome', 'unknown_outcome'])

    await scene.provision({ afterNoAnswer: 'resend' })
    scene.sma.fail({ fault: { kind: 'cut' }, channel: 'records', times: 1 })
    await scene.toNext()
    await scene.round()
    await scene.clock.advance(9 * MINUTE)
    await scene.sma.stop()
    await scene.round()
    assert.equal((await states())[3], 'ready')
    await scene.sma.start()
    await scene.clock.advance(2 * HOUR)
    await scene.round()
    assert.equal((await states())[3], 'sent')
  })

  test('who is not let in stops, burns nothing, and goes on when the password is mended', async () => {
    const user = scene.sma.registry.users.get(USER)
    assert.ok(user)
    user.password = 'otra-clave'
    await scene.toNext()
    await scene.round()
    await scene.toNext()
    await scene.round()
    assert.deepEqual(await states(), ['ready', 'ready'])
    assert.equal(scene.sma.paths('auth').length, 1)
    assert.deepEqual(await watchReports({ ...scene.deps }), ['SMA 1234/567'])
    await scene.setPassword('otra-clave')
    await scene.round()
    assert.deepEqual(await states(), ['sent', 'sent'])
    assert.deepEqual(await watchReports({ ...scene.deps }), [])
  })

  test('three refusals in a row stop the process, and none goes to a person for ever', async () => {
    const [process] = scene.sma.registry.processes
    assert.ok(process)
    process.devices['890'] = [{ name: 'Q', unit: 'm3/s' }]
    for (let times = 0; times < 5; times += 1) {
      await scene.toNext()
      await scene.round()
    }
    assert.deepEqual(await states(), ['review', 'review', 'review', 'ready', 'ready'])
    const [row] = await database.db.query<{ reason: string }>('select reason from sma_processes')
    assert.match(
      row?.reason ?? '',
      /3 reports in a row were refused, the last with HTTP 400, Parámetro de más/,
    )
  })

  test('one that was taken by a process that died is not sent a second time when SMA has taken it', async () => {
    const dies: SmaClient = {
      submit: async (...told) => {
        const said = await scene.deps.client.submit(...told)
        if (isKnown) return said
        throw new Error('killed')
      },
    }
    let isKnown = false
    await scene.toNext()
    await assert.rejects(scene.round(dies), /killed/)
    assert.deepEqual(await states(), ['sending'])
    await scene.clock.advance(SMA_RULES.leaseMs)
    await scene.round()
    assert.equal((await states())[0], 'review', 'nobody knows')

    // Overtaken: its lease ends while SMA answers.
    isKnown = true
    const slow: SmaClient = {
      submit: async (...told) => {
        const said = await dies.submit(...told)
        await scene.clock.advance(SMA_RULES.leaseMs)
        await scene.deps.client.submit(...told).catch(() => undefined)
        return said
      },
    }
    await scene.toNext()
    await scene.round(slow)
    const [, overtaken] = (await scene.reports()).filter(({ state }) => state !== 'no_data')
    assert.equal(overtaken?.state, 'sent')
    assert.deepEqual((await verifyEvidence(database.db)).breaks, [])
  })

  test('what SMA took is told, though it answered after the report was given up', async () => {
    const slow: SmaClient = {
      submit: async (...told) => {
        const said = await scene.deps.client.submit(...told)
        await scene.clock.advance(SMA_RULES.leaseMs)
        await recoverLostReports(scene.deps)
        assert.equal((await states())[0], 'review')
        return said
      },
    }
    await scene.toNext()
    await scene.round(slow)
    assert.equal((await states())[0], 'sent')
  })

  test('a token that one password was given is not used with another', async () => {
    const { client } = scene.deps
    const submission = { uf: '1234', process: '567', body: '[]' }
    const { signal } = new AbortController()
    await client.submit(submission, { user: USER, password: PASSWORD }, signal)
    const { outcome } = await client.submit(submission, { user: USER, password: 'adivinada' }, signal)
    assert.equal(outcome.kind, 'configuration_error')
  })

  test('the hour that the clocks show twice is not written twice; in UTC-4 there is none', async () => {
    await scene.close()
    // Clocks go back from 24:00 to 23:00 on 4 April 2026: at 03:00 UTC.
    scene = await openSmaScene(database.db, { at: '2026-04-05T02:04:00Z' })
    await scene.provision({ every: '1h' })
    for (let hours = 0; hours < 3; hours += 1) {
      await scene.clock.advance(HOUR - (scene.clock.now() % HOUR))
      await scene.toNext()
      for (const point of scene.points)
        await scene.site.measure(point, scene.clock.now() - 5 * MINUTE, { flow: 1, total: 1 })
      await scene.round()
    }
    assert.deepEqual(
      scene.sma.held.filter(({ name, device }) => name === 'Q' && device === '890').map(({ time }) => time),
      ['2026-04-05T00:00:00', '2026-04-05T01:00:00'],
    )
    const held = (await scene.reports()).find(({ state }) => state === 'review')
    assert.match(held?.reason ?? '', /2026-04-04T23:00:00 is written a second time/)
  })

  test('shadow does everything but send; a switch, of all or of the process, stops it at once', async () => {
    await scene.provision({ mode: 'shadow' })
    await scene.toNext()
    await scene.round()
    assert.deepEqual(await states(), ['shadow'])
    await scene.provision({ mode: 'send' })
    const turn = { reason: 'SMA asked', by: 'Ana', at: scene.clock.now() }
    for (const switched of [
      { what: 'all' } as const,
      { what: 'sma_process', process: '1234/567' } as const,
    ]) {
      await turnSending(database.db, switched, { ...turn, sending: false })
      await scene.toNext()
      await scene.round()
      assert.equal((await states()).at(-1), 'ready')
      await turnSending(database.db, switched, { ...turn, sending: true })
      await scene.round()
      assert.equal((await states()).at(-1), 'sent')
    }
    assert.equal(scene.sma.paths('records').length, 2)
  })

  test('no password and no token is kept in the evidence or said in the log, and another key opens them after rewrapping', async () => {
    await scene.toNext()
    await scene.round()
    const token = JSON.parse(
      JSON.stringify(scene.sma.requests.find(({ path }) => path.endsWith('registros'))?.headers),
    ).authorization.slice('Bearer '.length)
    const kept = JSON.stringify(await database.db.query('select * from submissions'))
    for (const secret of [PASSWORD, JSON.stringify(PASSWORD).slice(1, -1), token]) {
      assert.equal(kept.includes(secret), false)
      assert.equal(scene.site.lines.join().includes(secret), false)
    }
    const other = new Uint8Array(32).fill(7)
    const told: string[] = []
    const lost = await rewrapSecrets({ db: database.db, secrets: openSecrets(other) }, text =>
      told.push(text),
    )
    assert.equal(lost.rewrapped, 0)
    assert.match(told.join(), /SMA 76543210-3: key/)
  })
})
