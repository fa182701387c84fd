// The ledger: of every number a gateway gave, where its reading is; and what becomes of numbers that are nowhere.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DIFFERENCE_LASTS_MS, keepLedger } from '../../../cloud/processor/ledger.ts'
import { PROCESSOR_METRICS } from '../../../cloud/processor/service.ts'
import { commitBatches, commitWithoutPoison } from '../../../cloud/store/batches.ts'
import { markReplayed, saveGatewayStatus, setAside } from '../../../cloud/store/gateways.ts'
import { selectIncidents } from '../../../cloud/store/incident-rows.ts'
import { REOPEN_WITHIN_MS } from '../../../cloud/store/incidents.ts'
import { type LedgerDayRow, saveLedgerDays, selectLedgerDays } from '../../../cloud/store/ledger.ts'
import { openSeriesIds } from '../../../cloud/store/series.ts'
import type { Batch, MissingRange } from '../../../protocol/batch.ts'
import { encodeBatch } from '../../../protocol/codec.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { openMetrics } from '../../../protocol/runtime/metrics.ts'
import type { GatewayLedger } from '../../../protocol/status.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { describeOnEveryDatabase } from '../../doubles/databases.ts'

type Counts = Pick<
  LedgerDayRow,
  'polled' | 'buffered' | 'sent' | 'stored' | 'rejected' | 'evicted' | 'damaged' | 'lost' | 'difference'
>

const NONE = { buffered: 0, rejected: 0, evicted: 0, damaged: 0, lost: 0, difference: 0 }
const EPOCH = 7
const MINUTE = 60_000

let gateways = 0

describeOnEveryDatabase('the ledger', ({ db }) => {
  test('says of every number where its reading is, and counts what comes twice once', async () => {
    const gateway = await openGateway()
    await gateway.tell({ next: 101, unanswered: [[1, 100]], underWay: [[1, 40]] })
    await gateway.look()
    const outage = await gateway.days()

    await gateway.send(1, 40)
    await gateway.send(1, 40)
    await gateway.send(31, 60, [{ first: 51, last: 60, reason: 'evicted' }])
    await gateway.look()
    const draining = await gateway.days()

    await gateway.send(61, 100, [{ first: 61, last: 62, reason: 'damaged' }])
    await gateway.tell({ next: 101, unanswered: [], underWay: [] })
    await gateway.look()
    const drained = await gateway.days()

    assert.deepEqual(outage, [['2026-01-15', { ...NONE, polled: 100, buffered: 100, sent: 40, stored: 0 }]])
    assert.deepEqual(draining, [
      ['2026-01-15', { ...NONE, polled: 100, buffered: 40, sent: 50, stored: 50, evicted: 10 }],
    ])
    assert.deepEqual(drained, [
      ['2026-01-15', { ...NONE, polled: 100, sent: 88, stored: 88, evicted: 10, damaged: 2 }],
    ])
  })

  test('a day that began is told after its first batches: they are of the new day all the same', async () => {
    const gateway = await openGateway()
    await gateway.tell({ next: 11, unanswered: [], underWay: [] })
    await gateway.send(1, 10)
    await gateway.send(11, 30)
    await gateway.look()

    const days = [
      { day: '2026-01-15', first: 1, lost: 0 },
      { day: '2026-01-16', first: 21, lost: 3 },
    ]
    await gateway.tell({ next: 31, unanswered: [], underWay: [], days })
    await gateway.look()

    assert.deepEqual(await gateway.days(), [
      ['2026-01-16', { ...NONE, polled: 13, sent: 10, stored: 10, lost: 3 }],
      ['2026-01-15', { ...NONE, polled: 20, sent: 20, stored: 20 }],
    ])
  })

  test('readings that were rejected, and batches that were set aside, are told as that until they are taken in', async () => {
    const gateway = await openGateway()
    await gateway.sendPoisoned(1, 10)
    const letter = await gateway.setAside(11, 15)
    await gateway.tell({ next: 16, unanswered: [], underWay: [] })
    await gateway.look()
    const before = await gateway.days()

    await gateway.send(11, 15)
    await markReplayed(db, letter, gateway.clock.now())
    await gateway.look()

    assert.deepEqual(before, [['2026-01-15', { ...NONE, polled: 15, sent: 15, stored: 9, rejected: 6 }]])
    assert.deepEqual(await gateway.days(), [
      ['2026-01-15', { ...NONE, polled: 15, sent: 15, stored: 14, rejected: 1 }],
    ])
  })

  test('readings that were rejected count as stored once the batch is taken in again and the database takes them', async () => {
    const gateway = await openGateway()
    await gateway.sendPoisoned(1, 10)
    await gateway.tell({ next: 11, unanswered: [], underWay: [] })
    await gateway.look()
    const before = await gateway.days()

    await db.query('alter table readings drop constraint value_within_bounds')
    await gateway.sendPoisoned(1, 10)
    await gateway.look()

    assert.deepEqual(before, [['2026-01-15', { ...NONE, polled: 10, sent: 10, stored: 9, rejected: 1 }]])
    assert.deepEqual(await gateway.days(), [['2026-01-15', { ...NONE, polled: 10, sent: 10, stored: 10 }]])
    await db.query(
      'alter table readings add constraint value_within_bounds check (abs(value) <= 1e39) not valid',
    )
  })

  test('a reading that one batch brought in vain and another, cut anew, brought again is stored', async () => {
    const gateway = await openGateway()
    await gateway.sendPoisoned(1, 10)
    await gateway.send(1, 12)
    await gateway.tell({ next: 13, unanswered: [], underWay: [] })

    await gateway.look()

    assert.deepEqual(await gateway.days(), [['2026-01-15', { ...NONE, polled: 12, sent: 12, stored: 12 }]])
  })

  test('numbers that are nowhere for 15 minutes are one incident, until they are found', async () => {
    const gateway = await openGateway()
    await gateway.send(1, 10)
    await gateway.send(16, 20)
    await gateway.tell({ next: 21, unanswered: [], underWay: [] })
    await gateway.look()
    const atOnce = await gateway.incidents()

    await gateway.clock.advance(DIFFERENCE_LASTS_MS)
    await gateway.look()
    await gateway.look()
    const [lasting, ...others] = await gateway.incidents()
    await gateway.send(11, 15)
    await gateway.look()
    const [found] = await gateway.incidents()

    assert.deepEqual(atOnce, [])
    assert.deepEqual(others, [])
    assert.equal(lasting?.count, 2)
    assert.equal(lasting?.closedAt, null)
    assert.deepEqual(lasting?.details, {
      ...{ difference: 5, since: '2026-01-15T12:00:00.000Z' },
      days: [{ day: '2026-01-15', difference: 5 }],
    })
    assert.equal(found?.id, lasting?.id)
    assert.equal(found?.closedAt, gateway.clock.now())
  })

  test('a buffer that was begun anew took with it what the cloud does not have', async () => {
    const gateway = await openGateway()
    await gateway.send(1, 10)
    await gateway.tell({ next: 31, unanswered: [[11, 30]], underWay: [] })
    await gateway.look()

    await gateway.tell({ epoch: EPOCH + 1, next: 5, unanswered: [[1, 4]], underWay: [] })
    await gateway.look()

    assert.deepEqual(await gateway.days(), [
      ['2026-01-15', { ...NONE, polled: 34, buffered: 4, sent: 10, stored: 10, difference: 20 }],
    ])
  })

  test('the same difference soon after opens its incident again, much later another one', async () => {
    const gateway = await openGateway()
    await gateway.send(1, 5)
    const lose = async () => {
      await gateway.tell({ next: 9, unanswered: [], underWay: [] })
      await gateway.look()
      await gateway.clock.advance(DIFFERENCE_LASTS_MS)
      await gateway.look()
    }
    const find = async () => {
      await gateway.tell({ next: 9, unanswered: [[6, 8]], underWay: [] })
      await gateway.look()
    }

    await lose()
    await find()
    await lose()
    await find()
    await gateway.clock.advance(REOPEN_WITHIN_MS + MINUTE)
    await lose()

    const seen = (await gateway.incidents()).map(({ reopened, closedAt }) => [reopened, closedAt === null])
    assert.deepEqual(seen, [
      [0, true],
      [1, false],
    ])
  })

  test('a gateway that tells no days has them by when its batches came, and nobody knows what it polled', async () => {
    const gateway = await openGateway(Date.now())
    await gateway.send(1, 10)
    await gateway.send(14, 20, [{ first: 15, last: 16, reason: 'evicted' }])
    await gateway.look()

    const [[, counts] = []] = await gateway.days()
    assert.deepEqual(counts, { ...NONE, polled: null, buffered: 3, sent: 15, stored: 15, evicted: 2 })
    assert.deepEqual(await gateway.incidents(), [])
  })

  async function openGateway(now = Date.parse('2026-01-15T12:00:00Z')) {
    gateways += 1
    const slug = `gw-${process.pid}-${gateways}`
    const clock = openFakeClock(now)
    const [row] = await db.query<{ id: number; projectId: number }>(
      `with c as (insert into clients (slug, name) values ($1, $1) returning id),
              p as (insert into projects (client_id, slug, name) select id, $1, $1 from c returning id)
         insert into gateways (project_id, slug) select id, $1 from p returning id, project_id as "projectId"`,
      [slug],
    )
    const { id: gatewayId, projectId } = row ?? { id: 0, projectId: 0 }
    const deps = { db, series: openSeriesIds(db), clock }
    const batch = (first: number, last: number, missing: MissingRange[] = [], value = 1): Batch => ({
      table: {
        ...{ gateway: slug, client: slug, project: slug },
        series: [{ point: 'pozo-7', variable: 'flow', scale: 2 }],
      },
      ...{ epoch: EPOCH, first, last, configVersion: 0, clock: { quality: 'synced' as const }, missing },
      readings: Array.from({ length: last - first + 1 }, (_, index) => first + index)
        .filter(seq => !missing.some(range => range.first <= seq && seq <= range.last))
        .map(seq => ({
          ...{ seq, point: 'pozo-7', variable: 'flow' as const, at: 1_768_478_400_000 + seq * MINUTE },
          ...{ value, quality: 'good' as const, timeQuality: 'synced' as const },
        })),
    })
    const incoming = (one: Batch) => ({ gatewayId, projectId, lane: 'live' as const, batch: one })
    return {
      clock,
      async tell(told: Partial<GatewayLedger>) {
        const days = [{ day: '2026-01-15', first: 1, lost: 0 }]
        const ledger = { epoch: EPOCH, next: 1, unanswered: [], underWay: [], days, ...told }
        await saveGatewayStatus(db, gatewayId, 'health', { ledger })
        await saveLedgerDays(db, gatewayId, ledger)
      },
      async send(first: number, last: number, missing?: MissingRange[]) {
        await commitBatches(deps, [incoming(batch(first, last, missing))])
      },
      /** The first reading is one that no database takes. */
      async sendPoisoned(first: number, last: number) {
        const one = batch(first, last)
        const readings = one.readings.map((reading, index) =>
          index === 0 ? { ...reading, value: 1e300 } : reading,
        )
        await commitWithoutPoison(deps, incoming({ ...one, readings }))
      },
      async setAside(first: number, last: number) {
        const bytes = encodeBatch(batch(first, last), { withTable: true })
        await setAside(db, { gatewayId, topic: `gw/v1/${slug}/up/live`, bytes, reason: 'a test' })
        const [kept] = await db.query<{ id: number }>(
          'select max(id)::int as id from dead_letters where gateway_id = $1',
          [gatewayId],
        )
        return kept?.id ?? 0
      },
      look: () => keepLedger({ db, clock, log: silentLog, metrics: openMetrics(PROCESSOR_METRICS) }),
      async days(): Promise<(readonly [string, Counts])[]> {
        const span = { from: '2000-01-01', to: '2100-01-01', gateway: slug }
        const rows = await selectLedgerDays(db, null, { beforeKey: 2 ** 53 - 1, limit: 10, ...span })
        return rows.map(row => [row.day, countsOf(row)])
      },
      incidents: () => selectIncidents(db, null, { beforeId: 2 ** 53 - 1, limit: 10, gateway: slug }),
    }
  }
})

function countsOf({
  polled,
  buffered,
  sent,
  stored,
  rejected,
  evicted,
  damaged,
  lost,
  difference,
}: LedgerDayRow): Counts {
  return { polled, buffered, sent, stored, rejected, evicted, damaged, lost, difference }
}
