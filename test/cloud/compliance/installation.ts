// An installation for tests of the compliance service: a client, works with their obligations, readings, rounds.

import { randomBytes } from 'node:crypto'
import { type Breakers, openBreakers } from '../../../cloud/compliance/breaker.ts'
import type { DgaClient } from '../../../cloud/compliance/dga/client.ts'
import { openRestClient } from '../../../cloud/compliance/dga/rest.ts'
import { openSoapClient } from '../../../cloud/compliance/dga/soap.ts'
import { InformantSettings, ObligationSettings } from '../../../cloud/compliance/obligation.ts'
import { openPacer } from '../../../cloud/compliance/pacer.ts'
import { upsertInformant, upsertObligation } from '../../../cloud/compliance/provisioning.ts'
import {
  COMPLIANCE_RULES,
  type ComplianceRules,
  type RoundCounts,
  runRound,
} from '../../../cloud/compliance/runner.ts'
import { openSecrets, type Secrets } from '../../../cloud/compliance/secrets.ts'
import { COMPLIANCE_METRICS } from '../../../cloud/compliance/service.ts'
import { type ListedSlot, listSlots } from '../../../cloud/store/compliance.ts'
import type { Channel } from '../../../cloud/store/compliance-sending.ts'
import type { Database } from '../../../cloud/store/database.ts'
import { type Log, openLog } from '../../../protocol/runtime/log.ts'
import { type Metrics, openMetrics } from '../../../protocol/runtime/metrics.ts'
import { VARIABLES, type Variable } from '../../../protocol/variables.ts'
import type { FakeClock } from '../../doubles/clock.ts'

/** The one who declares in tests. */
export const RUT = '12345678-5'
/** The control centre. */
export const CENTRE = '76543210-3'
/** A password with every character that some format must escape. */
export const PASSWORD = `cla<ve>&"se'creta\\ñ-1`

/** One client with works. */
export interface Installation {
  db: Database
  clientId: number
  lines: string[]
  log: Log
  metrics: Metrics
  secrets: Secrets
  breakers: Breakers
  rules: ComplianceRules
  /** Makes a point with a work that is owed from now on. */
  addWork(workCode: string, settings?: Record<string, unknown>, kind?: string): Promise<number>
  setPassword(password: string): Promise<void>
  /** Stores readings: a series of values at an instant. */
  measure(pointId: number, at: number, values: Partial<Record<Variable, number | null>>): Promise<void>
  /** A whole, good groundwater measurement. */
  measureWell(pointId: number, at: number, flow?: number): Promise<void>
  /** One round of one process. */
  round(clients?: Readonly<Record<Channel, DgaClient>>): Promise<RoundCounts>
  /** All slots, oldest first. */
  slots(pointId?: number): Promise<ListedSlot[]>
}

let installations = 0

/** Opens an installation that declares to the given addresses. */
export async function openInstallation(
  { db, clock }: { db: Database; clock: FakeClock },
  { restUrl, soapUrl, timeoutMs = 2_000 }: { restUrl: string; soapUrl: string; timeoutMs?: number },
  some: Partial<ComplianceRules> = {},
): Promise<Installation> {
  installations += 1
  const slug = `campo-${process.pid}-${installations}`
  const lines: string[] = []
  const log = openLog({ clock, write: line => lines.push(line) }, { level: 'debug' })
  const metrics = openMetrics(COMPLIANCE_METRICS)
  const secrets = openSecrets(new Uint8Array(randomBytes(32)))
  const rules = { ...COMPLIANCE_RULES, ...some }
  const breakers = openBreakers()
  const pacer = openPacer({ clock }, { everyMs: 0 })
  const limits = { timeoutMs }
  const own = {
    rest: openRestClient({ fetch }, { url: restUrl, limits }),
    soap: await openSoapClient({ fetch }, { url: soapUrl, limits }),
  }
  const [client] = await db.query<{ id: number }>(
    'insert into clients (slug, name) values ($1, $1) returning id',
    [slug],
  )
  const clientId = client?.id ?? 0
  const [project] = await db.query<{ id: number }>(
    'insert into projects (client_id, slug, name) values ($1, $2, $2) returning id',
    [clientId, slug],
  )
  const setPassword = async (password: string) => {
    const settings = InformantSettings.parse({ rut: RUT, name: 'Ana Informante', controlCentreRut: CENTRE })
    await upsertInformant(
      { db, clock, secrets: installation?.secrets ?? secrets },
      { clientId, settings, password },
    )
  }
  let installation: Installation | undefined
  await setPassword(PASSWORD)
  const opened: Installation = {
    ...{ db, clientId, lines, log, metrics, secrets, breakers, rules, setPassword },
    async addWork(workCode, settings = {}, kind = 'groundwater') {
      const [point] = await db.query<{ id: number; kind: 'groundwater' }>(
        'insert into points (project_id, slug, name, kind) values ($1, $2, $2, $3) returning id, kind',
        [project?.id ?? 0, workCode.toLowerCase(), kind],
      )
      if (point === undefined) throw new Error('No point')
      const parsed = ObligationSettings.parse({
        ...{ from: '2026-01-01T00:00:00Z', standard: 'mayor', channel: 'rest', workCode, informant: RUT },
        // What these wells give is the same for days.
        checks: { severity: { stuck: 'off' } },
        ...settings,
      })
      await db.transaction(tx => upsertObligation({ tx, clock }, { clientId, point, settings: parsed }))
      return point.id
    },
    async measure(pointId, at, values) {
      for (const [name, value] of Object.entries(values)) {
        const { code, origin } = VARIABLES[name as Variable]
        const [series] = await db.query<{ id: number }>(
          `insert into series (point_id, variable) values ($1, $2)
           on conflict (point_id, variable) do update set variable = excluded.variable returning id`,
          [pointId, code],
        )
        const row = [series?.id ?? 0, at, value, value === null ? 17 : 0]
        if (origin === 'derived') {
          await db.query(
            `insert into derived (series_id, at, value, quality, time_quality)
             values ($1, to_timestamp($2::float8 / 1000), $3, $4, 0)
             on conflict do nothing`,
            row,
          )
        } else {
          await db.query(
            `insert into readings (series_id, at, value, quality, time_quality, batch_id)
             values ($1, to_timestamp($2::float8 / 1000), $3, $4, 0, 1) on conflict do nothing`,
            row,
          )
        }
      }
    },
    measureWell: (pointId, at, flow = 14.25) =>
      opened.measure(pointId, at, { flow, total: 139_806.7, water_table: 23.6 }),
    round: (clients = own) =>
      runRound(
        { db, clock, log, metrics, clients, secrets: opened.secrets, breakers, pacer },
        rules,
        new AbortController().signal,
      ),
    async slots(pointId) {
      const rows = await listSlots(db, {
        pointIds: pointId === undefined ? null : [pointId],
        from: 0,
        to: 4e12,
        limit: 10_000,
      })
      return rows.reverse()
    },
  }
  installation = opened
  return opened
}
