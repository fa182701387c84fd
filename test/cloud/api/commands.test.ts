// What operators ask of a gateway over the API: once by its id, kept with who asked and what came of it.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { COMMANDS_WAITING_MAX } from '../../../cloud/store/commands.ts'
import { pendingCommands, saveCommandResult } from '../../../cloud/store/gateways.ts'
import { selectGateway } from '../../../cloud/store/queries.ts'
import { Command, type CommandResult } from '../../../protocol/command.ts'
import { type ApiScene, makeUser, openApiScene } from './scene.ts'

const GIVE = 'POST /api/v1/gateways/{gateway}/commands'
const LIST = 'GET /api/v1/gateways/{gateway}/commands'
const ONE = 'GET /api/v1/gateways/{gateway}/commands/{command}'

const WRITE = { kind: 'write', device: 'bomba', name: 'nivel-de-partida', value: 12.5, unit: 'm' }

describe('commands', () => {
  let api: ApiScene
  let gatewayId: number
  before(async () => {
    api = await openApiScene()
    gatewayId = (await selectGateway(api.db, null, 'gw-campo'))?.id ?? 0
  })
  after(() => api.close())

  const give = (
    body: unknown,
    { gateway = 'gw-campo', token = api.tokens.operator ?? '', headers = {} } = {},
  ) =>
    api.ask(GIVE, {
      ...{ path: `/api/v1/gateways/${gateway}/commands`, token },
      init: { body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } },
    })
  const one = (id: string) => api.ask(ONE, { path: `/api/v1/gateways/gw-campo/commands/${id}` })
  const pending = async () => {
    const wanted = { now: api.clock.now(), resendAfterMs: 30_000 }
    return (await pendingCommands(api.db, ['gw-campo'], wanted)).map(({ document }) =>
      Command.parse(document),
    )
  }

  test('a command waits for its gateway as the contract has it, with who asked and until when', async () => {
    const { status, body } = await give({ id: 'w-1', expiresInS: 60, command: WRITE })

    assert.equal(status, 201)
    const expiresAt = api.clock.now() + 60_000
    assert.deepEqual(
      [body.id, body.gateway, body.by, body.state, body.sentAt, body.result],
      ['w-1', 'gw-campo', 'operator', 'waiting', null, null],
    )
    assert.deepEqual([body.expiresAt, body.command], [new Date(expiresAt).toISOString(), WRITE])
    assert.deepEqual(await pending(), [{ v: 1, id: 'w-1', by: 'operator', expiresAt, ...WRITE }])
  })

  test('text that the database cannot hold is refused, and said where', async () => {
    for (const text of ['\u0000', '\ud800', 'm\udc00']) {
      const { status, body } = await give({ id: 'w-0', command: { ...WRITE, unit: text } })
      assert.deepEqual([status, body.errors[0].in, body.errors[0].name], [400, 'body', 'command.unit'])
    }
    const inKey = await give({ id: 'w-0', command: WRITE, '\ud800': 1 })
    assert.deepEqual([inKey.status, inKey.body.errors[0].name], [400, ''])
    assert.equal((await give({ id: 'w-0', command: { ...WRITE, unit: '°\u{1f4a7}' } })).status, 201)
    // What is no command must not disturb the tests that follow.
    await saveCommandResult(api.db, gatewayId, 'w-0', { v: 1, id: 'w-0', status: 'refused', at: 0 })
  })

  test("a command given again is the same command, also when more time is given; its id is no other command's", async () => {
    await give({ id: 'w-2', expiresInS: 60, command: WRITE })
    const again = await give({ id: 'w-2', expiresInS: 600, command: WRITE })
    const other = await give({ id: 'w-2', command: { ...WRITE, value: 13 } })
    const bySomebodyElse = await give(
      { id: 'w-2', command: WRITE },
      { token: api.tokens.administrator ?? '' },
    )
    const elsewhere = await give({ id: 'w-2', command: WRITE }, { gateway: 'gw-otra' })

    assert.deepEqual(
      [again, other, bySomebodyElse, elsewhere].map(({ status }) => status),
      [200, 409, 409, 201],
    )
    assert.equal(again.body.expiresAt, (await one('w-2')).body.expiresAt)
    assert.equal((await pending()).filter(({ id }) => id === 'w-2').length, 1)
  })

  test('of a person, the mail address is kept; whoever gives a command is in the log', async () => {
    const email = 'olga@example.cl'
    const password = await makeUser(api.db, email, 'operator')
    const session = await api.ask('POST /api/v1/session', {
      token: '',
      init: { body: JSON.stringify({ email, password }), headers: { 'content-type': 'application/json' } },
    })
    const cookie = session.headers.getSetCookie()[0]?.split(';')[0] ?? ''

    const { body } = await give({ id: 'w-3', command: WRITE }, { token: '', headers: { cookie } })
    const foreign = await give(
      { id: 'w-4', command: WRITE },
      { token: '', headers: { cookie, origin: 'https://elsewhere.example' } },
    )

    assert.equal(body.by, email)
    assert.equal(foreign.status, 403)
    const line = api.lines
      .map(text => JSON.parse(text))
      .find(({ event, id }) => event === 'command given' && id === 'w-3')
    assert.deepEqual([line?.gateway, line?.kind, line?.by], ['gw-campo', 'write', email])
  })

  test('what came of it is told: both values, and why it failed', async () => {
    const written = {
      ...{ device: 'bomba', name: 'nivel-de-partida', unit: 'm' },
      ...{ asked: 12.5, before: 10, found: 10, acknowledged: true },
    }
    const result: CommandResult = {
      ...{ v: 1, id: 'w-5', status: 'failed', at: api.clock.now(), written },
      reason: 'It was acknowledged, but it holds 10',
    }
    await give({ id: 'w-5', command: WRITE })
    await saveCommandResult(api.db, gatewayId, 'w-5', result)
    // The first result stands.
    await saveCommandResult(api.db, gatewayId, 'w-5', { ...result, status: 'done' })

    const { body } = await one('w-5')

    assert.equal(body.state, 'failed')
    assert.deepEqual(body.result, {
      ...{
        at: new Date(api.clock.now()).toISOString(),
        reason: 'It was acknowledged, but it holds 10',
        written,
      },
    })
    assert.ok((await pending()).every(({ id }) => id !== 'w-5'))
  })

  test('a result and a command of another version are shown as far as they can be read', async () => {
    await give({ id: 'w-6', command: WRITE })
    await saveCommandResult(api.db, gatewayId, 'w-6', { v: 2, everything: 'else' })
    await api.db.query(`update commands set document = document || '{"kind": "dance"}' where id = 'w-6'`)

    const { status, body } = await one('w-6')

    assert.deepEqual(
      [status, body.state, body.result, body.command, body.by],
      [200, 'unknown', null, null, 'operator'],
    )
  })

  test('a command that has expired says so, is not sent any more, and stays in the list', async () => {
    await give({ id: 'w-7', expiresInS: 1, command: { kind: 'restart' } })
    await api.clock.advance(1_001)

    assert.equal((await one('w-7')).body.state, 'expired')
    assert.ok((await pending()).every(({ id }) => id !== 'w-7'))
    const { body } = await api.ask(LIST, { path: '/api/v1/gateways/gw-campo/commands?limit=1' })
    assert.deepEqual([body.items[0].id, body.items[0].state], ['w-7', 'expired'])
  })

  test('no more wait for a gateway than may; one of them given again is still the same, and another gateway has its own', async () => {
    await api.clock.advance(3_600_000)
    for (let number = 1; number <= COMMANDS_WAITING_MAX; number += 1) {
      const { status } = await give({ id: `f-${number}`, expiresInS: 60, command: { kind: 'restart' } })
      assert.equal(status, 201)
    }

    const more = { id: 'f-more', expiresInS: 60, command: { kind: 'restart' } }
    const refused = await give(more)
    const again = await give({ id: 'f-1', expiresInS: 60, command: { kind: 'restart' } })
    const elsewhere = await give({ ...more, id: 'f-0' }, { gateway: 'gw-otra' })

    assert.deepEqual([refused.status, again.status, elsewhere.status], [429, 200, 201])
    assert.match(refused.body.detail, /100 commands .*gw-campo/)
    assert.equal(refused.headers.get('retry-after'), '30')
    assert.equal((await one('f-more')).status, 404)
    await saveCommandResult(api.db, gatewayId, 'f-1', {
      v: 1,
      id: 'f-1',
      status: 'done',
      at: api.clock.now(),
    })
    assert.equal((await give(more)).status, 201)
    assert.equal((await give({ ...more, id: 'f-last' })).status, 429)
    await api.clock.advance(60_001)
    assert.equal((await give({ ...more, id: 'f-last' })).status, 201)
  })

  test('what is no command is refused with every field that is wrong', async () => {
    for (const [body, name] of [
      [{ command: WRITE }, 'id'],
      [{ id: 'Not A Name', command: WRITE }, 'id'],
      [{ id: 'x', command: WRITE, expiresInS: 3_001 }, 'expiresInS'],
      [{ id: 'x', command: { ...WRITE, address: 40 } }, 'command.address'],
      [{ id: 'x', command: { ...WRITE, value: '12.5' } }, 'command.value'],
      [{ id: 'x', command: { kind: 'dance' } }, 'command.kind'],
      [{ id: 'x', command: { kind: 'scan', bus: 'plant', first: 1, last: 40 } }, 'command.last'],
      [{ id: 'x', command: WRITE, by: 'somebody else' }, 'by'],
    ] as const) {
      const answer = await give(body)
      assert.equal(answer.status, 400, name)
      assert.deepEqual(
        answer.body.errors.map((error: { name: string }) => error.name),
        [name],
      )
    }
    assert.equal((await give({ id: 'x', command: WRITE }, { gateway: 'gw-none' })).status, 404)
    assert.equal((await one('x')).status, 404)
  })
})
