// What the API's role sees and may do, asked of the database itself: as that role, in SQL, without any of our conditions.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Database } from '../../../cloud/store/database.ts'
import { API_ROLE, selectTables, untold } from '../../../cloud/store/row-security.ts'
import { seeAs } from '../../../cloud/store/seeing.ts'
import { prepareApiRole } from '../../../cloud/store/service-role.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { fill } from '../api/content.ts'
import { type ApiScene, openApiScene } from '../api/scene.ts'

const REFUSED = /permission denied|row-level security/

/** What is nobody’s secret: row-security.ts says why. */
const OPEN = ['compliance_switch', 'idempotency_keys', 'release_chunks', 'releases']

describe('the API’s role', () => {
  let api: ApiScene
  let db: Database
  let ids: { campo: number; otra: number }
  before(async () => {
    api = await openApiScene()
    await fill(api)
    ;({ db } = api.deps)
    const rows = await api.db.query<{ id: number; slug: string }>('select id, slug from clients')
    const idOf = (slug: string) => rows.find(row => row.slug === slug)?.id ?? 0
    ids = { campo: idOf('campo'), otra: idOf('otra') }
  })
  after(() => api.close())

  const asCampo = <Row extends object>(text: string) => seeAs([ids.campo], () => db.query<Row>(text))
  const tablesItReads = async () => {
    const rows = await api.db.query<{ name: string }>(
      `select table_name::text as name from information_schema.table_privileges
       where grantee = $1 and table_schema = 'public' and privilege_type = 'SELECT' order by 1`,
      [API_ROLE],
    )
    return rows.map(({ name }) => name)
  }

  test('owns nothing, bypasses nothing, and is no superuser', async () => {
    const [role] = await api.db.query(
      `select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolcanlogin,
         (select count(*)::int from pg_class where relowner = r.oid) as owned from pg_roles r where rolname = $1`,
      [API_ROLE],
    )
    assert.deepEqual(role, {
      ...{
        rolsuper: false,
        rolbypassrls: false,
        rolcreaterole: false,
        rolcreatedb: false,
        rolcanlogin: false,
      },
      owned: 0,
    })
  })

  test('has a policy for every table that it may read, and no right to one whose rows are nobody’s', async () => {
    assert.deepEqual(
      untold(await selectTables(api.db)),
      [],
      'say in BY_HAND or NOT_FOR_IT of row-security.ts whose the rows of these tables are',
    )
    const rows = await api.db.query<{ name: string }>(
      `select relname::text as name from pg_class where relrowsecurity and relnamespace = 'public'::regnamespace`,
    )
    const open = (await tablesItReads()).filter(name => !rows.some(row => row.name === name))
    assert.deepEqual(open, OPEN)
  })

  test('sees of every table and view of values the rows of its caller’s client, and nobody else’s', async () => {
    let seenOfCampo = 0
    for (const name of [...(await tablesItReads()), 'readings', 'derived']) {
      if (OPEN.includes(name)) continue
      const text = `select count(*)::int as count from ${name}`
      const count = async (clientIds: readonly number[] | null) =>
        (await seeAs(clientIds, () => db.query<{ count: number }>(text)))[0]?.count ?? 0
      const [everything, ofCampo, ofOtra] = [
        await count(null),
        await count([ids.campo]),
        await count([ids.otra]),
      ]
      assert.equal((await db.query<{ count: number }>(text))[0]?.count, 0, `${name} outside of seeAs()`)
      assert.equal(await count([]), 0, `${name} of no client`)
      assert.equal(await count([ids.campo, ids.otra]), ofCampo + ofOtra, `${name} of both`)
      assert.ok(ofCampo + ofOtra <= everything, name)
      seenOfCampo += ofCampo
    }
    assert.ok(seenOfCampo > 50, `${seenOfCampo} rows are there to be seen`)
    const texts = await asCampo<{ all: string }>(
      `select string_agg(t::text, ' ') as all from (select p::text as t from points p union all select g::text from gateways g
         union all select w::text from works w union all select i::text from incidents i) as rows`,
    )
    assert.doesNotMatch(texts[0]?.all ?? '', /otra/)
  })

  test('changes nothing of another client’s, and puts nothing there', async () => {
    const before = await api.db.query('select * from points order by id')
    await asCampo(`update points set name = 'mía'`)
    await assert.rejects(asCampo(`update projects set client_id = ${ids.otra}`), REFUSED)
    await assert.rejects(
      asCampo(`insert into projects (client_id, slug, name) values (${ids.otra}, 'x', 'x')`),
      REFUSED,
    )
    await asCampo(`delete from sensor_faults where point_id in (select id from points)`)
    const changed = await api.db.query<{ name: string; slug: string }>(
      `select p.name, c.slug from points p join projects pr on pr.id = p.project_id join clients c on c.id = pr.client_id`,
    )
    assert.equal(changed.length, before.length)
    for (const { name, slug } of changed) assert.equal(name === 'mía', slug === 'campo')
  })

  test('reads no value but by a series that it may see, and no secret of an account', async () => {
    const [value] = await seeAs([ids.otra], () =>
      db.query<{ seriesId: number }>(`select series_id as "seriesId" from readings limit 1`),
    )
    const ofOtra = `where series_id = ${value?.seriesId}`
    assert.deepEqual(await asCampo(`select * from readings ${ofOtra}`), [])
    for (const text of [
      `select * from public.readings ${ofOtra}`,
      `select password from auth.accounts`,
      `select token from auth.sessions`,
      `select hash from auth.api_tokens`,
      `select secret from auth.two_factors`,
      `select * from auth.users`,
      `select * from fleet_keys`,
      `update auth.grants set role = 'administrator'`,
      `insert into auth.grants (user_id, role) values ('u-campo', 'administrator')`,
      `update readings set value = 1`,
      `update submissions set outcome = 'accepted'`,
      `delete from audit`,
      `create table mine (id int)`,
      `alter table points disable row level security`,
    ])
      await assert.rejects(
        seeAs(null, () => db.query(text)),
        /permission denied|must be owner/,
        text,
      )
    const mails = await asCampo<{ email: string }>('select email from auth.users')
    assert.ok(mails.length > 0 && mails.every(({ email }) => email.includes('@campo.')))
  })

  test('tells each caller from the next on one connection', async () => {
    const slugs = (clientIds: readonly number[]) =>
      seeAs(clientIds, async () =>
        (await db.query<{ slug: string }>('select slug from clients')).map(({ slug }) => slug),
      )
    const asked = Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? [ids.campo] : [ids.otra]))
    const seen = await Promise.all(asked.map(slugs))
    assert.deepEqual(
      seen,
      asked.map(([id]) => [id === ids.campo ? 'campo' : 'otra']),
    )
  })

  test('is given its rights once, and again when a table comes', async () => {
    const mark = async () =>
      (await api.db.query<{ mark: string }>(`select obj_description('shown'::regnamespace) as mark`))[0]?.mark
    const first = await mark()
    await prepareApiRole(api.db, { log: silentLog })
    assert.equal(await mark(), first)
    await api.db.script('create table notes (id int, text text)')
    await prepareApiRole(api.db, { log: silentLog })
    await assert.rejects(
      seeAs(null, () => db.query('select * from notes')),
      /permission denied/,
    )
    await api.db.script('alter table notes add column client_id int')
    await prepareApiRole(api.db, { log: silentLog })
    assert.notEqual(await mark(), first)
    assert.deepEqual(await seeAs(null, () => db.query('select * from notes')), [])
    await api.db.script('drop table notes')
  })
})
