// How many works of standard Mayor one process declares within their hour, with DGA answering in 300 ms.
//
// The service runs as it does, with its real clock, its pace and its hands, against the double: the slots of one hour of
// 2,000 works are made, filled, sent and verified. Waiting for the whole hour would take an hour: the rate is taken over
// half a minute in which slots are sent and receipts asked after side by side, and the hour is that rate. Then as many
// works as that promises are there, and it is taken again, for more works make each step longer.

import { randomBytes } from 'node:crypto'
import { InformantSettings, ObligationSettings, termsOf } from '../../cloud/compliance/obligation.ts'
import { upsertInformant } from '../../cloud/compliance/provisioning.ts'
import { openSecrets } from '../../cloud/compliance/secrets.ts'
import { COMPLIANCE_METRICS, startCompliance } from '../../cloud/compliance/service.ts'
import { migrate } from '../../cloud/store/migrate.ts'
import { systemClock as clock } from '../../protocol/runtime/clock.ts'
import { silentLog } from '../../protocol/runtime/log.ts'
import { openMetrics } from '../../protocol/runtime/metrics.ts'
import { VARIABLES } from '../../protocol/variables.ts'
import { openDga } from '../doubles/dga/server.ts'
import { startEmbeddedServer, type TestDatabase } from '../doubles/servers.ts'
import type { Figure } from './figure.ts'

const WORKS = 2_000
/** More are not tried: filling the database with them would take longer than measuring. */
const WORKS_MAX = 8_000
const ANSWER_MS = 300
/** Receipts are asked after a minute after their acceptance: before that, sending has the way for itself. */
const WARM_UP_MS = 75_000
const WINDOW_MS = 30_000
const HOUR_S = 3600
const RUT = '12345678-5'
const CENTRE = '76543210-3'
const PASSWORD = 'clave'
const MINUTE = 60_000

/** Works declared within an hour. */
export async function benchDeclare(): Promise<Figure[]> {
  const first = await measure(WORKS)
  const again = await measure(Math.min(WORKS_MAX, Math.max(WORKS, Math.floor(first.worksPerHour))))
  const highest = Math.min(first.worksPerHour, again.worksPerHour, WORKS_MAX)
  return [
    {
      ...{ name: `${WORKS} works, DGA answering in ${ANSWER_MS} ms: hour needed`, unit: 's' },
      ...{ value: WORKS / first.rate + first.readyS, peer: 'an hour' },
      ratio: (WORKS / first.rate + first.readyS) / HOUR_S,
    },
    { name: 'slots made and filled of them', value: first.readyS, unit: 's' },
    { name: 'declared and verified side by side', value: first.rate, unit: '1/s' },
    { name: `most works declared within their hour, of ${WORKS_MAX} tried`, value: highest, unit: 'works' },
  ]
}

interface Measured {
  /** From the start to the last slot being ready. */
  readyS: number
  rate: number
  worksPerHour: number
}

async function measure(works: number): Promise<Measured> {
  const server = await startEmbeddedServer()
  const dga = await openDga({ clock }, { strict: true })
  try {
    const database = await server.create()
    try {
      return await declare(database, dga, works)
    } finally {
      await database.close()
    }
  } finally {
    await dga.close()
    await server.close()
  }
}

async function declare(
  { db }: TestDatabase,
  dga: Awaited<ReturnType<typeof openDga>>,
  works: number,
): Promise<Measured> {
  await migrate(db, { log: silentLog })
  const secrets = openSecrets(new Uint8Array(randomBytes(32)))
  await fill(db, dga, secrets, works)
  dga.beforeAnswer = () => clock.sleep(ANSWER_MS)
  const began = clock.monotonic()
  const service = await startCompliance(
    {
      ...{ db, clock, log: silentLog, metrics: openMetrics(COMPLIANCE_METRICS), fetch, secrets },
      authorizeOperator: async () => ({ kind: 'unknown' }),
    },
    { host: '127.0.0.1', port: 0, version: '0', rest: { url: dga.url }, soap: { url: dga.soapUrl } },
  )
  try {
    const count = async (what: string) => {
      const [row] = await db.query<{ count: number }>(
        `select count(*)::int as count from slots where ${what}`,
      )
      return row?.count ?? 0
    }
    while ((await count('chosen is not null')) < works) await clock.sleep(250)
    const readyS = (clock.monotonic() - began) / 1000
    await clock.sleep(Math.max(0, WARM_UP_MS - (clock.monotonic() - began)))
    const from = { sent: await count('accepted_at is not null'), at: clock.monotonic() }
    await clock.sleep(WINDOW_MS)
    const sent = (await count('accepted_at is not null')) - from.sent
    const rate = sent / ((clock.monotonic() - from.at) / 1000)
    if (dga.monitor.violations.length > 0) throw new Error(JSON.stringify(dga.monitor.violations[0]))
    const worksPerHour = rate * (HOUR_S - readyS)
    console.error(`  ${works} works: ready after ${readyS.toFixed(1)} s, then ${rate.toFixed(2)} a second`)
    return { readyS, rate, worksPerHour }
  } finally {
    await service.close()
  }
}

/** Works that owe one value, of the minute that has just begun, and the readings of it. */
async function fill(
  db: TestDatabase['db'],
  dga: Awaited<ReturnType<typeof openDga>>,
  secrets: ReturnType<typeof openSecrets>,
  works: number,
): Promise<void> {
  const dueAt = Math.floor(clock.now() / MINUTE) * MINUTE
  const [client] = await db.query<{ id: number }>(
    `insert into clients (slug, name) values ('a', 'a') returning id`,
  )
  const clientId = client?.id ?? 0
  const settings = InformantSettings.parse({ rut: RUT, name: 'Ana', controlCentreRut: CENTRE })
  const informant = await upsertInformant({ db, clock, secrets }, { clientId, settings, password: PASSWORD })
  dga.registry.controlCentres.push(CENTRE)
  dga.registry.informants.push({ rut: RUT, password: PASSWORD })
  for (let work = 1; work <= works; work += 1) {
    dga.registry.works.push({ code: `OB-0602-${work}`, kind: 'groundwater', informants: [RUT] })
  }
  const owed = ObligationSettings.parse({
    ...{ from: new Date(dueAt).toISOString(), standard: 'mayor', every: '1m', channel: 'rest' },
    ...{ workCode: 'OB-0602-1', informant: RUT },
  })
  await db.script(`
    insert into projects (client_id, slug, name) values (${clientId}, 'a', 'a');
    insert into points (project_id, slug, name, kind)
      select p.id, 'w-' || n, 'w', 'groundwater' from projects p, generate_series(1, ${works}) n order by n;
    insert into works (code, client_id)
      select 'OB-0602-' || substr(slug, 3), ${clientId} from points;
    insert into obligations (work_code, point_id, informant_id, valid_from, valid_to, terms, owed_from, created_through)
      select 'OB-0602-' || substr(slug, 3), id, ${informant.id}, to_timestamp(${dueAt} / 1000.0),
        to_timestamp(${dueAt + 1} / 1000.0), '${JSON.stringify(termsOf(owed, 'groundwater'))}',
        to_timestamp(${dueAt} / 1000.0), to_timestamp(${dueAt} / 1000.0) from points;
    insert into series (point_id, variable)
      select p.id, v.code from points p, (values ${variables()}) v(code, value, derived);
    insert into readings (series_id, at, value, quality, time_quality, batch_id)
      select s.id, to_timestamp(${dueAt} / 1000.0), v.value, 0, 0, 1
      from series s join (values ${variables()}) v(code, value, derived) on v.code = s.variable where not v.derived;
    insert into derived (series_id, at, value, quality, time_quality)
      select s.id, to_timestamp(${dueAt} / 1000.0), v.value, 0, 0
      from series s join (values ${variables()}) v(code, value, derived) on v.code = s.variable where v.derived;
    analyze`)
}

const variables = (): string =>
  [
    [VARIABLES.flow, 14.25],
    [VARIABLES.total, 139_806.7],
    [VARIABLES.water_table, 23.6],
  ]
    .map(([variable, value]) => {
      const { code, origin } = variable as (typeof VARIABLES)['flow' | 'water_table']
      return `(${code}, ${value}, ${origin === 'derived'})`
    })
    .join(', ')
