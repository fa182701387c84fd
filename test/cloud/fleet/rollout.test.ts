// Rollouts: who is asked when, what halts them, and the whole way over the API and the database.

import assert from 'node:assert/strict'
import { createPublicKey, randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { judge, LOST_MS, rollOut, SOAK_MS, toStages } from '../../../cloud/fleet/rollout.ts'
import { type MemberRow, selectRollout } from '../../../cloud/store/releases.ts'
import { Command } from '../../../protocol/command.ts'
import { RELEASE_CHUNK_BYTES, readRelease, releasePartPath } from '../../../protocol/release.ts'
import { HERE, makeRelease } from '../../doubles/releases.ts'
import { until } from '../../doubles/until.ts'
import { type ApiScene, openApiScene } from '../api/scene.ts'

const NOW = Date.parse('2026-01-15T12:00:00Z')
const VERSION = '1.1.0'
const HOUR_MS = 3_600_000

function member(some: Partial<MemberRow> = {}): MemberRow {
  return {
    ...{ gatewayId: 1, gateway: 'gw-1', stage: 0, state: 'waiting', tries: 0, askedAt: null, keptAt: null },
    ...{ failingBefore: 0, failedBefore: null, reason: null, presence: 'ready', presenceAt: NOW - HOUR_MS },
    ...{ version: '1.0.0', release: { packaged: '1.0.0', architecture: HERE }, healthAt: NOW },
    ...{ failing: 0, rejected: 0, result: null, resultAt: null, commandExpiresAt: null },
    ...some,
  }
}
const asked = (some: Partial<MemberRow> = {}) =>
  member({ state: 'asked', tries: 1, askedAt: NOW - 60_000, ...some })
const kept = (some: Partial<MemberRow> = {}) =>
  member({ state: 'kept', version: VERSION, keptAt: NOW - SOAK_MS, ...some })
const look = (members: readonly MemberRow[], stage = 0) => judge({ version: VERSION, stage }, members, NOW)

test('toStages() puts one in a hundred first, then one in ten, then all, those that are connected first', () => {
  const gateways = Array.from({ length: 200 }, (_, id) => ({
    id,
    gateway: `gw-${id}`,
    isConnected: id >= 100,
  }))

  const stages = toStages(gateways, VERSION)

  const count = (stage: number) => stages.filter(one => one.stage === stage).length
  assert.deepEqual([count(0), count(1), count(2)], [2, 18, 180])
  assert.ok(stages.filter(one => one.stage < 2).every(({ gatewayId }) => gatewayId >= 100))
  assert.deepEqual(toStages(gateways, VERSION), stages)
  assert.deepEqual(toStages(gateways.slice(0, 1), VERSION), [{ gatewayId: 0, stage: 0 }])
})

test('judge() asks the gateways of its stage that are connected, and goes on when each of them has stood with it (O1, O3)', () => {
  const later = member({ gatewayId: 2, gateway: 'gw-2', stage: 1 })

  assert.deepEqual(look([member(), later]).ask, [member()])
  assert.deepEqual(look([member({ presence: 'lost' }), later]).ask, [])
  assert.equal(look([kept({ keptAt: NOW - SOAK_MS + 1 }), later]).stage, 0)
  const next = look([kept(), later])
  assert.deepEqual(
    [next.stage, next.ask, next.changes],
    [1, [later], [{ gatewayId: 1, state: 'settled', reason: undefined }]],
  )
  assert.equal(look([member({ state: 'settled' })]).state, 'done')
})

const halts: [string, MemberRow, RegExp][] = [
  [
    'went back',
    asked({
      release: { packaged: '1.0.0', failed: { version: VERSION, reason: 'It was started 3 times', at: NOW } },
    }),
    /^gw-1: went back: It was started 3 times$/,
  ],
  ['refused', asked({ result: { status: 'refused', reason: 'not signed' } }), /refused: not signed/],
  ['was lost', asked({ presence: 'lost', presenceAt: NOW - LOST_MS - 1 }), /was lost since it was asked/],
  ['did not keep it for a day', asked({ askedAt: NOW - 25 * HOUR_MS }), /did not keep it within a day/],
  [
    'could not fetch it ten times',
    asked({ tries: 10, result: { status: 'failed', reason: 'no room' } }),
    /no room/,
  ],
  ['went to another version after it was kept', kept({ version: '1.0.0' }), /went back: it runs 1\.0\.0/],
  ['has readings rejected', kept({ rejected: 3, keptAt: NOW }), /worse: 3 readings were rejected/],
  [
    'has more devices that fail',
    kept({ failing: 2, failingBefore: 1 }),
    /worse: 2 devices fail, and 1 did before/,
  ],
]
for (const [what, one, reason] of halts) {
  test(`judge() halts when a gateway ${what}, and asks nobody any more (O2)`, () => {
    const verdict = look([one, member({ gatewayId: 2 })])

    assert.deepEqual([verdict.state, verdict.ask.length], ['halted', 0])
    assert.match(verdict.reason ?? '', reason)
  })
}

test('judge() does not halt for a trial that failed before, a restart, a failing device of before, or a fetch that broke off (O4)', () => {
  const failed = { version: VERSION, reason: 'power', at: 7 }
  const calm = [
    asked({ release: { packaged: '1.0.0', failed }, failedBefore: 7 }),
    asked({ presence: 'lost', presenceAt: NOW - LOST_MS + 1 }),
    asked({
      release: { packaged: '1.0.0', trial: { version: VERSION, leftMs: 1, starts: 1 } },
      version: VERSION,
    }),
    kept({ failing: 1, failingBefore: 1 }),
    asked({ result: { status: 'failed', reason: 'no room' }, askedAt: NOW - HOUR_MS }),
  ]

  for (const one of calm) assert.equal(look([one, member({ gatewayId: 2, stage: 2 })]).state, 'running')
  assert.equal(look(calm.slice(4)).ask.length, 1)
  assert.equal(look([asked({ commandExpiresAt: NOW - 1, askedAt: NOW - HOUR_MS })]).ask.length, 1)
  assert.equal(look([asked({ commandExpiresAt: NOW + 1, askedAt: NOW - HOUR_MS })]).ask.length, 0)
})

describe('a rollout over the API', () => {
  let scene: ApiScene
  const release = makeRelease(VERSION, 'program', {
    more: [{ kind: 'file', path: 'large', bytes: randomBytes(RELEASE_CHUNK_BYTES + 1000) }],
  })
  before(async () => {
    scene = await openApiScene()
  })
  after(() => scene.close())

  const as = (role: string) => ({ token: scene.tokens[role] ?? '' })
  const post = (route: string, body: object, role = 'administrator') =>
    scene.ask(`POST ${route}`, {
      ...as(role),
      init: { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } },
    })
  const chunk = (part: string, place: number, bytes: Uint8Array) =>
    scene.ask('PUT /api/v1/releases/parts/{part}/chunks/{place}', {
      ...as('administrator'),
      path: `/api/v1/releases/parts/${part}/chunks/${place}`,
      init: {
        method: 'PUT',
        body: new Uint8Array(bytes),
        headers: { 'content-type': 'application/octet-stream' },
      },
    })
  const say = (gateway: string, version: string, rest: object = {}) =>
    scene.db.query(
      `update gateways set state = jsonb_build_object('state', 'ready'), state_at = to_timestamp($2::float8 / 1000), health = $3, health_at = to_timestamp($2::float8 / 1000) where slug = $1`,
      [
        gateway,
        scene.clock.now(),
        JSON.stringify({ version, devices: [], release: { packaged: '1.0.0', ...rest } }),
      ],
    )
  const lookOnce = () =>
    rollOut(
      { ...scene.deps, db: scene.db, signer: scene.deps.authority },
      { publicUrl: 'https://cloud.example' },
    )
  /** The API looks too, whenever its clock moves: who comes second sees nothing to do. */
  const untilSeen = (what: string, isSo: () => Promise<boolean>) =>
    until(what, async () => {
      await lookOnce()
      return isSo()
    })
  const stateOf = async (id: number) => (await selectRollout(scene.db, id))?.state
  const commandsOf = async (gateway: string) => {
    const rows = await scene.db.query<{ document: unknown }>(
      `select document from commands k join gateways g on g.id = k.gateway_id where g.slug = $1 order by number`,
      [gateway],
    )
    return rows.map(({ document }) => Command.parse(document))
  }

  test('takes a release, its chunks one by one, and no other bytes', async () => {
    const added = await post('/api/v1/releases', {
      manifest: JSON.stringify(release.manifest),
      note: 'first',
    })

    assert.equal(added.status, 201)
    assert.equal(added.body.missing.length, 3)
    const early = await post('/api/v1/rollouts', { version: VERSION })
    assert.deepEqual([early.status, early.body.detail], [409, '3 chunks were not sent yet'])
    for (const { part, place } of added.body.missing) {
      const bytes = release.parts
        .get(part)
        ?.subarray(place * RELEASE_CHUNK_BYTES, (place + 1) * RELEASE_CHUNK_BYTES)
      assert.equal((await chunk(part, place, randomBytes(10))).status, 422)
      assert.equal((await chunk(part, place, bytes ?? new Uint8Array())).status, 204)
    }
    assert.equal((await chunk('0'.repeat(64), 0, randomBytes(10))).status, 404)
    assert.equal((await post('/api/v1/releases', { manifest: JSON.stringify(release.manifest) })).status, 409)
    assert.equal((await post('/api/v1/releases', { manifest: '{}' })).status, 422)
  })

  test('gives a part to whoever knows its name, from any offset', async () => {
    for (const [part, bytes] of release.parts) {
      for (const from of [0, 1, bytes.length - 1, Math.min(RELEASE_CHUNK_BYTES + 7, bytes.length - 2)]) {
        const answer = await fetch(`${scene.url}${releasePartPath(part)}`, {
          headers: { range: `bytes=${from}-` },
        })

        assert.equal(answer.status, from === 0 ? 200 : 206)
        assert.deepEqual(new Uint8Array(await answer.arrayBuffer()), new Uint8Array(bytes.subarray(from)))
      }
      const beyond = await fetch(`${scene.url}${releasePartPath(part)}`, {
        headers: { range: `bytes=${bytes.length}-` },
      })
      assert.equal(beyond.status, 416)
      await beyond.arrayBuffer()
    }
    assert.equal((await fetch(`${scene.url}${releasePartPath('0'.repeat(64))}`)).status, 404)
  })

  test('asks the first gateway alone, with what the fleet has signed; then, when it has stood with it, the next', async () => {
    assert.equal(
      (await post('/api/v1/rollouts', { version: VERSION })).body.title,
      'No gateway takes releases',
    )
    for (const gateway of ['gw-campo', 'gw-otra']) await say(gateway, '1.0.0')
    assert.equal((await post('/api/v1/rollouts', { version: VERSION }, 'operator')).status, 403)

    const begun = await post('/api/v1/rollouts', { version: VERSION })
    const given = async () => [...(await commandsOf('gw-campo')), ...(await commandsOf('gw-otra'))].length
    await untilSeen('one is asked', async () => (await given()) > 0)

    assert.equal(begun.status, 201)
    assert.equal((await post('/api/v1/rollouts', { version: VERSION })).body.title, 'Another rollout runs')
    const first = (await commandsOf('gw-campo')).length === 1 ? 'gw-campo' : 'gw-otra'
    const second = first === 'gw-campo' ? 'gw-otra' : 'gw-campo'
    assert.deepEqual([(await commandsOf(first)).length, (await commandsOf(second)).length], [1, 0])
    const [command] = await commandsOf(first)
    assert.ok(command?.kind === 'update' && command.from === 'https://cloud.example')
    const key = createPublicKey(await scene.deps.authority.fleetKey())
    assert.equal(readRelease(command.release, key).version, VERSION)

    await say(first, VERSION)
    await lookOnce()
    await lookOnce()
    assert.equal((await commandsOf(second)).length, 0, 'it has yet to stand with it')
    await scene.clock.advance(SOAK_MS)
    await say(first, VERSION)
    await untilSeen('the second is asked', async () => (await commandsOf(second)).length === 1)

    await say(second, '1.0.0', { failed: { version: VERSION, reason: 'It is damaged', at: 5 } })
    await untilSeen('it halts', async () => (await stateOf(begun.body.id)) === 'halted')
    const path = `/api/v1/rollouts/${begun.body.id}`
    const seen = await scene.ask('GET /api/v1/rollouts/{rollout}', { ...as('operator'), path })
    assert.deepEqual([seen.body.state, seen.body.reason], ['halted', `${second}: went back: It is damaged`])
    assert.deepEqual(
      seen.body.gateways.map(({ gateway, state }: { gateway: string; state: string }) => [gateway, state]),
      [
        [first, 'settled'],
        [second, 'failed'],
      ],
    )
  })

  test('is halted by an operator, once', async () => {
    const { body } = await post('/api/v1/rollouts', { version: VERSION, project: 'campo.los-aromos' })
    const halt = () =>
      scene.ask('POST /api/v1/rollouts/{rollout}/halt', {
        ...as('operator'),
        path: `/api/v1/rollouts/${body.id}/halt`,
        init: {
          method: 'POST',
          body: JSON.stringify({ reason: 'Se ve raro' }),
          headers: { 'content-type': 'application/json' },
        },
      })

    const halted = await halt()

    assert.deepEqual([halted.body.state, halted.body.project], ['halted', 'campo.los-aromos'])
    assert.match(halted.body.reason, /^Se ve raro \(/)
    assert.equal((await halt()).status, 409)
    const list = await scene.ask('GET /api/v1/rollouts', as('operator'))
    assert.equal(list.body.items.length, 2)
  })
})
