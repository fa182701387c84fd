// Certificates at a real nats-server, natively and by its MQTT port: a key is a user, and one that was revoked is none.

import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { followUsers } from '../../../cloud/nats-follow.ts'
import { natsCertificateUsers } from '../../../cloud/nats-users.ts'
import { listConnecting } from '../../../cloud/store/gateways.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { ackTopic, healthTopic } from '../../../protocol/topics.ts'
import { openNatsServer } from '../../doubles/nats-server.ts'
import { until } from '../../doubles/until.ts'
import { atEnd } from '../../edge/buffer/folder.ts'
import { skipWithout } from '../../peers.ts'
import { HEALTH, openCollector } from '../collector/site.ts'
import { openFleetScene } from './scene.ts'

describe('verify_and_map at nats-server', { skip: skipWithout('nats_server') }, () => {
  test('lets each gateway use its own subjects, and ends its sessions within 5 s of being revoked', async context => {
    const scene = await openFleetScene(['gw-1', 'gw-2'])
    atEnd(context, () => scene.close())
    const [one, two] = [await scene.enrol('gw-1'), await scene.enrol('gw-2')]
    const { chain: cert, key } = await scene.authority.issueServer(['127.0.0.1'])
    const folder = await mkdtemp(join(tmpdir(), 'smarthydro-users-'))
    atEnd(context, () => rm(folder, { recursive: true, force: true }))
    const file = join(folder, 'users.conf')
    const users = async () => natsCertificateUsers(await listConnecting(scene.db), { mqtt: true })
    await writeFile(file, await users())
    const server = await openNatsServer({
      tls: { cert, key, ca: await scene.authority.roots() },
      ...{ map: true, more: `include ${JSON.stringify(`./../${file.split('/').slice(-2).join('/')}`)}` },
    })
    atEnd(context, () => server.close())
    const pidFile = join(folder, 'nats.pid')
    await writeFile(pidFile, `${server.pid()}\n`)
    const stop = new AbortController()
    const following = followUsers(
      { clock: systemClock, log: silentLog, users },
      { file, pidFile },
      stop.signal,
    )
    atEnd(context, async () => {
      stop.abort()
      await following.catch(() => {})
    })
    const [nats, mqtt] = [`tls://127.0.0.1:${server.port}`, `mqtts://127.0.0.1:${server.mqttPort}`]

    const own = await scene.authority.issueServer(['_collector'])
    const collector = await openCollector(
      scene.db,
      {},
      {},
      {
        nats: {
          url: nats,
          name: 'collector',
          ca: await scene.authority.roots(),
          cert: own.chain,
          key: own.key,
        },
      },
    )
    atEnd(context, () => collector.close())

    for (const url of [nats, mqtt]) {
      const link = await scene.connect('gw-1', one.credentials, { url })
      const health = Buffer.from(JSON.stringify({ ...HEALTH, version: new URL(url).protocol }))
      const heard = () =>
        scene.db.query(`select from gateways where slug = 'gw-1' and health->>'version' = $1`, [
          new URL(url).protocol,
        ])
      // What is said before there is a stream for it is nobody's.
      await until('the collector hears it', async () => {
        await link.publish(healthTopic('gw-1'), health, { retain: false, timeoutMs: 10_000 })
        return (await heard()).length === 1
      })
      await link.close()
      await assert.rejects(
        scene.connect('gw-1', one.credentials, { url, subscribe: [ackTopic('gw-2')] }),
        /Not allowed to receive|Cannot subscribe/,
      )
    }
    const links = [
      await scene.connect('gw-1', one.credentials, { url: nats }),
      await scene.connect('gw-2', two.credentials, { url: mqtt }),
    ]
    for (const [index, gateway] of ['gw-1', 'gw-2'].entries()) {
      const begun = performance.now()
      await scene.ask('POST', `/gateways/${gateway}/revocation`, { reason: 'test' })
      const reason = await links[index]?.gone
      const tookMs = performance.now() - begun
      context.diagnostic(
        `${index === 0 ? 'NATS' : 'MQTT at nats-server'}: cut off after ${Math.round(tookMs)} ms: ${reason}`,
      )
      assert.ok(tookMs < 5_000, `${tookMs} ms`)
    }
    for (const url of [nats, mqtt]) await assert.rejects(scene.connect('gw-1', one.credentials, { url }))
    assert.doesNotMatch(await readFile(file, 'utf8'), /gw-1|gw-2/)
  })
})
