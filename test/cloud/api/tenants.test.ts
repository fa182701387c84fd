// Another client's things: every route of the document that changes something, asked by every role of one client with the ids of
// the other, while the other's rows are held against what they were. That nothing is shown is in routes.test.ts.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { RULES } from '../../../cloud/api/rules.ts'
import { seeAs } from '../../../cloud/store/seeing.ts'
import { fill } from './content.ts'
import { initOf, pathsOf } from './questions.ts'
import { type ApiScene, isForAll, openApiScene } from './scene.ts'

describe('another client’s things', () => {
  let api: ApiScene
  before(async () => {
    api = await openApiScene()
    await fill(api)
  })
  after(() => api.close())

  /** Every row of a client, table by table, as one hash each. */
  const rowsOf = async (client: string): Promise<Record<string, string>> => {
    const [found] = await api.db.query<{ id: number }>('select id from clients where slug = $1', [client])
    const tables = await api.db.query<{ name: string }>(
      `select relname::text as name from pg_class
       where relrowsecurity and relnamespace = 'public'::regnamespace and relname <> 'audit' order by 1`,
    )
    const hashes = await seeAs([found?.id ?? 0], async () => {
      const rows: [string, string][] = []
      for (const name of [...tables.map(one => one.name), 'readings', 'derived']) {
        const [row] = await api.deps.db.query<{ hash: string }>(
          `select count(*) || ' rows ' || coalesce(md5(string_agg(t::text, ',' order by t::text)), '') as hash from ${name} t`,
        )
        rows.push([name, row?.hash ?? ''])
      }
      return rows
    })
    return Object.fromEntries(hashes)
  }

  test('are changed by nobody, by whichever route', async () => {
    const before = await rowsOf('otra')
    assert.ok(
      Object.values(before).filter(hash => !hash.startsWith('0 ')).length > 15,
      'there is something to change',
    )
    let asked = 0
    for (const [template, operations] of Object.entries(api.document.paths)) {
      for (const [method, operation] of Object.entries(operations)) {
        const route = `${method.toUpperCase()} ${template}`
        const rule = RULES[route]
        assert.ok(rule !== undefined, `${route} has no rule`)
        if (method === 'get' || rule === 'public') continue
        for (const role of ['client_manager', 'client_reader', 'regulator_reader'] as const) {
          assert.ok(!isForAll(role))
          for (const path of pathsOf(template, operation, 'otra')) {
            const init = initOf(route, role, 'otra')
            const headers = { ...(init.headers as Record<string, string>), 'if-match': '*' }
            const token = api.tokens[`${role} of campo`] ?? ''
            const { status } = await api.ask(route, { path, token, init: { ...init, headers } })
            const isOwn = template.startsWith('/api/v1/me')
            if (!isOwn && template.includes('{')) assert.ok(status >= 400, `${role} at ${route}: ${status}`)
            asked += 1
          }
        }
      }
    }
    assert.ok(asked > 150, `${asked} questions`)
    assert.deepEqual(await rowsOf('otra'), before)
  })
})
