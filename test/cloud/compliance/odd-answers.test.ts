// Answers that nobody expects: whatever stands in them, nothing is lost, nothing is sent twice, and all others go on.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import type { DgaClient } from '../../../cloud/compliance/dga/client.ts'
import { openRestClient } from '../../../cloud/compliance/dga/rest.ts'
import { listEvidence } from '../../../cloud/store/compliance.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { DAY, HOUR, MINUTE, openScene, type Scene } from './scene.ts'

const RECEIPT = 'Ab3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF'

describe('runRound(), when DGA answers oddly,', () => {
  let database: TestDatabase
  let scene: Scene
  before(async () => {
    database = await openTestDatabase()
  })
  after(() => database.close())
  beforeEach(async () => {
    scene = await openScene(database.db)
  })
  afterEach(() => scene.close())

  const answer = (status: number, body: string) => ({ kind: 'answer', status, body }) as const
  const received = () => scene.dga.submissions.filter(({ work }) => work === 'OB-0602-7').length

  const acceptances: [string, string, string | null][] = [
    [
      'half a pair in the message',
      `{"status":"00","message":"\\ud800","data":{"numeroComprobante":"${RECEIPT}"}}`,
      RECEIPT,
    ],
    [
      'NUL in the message',
      `{"status":"00","message":"\\u0000","data":{"numeroComprobante":"${RECEIPT}"}}`,
      RECEIPT,
    ],
    ['half a pair in the receipt', '{"status":"00","data":{"numeroComprobante":"\\ud800abc"}}', null],
    ['NUL in the receipt', '{"status":"00","data":{"numeroComprobante":"a\\u0000b"}}', null],
    ['a receipt that says null', '{"status":"00","data":{"numeroComprobante":"null"}}', null],
    [
      'a duplicate whose receipt says null',
      '{"status":"400","message":"Ya existe un registro en esa fecha, hora para la obra. Comprobante: null"}',
      null,
    ],
  ]
  for (const [name, body, receipt] of acceptances) {
    test(`keeps an acceptance with ${name}, and never sends it again`, async () => {
      const { clock, dga, site, register, toNextHour } = scene
      const pointId = await register('OB-0602-7')
      dga.faults.add({ fault: answer(200, body), times: 1, channel: 'rest' })

      await toNextHour(pointId)
      await site.round()
      const [slot] = await site.slots()
      await clock.advance(2 * DAY)
      await site.round()

      assert.deepEqual([slot?.state, slot?.receipt], [receipt === null ? 'review' : 'sent', receipt])
      assert.equal(received(), 1)
    })
  }

  const refusals: [string, string][] = [
    ['half a pair', '{"status":"400","message":"malo \\ud800 x"}'],
    ['NUL', '{"status":"400","message":"malo \\u0000 x"}'],
    ['a pair where the reason is cut', JSON.stringify({ status: '400', message: '😀x'.repeat(500) })],
    ['a pair at the other place', JSON.stringify({ status: '400', message: `x${'😀x'.repeat(500)}` })],
    ['a pair at the third place', JSON.stringify({ status: '400', message: `xx${'😀x'.repeat(500)}` })],
  ]
  for (const [name, body] of refusals) {
    test(`keeps a refusal with ${name} in its message`, async () => {
      const { dga, site, register, toNextHour } = scene
      const pointId = await register('OB-0602-7')
      dga.faults.add({ fault: answer(400, body), times: 1, channel: 'rest' })

      await toNextHour(pointId)
      assert.deepEqual((await site.round()).submissions, { refused: 1 })

      const [slot] = await site.slots()
      assert.match(slot?.reason ?? '', /^refused: HTTP 400: /)
      assert.equal(slot?.reason?.isWellFormed(), true)
    })

    test(`keeps what GET says with ${name} in its message, and verifies the others`, async () => {
      const { clock, dga, site, register, toNextHour } = scene
      const wells = [await register('OB-0602-7'), await register('OB-0602-8')]
      dga.faults.add({ fault: answer(400, body), channel: 'get', work: 'OB-0602-7' })

      await toNextHour(...wells)
      await site.round()
      await clock.advance(MINUTE)
      assert.equal((await site.round()).verified, 2)

      const verifications = (await site.slots()).map(({ workCode, verification }) => [workCode, verification])
      assert.deepEqual(verifications.sort(), [
        ['OB-0602-7', 'not_found'],
        ['OB-0602-8', 'match'],
      ])
    })
  }

  test('verifies each receipt alone: one that cannot be handled says why, and is asked after again later', async () => {
    const { clock, dga, site, register, toNextHour } = scene
    const wells = [await register('OB-0602-7'), await register('OB-0602-8'), await register('OB-0602-9')]
    const client = openRestClient({ fetch }, { url: dga.url })
    const broken: DgaClient = {
      ...client,
      async verify(declaration, receipt, signal) {
        if (declaration.workCode === 'OB-0602-7') throw new Error('Nobody thought of this\0')
        const verified = await client.verify(declaration, receipt, signal)
        if (declaration.workCode === 'OB-0602-9') return verified
        return { ...verified, verification: { kind: 'no_answer', reason: 'half a pair: \ud800' } }
      },
    }
    await toNextHour(...wells)
    await site.round()
    await clock.advance(MINUTE)

    assert.equal((await site.round({ rest: broken, soap: broken })).verified, 3)
    const first = await site.slots()
    await clock.advance(10 * MINUTE)
    await site.round()
    const second = await site.slots()

    const said = first.map(({ workCode, state, reason, verification }) => [
      workCode,
      state,
      reason,
      verification,
    ])
    assert.deepEqual(said.sort(), [
      ['OB-0602-7', 'sent', 'not verified: Nobody thought of this\ufffd', null],
      ['OB-0602-8', 'sent', 'not verified: invalid input syntax for type json', null],
      ['OB-0602-9', 'sent', null, 'match'],
    ])
    assert.equal(site.lines.filter(line => line.includes('"receipt could not be verified"')).length, 2)
    assert.deepEqual(
      second.map(({ reason, verification }) => [reason, verification]),
      Array(3).fill([null, 'match']),
    )
  })

  for (const channel of ['rest', 'soap'] as const) {
    test(`spares over ${channel} the attempt of what came too fast, and sends it soon`, async () => {
      const { clock, dga, site, register, toNextHour } = scene
      const pointId = await register('OB-0602-7', { channel })
      dga.faults.add({ fault: answer(429, '{"message":"Too many requests"}'), times: 1, channel })

      await toNextHour(pointId)
      assert.deepEqual((await site.round()).submissions, { not_sent: 1 })
      const [slot] = await site.slots()
      await clock.advance(5 * MINUTE)
      const later = await site.round()

      assert.deepEqual([slot?.state, slot?.attempts], ['ready', 0])
      assert.match(slot?.reason ?? '', /HTTP 429/)
      assert.deepEqual(later.submissions, { accepted: 1 })
    })
  }

  test('asks nothing more of a channel that wants to be left alone, no receipt either, and then goes on', async () => {
    const { clock, dga, site, register, toNextHour } = scene
    const wells = [await register('OB-0602-7'), await register('OB-0602-8'), await register('OB-0602-9')]
    await toNextHour(...wells)
    await site.round()
    let asked = 0
    const resting = openRestClient({
      fetch: async () => {
        asked += 1
        return new Response('{"message":"Slow down"}', { status: 429, headers: { 'retry-after': '1800' } })
      },
    })
    await clock.advance(MINUTE)

    await site.round({ rest: resting, soap: resting })
    await clock.advance(30 * MINUTE - 1)
    await site.round({ rest: resting, soap: resting })
    const before = await site.slots()
    await clock.advance(1)
    const round = await site.round()

    assert.equal(asked, 1)
    assert.deepEqual(
      before.map(({ state, verification }) => [state, verification]).sort(),
      [
        ['sent', 'no_answer'],
        ['sent', null],
        ['sent', null],
      ].sort(),
    )
    assert.equal(round.verified, 3)
    assert.deepEqual(
      (await site.slots()).map(({ verification }) => verification),
      Array(3).fill('match'),
    )
    assert.deepEqual(dga.monitor.violations, [])
  })

  for (const status of [429, 401, 403]) {
    test(`has a ${status} in JSON cost a few slots what it costs, and the breaker spares the rest`, async () => {
      const { clock, dga, site, register, toNextHour } = scene
      site.rules.hands = 1
      const wells: number[] = []
      for (let work = 1; work <= 6; work += 1) wells.push(await register(`OB-0602-${work}`))
      dga.faults.add({ fault: answer(status, '{"message":"No"}'), channel: 'rest' })
      await toNextHour(...wells)

      const first = await site.round()
      dga.faults.clear()
      await clock.advance(6 * MINUTE)
      const healed = await site.round()

      const kind = status === 429 ? 'not_sent' : 'unknown_outcome'
      assert.deepEqual(first.submissions, { [kind]: 3 })
      assert.deepEqual(healed.submissions, { accepted: status === 429 ? 6 : 3 })
      assert.ok(clock.now() % HOUR < 55 * MINUTE, 'within the hour that the law gives')
    })
  }

  test('keeps with its evidence what DGA said, up to what is strange in it', async () => {
    const { dga, site, register, toNextHour } = scene
    const pointId = await register('OB-0602-7')
    dga.faults.add({ fault: answer(400, '{"status":"400",\n"message":"a\\ud800b"}\0'), times: 1 })
    await toNextHour(pointId)
    await site.round()

    const [slot] = await site.slots()
    const evidence = await listEvidence(database.db, slot?.id ?? 0)
    assert.deepEqual(
      evidence.map(({ step, outcome }) => [step, outcome]),
      [
        ['begun', null],
        ['answered', 'unknown_outcome'],
      ],
    )
    assert.equal(evidence[1]?.answer, '{"status":"400",\n"message":"a\\ud800b"}\ufffd')
  })
})
