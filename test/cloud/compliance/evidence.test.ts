// The evidence: whatever is altered, removed or moved in it is found.

import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { verifyEvidence } from '../../../cloud/compliance/verify-evidence.ts'
import { selectChainHeads } from '../../../cloud/store/evidence.ts'
import { migrate } from '../../../cloud/store/migrate.ts'
import { openPostgres } from '../../../cloud/store/postgres.ts'
import { prepareServiceRole, SERVICE_ROLE } from '../../../cloud/store/service-role.ts'
import { type Log, openLog, silentLog } from '../../../protocol/runtime/log.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { openTestDatabase, type TestDatabase } from '../../doubles/databases.ts'
import { openInstallation, RUT } from './installation.ts'
import { DAY, HOUR, openScene, type Scene } from './scene.ts'

describe('verifyEvidence()', () => {
  let database: TestDatabase
  let scene: Scene
  before(async () => {
    database = await openTestDatabase()
  })
  after(() => database.close())
  beforeEach(async () => {
    scene = await openScene(database.db)
  })
  afterEach(() => scene.close())

  /** Two works with a few slots, one of which was answered late, refused, and answered again. */
  const declareSome = async () => {
    const { clock, dga, site, register, toNextHour } = scene
    const wells = [await register('OB-0602-7'), await register('OB-0602-8')]
    dga.faults.add({ work: 'OB-0602-7', fault: { kind: 'stored-but-lost', mode: 'reset' }, times: 1 })
    await toNextHour(...wells)
    await site.round()
    await clock.advance(DAY)
    await site.round()
    await clock.advance(DAY / 2)
    await site.round()
  }
  /** Does what nobody may: as the owner of the database, its guards taken away. */
  const tamper = async (statement: string) => {
    const { db } = database
    await db.query('alter table submissions disable trigger user')
    await db.query(statement)
    await db.query('alter table submissions enable trigger user')
  }
  const found = async () => (await verifyEvidence(database.db)).breaks

  test('finds nothing in evidence that nobody has touched, and counts it', async () => {
    await declareSome()

    const { works, rows, breaks } = await verifyEvidence(database.db)

    assert.deepEqual(breaks, [])
    assert.equal(works, 2)
    const [{ count } = { count: 0 }] = await database.db.query<{ count: number }>(
      'select count(*)::int as count from submissions',
    )
    assert.equal(rows, count)
    assert.ok(rows >= 7, `${rows} rows`)
  })

  test('finds an altered byte in every column of every row', async () => {
    await declareSome()
    const changes: Record<string, string> = {
      id: 'id + 100000',
      slot_id: '(select max(s.id) from slots s where s.id <> slot_id)',
      due_at: `due_at + interval '1 microsecond'`,
      attempt: 'attempt + 1',
      lease_token: 'lease_token + 1',
      step: `case step when 'begun' then 'abandoned' else 'begun' end`,
      at: `at - interval '1 microsecond'`,
      channel: `case channel when 'rest' then 'soap' else 'rest' end`,
      outcome: `coalesce(outcome || ' ', 'x')`,
      detail: `jsonb_set(detail, '{kind}', '"refused"')`,
      receipt: `coalesce(overlay(receipt placing '_' from 3), 'invented')`,
      request: `coalesce(overlay(request placing '_' from 3), '')`,
      http_status: 'coalesce(http_status + 1, 200)',
      answer: `coalesce(overlay(answer placing '_' from 3), '')`,
      hash: `set_byte(hash, 31, (get_byte(hash, 31) + 1) % 256)`,
    }
    await tamper('alter table submissions alter column id drop identity')
    const rows = await database.db.query<{ id: number }>('select id from submissions order by id')
    for (const { id } of rows.slice(0, 4)) {
      for (const [column, value] of Object.entries(changes)) {
        await database.db.query('create table kept as select * from submissions')
        await tamper(`update submissions set ${column} = ${value} where id = ${id}`)

        const breaks = await found()

        assert.ok(breaks.length > 0, `${column} of ${id}`)
        await tamper('delete from submissions')
        await tamper('insert into submissions select * from kept')
        await database.db.query('drop table kept')
      }
    }
    assert.deepEqual(await found(), [])
    await tamper('alter table submissions alter column id add generated always as identity')
  })

  const others: { name: string; statements: string[]; told: RegExp }[] = [
    {
      name: 'a row that is gone',
      statements: ['delete from submissions where seq = 2'],
      told: /row 2 missing/,
    },
    {
      name: 'a last row that is gone',
      statements: [`delete from submissions where seq = 5 and work_code = 'OB-0602-7'`],
      told: /row 5 missing at the end/,
    },
    {
      name: 'a work without any row left',
      statements: [`delete from submissions where work_code = 'OB-0602-8'`],
      told: /rows 1 to 3 missing at the end/,
    },
    {
      name: 'a work without a row and without the end of its chain',
      statements: [
        `delete from submissions where work_code = 'OB-0602-8'`,
        `alter table evidence_heads disable trigger user`,
        `delete from evidence_heads where work_code = 'OB-0602-8'`,
        `alter table evidence_heads enable trigger user`,
      ],
      told: /was attempted, and no evidence says so/,
    },
    {
      name: 'two rows in each other’s place',
      statements: [
        'update submissions set seq = -seq where seq in (2, 3)',
        'update submissions set seq = case seq when -2 then 3 else 2 end where seq < 0',
      ],
      told: /row 2 .* was altered/,
    },
    {
      name: 'a receipt of a slot that no answer told',
      statements: [`update slots set receipt = 'Invented' where state = 'sent'`],
      told: /has a receipt that no answer told/,
    },
    {
      name: 'a declaration of a slot that was not sent',
      statements: [
        `update slots set declaration = jsonb_set(declaration, '{flow}', '"1.00"') where state = 'sent'`,
      ],
      told: /shows another declaration than was sent/,
    },
    {
      name: 'an end that was altered',
      statements: [`update evidence_heads set hash = sha256(hash) where work_code = 'OB-0602-7'`],
      told: /the end of the chain, row 5, was altered/,
    },
  ]
  for (const { name, statements, told } of others) {
    test(`finds ${name}`, async () => {
      await declareSome()

      for (const statement of statements) await tamper(statement)

      const breaks = await found()
      assert.ok(
        breaks.some(({ what }) => told.test(what)),
        JSON.stringify(breaks),
      )
    })
  }

  test('finds a chain that was written anew, with an end that was written down before', async () => {
    await declareSome()
    const heads = await selectChainHeads(database.db)
    const rewritten = `do $$ declare e submissions; h bytea := ''; begin
      for e in select * from submissions where work_code = 'OB-0602-8' order by seq loop
        h := evidence_hash(h, e);
        update submissions set hash = h where id = e.id;
      end loop;
      update evidence_heads set hash = h where work_code = 'OB-0602-8';
    end $$`
    await tamper(`update submissions set at = at - interval '1 hour' where work_code = 'OB-0602-8'`)
    await tamper(rewritten)

    assert.deepEqual(await found(), [])
    const { breaks } = await verifyEvidence(database.db, heads)

    assert.deepEqual(breaks, [{ workCode: 'OB-0602-8', what: 'row 3 is not the one that was written down' }])
  })
})

describe('prepareServiceRole()', () => {
  test('lets services add evidence, and neither change nor remove any', async () => {
    const database = await openTestDatabase()
    const scene = await openScene(database.db)
    const log = openLog({ clock: scene.clock, write: () => {} }, { level: 'error' })
    const role = await prepareServiceRole(database.db, { log })
    const db = openPostgres(
      { log },
      { url: database.url, poolMax: 4, ...(role === undefined ? {} : { role }) },
    )
    const site = await openInstallation(
      { db, clock: scene.clock },
      { restUrl: scene.dga.url, soapUrl: scene.dga.soapUrl },
    )
    scene.dga.registry.works.push({ code: 'OB-0602-7', kind: 'groundwater', informants: [RUT] })
    const pointId = await site.addWork('OB-0602-7')
    await scene.clock.advance(HOUR / 2)
    await site.measureWell(pointId, scene.clock.now())

    assert.deepEqual((await site.round()).submissions, { accepted: 1 })
    for (const statement of [
      'update submissions set receipt = null',
      'delete from submissions',
      'truncate submissions',
      'update slot_decisions set reason = reason',
      'delete from sending_turns',
      'update evidence_heads set seq = 1',
      'delete from evidence_heads',
      `insert into evidence_heads values ('OB-0602-9', 1, '')`,
      'alter table submissions disable trigger user',
      'drop table submissions cascade',
    ]) {
      await assert.rejects(db.query(statement), { name: 'DatabaseRefused', code: '42501' }, statement)
    }
    assert.deepEqual((await verifyEvidence(db)).breaks, [])
    await db.close()
    await scene.close()
    await database.close()
  })

  /** A login of its own in the database, and a pool that logs in as it. */
  const loginAs = async (database: TestDatabase, name: string, attributes: string, log: Log) => {
    await database.db.query(`create role ${name} login password 'p' ${attributes}`)
    const own = new URL(database.url)
    own.username = name
    own.password = 'p'
    return { url: own.href, db: openPostgres({ log }, { url: own.href, poolMax: 1 }) }
  }

  test('serves a login that is no superuser and may make roles', async () => {
    const database = await openTestDatabase()
    const { db, url } = await loginAs(database, `owner_${process.pid}`, 'createrole', silentLog)
    await database.db.script(`
      alter role smarthydro_service rename to hidden;
      drop schema public cascade; drop schema if exists auth cascade;
      create schema public authorization owner_${process.pid};
      grant create on database ${new URL(url).pathname.slice(1)} to owner_${process.pid}`)
    await migrate(db, { log: silentLog })

    const roles = [
      await prepareServiceRole(db, { log: silentLog }),
      await prepareServiceRole(db, { log: silentLog }),
    ]

    assert.deepEqual(roles, [SERVICE_ROLE, SERVICE_ROLE])
    const service = openPostgres({ log: silentLog }, { url, poolMax: 1, role: SERVICE_ROLE })
    assert.deepEqual(await service.query('select current_user::text as name'), [{ name: SERVICE_ROLE }])
    await assert.rejects(service.query('delete from submissions'), { code: '42501' })
    await service.close()
    await db.close()
    await database.db.script(`drop schema public cascade; drop schema if exists auth cascade; drop owned by
      owner_${process.pid} cascade; drop role smarthydro_service, owner_${process.pid};
      alter role hidden rename to smarthydro_service`)
    await database.close()
  })

  test('leaves the triggers as the only guard, and says so, where the login may make no roles', async () => {
    const database = await openTestDatabase()
    const lines: string[] = []
    const log = openLog({ clock: openFakeClock(), write: line => lines.push(line) }, { level: 'warn' })
    const { db } = await loginAs(database, `plain_${process.pid}`, '', log)
    await database.db.query('alter role smarthydro_service rename to hidden')

    const role = await prepareServiceRole(db, { log })

    assert.equal(role, undefined)
    assert.match(lines.join(), /evidence is guarded by triggers alone.*permission denied/)
    await db.close()
    await database.db.script(`alter role hidden rename to smarthydro_service; drop role plain_${process.pid}`)
    await database.close()
  })
})
