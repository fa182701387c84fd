// The audit: written by the database for whatever is changed, whoever does it, and never holding what is secret.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Actor, actAs, atOnce, openActing } from '../../../cloud/store/acting.ts'
import type { Database } from '../../../cloud/store/database.ts'
import { describeOnEveryDatabase } from '../../doubles/databases.ts'

const ANA: Actor = {
  ...{ kind: 'user', id: 'u-1', name: 'ana@campo.cl', session: 's-1', address: '192.0.2.7' },
  ...{ requestId: 'r-1', route: 'PATCH /api/v1/clients/{client}' },
}

/**
 * Of these no audit is kept, and why. A table that is neither here nor audited fails the test: whoever adds one decides.
 */
const NOT_AUDITED: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      ...['batches', 'readings', 'revisions', 'derived', 'latest', 'series_tables', 'judgements'],
      ...['checkpoints', 'counter_events', 'rollups_hour', 'rollups_day', 'rollups_month', 'balances'],
      ...['anomalies', 'point_days', 'ledger_stretches', 'processing_failures', 'alert_progress'],
    ].map(table => [table, 'measured, or computed from what is measured']),
  ),
  ...Object.fromEntries(
    ['recomputations_due', 'balances_due', 'analyses_due', 'retained_from'].map(table => [
      table,
      'what a service has still to do, or has done',
    ]),
  ),
  ...Object.fromEntries(
    [
      'collectors',
      'collector_partitions',
      'migrations',
      'deliveries',
      'delivery_tries',
      'workers',
      'canaries',
      'gateway_instances',
      'webhook_messages',
    ].map(table => [table, 'kept by a service for itself']),
  ),
  ...Object.fromEntries(
    [
      ...['audit', 'submissions', 'evidence_heads', 'processing_changes', 'obligation_changes'],
      ...['alert_rule_changes', 'fleet_events', 'fleet_certificates', 'fleet_ended_keys'],
    ].map(table => [table, 'evidence itself, and only ever added to']),
  ),
  slots: 'what persons decide about them is in slot_decisions; the rest services do',
  sma_reports: 'what persons decide about them is in sma_decisions; the rest services do',
  release_chunks: 'what a release is, is in releases; its bytes never change',
  document_bytes: 'what a document is, is in documents; its bytes never change',
  idempotency_keys: 'answers, for a day',
  'auth.verifications': 'secrets that expire within minutes',
  'auth.challenges': 'secrets that expire within minutes',
  'auth.used_codes': 'codes that were right, for two minutes',
  'auth.sign_in_failures': 'a count of failures',
}

describeOnEveryDatabase('The audit', on => {
  const audited = (db: Database) =>
    db.query<{ subject: string; action: string; before: object; after: object; actorName: string }>(
      `select subject, action, before, after, actor_kind as "actorKind", actor_id as "actorId",
         actor_name as "actorName", session, address, request_id as "requestId", route
       from audit where entity in ('client', 'gateway') order by id`,
    )

  test('keeps what was changed by whom, where no route says so', async () => {
    const db = openActing(on.db)

    await db.query(`insert into clients (slug, name) values ('campo', 'Campo')`)
    await actAs(ANA, () => db.query(`update clients set name = 'El Campo', rut = '1-9' where slug = 'campo'`))
    await actAs(ANA, () => db.query(`update clients set name = 'El Campo'`))
    const [made, changed, ...others] = await audited(db)

    assert.deepEqual([made?.subject, made?.action, made?.before], ['campo', 'created', null])
    assert.match(made?.actorName ?? '', /\(.*\)$/, 'the login, where nobody said who acts')
    const { kind: actorKind, id: actorId, name: actorName, ...origin } = ANA
    assert.deepEqual(changed, {
      ...{ subject: 'campo', action: 'changed', actorKind, actorId, actorName, ...origin },
      before: { name: 'Campo', rut: null },
      after: { name: 'El Campo', rut: '1-9' },
    })
    assert.deepEqual(others, [], 'a change that changes nothing is none')
  })

  test('does not hold what is secret, nor what a gateway says all the time', async () => {
    const db = openActing(on.db)
    await db.query(`insert into projects (client_id, slug, name) select id, 'aromos', 'Aromos' from clients`)

    await db.query(
      `insert into gateways (project_id, slug, token_hash) select id, 'gw-1', '\\xdeadbeef' from projects`,
    )
    await db.query(`update gateways set health = '{"v": 1}', health_at = now(), state = '{}'`)
    await db.query(`update gateways set token_hash = '\\xcafe'`)
    const rows = (await audited(db)).filter(({ subject }) => subject === 'gw-1')

    assert.deepEqual(
      rows.map(({ action, before, after }) => [action, before, (after as { token_hash: string }).token_hash]),
      [
        ['created', null, '•••'],
        ['changed', { token_hash: '•••' }, '•••'],
      ],
    )
    const [shown] = await db.query<{ shown: object }>(
      `select audit_shown('{"a": [{"Authorization": "x", "b": 1}], "secretKey": "y", "token": null}'::jsonb) as shown`,
    )
    assert.deepEqual(shown?.shown, { a: [{ Authorization: '•••', b: 1 }], secretKey: '•••', token: null })
  })

  test('is never changed, and is of every table or of none that needs it', async () => {
    await on.db.query(`insert into clients (slug, name) values ('ocho', 'ocho')`)

    await assert.rejects(on.db.query(`update audit set actor_name = 'somebody'`), /evidence/)
    await assert.rejects(on.db.query(`delete from audit`), /evidence/)
    const rows = await on.db.query<{ name: string; audited: boolean }>(
      `select case n.nspname when 'public' then '' else n.nspname || '.' end || c.relname as name,
         exists (select from pg_trigger t where t.tgrelid = c.oid and t.tgname = 'audit_changes') as audited
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.relkind = 'r' and n.nspname in ('public', 'auth') order by 1`,
    )

    const isNamed = ({ name }: { name: string }) => name in NOT_AUDITED
    assert.deepEqual(
      rows.filter(row => !row.audited && !isNamed(row)).map(({ name }) => name),
      [],
      'keep_audit() in the migration that makes the table, or a line in NOT_AUDITED that says why not',
    )
    assert.deepEqual(
      rows.filter(row => row.audited && isNamed(row)),
      [],
    )
  })

  test('is of what was done at once, or of nothing', async () => {
    const db = openActing(on.db)
    const before = (await audited(db)).length
    const fail = new Error('given up')
    const insert = (slug: string) => db.query(`insert into clients (slug, name) values ($1, $1)`, [slug])

    await actAs(ANA, () =>
      atOnce(db, async () => {
        await insert('uno')
        await assert.rejects(insert('uno'), /duplicate/)
        await assert.rejects(
          db.transaction(async tx => {
            await tx.query(`insert into clients (slug, name) values ('dos', 'dos')`)
            await insert('tres')
            throw fail
          }),
          fail,
        )
        await Promise.all([insert('cuatro'), insert('cinco'), db.query('select 1')])
      }),
    )
    await assert.rejects(
      actAs(ANA, () =>
        atOnce(db, async () => {
          await insert('seis')
          throw fail
        }),
      ),
      fail,
    )

    // The one in memory has one connection, and would wait for itself.
    const other = on.hasTimescale ? on.db : openActing({ ...on.db })
    await assert.rejects(
      actAs(ANA, () =>
        atOnce(db, async () => {
          if (other !== on.db) await other.query(`insert into clients (slug, name) values ('siete', 'siete')`)
          throw fail
        }),
      ),
      fail,
    )

    const subjects = (await audited(db)).slice(before).map(({ subject }) => subject)
    assert.deepEqual(subjects, ['uno', 'cuatro', 'cinco', ...(other === on.db ? [] : ['siete'])])
  })
})
