// A backup, its restoration and the drill, by the scripts themselves, on Debian's PostgreSQL with its own pg_dump.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { appendFileSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import type { Database } from '../../cloud/store/database.ts'
import { migrate } from '../../cloud/store/migrate.ts'
import { silentLog as log } from '../../protocol/runtime/log.ts'
import { openScene, type Scene } from '../cloud/compliance/scene.ts'
import { startDebianServer, type TestDatabase, type TestServer } from '../doubles/databases.ts'
import { temporaryFolder } from '../edge/buffer/folder.ts'
import { skipWithout } from '../peers.ts'

const run = (script: string, args: string[], environment: Record<string, string>) => {
  const { status, stdout, stderr } = spawnSync(`deploy/backup/${script}.sh`, args, {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...environment },
    timeout: 120_000,
  })
  return { status, text: `${stdout}${stderr}` }
}

describe('backup, restore, drill', { skip: skipWithout('postgresql', 'psql') }, () => {
  let server: TestServer
  let original: TestDatabase
  let scene: Scene
  before(async () => {
    server = await startDebianServer()
    original = await server.create()
    await migrate(original.db, { log })
    // A declaration with its receipt, so that there is evidence.
    scene = await openScene(original.db)
    await scene.toNextHour(await scene.register('OB-0602-7'))
    await scene.site.round()
    assert.deepEqual(await scene.statesOf(), ['sent'])
  })
  after(async () => {
    await scene.dga.close()
    await original.close()
    await server.close()
  })

  const backUp = async (context: TestContext, environment: Record<string, string> = {}) => {
    const folder = await temporaryFolder(context)
    const { status, text } = run('backup', [folder], { DATABASE_URL: original.url, ...environment })
    assert.equal(status, 0, text)
    const [sums = ''] = readdirSync(folder).filter(name => name.endsWith('.sha256'))
    return { folder, path: join(folder, sums.replace('.sha256', '')) }
  }
  const empty = async (context: TestContext): Promise<TestDatabase> => {
    const database = await server.create()
    context.after(() => database.close())
    return database
  }
  const receiptsOf = (db: Database) => db.query('select work_code, receipt, state from slots order by id')

  test('what is restored is what was there, and declares nothing until somebody says so', async context => {
    const { path } = await backUp(context)
    const copy = await empty(context)
    const { status, text } = run('restore', [path], { DATABASE_URL: copy.url })
    assert.equal(status, 0, text)
    assert.match(text, /all \d+ tables are as they were/)
    assert.deepEqual(await receiptsOf(copy.db), await receiptsOf(original.db))
    assert.deepEqual(await copy.db.query('select sending from compliance_switch'), [{ sending: false }])
    await migrate(copy.db, { log })
    const again = run('restore', [path], { DATABASE_URL: copy.url })
    assert.equal(again.status, 1)
    assert.match(again.text, /the database has \d+ tables: restore into an empty one/)
  })

  test('an encrypted one opens with its key alone', async context => {
    const folder = await temporaryFolder(context)
    for (const name of ['key', 'other']) writeFileSync(join(folder, name), `${name}-with-some-length\n`)
    const { path } = await backUp(context, { BACKUP_KEY_FILE: join(folder, 'key') })
    assert.equal(readFileSync(`${path}.dump.enc`).includes('OB-0602-7'), false)
    const copy = await empty(context)
    for (const [environment, said] of [
      [{}, /BACKUP_KEY_FILE is needed/],
      [{ BACKUP_KEY_FILE: join(folder, 'other') }, /does not open with this key: nothing was restored/],
    ] as const) {
      const { status, text } = run('restore', [path], { DATABASE_URL: copy.url, ...environment })
      assert.equal(status, 1)
      assert.match(text, said)
    }
    const opened = run('restore', [path], { DATABASE_URL: copy.url, BACKUP_KEY_FILE: join(folder, 'key') })
    assert.equal(opened.status, 0, opened.text)
  })

  test('one that was altered, or is not whole, is not restored', async context => {
    const { path } = await backUp(context)
    const copy = await empty(context)
    appendFileSync(`${path}.dump`, 'x')
    const altered = run('restore', [path], { DATABASE_URL: copy.url })
    assert.deepEqual([altered.status, /not what was written/.test(altered.text)], [1, true])
    const partial = run('restore', [`${path}0`], { DATABASE_URL: copy.url })
    assert.deepEqual([partial.status, /no whole backup/.test(partial.text)], [1, true])
    assert.deepEqual(await copy.db.query(`select from pg_tables where schemaname = 'public'`), [])
  })

  test('the drill finds a good backup good, one that lacks a row not, and one that is old', async context => {
    const { folder, path } = await backUp(context)
    const drill = (more: Record<string, string> = {}) =>
      run('drill', [folder], {
        ...{ DRILL_URL: original.url, DRILL_CLOUD: `${process.execPath} cloud/cli.ts`, ...more },
      })
    const good = drill()
    assert.equal(good.status, 0, good.text)
    assert.match(good.text, /rows of 1 works: nothing was altered\n.* is good/)

    const hashes = readFileSync(`${path}.hashes`, 'utf8')
    writeFileSync(`${path}.hashes`, hashes.replace(/^(public\.slots|slots)\t1\t/m, '$1\t2\t'))
    assert.notEqual(readFileSync(`${path}.hashes`, 'utf8'), hashes)
    spawnSync('sh', ['-c', `cd ${folder} && sha256sum *.dump *.hashes *.roles > ${path}.sha256`])
    const bad = drill()
    assert.equal(bad.status, 1)
    assert.match(bad.text, /slots\t2\t/)
    assert.match(bad.text, /these tables differ/)

    const old = drill({ BACKUP_AGE_MAX_HOURS: '-1' })
    assert.match(old.text, /is 0 hours old/)
    const left = await original.db.query(`select datname from pg_database where datname like 'drill%'`)
    assert.deepEqual(left, [], 'nothing of a drill stays')
  })

  test('old backups go when their number of days is told', async context => {
    const { folder } = await backUp(context)
    const long = new Date('2026-01-01T00:00:00Z')
    const before = readdirSync(folder)
    for (const name of before) utimesSync(join(folder, name), long, long)
    const { status, text } = run('backup', [folder], { DATABASE_URL: original.url, BACKUP_KEEP_DAYS: '7' })
    assert.equal(status, 0, text)
    const names = readdirSync(folder)
    assert.equal(names.length, before.length)
    assert.deepEqual(
      names.filter(name => before.includes(name)),
      [],
    )
  })
})
