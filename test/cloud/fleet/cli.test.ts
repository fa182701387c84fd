// smarthydro-cloud fleet …, as a person in a terminal meets it, on a real database with a real collector beside it.

import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { openAuthority, openFleetSecrets } from '../../../cloud/fleet/authority.ts'
import { commandFleet, type FleetOptions } from '../../../cloud/fleet/cli.ts'
import { insertChunk, insertRelease } from '../../../cloud/store/releases.ts'
import { isVouchedFor } from '../../../edge/enrolment/identity.ts'
import { openTransport } from '../../../edge/transport/open.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { Rejected } from '../../../protocol/runtime/errors.ts'
import { ackTopic, commandResultTopic, commandTopic, healthTopic } from '../../../protocol/topics.ts'
import { makeRelease } from '../../doubles/releases.ts'
import { linkOptions } from '../../edge/transport/ways.ts'
import { HEALTH } from '../collector/site.ts'
import { type FleetScene, openFleetScene } from './scene.ts'

describe('smarthydro-cloud fleet', () => {
  let scene: FleetScene
  before(async () => {
    scene = await openFleetScene(['gw-1', 'gw-2', 'gw-3', 'gw-4'])
  })
  after(() => scene.close())

  const fleet = async (words: string, options: FleetOptions = {}, more: readonly string[] = []) => {
    let text = ''
    const say = (said: string) => {
      text += said
      return 0
    }
    const { db, authority } = scene
    const deps = { db, authority, clock: systemClock, say, publicUrl: 'https://cloud.example' }
    return { status: await commandFleet(deps, [...words.split(' '), ...more], options), text }
  }

  test('claim prints the command that enrols, writes labels, and draws no second code unless it is told to', async () => {
    const labels = join(await scene.folder(), 'labels.pdf')

    const first = await fleet('claim gw-1 gw-nobody', { labels })
    const second = await fleet('claim gw-1')
    const third = await fleet('claim gw-1', { replace: true, json: true })

    const [, code = ''] =
      /^gw-1: smarthydro-edge enroll --code (\S{19}) https:\/\/cloud\.example$/m.exec(first.text) ?? []
    assert.match(first.text, /^gw-nobody is no gateway$/m)
    assert.equal(first.status, 1)
    assert.equal(statSync(labels).mode & 0o777, 0o600)
    assert.match(second.text, /has a claim already/)
    await assert.rejects(scene.enrol('gw-1', { code }), /withdrawn/)
    await scene.enrol('gw-1', { code: JSON.parse(third.text)[0].code })
    assert.match((await fleet('claim gw-1')).text, /is enrolled/)
    const { text } = await fleet('claim otra.sur', { uses: '1' })
    await scene.enrol('', { code: text.split(' ')[0] ?? '', gateway: 'gw-sur' })
  })

  test('list, show and logs say how gateways are and what happened to them', async () => {
    const { credentials } = await scene.enrol('gw-2')
    const link = await scene.connect('gw-2', credentials)
    const health = { ...HEALTH, at: systemClock.now(), version: '9.9.9' }
    await link.publish(healthTopic('gw-2'), Buffer.from(JSON.stringify(health)), {
      retain: false,
      timeoutMs: 10_000,
    })
    await link.close()

    assert.match((await fleet('list')).text, /^gw-2 +campo\.los-aromos +/m)
    assert.equal(JSON.parse((await fleet('list', { json: true })).text).length >= 5, true)
    const shown = (await fleet('show gw-2')).text
    assert.match(shown, /^known by +certificate$/m)
    assert.match(shown, /^clock +synced$/m)
    assert.match((await fleet('logs gw-2')).text, /enrolled +gw-2 +127\.0\.0\.1/)
    await assert.rejects(fleet('show gw-nobody'), Rejected)
  })

  test('command gives a command and prints what comes of it', async () => {
    const { credentials } = await scene.enrol('gw-3')
    const transport = await openTransport(
      { clock: systemClock },
      { gateway: 'gw-3', uplink: { url: scene.mqttsUrl } as never },
      () => credentials,
    )
    const link = await transport.connect(
      linkOptions({
        subscribe: [ackTopic('gw-3'), commandTopic('gw-3', '+')],
        onMessage: ({ payload }) => {
          const { id } = JSON.parse(new TextDecoder().decode(payload))
          const result = { v: 1, id, status: 'done', at: systemClock.now(), readings: 3 }
          void link.publish(commandResultTopic('gw-3', id), Buffer.from(JSON.stringify(result)), {
            ...{ retain: false, timeoutMs: 10_000 },
          })
        },
      }),
      new AbortController().signal,
    )
    try {
      const { status, text } = await fleet('command gw-3', { wait: '30' }, ['{"kind":"collect"}'])
      assert.deepEqual([status, JSON.parse(text).readings], [0, 3])
    } finally {
      await link.close()
    }
    await assert.rejects(fleet('command gw-3', {}, ['{"kind":"explode"}']), /The command/)
  })

  test('release says what there is, begins what is whole where somebody takes it, and halts', async () => {
    await assert.rejects(fleet('release 9.9.9'), /Release not found/)
    await assert.rejects(fleet('release halt', { reason: 'wait' }), /No rollout runs/)
    const { manifest, parts } = makeRelease('1.1.0', '')
    await insertRelease(scene.db, {
      ...{ version: '1.1.0', manifest: JSON.stringify(manifest), note: 'first', createdAt: 0, by: 'test' },
    })
    await assert.rejects(fleet('release 1.1.0'), /chunks were not sent yet/)
    for (const [part, bytes] of parts) await insertChunk(scene.db, { part, place: 0, bytes })
    await assert.rejects(fleet('release 1.1.0'), /No gateway takes releases/)
    await scene.db.query(
      `update gateways set health = '{"release": {"packaged": "1.0.0"}}' where slug = 'gw-1'`,
    )

    assert.match((await fleet('release 1.1.0')).text, /one gateway in a hundred/)
    assert.match((await fleet('release')).text, /^1\.1\.0 .* running +1 +0 of 1$/m)
    await fleet('release halt', { reason: 'wait' })
    assert.match((await fleet('release')).text, /halted +1 +0 of 1 +wait \(command line\)/)
    assert.equal(JSON.parse((await fleet('release', { json: true })).text).releases[0].note, 'first')
    await scene.db.query(`update gateways set health = null where slug = 'gw-1'`)
  })

  test('revoke cuts off, and says so a second time', async () => {
    const { credentials } = await scene.enrol('gw-4')
    const link = await scene.connect('gw-4', credentials)

    assert.match((await fleet('revoke gw-4', { reason: 'stolen' })).text, /may connect no more/)
    await link.gone

    assert.match((await fleet('revoke gw-4', { reason: 'stolen' })).text, /was revoked before/)
    assert.match((await fleet('show gw-4')).text, /nothing: revoked/)
    await assert.rejects(fleet('revoke gw-4'), /--reason is needed/)
  })

  test('another authority issues after a rotation, and what was issued before is believed', async () => {
    const before = await scene.enrol('gw-1', { code: await scene.claim('gw-1', { replace: true }) })
    const roots = await scene.authority.roots()

    await fleet('rotate issuing')
    const after = await scene.enrol('gw-2', { code: await scene.claim('gw-2', { replace: true }) })
    for (const { identity, credentials } of [before, after]) {
      assert.ok(isVouchedFor(identity.certificate, roots))
      await (await scene.connect(identity.gateway, credentials)).close()
    }
    assert.notEqual(
      before.identity.certificate.split('-----END')[1],
      after.identity.certificate.split('-----END')[1],
    )

    await fleet('rotate root')
    const both = await scene.authority.roots()
    const fresh = await scene.enrol('gw-3', { code: await scene.claim('gw-3', { replace: true }) })
    assert.equal(both.split('BEGIN CERTIFICATE').length - 1, 2)
    assert.ok(
      isVouchedFor(before.identity.certificate, both) && isVouchedFor(fresh.identity.certificate, both),
    )
    assert.ok(!isVouchedFor(fresh.identity.certificate, roots))
  })

  test('certificate writes what a server of the cloud needs', async () => {
    const out = join(await scene.folder(), 'tls')

    await fleet('certificate cloud.example 10.0.0.1', { out })

    const certificate = new X509Certificate(readFileSync(join(out, 'cert.pem')))
    assert.ok(certificate.checkHost('cloud.example') && certificate.checkIP('10.0.0.1'))
    assert.ok(
      isVouchedFor(readFileSync(join(out, 'cert.pem'), 'utf8'), readFileSync(join(out, 'ca.pem'), 'utf8')),
    )
    assert.equal(statSync(join(out, 'key.pem')).mode & 0o777, 0o600)
    assert.ok(existsSync(join(out, 'ca.pem')))
  })

  test('keys that a former master key sealed open after they were sealed with the next', async () => {
    const [old, next] = [new Uint8Array(32).fill(9), new Uint8Array(32).fill(10)]
    const { db } = scene
    const both = openAuthority({ db, clock: systemClock, secrets: openFleetSecrets(next, [old]) })
    const fleetKey = await scene.authority.fleetKey()

    assert.ok((await both.rewrap()) >= 5)
    assert.equal(await both.rewrap(), 0)

    const alone = openAuthority({ db, clock: systemClock, secrets: openFleetSecrets(next, []) })
    assert.equal(await alone.fleetKey(), fleetKey)
    assert.ok((await alone.issueServer(['x'])).notAfter > systemClock.now())
  })
})
