// The compliance service as it runs: by itself, on its port, and when an operator asks.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { COMPLIANCE_METRICS, startCompliance } from '../../../cloud/compliance/service.ts'
import type { RunningService } from '../../../cloud/service.ts'
import { openMetrics } from '../../../protocol/runtime/metrics.ts'
import { type FakeClock, openFakeClock } from '../../doubles/clock.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { type Dga, openDga } from '../../doubles/dga/server.ts'
import { until } from '../../doubles/until.ts'
import { CENTRE, type Installation, openInstallation, PASSWORD, RUT } from './installation.ts'

const HOUR = 3_600_000

describe('startCompliance()', () => {
  let database: TestDatabase
  let clock: FakeClock
  let dga: Dga
  let site: Installation
  let service: RunningService
  before(async () => {
    database = await openTestDatabase()
    clock = openFakeClock(Date.parse('2026-01-15T12:30:00Z'))
    dga = await openDga({ clock }, { strict: true })
    dga.registry.controlCentres.push(CENTRE)
    dga.registry.informants.push({ rut: RUT, password: PASSWORD })
    site = await openInstallation({ db: database.db, clock }, { restUrl: dga.url, soapUrl: dga.soapUrl })
    service = await startCompliance(
      {
        ...{
          db: database.db,
          clock,
          log: site.log,
          metrics: openMetrics(COMPLIANCE_METRICS),
          fetch,
          secrets: site.secrets,
        },
        authorizeOperator: async request => {
          const token = request.headers.get('authorization')
          if (token === null) return { kind: 'unknown' }
          return token === 'Bearer operator'
            ? { kind: 'allowed' }
            : { kind: 'refused', reason: 'Only operators' }
        },
      },
      {
        ...{ host: '127.0.0.1', port: 0, version: '1.2.3', paceMs: 0, sma: { paceMs: 0 } },
        ...{ rest: { url: dga.url }, soap: { url: dga.soapUrl } },
      },
    )
  })
  after(async () => {
    await service.close()
    await dga.close()
    await database.close()
  })

  const ask = (path: string, method = 'GET', authorization?: string) =>
    fetch(`http://127.0.0.1:${service.port}${path}`, {
      method,
      ...(authorization === undefined ? {} : { headers: { authorization } }),
    })
  const register = (work: string) => {
    dga.registry.works.push({ code: work, kind: 'groundwater', informants: [RUT] })
    return site.addWork(work)
  }

  test('declares by itself what is owed, and says so in /health and /metrics', async () => {
    const pointId = await register('OB-0602-7')
    await site.measureWell(pointId, Date.parse('2026-01-15T13:00:00Z'))

    await clock.advance(HOUR / 2)
    await until('the slot is sent', async () => {
      await clock.advance(1000)
      return (await site.slots(pointId))[0]?.state === 'sent'
    })

    const health = await ask('/health')
    assert.equal(health.status, 200)
    const {
      service: name,
      version,
      parts,
    } = (await health.json()) as {
      service: string
      version: string
      parts: { slots: { states: object; oldestOwedSeconds: number } }
    }
    assert.deepEqual([name, version], ['compliance', '1.2.3'])
    assert.deepEqual([parts.slots.states, parts.slots.oldestOwedSeconds], [{ sent: 1 }, 0])
    const metrics = await (await ask('/metrics')).text()
    assert.match(metrics, /^compliance_submissions_total\{channel="rest",outcome="accepted"\} 1$/m)
    assert.match(metrics, /^compliance_slots\{state="sent"\} 1$/m)
  })

  test('POST /send-pending-data is for operators alone', async () => {
    assert.equal((await ask('/send-pending-data', 'POST')).status, 401)
    assert.equal((await ask('/send-pending-data', 'POST', 'Bearer reader')).status, 403)
  })

  test('POST /send-pending-data sends at once and answers with the counts', async () => {
    const pointId = await register('OB-0602-8')
    await site.measureWell(pointId, Date.parse('2026-01-15T14:00:00Z'))
    // The clock steps without waking the loops: what is sent now is sent because somebody asked.
    clock.step(Date.parse('2026-01-15T14:00:01Z') - clock.now())

    const answer = await ask('/send-pending-data', 'POST', 'Bearer operator')

    assert.equal(answer.status, 200)
    const counts = (await answer.json()) as { made: number; ready: number; submissions: object }
    assert.deepEqual([counts.made, counts.ready, counts.submissions], [2, 1, { accepted: 1 }])
    assert.equal((await site.slots(pointId))[0]?.state, 'sent')
  })
})
