// Imports on a real database, from the file to what follows from it, and out again.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Asker,
  confirmImport,
  requestUndo,
  resetImport,
  uploadImport,
} from '../../../cloud/imports/desk.ts'
import { IMPORT_METRICS, type ImportDeps, runImports, stepImport } from '../../../cloud/imports/runner.ts'
import { dateOf } from '../../../cloud/processor/civil-time.ts'
import { type ImportRow, selectImport } from '../../../cloud/store/imports.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { openMetrics } from '../../../protocol/runtime/metrics.ts'
import { describeOnEveryDatabase } from '../../doubles/databases.ts'
import { openSite, processAll, type Site } from '../processor/site.ts'
import { csvOf, everythingOf, IMPORT_START, makeSlot, totals } from './well.ts'

const HOUR = 3_600_000

describeOnEveryDatabase('an import', ({ db }) => {
  const deps: ImportDeps = {
    ...{ db, clock: systemClock, log: silentLog, metrics: openMetrics(IMPORT_METRICS) },
  }

  test('is read, previewed, confirmed, stored, processed, and out again as if it had never been', async () => {
    const well = await openWell()
    await well.site.commit(totals(48, 96))
    await processAll(db)
    const empty = await everythingOf(db, well.pointId)

    const uploaded = await well.upload(csvOf(0, 60))
    assert.deepEqual([uploaded.row.state, uploaded.isNew], ['uploaded', true])
    await stepImport(deps, uploaded.row.id)
    const previewed = await rowOf(uploaded.row.id)
    assert.equal(previewed.state, 'previewed')
    assert.deepEqual(previewed.mistakes, [])
    const preview = previewed.preview as {
      overlaps: unknown
      warnings: string[]
      variables: { readings: number }[]
    }
    assert.deepEqual(preview.overlaps, [
      { variable: 'total', same: 12, different: 0, first: [] },
      { variable: 'flow', same: 0, different: 0, first: [] },
    ])
    assert.deepEqual(
      preview.variables.map(({ readings }) => readings),
      [60, 60],
    )
    assert.deepEqual(await everythingOf(db, well.pointId), empty)

    await confirmImport(well.asker, previewed.id, [])
    await finish(previewed.id)
    const done = await rowOf(previewed.id)
    assert.deepEqual(
      [done.state, done.result, done.confirmedBy, done.readingsDone],
      ['done', { inserted: 108, revised: 0, duplicate: 12, rejected: 0 }, 'ana@campo.cl', 120],
    )
    assert.deepEqual(await consumptionByDay(well), [
      ['2026-01-14', 2],
      ['2026-01-15', 24],
      ['2026-01-16', 24],
      ['2026-01-17', 24],
      ['2026-01-18', 21],
    ])

    await requestUndo(well.asker, done.id)
    await stepImport(deps, done.id)
    const undone = await rowOf(done.id)
    assert.deepEqual([undone.state, undone.undoneBy, undone.reason], ['undone', 'ana@campo.cl', null])
    assert.deepEqual(await everythingOf(db, well.pointId), empty)
  })

  test('of a point without anything else leaves nothing behind', async () => {
    const well = await openWell()
    const empty = await everythingOf(db, well.pointId)
    const { row } = await well.upload(csvOf(0, 30))
    await importAll(well, row.id)
    assert.notDeepEqual(await everythingOf(db, well.pointId), empty)

    await requestUndo(well.asker, row.id)
    await stepImport(deps, row.id)

    assert.deepEqual(await everythingOf(db, well.pointId), empty)
  })

  test('with a mistake stores nothing, and names every one', async () => {
    const well = await openWell()
    const empty = await everythingOf(db, well.pointId)
    const { row } = await well.upload(`${csvOf(0, 30)}2026-01-15T00:00:00Z,999,x\nayer,1,1\n`)
    await stepImport(deps, row.id)
    const refused = await rowOf(row.id)

    assert.deepEqual(
      [refused.state, refused.mistakesCount, refused.mistakes.map(({ line }) => line)],
      ['refused', 3, [32, 32, 33]],
    )
    await assert.rejects(confirmImport(well.asker, row.id, []), /Not now/)
    assert.deepEqual(await everythingOf(db, well.pointId), empty)
  })

  test('that assumes something is confirmed by who accepts it, or read again as they say', async () => {
    const well = await openWell()
    const { row } = await well.upload('fecha;total\n15/01/2026 09:00;100\n15/01/2026 10:00;101\n')
    await stepImport(deps, row.id)

    await assert.rejects(confirmImport(well.asker, row.id, []), /Not everything is accepted/)
    await resetImport(well.asker, row.id, { zone: 'UTC' })
    await stepImport(deps, row.id)
    const again = await rowOf(row.id)
    assert.deepEqual([again.state, again.format?.assumed, again.format?.zone], ['previewed', [], 'UTC'])
  })

  test('keeps what is stored where it differs, and its own value beside it as a revision', async () => {
    const well = await openWell()
    await well.site.commit([[IMPORT_START, 'total', 5]])
    await processAll(db)
    const { row } = await well.upload(csvOf(0, 10))
    await stepImport(deps, row.id)
    const { preview } = await rowOf(row.id)
    await importAll(well, row.id)
    const revisions = await db.query(
      'select value from revisions v join series s on s.id = v.series_id where s.point_id = $1',
      [well.pointId],
    )

    const { overlaps } = preview as { overlaps: { different: number; first: unknown[] }[] }
    assert.deepEqual(
      [overlaps[0]?.different, overlaps[0]?.first],
      [1, [{ at: IMPORT_START, stored: 5, file: 1000 }]],
    )
    assert.deepEqual(revisions, [{ value: 1000 }])
    assert.deepEqual((await rowOf(row.id)).result, { inserted: 19, revised: 1, duplicate: 0, rejected: 0 })

    await requestUndo(well.asker, row.id)
    await stepImport(deps, row.id)
    assert.deepEqual(await readingsOf(well), [['total', IMPORT_START, 5]])
  })

  test('taken out, lets stand what came of the same instants from the gateway since', async () => {
    const well = await openWell()
    const { row } = await well.upload(csvOf(0, 10))
    await importAll(well, row.id)
    await well.site.commit([[IMPORT_START, 'total', 7]])
    await processAll(db)
    await requestUndo(well.asker, row.id)
    await stepImport(deps, row.id)

    assert.equal((await rowOf(row.id)).state, 'undone')
    assert.deepEqual(await readingsOf(well), [['total', IMPORT_START, 7]])
  })

  test('stays where the gateway has brought the same since, and says why', async () => {
    const well = await openWell()
    const { row } = await well.upload(csvOf(0, 10))
    await importAll(well, row.id)
    await well.site.commit(totals(3, 5))
    await requestUndo(well.asker, row.id)
    await stepImport(deps, row.id)
    const stays = await rowOf(row.id)

    assert.equal(stays.state, 'done')
    assert.match(
      stays.reason ?? '',
      /1 batches that came since have brought readings that this import had already/,
    )
    assert.equal((await readingsOf(well)).length, 20)
  })

  test('that a declaration rests on stays; a slot that was only picked is picked again', async () => {
    const well = await openWell()
    const { row } = await well.upload(csvOf(0, 10))
    await importAll(well, row.id)
    await makeSlot(db, well.pointId, { dueAt: IMPORT_START + HOUR, state: 'ready', attempts: 0 })
    await makeSlot(db, well.pointId, { dueAt: IMPORT_START + 2 * HOUR, state: 'sent', attempts: 1 })
    await requestUndo(well.asker, row.id)
    await stepImport(deps, row.id)
    const stays = await rowOf(row.id)
    assert.match(stays.reason ?? '', /1 slots from 2026-01-15T02:00:00.000Z .* were declared to DGA/)
    assert.equal((await readingsOf(well)).length, 20)

    await db.query(`delete from slots where point_id = $1 and state = 'sent'`, [well.pointId])
    await requestUndo(well.asker, row.id)
    await stepImport(deps, row.id)
    const slots = await db.query('select state, chosen from slots where point_id = $1 order by due_at', [
      well.pointId,
    ])
    assert.equal((await rowOf(row.id)).state, 'undone')
    assert.deepEqual(slots[0], { state: 'pending', chosen: null })
  })

  test('stays also where the work of another well was declared with it, or with a mean over it', async () => {
    const declared = [
      { total: { readAt: 0, parts: [{ readAt: 1 }, { readAt: IMPORT_START + HOUR }] } },
      { flow: { readAt: 2, mean: { from: IMPORT_START - HOUR, to: IMPORT_START } } },
      { total: { readAt: IMPORT_START + 1 }, flow: { readAt: 2, mean: { from: 3, to: IMPORT_START - 1 } } },
    ]
    const states: string[] = []
    for (const chosen of declared) {
      const well = await openWell()
      const { row } = await well.upload(csvOf(0, 10))
      await importAll(well, row.id)
      const slot = { dueAt: IMPORT_START + HOUR, state: 'sent', attempts: 1, chosen }
      const terms = { alsoPointIds: [well.pointId] }
      await makeSlot(db, await well.site.pointId('pozo-8'), { ...slot, terms })
      await requestUndo(well.asker, row.id)
      await stepImport(deps, row.id)
      states.push((await rowOf(row.id)).state)
    }

    assert.deepEqual(states, ['done', 'done', 'undone'])
  })

  test('goes on where it was when who stored it died, and stores nothing twice', async () => {
    const well = await openWell()
    const { row } = await well.upload(csvOf(0, 2_500))
    await stepImport(deps, row.id)
    await confirmImport(well.asker, row.id, [])
    const dying = new AbortController()
    const counting = openMetrics(IMPORT_METRICS)
    const dies: ImportDeps = {
      ...deps,
      metrics: {
        ...counting,
        count: (name, labels, by) => {
          counting.count(name, labels, by)
          dying.abort(new Error('died'))
        },
      },
    }
    await assert.rejects(stepImport(dies, row.id, dying.signal), /died/)
    const half = await rowOf(row.id)
    assert.deepEqual([half.state, (await readingsOf(well)).length], ['confirmed', 2_000])
    // As after a crash between the commit and its note.
    await db.query('update imports set lease_until = null, readings_done = 0 where id = $1::bigint', [row.id])
    await finish(row.id)

    assert.deepEqual((await rowOf(row.id)).result, { inserted: 5_000, revised: 0, duplicate: 0, rejected: 0 })
  })

  test('is the same import when it comes again, and another one when it was taken out', async () => {
    const well = await openWell()
    const first = await well.upload(csvOf(0, 10))
    const same = await well.upload(csvOf(0, 10))
    assert.deepEqual([same.row.id, same.isNew], [first.row.id, false])
    await importAll(well, first.row.id)
    assert.equal((await well.upload(csvOf(0, 10))).row.id, first.row.id)
    await requestUndo(well.asker, first.row.id)
    await stepImport(deps, first.row.id)

    const again = await well.upload(csvOf(0, 10))
    assert.notEqual(again.row.id, first.row.id)
    await importAll(well, again.row.id)
    assert.equal((await readingsOf(well)).length, 20)
  })

  test('may be taken out when another one, that brought the same, was taken out before it', async () => {
    const well = await openWell()
    const first = await well.upload(csvOf(0, 10))
    await importAll(well, first.row.id)
    const second = await well.upload(csvOf(0, 12))
    await importAll(well, second.row.id)
    const takeOut = async (id: number) => {
      await requestUndo(well.asker, id)
      await stepImport(deps, id)
      return (await rowOf(id)).state
    }

    assert.equal(await takeOut(first.row.id), 'done')
    assert.equal(await takeOut(second.row.id), 'undone')
    assert.equal(await takeOut(first.row.id), 'undone')
    assert.deepEqual(await readingsOf(well), [])
  })

  test('leaves the newest values with their flags when it is taken out', async () => {
    const well = await openWell()
    await well.site.commit([...totals(0, 1), ...totals(6, 7)])
    await processAll(db)
    const newest = () =>
      db.query<{ flags: number }>(
        `select l.at, l.value, l.flags from latest l join series s on s.id = l.series_id
         where s.point_id = $1 order by s.variable`,
        [well.pointId],
      )
    const before = await newest()
    const { row } = await well.upload(csvOf(7, 12))
    await importAll(well, row.id)

    await requestUndo(well.asker, row.id)
    await stepImport(deps, row.id)

    assert.ok(before.some(({ flags }) => flags !== 0))
    assert.deepEqual(await newest(), before)
  })

  test('is undone while it is still being stored, to the last reading', async () => {
    const well = await openWell()
    const { row } = await well.upload(csvOf(0, 2_500))
    await stepImport(deps, row.id)
    await confirmImport(well.asker, row.id, [])
    const { metrics } = deps
    const interrupted: ImportDeps = {
      ...deps,
      metrics: { ...metrics, count: () => void requestUndo(well.asker, row.id) },
    }
    await stepImport(interrupted, row.id)
    const stop = new AbortController()
    const running = runImports(deps, stop.signal, { pollMs: 10 })
    for (let looks = 0; (await rowOf(row.id)).state !== 'undone'; looks += 1) {
      assert.ok(looks < 500, (await rowOf(row.id)).state)
      await systemClock.sleep(10)
    }
    stop.abort()
    await running
    await processAll(db)

    assert.deepEqual(await readingsOf(well), [])
  })

  interface Well {
    site: Site
    pointId: number
    asker: Asker
    upload(text: string): ReturnType<typeof uploadImport>
  }

  async function openWell(): Promise<Well> {
    const site = await openSite(db)
    const pointId = await site.pointId()
    await site.calibrate('total_to_volume', {}, 0)
    const [row] = await db.query<{ slug: string }>('select slug from projects where id = $1', [
      site.projectId,
    ])
    const asker: Asker = { db, clock: systemClock, clientIds: null, by: 'ana@campo.cl' }
    const point = `${row?.slug}.${row?.slug}.pozo-7`
    const upload = (text: string) =>
      uploadImport(asker, {
        point,
        name: 'historia.csv',
        bytes: new TextEncoder().encode(text),
        settings: {},
      })
    return { site, pointId, asker, upload }
  }

  const rowOf = async (id: number): Promise<ImportRow> => (await selectImport(db, null, id)) ?? assert.fail()

  async function importAll({ asker }: Well, id: number): Promise<void> {
    await stepImport(deps, id)
    await confirmImport(asker, id, [])
    await finish(id)
  }

  /** Stores and processes until it is done. */
  async function finish(id: number): Promise<void> {
    for (let rounds = 0; (await rowOf(id)).state !== 'done'; rounds += 1) {
      assert.ok(rounds < 20)
      await stepImport(deps, id)
      await processAll(db)
      await db.query('update imports set lease_until = null where id = $1::bigint', [id])
    }
  }

  async function readingsOf({ pointId }: Well): Promise<unknown[]> {
    const rows = await db.query<{ variable: number; at: number; value: number }>(
      `select s.variable, r.at, r.value from readings r join series s on s.id = r.series_id
       where s.point_id = $1 order by 1, 2`,
      [pointId],
    )
    return rows.map(({ variable, at, value }) => [variable === 2 ? 'total' : 'flow', at, value])
  }

  async function consumptionByDay({ pointId }: Well): Promise<unknown[]> {
    const rows = await db.query<{ at: number; consumption: number }>(
      `select d.at, d.consumption from rollups_day d join series s on s.id = d.series_id
       where s.point_id = $1 and s.variable = 65 order by 1`,
      [pointId],
    )
    return rows.map(({ at, consumption }) => [dateOf(at), Math.round(consumption)])
  }
})
