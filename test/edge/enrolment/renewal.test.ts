// Renewing, on a clock that the test moves: in time, after a year in a store, with a clock that is wrong, and never again once
// revoked. The cloud is the real API on the same clock, or one of its own.

import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readFileSync, renameSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { clockBehindMs } from '../../../edge/enrolment/cloud-time.ts'
import { readEnrolled } from '../../../edge/enrolment/identity.ts'
import { renewalDueAt, runRenewal } from '../../../edge/enrolment/renewal.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { openLog } from '../../../protocol/runtime/log.ts'
import { type FleetScene, openFleetScene } from '../../cloud/fleet/scene.ts'
import { type FakeClock, openFakeClock } from '../../doubles/clock.ts'
import { until } from '../../doubles/until.ts'

const DAY_MS = 86_400_000

/** A gateway that renews what is in a folder. */
function startRenewal(folder: string, clock: FakeClock, { isClockKnown = true } = {}) {
  const enrolled = readEnrolled(folder)
  assert.ok(enrolled !== undefined)
  const lines: string[] = []
  const stop = new AbortController()
  let renewed = 0
  const log = openLog({ clock, write: line => lines.push(line) }, { level: 'debug' })
  const deps = {
    clock,
    log,
    random: () => 0.5,
    isClockKnown: () => isClockKnown,
    onRenewed: () => {
      renewed += 1
    },
  }
  const running = runRenewal(deps, { folder, enrolled }, stop.signal).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error
  })
  return {
    lines,
    renewed: () => renewed,
    /** It has looked, and sleeps again. */
    rests: () => until('it rests', () => clock.sleepers() > 0),
    async end() {
      stop.abort(new Error('the test ends'))
      await running
    },
  }
}

const certificateIn = (folder: string) => readFileSync(join(folder, 'cert.pem'), 'utf8')
const keyIn = (folder: string) => readFileSync(join(folder, 'key.pem'), 'utf8')
const endOf = (folder: string) => new X509Certificate(certificateIn(folder)).validToDate.getTime()

describe('runRenewal()', () => {
  const cloudClock = openFakeClock(systemClock.now())
  let scene: FleetScene
  before(async () => {
    scene = await openFleetScene(['gw-1', 'gw-2', 'gw-3', 'gw-4', 'gw-5', 'gw-6'], { clock: cloudClock })
  })
  after(() => scene.close())

  /** A gateway's clock that begins where the cloud's is, or off it. */
  const gatewayClock = (offMs = 0) => openFakeClock(cloudClock.now() + offMs)

  test('replaces the certificate when two thirds of its life are over, and keeps the key', async () => {
    const { folder } = await scene.enrol('gw-1')
    const [first, key, due] = [certificateIn(folder), keyIn(folder), renewalDueAt(certificateIn(folder))]
    const clock = gatewayClock(due - cloudClock.now() - 1_800_000)
    cloudClock.step(due - cloudClock.now() - 1_800_000)
    const gateway = startRenewal(folder, clock)
    await gateway.rests()
    assert.equal(certificateIn(folder), first)

    cloudClock.step(3_600_000)
    await clock.advance(3_600_000)
    await until('it is renewed', () => gateway.renewed() === 1)
    await gateway.end()

    assert.equal(keyIn(folder), key)
    assert.ok(endOf(folder) > new X509Certificate(first).validToDate.getTime() + 50 * DAY_MS)
  })

  test('renews one that has expired in a store for a year; after two more years a new code is needed', async () => {
    const { folder } = await scene.enrol('gw-2')
    cloudClock.step(365 * DAY_MS)
    const gateway = startRenewal(folder, gatewayClock())
    await until('it is renewed', () => gateway.renewed() === 1)
    await gateway.end()
    assert.ok(endOf(folder) > cloudClock.now())

    const last = certificateIn(folder)
    cloudClock.step(90 * DAY_MS + 731 * DAY_MS)
    const later = startRenewal(folder, gatewayClock())
    await later.rests()
    await later.end()
    assert.equal(certificateIn(folder), last)
    assert.match(later.lines.join(), /expired too long ago: enrol with a new claim/)
    await scene.enrol('gw-2', { folder, code: await scene.claim('gw-2', { replace: true }) })
    assert.ok(endOf(folder) > cloudClock.now())
  })

  test('asks the cloud for the time where the clock is not known, and is not misled by a clock of another year', async () => {
    const { folder } = await scene.enrol('gw-3')
    cloudClock.step(61 * DAY_MS)
    const gateway = startRenewal(folder, gatewayClock(-400 * DAY_MS), { isClockKnown: false })
    await until('it is renewed', () => gateway.renewed() === 1)
    await gateway.end()
    assert.ok(endOf(folder) > cloudClock.now() + 80 * DAY_MS)
  })

  test('a gateway that was revoked gets no other certificate, and asks on ever less often', async () => {
    const { folder } = await scene.enrol('gw-4')
    const before = certificateIn(folder)
    await scene.ask('POST', '/gateways/gw-4/revocation', { reason: 'test' })
    cloudClock.step(61 * DAY_MS)
    const gateway = startRenewal(folder, gatewayClock())
    await gateway.rests()
    await gateway.end()

    assert.equal(certificateIn(folder), before)
    assert.match(gateway.lines.join(), /This key was revoked/)
  })

  test('goes on when its files are away for a while, and renews when they are back', async () => {
    const { folder } = await scene.enrol('gw-6')
    cloudClock.step(61 * DAY_MS)
    renameSync(join(folder, 'cert.pem'), join(folder, 'away'))
    const clock = gatewayClock()
    const gateway = startRenewal(folder, clock)
    await gateway.rests()
    assert.match(gateway.lines.join(), /certificate not renewed.*cert\.pem/)

    renameSync(join(folder, 'away'), join(folder, 'cert.pem'))
    await clock.advance(60_000)
    await until('it is renewed', () => gateway.renewed() === 1)
    await gateway.end()
  })

  test('the time is believed with the fleet’s signature alone, and only for the question that was asked', async () => {
    const { folder } = await scene.enrol('gw-5')
    const fleetKey = readFileSync(join(folder, 'fleet-key.pem'), 'utf8')
    const clock = gatewayClock(-10 * DAY_MS)
    let said = ''
    const between = createServer(async (request, response) => {
      const answer = said === '' ? await (await fetch(`${scene.url}${request.url}`)).text() : said
      said = answer
      response.end(answer)
    })
    await new Promise<void>(resolve => between.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(between.address() as AddressInfo).port}`
    try {
      const behind = await clockBehindMs({ clock }, { url, fleetKey })
      assert.ok(Math.abs(behind - 10 * DAY_MS) < 60_000, `${behind} ms`)
      await assert.rejects(clockBehindMs({ clock }, { url, fleetKey }), /did not tell the time/)
      said = JSON.stringify({ ...JSON.parse(said), at: cloudClock.now() - DAY_MS })
      await assert.rejects(clockBehindMs({ clock }, { url, fleetKey }), /did not tell the time/)
    } finally {
      await new Promise<void>(resolve => between.close(() => resolve()))
    }
  })
})
