// What Grafana reads: every query of every dashboard, as the role that it signs in with, and nothing besides.

import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import type { Database } from '../../../cloud/store/database.ts'
import { GRAFANA_ROLE, grafanaRole, grafanaScript } from '../../../cloud/store/grafana.ts'
import { openPostgres } from '../../../cloud/store/postgres.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { fill, NOW } from '../api/content.ts'
import { type ApiScene, openApiScene } from '../api/scene.ts'

interface Panel {
  title: string
  targets: { rawSql: string; format: string }[]
}

interface Dashboard {
  title: string
  panels: Panel[]
  templating: { list: { name: string; query: string }[] }
}

const DASHBOARDS: Dashboard[] = globSync('deploy/grafana/dashboards/*.json').map(file =>
  JSON.parse(readFileSync(file, 'utf8')),
)
const POINT = 'campo.los-aromos.pozo-7'

/** As Grafana fills in what it puts into a query. */
function filled(sql: string, chosen: Record<string, string>): string {
  const instant = (at: number) => `'${new Date(at).toISOString()}'::timestamptz`
  return sql
    .replaceAll('$__timeFrom()', instant(NOW - 86_400_000))
    .replaceAll('$__timeTo()', instant(NOW + 1_000))
    .replaceAll(/\$\{(\w+)\}/g, (_, name: string) => chosen[name] ?? assert.fail(name))
}

describe('what Grafana may read', () => {
  let api: ApiScene
  const roles: Record<string, Database> = {}
  before(async () => {
    api = await openApiScene()
    await fill(api)
    await api.db.query(`update points set latitude = -33.45, longitude = -70.66`)
    await api.db.query(
      `insert into balances (point_id, day, consumption_m3, minutes, expected_per_hour, worst_quality, computed_at)
       select id, '2026-01-15', 12.5, 60, 60, 0, now() from points`,
    )
    for (const client of [undefined, 'campo']) {
      await api.db.script(grafanaScript(client))
      await api.db.script(grafanaScript(client))
      const role = grafanaRole(client)
      await api.db.script(`alter role ${role} password 'for-the-test'`)
      const url = new URL(api.dbUrl)
      url.username = role
      url.password = 'for-the-test'
      roles[role] = openPostgres({ log: silentLog }, { url: url.href, poolMax: 1 })
    }
  })
  after(async () => {
    for (const db of Object.values(roles)) await db.close()
    for (const role of Object.keys(roles)) await api.db.script(`drop owned by ${role}; drop role ${role}`)
    await api.close()
  })
  const as = (role: string): Database => roles[role] ?? assert.fail(role)

  test('is what every panel and every choice of every dashboard asks, with rows', async () => {
    assert.equal(DASHBOARDS.length, 3)
    for (const { title, panels, templating } of DASHBOARDS) {
      const chosen: Record<string, string> = {}
      for (const { name, query } of templating.list) {
        const rows = await as(GRAFANA_ROLE).query<Record<string, string>>(filled(query, chosen))
        const offered = rows.map(row => Object.values(row)[0] ?? '')
        chosen[name] =
          offered.find(one => one === POINT || one === 'flow') ?? assert.fail(`${title}: ${name}`)
      }
      for (const panel of panels) {
        for (const { rawSql, format } of panel.targets) {
          const rows = await as(GRAFANA_ROLE).query<Record<string, unknown>>(filled(rawSql, chosen))
          assert.ok(rows.length > 0, `${title}: ${panel.title} shows nothing`)
          if (format === 'time_series') assert.ok('time' in (rows[0] ?? {}), `${title}: ${panel.title}`)
        }
      }
    }
  })

  test('G1: is nothing else, and changes nothing', async () => {
    for (const sql of [
      'select * from public.readings',
      'select * from public.informants',
      'select * from auth.api_tokens',
      'select * from grafana.of_client',
      `insert into grafana.of_client values ('x', 'y')`,
      'create table grafana.mine (a int)',
      `update grafana.points set name = 'x'`,
      'create table public.mine (a int)',
    ]) {
      await assert.rejects(as(GRAFANA_ROLE).query(sql), /permission denied|read-only|cannot update/, sql)
    }
    const [{ timeout } = {}] = await as(GRAFANA_ROLE).query<{ timeout: string }>(
      `select current_setting('statement_timeout') as timeout`,
    )
    assert.ok(timeout !== undefined && timeout !== '0')
  })

  test('G2: has no more rows than a function says, however many are asked for', async () => {
    await api.store(
      POINT,
      'level',
      NOW - 86_400_000,
      Array.from({ length: 7_000 }, (_, n) => n),
    )
    const count = async (steps: number) => {
      const sql = `select count(*)::int as n, max(max) as top, sum(readings)::int as readings
        from grafana.series('${POINT}', 'level', $1::timestamptz, $2::timestamptz, ${steps})`
      const between = [NOW - 86_400_000, NOW - 79_400_000].map(at => new Date(at).toISOString())
      const [row] = await as(GRAFANA_ROLE).query<{ n: number; top: number; readings: number }>(sql, between)
      return row
    }
    assert.deepEqual(await count(100), { n: 100, top: 6_999, readings: 7_000 })
    assert.ok(((await count(1_000_000))?.n ?? 0) <= 5_001)
  })

  test('G3: is what is one client’s, for the role of that client', async () => {
    const role = as(grafanaRole('campo'))
    for (const sql of [
      'select * from grafana.points',
      'select * from grafana.latest',
      'select * from grafana.gateways',
      'select * from grafana.incidents',
      `select * from grafana.slots('2026-01-01', '2027-01-01')`,
      `select * from grafana.slot_days('2026-01-01', '2027-01-01')`,
    ]) {
      assert.match(JSON.stringify(await as(GRAFANA_ROLE).query(sql)), /otra/, sql)
      const own = JSON.stringify(await role.query(sql))
      assert.match(own, /campo/, sql)
      assert.doesNotMatch(own, /otra|987\.25/, sql)
    }
    const foreign = `'otra.los-aromos.pozo-7'`
    assert.deepEqual(
      await role.query(`select * from grafana.series(${foreign}, 'flow', '2026-01-01', '2027-01-01')`),
      [],
    )
    assert.deepEqual(
      await role.query(`select * from grafana.consumption(${foreign}, '2026-01-01', '2027-01-01')`),
      [],
    )
  })
})
