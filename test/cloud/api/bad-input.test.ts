// Bad input to every route, made from the API's document: what is missing, of another type, too long, hostile.
//
// It gets a problem that names the field, never a 500, and changes nothing.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { fill } from './content.ts'
import { type Attempt, attemptsOf } from './hostile.ts'
import { initOf, pathsOf } from './questions.ts'
import { type ApiScene, openApiScene } from './scene.ts'

const AT_ONCE = 8

describe('bad input to every route', () => {
  let api: ApiScene
  before(async () => {
    api = await openApiScene()
    await fill(api)
  })
  after(() => api.close())

  /** What every table holds: how many rows, and a sum over their text. */
  async function everything(): Promise<Record<string, string>> {
    const tables = await api.db.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = 'public' order by 1`,
    )
    const sums = tables.map(
      ({ name }) =>
        `select '${name}' as name, count(*) || ' ' || coalesce(bit_xor(hashtextextended(t::text, 0)), 0) as sum from ${name} t`,
    )
    const rows = await api.db.query<{ name: string; sum: string }>(sums.join(' union all '))
    return Object.fromEntries(rows.map(({ name, sum }) => [name, sum]))
  }

  /** What is wrong with the answer to a bad question. */
  async function faultOf(
    route: string,
    { what, path, init, refusedAt, status = 400 }: Attempt,
  ): Promise<string[]> {
    try {
      const answer = await api.ask(route, { path, init })
      const said = `${route}: ${what}: ${answer.status} ${JSON.stringify(answer.body)?.slice(0, 300)}`
      if (answer.status >= 500) return [said]
      if (refusedAt === undefined) return []
      if (answer.status !== status) return [said]
      const errors: { in: string; name: string }[] = answer.body.errors ?? []
      const isNamed =
        status !== 400 || errors.some(one => one.in === refusedAt.in && isOf(one.name, refusedAt.name))
      return isNamed ? [] : [said]
    } catch (error) {
      return [`${route}: ${what}: ${error}`]
    }
  }

  /** Several at a time: what is refused depends on no order. */
  async function askAll(route: string, attempts: readonly Attempt[]): Promise<string[]> {
    const faults: string[] = []
    for (let next = 0; next < attempts.length; next += AT_ONCE) {
      const several = attempts.slice(next, next + AT_ONCE).map(attempt => faultOf(route, attempt))
      faults.push(...(await Promise.all(several)).flat())
    }
    return faults
  }

  /** A field, what is in it, or the choice that it is part of. */
  const isOf = (name: string, wanted: string): boolean =>
    name === wanted || name.startsWith(`${wanted}.`) || wanted === '' || wanted.startsWith(`${name}.`)

  test('is a problem that names the field, never a 500, and changes nothing', async () => {
    const { document } = api
    const faults: string[] = []
    let asked = 0
    await api.ask('GET /api/v1/points')
    for (const [template, operations] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(operations)) {
        const route = `${method.toUpperCase()} ${template}`
        const [path = ''] = pathsOf(template, operation, 'campo')
        const init = initOf(route, 'bad', 'campo')
        const attempts = [...attemptsOf({ document, template, operation, path, init })]
        const refused = attempts.filter(one => one.refusedAt !== undefined)
        const taken = attempts.filter(one => one.refusedAt === undefined)
        const before = await everything()
        faults.push(...(await askAll(route, refused)))
        const now = await everything()
        const changed = Object.keys(now).filter(name => now[name] !== before[name])
        if (changed.length > 0) faults.push(`${route} changed ${changed}`)
        faults.push(...(await askAll(route, taken)))
        asked += attempts.length
      }
    }

    assert.ok(asked > 2_000, `only ${asked} questions`)
    assert.equal(faults.join('\n'), '')
  })
})
