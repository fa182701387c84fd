// Kill switches: whether anything, a work, what an informant declares, or a process of SMA is sent. Each turn is kept, with who and why.

import { Rejected } from '../../protocol/runtime/errors.ts'
import { releaseWork } from './compliance.ts'
import { hasten } from './compliance-waits.ts'
import type { Database, Sql } from './database.ts'

/** What a switch is of. An informant's is of everybody who declares with that RUT. */
export type Switched =
  | { what: 'all' }
  | { what: 'work'; workCode: string }
  | { what: 'informant'; rut: string }
  /** `uf/process`. */
  | { what: 'sma_process'; process: string }

/** One turn of a switch. `key` is a work's code, a RUT, or empty. */
export interface Turn {
  at: number
  what: Switched['what']
  key: string
  sending: boolean
  reason: string
  by: string
}

/** Turns a switch. What is switched on is not blocked any more: who does so says that it was put right. Throws Rejected when there is no such work or informant. */
export function turnSending(
  db: Database,
  switched: Switched,
  { sending, reason, by, at }: Pick<Turn, 'sending' | 'reason' | 'by' | 'at'>,
): Promise<void> {
  const { what } = switched
  const key = keyOf(switched)
  return db.transaction(async tx => {
    const turned = await tx.query(...STATEMENTS[what](key, { sending, reason, at }))
    if (turned.length === 0) throw new Rejected(`There is no ${what} ${key}`)
    if (sending) await release(tx, switched, at)
    await tx.query(
      `insert into sending_turns (at, what, key, sending, reason, by)
       values (to_timestamp($1::float8 / 1000), $2, $3, $4, $5, $6)`,
      [at, what, key, sending, reason, by],
    )
  })
}

const ACTIVE = `set status = 'active', reason = null, status_at = now()`

async function release(tx: Sql, switched: Switched, now: number): Promise<void> {
  switch (switched.what) {
    case 'all':
      return
    case 'work':
      return releaseWork(tx, switched.workCode, now)
    case 'informant': {
      const released = await tx.query<{ id: number }>(
        `update informants ${ACTIVE} where rut = $1 and status = 'blocked' returning id`,
        [switched.rut],
      )
      for (const { id } of released) await hasten(tx, { informantId: id }, now)
      return
    }
    case 'sma_process':
      await tx.query(
        `update sma_holders ${ACTIVE} where status = 'blocked'
           and id = (select holder_id from sma_processes where key = 'SMA ' || $1)`,
        [switched.process],
      )
      await tx.query(`update sma_processes ${ACTIVE} where key = 'SMA ' || $1 and status = 'blocked'`, [
        switched.process,
      ])
  }
}

function keyOf(switched: Switched): string {
  if (switched.what === 'all') return ''
  if (switched.what === 'sma_process') return switched.process
  return switched.what === 'work' ? switched.workCode : switched.rut
}

type Statement = (
  key: string,
  turn: Pick<Turn, 'sending' | 'reason' | 'at'>,
) => [string, (string | number | boolean)[]]

const STATEMENTS: Record<Switched['what'], Statement> = {
  all: (_, { sending, reason, at }) => [
    `update compliance_switch set sending = $1, reason = $2, changed_at = to_timestamp($3::float8 / 1000) returning 1`,
    [sending, reason, at],
  ],
  work: (key, { sending }) => ['update works set sending = $2 where code = $1 returning 1', [key, sending]],
  informant: (key, { sending }) => [
    'update informants set sending = $2 where rut = $1 returning 1',
    [key, sending],
  ],
  sma_process: (key, { sending }) => [
    `update sma_processes set sending = $2 where key = 'SMA ' || $1 returning 1`,
    [key, sending],
  ],
}

/** How the switches stand. */
export interface SwitchesState {
  all: { sending: boolean; turn: Turn | null }
  /** Works, informants and processes of SMA that are switched off. */
  stopped: { what: Exclude<Switched['what'], 'all'>; key: string; turn: Turn | null }[]
}

const STOPPED_MAX = 1000

const TURN = `case when t.id is null then null else jsonb_build_object('at', extract(epoch from t.at) * 1000, 'what', t.what,
  'key', t.key, 'sending', t.sending, 'reason', t.reason, 'by', t.by) end as turn`

const LAST_TURN = (what: string, key: string) =>
  `left join lateral (
     select * from sending_turns where what = '${what}' and key = ${key} order by id desc limit 1) t on true`

/** How the switches stand; of those that are off, the last turn says why. At most a thousand. */
export async function selectSwitches(sql: Sql): Promise<SwitchesState> {
  const [all] = await sql.query<SwitchesState['all']>(
    `select sw.sending, ${TURN} from compliance_switch sw ${LAST_TURN('all', `''`)}`,
  )
  const stopped = await sql.query<SwitchesState['stopped'][number]>(
    `select 'informant' as what, s.key, ${TURN}
     from (select distinct rut as key from informants where not sending) s ${LAST_TURN('informant', 's.key')}
     union all
     select 'work', w.code, ${TURN} from works w ${LAST_TURN('work', 'w.code')} where not w.sending
     union all
     select 'sma_process', p.key, ${TURN} from (select uf || '/' || process as key from sma_processes where not sending) p
       ${LAST_TURN('sma_process', 'p.key')}
     limit ${STOPPED_MAX}`,
  )
  return { all: all ?? { sending: false, turn: null }, stopped }
}

/** The latest turns of all switches, newest first. */
export function selectTurns(sql: Sql, limit: number): Promise<Turn[]> {
  return sql.query('select at, what, key, sending, reason, by from sending_turns order by id desc limit $1', [
    limit,
  ])
}
