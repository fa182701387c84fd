// What cloud/store/database.ts promises, on a real server: types, refusals, connections that break.

import assert from 'node:assert/strict'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import type { Database } from '../../../cloud/store/database.ts'
import { setAside } from '../../../cloud/store/gateways.ts'
import { migrate, readMigrations } from '../../../cloud/store/migrate.ts'
import { openPostgres } from '../../../cloud/store/postgres.ts'
import { systemClock } from '../../../protocol/runtime/clock.ts'
import { Unavailable } from '../../../protocol/runtime/errors.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { startEmbeddedServer, type TestDatabase, type TestServer } from '../../doubles/servers.ts'
import { until } from '../../doubles/until.ts'

const deps = { log: silentLog }

describe('openPostgres()', () => {
  let server: TestServer
  let database: TestDatabase
  let db: Database
  before(async () => {
    server = await startEmbeddedServer()
    database = await server.create()
    db = database.db
  })
  after(async () => {
    await database.close()
    await server.close()
  })

  test('query() gives numbers, epoch milliseconds, days, bytes, JSON and arrays of them', async () => {
    const [row] = await db.query(
      `select 1::int2 as small, 2::int4 as int, 9007199254740991::int8 as big, 0.1::float8 as double, true as yes,
              'x'::text as text, timestamptz '2026-01-15 09:00:00.1239-03' as at, date '2026-01-15' as day,
              '\\x00ff'::bytea as bytes, '{"a":[1]}'::jsonb as json, array[1,null,3]::int4[] as ints,
              array['a,b','c"d',null] as texts, null::int4 as nothing, 'infinity'::float8 as endless`,
    )

    assert.deepEqual(row, {
      ...{ small: 1, int: 2, big: 9_007_199_254_740_991, double: 0.1, yes: true, text: 'x' },
      ...{ at: Date.parse('2026-01-15T12:00:00.123Z'), day: '2026-01-15', bytes: new Uint8Array([0, 255]) },
      ...{ json: { a: [1] }, ints: [1, null, 3], texts: ['a,b', 'c"d', null], nothing: null },
      endless: Infinity,
    })
  })

  test('query() takes numbers, texts, bytes, nulls and arrays of them', async () => {
    const [row] = await db.query(
      'select $1::float8 as n, $2::text as t, $3::bytea as b, $4::int4 as nothing, $5::text[] as texts, $6::float8[] as ns',
      [0.1, 'ñ', new Uint8Array([1, 2]), null, ['a', null, '{}"\\'], [1e300, -0.5]],
    )

    assert.deepEqual(row, {
      ...{ n: 0.1, t: 'ñ', b: new Uint8Array([1, 2]), nothing: null },
      ...{ texts: ['a', null, '{}"\\'], ns: [1e300, -0.5] },
    })
  })

  test('query() fails rather than give a number that is not exact', async () => {
    await assert.rejects(db.query('select 9007199254740993::int8 as big'), /9007199254740993/)
    assert.deepEqual(await db.query('select 1 as one'), [{ one: 1 }])
  })

  test('query() throws DatabaseRefused with its SQLSTATE and constraint, and says whether it is about the data', async () => {
    await db.query('create table positive (value int constraint above_zero check (value > 0))')

    await assert.rejects(db.query('insert into positive values ($1)', [-1]), {
      ...{ name: 'DatabaseRefused', code: '23514', constraint: 'above_zero', isAboutData: true },
    })
    await assert.rejects(db.query('select * from nowhere'), {
      ...{ name: 'DatabaseRefused', code: '42P01', isAboutData: false },
    })
  })

  test('transaction() undoes everything when its work throws, and passes the error on', async () => {
    await db.query('create table undone (value int)')
    const reason = new Error('Changed my mind')

    await assert.rejects(
      db.transaction(async tx => {
        await tx.query('insert into undone values (1)')
        throw reason
      }),
      reason,
    )

    assert.deepEqual(await db.query('select * from undone'), [])
  })

  test('transaction() throws Unavailable when its connection breaks in the middle, and the next one works', async () => {
    await db.query('create table broken (value int)')

    await assert.rejects(
      db.transaction(async tx => {
        await tx.query('insert into broken values (1)')
        const [own] = await tx.query<{ pid: number }>('select pg_backend_pid() as pid')
        await db.query('select pg_terminate_backend($1)', [own?.pid ?? 0])
        await tx.query('insert into broken values (2)')
      }),
      Unavailable,
    )

    assert.deepEqual(await db.query('select * from broken'), [])
  })

  test('transaction() of somebody who stands still in it ends, and whoever waits for its rows goes on', async () => {
    await db.script('create table held (id int primary key)')
    const still = openPostgres(deps, { url: database.url, poolMax: 1, idleInTransactionMs: 100 })
    let isInserted = false

    const stood = still.transaction(async tx => {
      await tx.query('insert into held (id) values (1)')
      const [row] = await db.query<{ id: number }>('insert into held (id) values (1) returning id')
      isInserted = row?.id === 1
      await tx.query('select 1 as one')
    })

    await assert.rejects(stood, Unavailable)
    assert.ok(isInserted)
    assert.deepEqual(await still.query('select 1 as one'), [{ one: 1 }])
    await still.close()
  })

  test('openPostgres() survives that every idle connection is ended', async () => {
    const other = openPostgres(deps, { url: database.url, poolMax: 3 })
    await Promise.all([1, 2, 3].map(() => other.query('select pg_sleep(0.05)')))

    await db.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()',
    )
    await until('a connection is there again', async () => {
      try {
        return (await other.query('select 1 as one')).length === 1
      } catch (error) {
        assert.ok(error instanceof Unavailable)
        return false
      }
    })

    await other.close()
  })

  test('query() throws Unavailable when a statement takes too long, and the connection goes on', async () => {
    const other = openPostgres(deps, { url: database.url, poolMax: 1, statementTimeoutMs: 100 })

    await assert.rejects(other.query('select pg_sleep(10)'), Unavailable)
    assert.deepEqual(
      await other.transaction(tx => tx.query('select pg_sleep(0.3) is not null as slept'), {
        statementTimeoutMs: 5_000,
      }),
      [{ slept: true }],
    )

    await other.close()
  })

  test('query() throws Unavailable where nobody listens, and where somebody listens and never answers', async () => {
    const sockets: Socket[] = []
    const mute = createServer(socket => void sockets.push(socket)).listen(0, '127.0.0.1')
    await new Promise(done => mute.once('listening', done))
    const { port } = mute.address() as AddressInfo
    const silent = openPostgres(deps, {
      ...{ url: `postgres://x:y@127.0.0.1:${port}/z`, poolMax: 1, connectTimeoutMs: 200 },
    })
    const absent = openPostgres(deps, { url: 'postgres://x:y@127.0.0.1:1/z', poolMax: 1 })
    const began = systemClock.monotonic()

    await assert.rejects(silent.query('select 1'), Unavailable)
    await assert.rejects(absent.query('select 1'), Unavailable)

    assert.ok(systemClock.monotonic() - began < 5_000)
    await Promise.all([silent.close(), absent.close()])
    for (const socket of sockets) socket.destroy()
    mute.close()
  })

  test('migrate() by several processes at once runs each script once', async () => {
    const empty = await server.create()
    const others = [1, 2, 3].map(() => openPostgres(deps, { url: empty.url, poolMax: 1 }))

    await Promise.all(others.map(other => migrate(other, deps)))

    const rows = await empty.db.query<{ name: string }>('select name from migrations order by number')
    assert.deepEqual(
      rows.map(({ name }) => name),
      readMigrations().map(({ name }) => name),
    )
    for (const other of others) await other.close()
    await empty.close()
  })

  test('readMigrations() numbers every script by itself, one after the other', () => {
    const numbers = readMigrations().map(({ number }) => number)

    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index + 1),
    )
  })

  test('migrate() puts the letters that are there in the order in which each came last', async () => {
    const old = await server.create()
    const before = readMigrations().filter(({ name }) => name < '0010')
    await migrate(old.db, deps, before)
    await old.db.query(
      `insert into dead_letters (topic, bytes, reason, received_at)
       values ('t', 'a', 'came again', to_timestamp(300)), ('t', 'b', 'old', to_timestamp(100)), ('t', 'c', 'new', to_timestamp(200))`,
    )

    await migrate(old.db, deps)
    await setAside(old.db, { gatewayId: null, topic: 't', bytes: Buffer.from('d'), reason: 'newest' })

    const rows = await old.db.query<{ reason: string }>('select reason from dead_letters order by receipt')
    assert.deepEqual(
      rows.map(({ reason }) => reason),
      ['old', 'new', 'came again', 'newest'],
    )
    await old.close()
  })

  test('migrate() leaves nothing of a script that fails, and names it', async () => {
    const empty = await server.create()
    const broken = [{ number: 1, name: '0001_broken.sql', text: 'create table half (value int); selec 1' }]

    await assert.rejects(migrate(empty.db, deps, broken), /Cannot apply 0001_broken.sql: syntax error/)

    const rows = await empty.db.query(`select 1 from pg_tables where tablename in ('half', 'migrations')`)
    assert.deepEqual(rows, [])
    await empty.close()
  })
})
