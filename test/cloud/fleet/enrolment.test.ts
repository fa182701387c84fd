// Enrolling over HTTP, and what the certificate is good for at the collector: real sockets, real TLS, a real database.

import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { settleClones } from '../../../cloud/collector/clones.ts'
import { provision } from '../../../cloud/provision.ts'
import { readCredentials, readGatewayConfig } from '../../../edge/config.ts'
import { isVouchedFor } from '../../../edge/enrolment/identity.ts'
import { certificateRequest } from '../../../edge/enrolment/request.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { Rejected, Unavailable } from '../../../protocol/runtime/errors.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { healthTopic } from '../../../protocol/topics.ts'
import { freePort } from '../../doubles/ports.ts'
import { until } from '../../doubles/until.ts'
import { HEALTH, openCollector } from '../collector/site.ts'
import { type FleetScene, openFleetScene } from './scene.ts'

describe('enrolling', () => {
  let scene: FleetScene
  before(async () => {
    scene = await openFleetScene([
      'gw-1',
      'gw-2',
      'gw-3',
      'gw-4',
      'gw-5',
      'gw-6',
      'gw-7',
      'gw-8',
      'gw-9',
      'gw-10',
      'gw-11',
    ])
  })
  after(() => scene.close())

  const healthy = new TextEncoder().encode(JSON.stringify(HEALTH))

  test('enroll() makes a key that only its owner may read, and a certificate with which the gateway is let in', async () => {
    const { folder, identity, credentials } = await scene.enrol('gw-1')
    const link = await scene.connect('gw-1', credentials)
    await link.publish(healthTopic('gw-1'), healthy, { retain: false, timeoutMs: 10_000 })
    await link.close()

    assert.equal(identity.gateway, 'gw-1')
    assert.equal(statSync(join(folder, 'key.pem')).mode & 0o777, 0o600)
    assert.equal(new X509Certificate(identity.certificate).subject, 'CN=gw-1')
    assert.ok(isVouchedFor(identity.certificate, await scene.authority.roots()))
    const [row] = await scene.db.query<{ heard: boolean }>(
      `select health_at is not null as heard from gateways where slug = 'gw-1'`,
    )
    assert.equal(row?.heard, true)
    const key = readFileSync(join(folder, 'key.pem'), 'utf8').split('\n')[2] ?? ''
    assert.ok(key.length > 20 && !scene.lines.join('\n').includes(key))
    assert.equal((await scene.ask('GET', '/gateways/gw-1/enrolment')).body.state, 'certificate')
  })

  test('a gateway that had a token, and still has it in its folder, goes on with its certificate', async () => {
    await scene.db.query(`update gateways set token_hash = sha256('a-token') where slug = 'gw-6'`)
    const folder = await scene.folder()
    const ca = await scene.authority.roots()
    writeFileSync(join(folder, 'token'), 'a-token\n')
    writeFileSync(join(folder, 'ca.pem'), ca)
    const before = await scene.connect('gw-6', readCredentials(folder, []))
    await before.close()

    const { credentials } = await scene.enrol('gw-6', { folder })

    assert.equal(credentials.token, 'a-token')
    await (await scene.connect('gw-6', credentials)).close()
    await assert.rejects(scene.connect('gw-6', { token: 'a-token', ca }), Unavailable)
  })

  test('a configuration with another gateway’s identity is told so before anything starts', async () => {
    const { folder } = await scene.enrol('gw-11')
    const file = join(folder, 'gateway.yaml')
    const write = (gateway: string, project: string) =>
      writeFileSync(
        file,
        JSON.stringify({
          ...{ gateway, client: 'campo', project, uplink: { url: scene.mqttsUrl, credentials: '.' } },
          buffer: { path: './buffer' },
        }),
      )

    write('gw-12', 'sur')
    assert.throws(
      () => readGatewayConfig(file, {}),
      /gateway: is gw-12, and uplink.credentials was enrolled as gw-11\n.*project: is sur/,
    )
    write('gw-11', 'los-aromos')
    assert.equal(readGatewayConfig(file, {}).credentials.enrolled?.gateway, 'gw-11')
  })

  test('a site file that names the token of before gives none to who was revoked or is enrolled', async () => {
    const site = (id: string) =>
      JSON.stringify({
        gateways: [{ client: 'campo', project: 'los-aromos', id, token: 'a-token-of-twenty-letters' }],
      })
    const deps = { db: scene.db, clock: systemClock, secretKey: new Uint8Array(32), environment: {} }
    const state = async (gateway: string) =>
      (await scene.ask('GET', `/gateways/${gateway}/enrolment`)).body.state
    assert.equal((await provision(deps, site('gw-10'), 'site.yaml')).changes.length, 1)
    assert.equal(await state('gw-10'), 'token')
    await scene.ask('POST', '/gateways/gw-10/revocation', { reason: 'test' })

    assert.deepEqual((await provision(deps, site('gw-10'), 'site.yaml')).changes, [])
    assert.equal(await state('gw-10'), 'revoked')
    await scene.enrol('gw-10')
    assert.deepEqual((await provision(deps, site('gw-10'), 'site.yaml')).changes, [])
    const [row] = await scene.db.query<{ isNull: boolean }>(
      `select token_hash is null as "isNull" from gateways where slug = 'gw-10'`,
    )
    assert.equal(row?.isNull, true)
  })

  test('of two that try one code at the same moment with keys of their own, one is enrolled', async () => {
    const code = await scene.claim('gw-7')

    const tried = await Promise.allSettled(Array.from({ length: 6 }, () => scene.enrol('gw-7', { code })))

    const enrolled = tried.filter(({ status }) => status === 'fulfilled')
    assert.equal(enrolled.length, 1)
    const [row] = await scene.db.query<{ count: number }>(
      `select count(*)::int as count from fleet_certificates c join gateways g on g.id = c.gateway_id where g.slug = 'gw-7'`,
    )
    assert.equal(row?.count, 1)
  })

  test('on every replica: a gateway that is cut off has no session anywhere', async () => {
    const other = await openCollector(
      scene.db,
      { fleet: scene.authority },
      { tls: scene.tls(await freePort()) },
    )
    const { credentials } = await scene.enrol('gw-8')
    const links = [
      await scene.connect('gw-8', credentials),
      await scene.connect('gw-8', credentials, { url: `mqtts://127.0.0.1:${other.tlsPort}` }),
    ]
    try {
      await scene.ask('POST', '/gateways/gw-8/revocation', { reason: 'test' })
      await Promise.all(links.map(({ gone }) => gone))
    } finally {
      await other.close()
    }
  })

  test('enroll() with the same code again, as after a lost answer, is given the same; another key is refused', async () => {
    const code = await scene.claim('gw-2')
    const first = await scene.enrol('gw-2', { code })

    const again = await scene.enrol('gw-2', { code, folder: first.folder })

    assert.equal(again.identity.certificate, first.identity.certificate)
    await assert.rejects(scene.enrol('gw-2', { code }), /403.*The claim was used/)
    assert.equal(readdirSync(first.folder).filter(name => name === 'key.pem').length, 1)
  })

  test('revoke() cuts an open session off within 5 s, and nothing it has lets it in again', async context => {
    const { folder, credentials } = await scene.enrol('gw-3')
    const link = await scene.connect('gw-3', credentials)

    const begun = performance.now()
    const answer = await scene.ask('POST', '/gateways/gw-3/revocation', { reason: 'The card was stolen' })
    await link.gone
    const tookMs = performance.now() - begun

    context.diagnostic(`cut off ${Math.round(tookMs)} ms after it was asked for`)
    assert.ok(tookMs < 5_000, `${tookMs} ms`)
    assert.equal(answer.body.state, 'revoked')
    await assert.rejects(scene.connect('gw-3', credentials), /Bad username or password/)
    const request = await certificateRequest(readFileSync(join(folder, 'key.pem'), 'utf8'))
    const renewal = await scene.ask('POST', '/enrolment/renewal', { request })
    assert.deepEqual(
      [renewal.status, renewal.body.detail],
      [403, 'This key was revoked, or replaced by another'],
    )
  })

  test('a gateway that is enrolled again has its new key alone: the session of the old one ends', async () => {
    const old = await scene.enrol('gw-4')
    const link = await scene.connect('gw-4', old.credentials)

    const fresh = await scene.enrol('gw-4', { code: await scene.claim('gw-4', { replace: true }) })
    await link.gone

    await assert.rejects(scene.connect('gw-4', old.credentials), Unavailable)
    await (await scene.connect('gw-4', fresh.credentials)).close()
  })

  test('one code for a project enrols as many gateways as it says, and takes no one’s place', async () => {
    const { body } = await scene.ask('POST', '/fleet/project-claims', {
      client: 'campo',
      project: 'los-aromos',
      uses: 2,
    })
    await scene.enrol('gw-5')

    await assert.rejects(scene.enrol('', { code: body.code }), /say which this one is/)
    await assert.rejects(scene.enrol('', { code: body.code, gateway: 'gw-5' }), Rejected)
    await assert.rejects(scene.enrol('', { code: body.code, gateway: 'gw-otra' }), Rejected)
    await scene.enrol('', { code: body.code, gateway: 'gw-9' })
    const made = await scene.enrol('', { code: body.code, gateway: 'gw-new' })
    await assert.rejects(scene.enrol('', { code: body.code, gateway: 'gw-more' }), /The claim was used/)
    assert.deepEqual([made.identity.gateway, made.identity.project], ['gw-new', 'los-aromos'])
  })

  test('two machines that speak as one gateway are an incident; one that restarts is none', async () => {
    const { credentials } = await scene.enrol('gw-otra')
    const say = async (startedAt: number, at: number) => {
      const link = await scene.connect('gw-otra', credentials)
      const health = JSON.stringify({ ...HEALTH, startedAt, at })
      await link.publish(healthTopic('gw-otra'), new TextEncoder().encode(health), {
        retain: false,
        timeoutMs: 10_000,
      })
      await link.close()
    }
    const contradictions = () =>
      scene.db.query(`select from gateway_instances where contradicted_at is not null`)

    await say(1_000, 1_001)
    await say(2_000, 2_001)
    assert.equal((await contradictions()).length, 0)
    await say(1_000, 2_002)

    await until('it is noticed', async () => (await contradictions()).length === 1)
    const incidents = async () =>
      scene.db.query<{ subject: string; isOpen: boolean }>(
        `select subject, closed_at is null as "isOpen" from incidents where kind = 'gateway_cloned'`,
      )
    await settleClones({ db: scene.db, clock: systemClock, log: silentLog })
    assert.deepEqual(await incidents(), [{ subject: 'gw-otra', isOpen: true }])
    await scene.db.query(`update gateway_instances set contradicted_at = now() - interval '11 minutes'`)
    await settleClones({ db: scene.db, clock: systemClock, log: silentLog })
    assert.deepEqual(await incidents(), [{ subject: 'gw-otra', isOpen: false }])
  })
})
