// A clock of another age keeps no enrolled gateway from its cloud, and opens no door to anybody else.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { issueForServer, makeIssuing, makeRoot } from '../../../cloud/fleet/certificates.ts'
import type { Credentials } from '../../../edge/config.ts'
import { openTransport } from '../../../edge/transport/open.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { healthTopic } from '../../../protocol/topics.ts'
import { openCollector } from '../../cloud/collector/site.ts'
import { type FleetScene, openFleetScene } from '../../cloud/fleet/scene.ts'
import { freePort } from '../../doubles/ports.ts'
import { linkOptions } from '../transport/ways.ts'

const DAY_MS = 86_400_000

describe('a gateway whose clock is not known', () => {
  let scene: FleetScene
  let credentials: Credentials
  before(async () => {
    scene = await openFleetScene(['gw-1'])
    ;({ credentials } = await scene.enrol('gw-1'))
  })
  after(() => scene.close())

  /** A collector whose certificate is of another time, or of somebody else: to the gateway the clock is wrong. */
  const collectorWith = async (
    issuer: Parameters<typeof issueForServer>[0],
    names: string[],
    now: number,
  ) => {
    const { certificate, key } = await issueForServer(issuer, { names, now })
    const port = await freePort()
    const collector = await openCollector(
      scene.db,
      { fleet: scene.authority },
      { tls: { port, cert: certificate + issuer.certificate, key } },
    )
    return { collector, url: `mqtts://127.0.0.1:${port}` }
  }
  const connect = async (url: string, ca: string, isClockKnown: boolean) => {
    const transport = await openTransport(
      { clock: systemClock },
      { gateway: 'gw-1', uplink: { url } as never },
      () => ({ ...credentials, ca }),
      () => isClockKnown,
    )
    const subscribe = [`gw/v1/gw-1/down/ack`]
    return transport.connect(linkOptions({ subscribe }), new AbortController().signal)
  }

  test('believes a server’s certificate of any time, by who vouches for it and for which host', async () => {
    const root = await makeRoot('Ours', systemClock.now() - 1_000 * DAY_MS)
    const issuing = await makeIssuing(root, 'Ours', systemClock.now() - 1_000 * DAY_MS)
    const { collector, url } = await collectorWith(issuing, ['127.0.0.1'], systemClock.now() - 800 * DAY_MS)
    try {
      await assert.rejects(connect(url, root.certificate, true), /has expired/)

      const link = await connect(url, root.certificate, false)
      await link.publish(healthTopic('gw-1'), Buffer.from('{}'), { retain: false, timeoutMs: 10_000 })
      await link.close()
    } finally {
      await collector.close()
    }
  })

  test('refuses one that nobody it knows vouches for, and one for another host', async () => {
    const [ours, theirs] = [
      await makeRoot('Ours', systemClock.now()),
      await makeRoot('Ours', systemClock.now()),
    ]
    const [good, bad] = [
      await makeIssuing(ours, 'Ours', systemClock.now()),
      await makeIssuing(theirs, 'Ours', systemClock.now()),
    ]
    for (const [issuer, names, says] of [
      [bad, ['127.0.0.1'], /signed by an authority that ca.pem does not name/],
      [good, ['127.0.0.2'], /not for the host name 127.0.0.1/],
    ] as const) {
      const { collector, url } = await collectorWith(issuer, [...names], systemClock.now())
      try {
        await assert.rejects(connect(url, ours.certificate, false), says)
      } finally {
        await collector.close()
      }
    }
  })
})
