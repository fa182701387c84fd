// What must be refused, each one by one: nothing of it gets anywhere, it is counted, and it is written down.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { openAuthority as openFleetAuthority } from '../../../cloud/fleet/authority.ts'
import { issueForGateway, makeIssuing, makeRoot, readRequest } from '../../../cloud/fleet/certificates.ts'
import type { Credentials } from '../../../edge/config.ts'
import { certificateRequest } from '../../../edge/enrolment/request.ts'
import { toClaimCode } from '../../../protocol/claim-code.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { ackTopic, commandTopic, healthTopic, upTopic } from '../../../protocol/topics.ts'
import { until } from '../../doubles/until.ts'
import { type FleetScene, openFleetScene } from './scene.ts'

describe('refused, counted and written down:', () => {
  let scene: FleetScene
  let mine: { folder: string; credentials: Credentials }
  before(async () => {
    scene = await openFleetScene(['gw-1', 'gw-2', 'gw-3', 'gw-4', 'gw-5', 'gw-6'])
    mine = await scene.enrol('gw-1')
    await scene.enrol('gw-2')
  })
  after(() => scene.close())

  /** The key of `gw-1` with a certificate of somebody else's authority, or for another name. */
  const forged = async (gateway: string): Promise<Credentials> => {
    const stranger = await makeRoot('SmartHydro fleet root', systemClock.now())
    const issuing = await makeIssuing(stranger, 'SmartHydro fleet', systemClock.now())
    const request = await readRequest(await certificateRequest(mine.credentials.key ?? ''))
    const { certificate } = await issueForGateway(issuing, { ...request, gateway, now: systemClock.now() })
    return { ...mine.credentials, cert: certificate + issuing.certificate }
  }

  const connect = (gateway: string, credentials: Credentials, subscribe?: string[]) =>
    scene.connect(gateway, credentials, subscribe === undefined ? {} : { subscribe })
  const publish = async (topic: string) => {
    const link = await connect('gw-1', mine.credentials)
    await link.publish(topic, Buffer.from('{}'), { retain: false, timeoutMs: 5_000 }).finally(link.close)
  }
  const enrolWith = (gateway: string, code: string) => scene.enrol(gateway, { code })
  const expired = async (gateway: string) => {
    const code = await scene.claim(gateway)
    await scene.db.query(`update fleet_claims set expires_at = now() - interval '1 s' where gateway_id =
      (select id from gateways where slug = '${gateway}')`)
    return code
  }

  const CASES: {
    name: string
    what: string
    by: 'api' | 'collector'
    attempt: () => Promise<unknown>
    says: RegExp
  }[] = [
    {
      ...{ name: 'a stranger’s certificate for a name that is known', what: 'certificate', by: 'collector' },
      attempt: async () => connect('gw-1', await forged('gw-1')),
      says: /Bad username or password/,
    },
    {
      ...{ name: 'our certificate, with another gateway’s name', what: 'certificate', by: 'collector' },
      attempt: () => connect('gw-2', mine.credentials),
      says: /Bad username or password/,
    },
    {
      ...{
        name: 'a certificate of ours for a key that is not its gateway’s now',
        what: 'certificate',
        by: 'collector',
      },
      attempt: async () => {
        const old = await scene.enrol('gw-3')
        await scene.enrol('gw-3', { code: await scene.claim('gw-3', { replace: true }) })
        return connect('gw-3', old.credentials)
      },
      says: /Bad username or password/,
    },
    {
      ...{ name: 'publishing to another gateway’s topic', what: 'publish', by: 'collector' },
      attempt: () => publish(healthTopic('gw-2')),
      says: /./,
    },
    {
      ...{ name: 'a batch in another gateway’s name', what: 'publish', by: 'collector' },
      attempt: () => publish(upTopic('gw-2', 'live')),
      says: /./,
    },
    {
      ...{ name: 'hearing another gateway’s acks', what: 'subscription', by: 'collector' },
      attempt: () => connect('gw-1', mine.credentials, [ackTopic('gw-2')]),
      says: /Cannot subscribe|Not allowed to receive/,
    },
    {
      ...{ name: 'hearing all commands', what: 'subscription', by: 'collector' },
      attempt: () => connect('gw-1', mine.credentials, [commandTopic('+', '+')]),
      says: /Cannot subscribe|Not allowed to receive/,
    },
    {
      ...{ name: 'a code that nobody drew', what: 'claim-unknown', by: 'api' },
      attempt: () => enrolWith('gw-4', toClaimCode(new Uint8Array(15))),
      says: /There is no such claim/,
    },
    {
      ...{ name: 'a code a second time', what: 'claim-used', by: 'api' },
      attempt: async () => {
        const code = await scene.claim('gw-4')
        await enrolWith('gw-4', code)
        return enrolWith('gw-4', code)
      },
      says: /The claim was used/,
    },
    {
      ...{ name: 'a code that has expired', what: 'claim-expired', by: 'api' },
      attempt: async () => enrolWith('gw-5', await expired('gw-5')),
      says: /The claim has expired/,
    },
    {
      ...{ name: 'a code that was withdrawn', what: 'claim-withdrawn', by: 'api' },
      attempt: async () => {
        const code = await scene.claim('gw-6')
        await scene.claim('gw-6', { replace: true })
        return enrolWith('gw-6', code)
      },
      says: /The claim was withdrawn/,
    },
    {
      ...{ name: 'the renewal of a key that nobody knows', what: 'key-unknown', by: 'api' },
      attempt: async () => {
        const { folder } = mine
        const other = readFileSync(join(folder, 'key.pem'), 'utf8')
        assert.ok(other.length > 0)
        const { generateKeyPairSync } = await import('node:crypto')
        const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
        const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
        const answer = await scene.ask('POST', '/enrolment/renewal', {
          request: await certificateRequest(pem),
        })
        throw new Error(`${answer.status} ${answer.body.detail}`)
      },
      says: /403 This key is no gateway’s/,
    },
  ]

  const counted = ({ by, what }: (typeof CASES)[number]): number => {
    const [metrics, name] =
      by === 'api'
        ? ([scene.apiMetrics, 'fleet_refused_total'] as const)
        : ([scene.collectorMetrics, 'collector_refused_total'] as const)
    return metrics.read()[`${name}{what="${what}"}`] ?? 0
  }
  const recorded = async ({ what }: (typeof CASES)[number]): Promise<number> => {
    const [row] = await scene.db.query<{ count: number }>(
      `select count(*)::int as count from fleet_events where kind = 'refused' and details->>'what' = $1`,
      [what],
    )
    return row?.count ?? 0
  }

  for (const each of CASES) {
    test(each.name, async () => {
      const before = counted(each)

      await assert.rejects(each.attempt(), each.says)

      await until('it is counted', () => counted(each) > before)
      await until('it is written down', async () => (await recorded(each)) > 0)
    })
  }

  test('who is refused too often is not listened to any more, and fills no table', async () => {
    const wrong = () =>
      scene.ask('POST', '/enrolment/renewal', {
        request: '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n',
      })
    let answer = await wrong()
    for (let tries = 0; answer.status === 403 && tries < 50; tries += 1) answer = await wrong()

    assert.equal(answer.status, 429)
    assert.ok((scene.apiMetrics.read()['fleet_refused_total{what="tries"}'] ?? 0) > 0)
  })

  test('another master key opens none of the fleet’s keys', async () => {
    const { openFleetSecrets } = await import('../../../cloud/fleet/authority.ts')
    const secrets = openFleetSecrets(new Uint8Array(32).fill(1), [])
    const other = openFleetAuthority({ db: scene.db, clock: systemClock, secrets })

    await assert.rejects(other.sign(new Uint8Array(1)), /Cannot open a secret/)
    await assert.rejects(other.issueServer(['x']), /Cannot open a secret/)
  })
})
