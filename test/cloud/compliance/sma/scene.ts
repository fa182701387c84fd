// A scene for reports to SMA: SMA with one process of two devices, a client who reports it, a clock to move.

import { randomBytes } from 'node:crypto'
import { openPacer } from '../../../../cloud/compliance/pacer.ts'
import { openSecrets, type Secrets } from '../../../../cloud/compliance/secrets.ts'
import { COMPLIANCE_METRICS } from '../../../../cloud/compliance/service.ts'
import { openSmaClient, type SmaClient } from '../../../../cloud/compliance/sma/client.ts'
import { upsertSmaHolder, upsertSmaProcess } from '../../../../cloud/compliance/sma/provisioning.ts'
import {
  runSmaRound,
  SMA_RULES,
  type SmaCounts,
  type SmaDeps,
} from '../../../../cloud/compliance/sma/runner.ts'
import { SmaProcessSettings } from '../../../../cloud/compliance/sma/settings.ts'
import type { Database } from '../../../../cloud/store/database.ts'
import { type SmaReportRow, selectSmaReports } from '../../../../cloud/store/sma-reports.ts'
import { openMetrics } from '../../../../protocol/runtime/metrics.ts'
import { type FakeClock, openFakeClock } from '../../../doubles/clock.ts'
import { openSma, type Sma, type SmaOptions } from '../../../doubles/sma/server.ts'
import { type Installation, openInstallation } from '../installation.ts'

/** Whoever reports. */
export const USER = '76543210-3'
/** With a character that JSON escapes. */
export const PASSWORD = 'clave-"de\\prueba'

/** What a test plays with. */
export interface SmaScene {
  clock: FakeClock
  sma: Sma
  site: Installation
  secrets: Secrets
  deps: SmaDeps
  /** The points of the two devices. */
  points: readonly [number, number]
  /** Writes the process, with other settings than the scene's. */
  provision(settings?: Record<string, unknown>): Promise<void>
  setPassword(password: string): Promise<void>
  /** Moves to a full five minutes and measures both devices there. */
  toNext(flow?: number, total?: number): Promise<void>
  round(client?: SmaClient): Promise<SmaCounts>
  /** Oldest first. */
  reports(): Promise<SmaReportRow[]>
  close(): Promise<void>
}

const STEP = 5 * 60_000

/** Opens a scene at an instant. Reports of 1234/567 are owed from there on. */
export async function openSmaScene(
  db: Database,
  {
    at = '2026-01-15T12:33:00Z',
    mode = 'send',
    ...options
  }: SmaOptions & { at?: string; mode?: string } = {},
): Promise<SmaScene> {
  const clock = openFakeClock(Date.parse(at))
  const sma = await openSma({ clock }, options)
  sma.registry.users.set(USER, { password: PASSWORD })
  const parameters = [
    { name: 'Q', unit: 'l/s' },
    { name: 'VA', unit: 'm3' },
  ]
  const process = { uf: '1234', process: '567', users: [USER], devices: { 890: parameters, 891: parameters } }
  sma.registry.processes.push(process)
  const site = await openInstallation({ db, clock }, { restUrl: sma.url, soapUrl: sma.url })
  const { clientId, log } = site
  const secrets = openSecrets(new Uint8Array(randomBytes(32)))
  const deps: SmaDeps = {
    ...{ db, clock, log, secrets, metrics: openMetrics(COMPLIANCE_METRICS) },
    client: openSmaClient({ fetch, clock }, { url: sma.url, limits: { timeoutMs: 2_000 } }),
    pacer: openPacer({ clock }, { everyMs: 0 }),
  }
  const keyOf = async (id: number) => {
    const [row] = await db.query<{ key: string }>(
      `select c.slug || '.' || pr.slug || '.' || p.slug as key from points p join projects pr on pr.id = p.project_id
       join clients c on c.id = pr.client_id where p.id = $1`,
      [id],
    )
    return row?.key ?? ''
  }
  const points = [await addPoint(db, clientId, 'canal-1'), await addPoint(db, clientId, 'canal-2')] as const
  const setPassword = (password: string) =>
    upsertSmaHolder({ sql: db, secrets }, { clientId, user: USER, password }).then(() => {})
  const provision = async (settings: Record<string, unknown> = {}) => {
    const devices = [
      { device: '890', point: await keyOf(points[0]) },
      { device: '891', point: await keyOf(points[1]) },
    ]
    const parsed = SmaProcessSettings.parse({
      ...{ user: USER, uf: '1234', process: '567', from: '2026-01-01T00:00:00Z', mode, devices },
      ...settings,
    })
    await db.transaction(tx => upsertSmaProcess({ tx, clock }, { clientId, settings: parsed }))
  }
  await setPassword(PASSWORD)
  await provision()
  return {
    ...{ clock, sma, site, secrets, deps, points, provision, setPassword },
    async toNext(flow = 14.254, total = 139_806.7) {
      await clock.advance(STEP - (clock.now() % STEP))
      for (const point of points) await site.measure(point, clock.now(), { flow, total })
    },
    round: (client = deps.client) =>
      runSmaRound({ ...deps, client }, SMA_RULES, new AbortController().signal),
    async reports() {
      const asked = {
        clientIds: null,
        key: null,
        state: null,
        beforeId: Number.MAX_SAFE_INTEGER,
        limit: 1000,
      }
      return (await selectSmaReports(db, asked)).toReversed()
    },
    async close() {
      await sma.close()
      await db.transaction(async tx => {
        // What guards the evidence of a real installation sleeps, for this transaction.
        await tx.query('set local session_replication_role = replica')
        await tx.query(
          `truncate sma_decisions, sma_reports, sma_terms, sma_processes, sma_holders, sending_turns, submissions,
             evidence_heads, informants, readings, derived, series, points cascade`,
        )
        await tx.query('delete from incidents')
      })
      await db.query('update compliance_switch set sending = true, reason = null')
    },
  }
}

async function addPoint(db: Database, clientId: number, slug: string): Promise<number> {
  const [point] = await db.query<{ id: number }>(
    `insert into points (project_id, slug, name, kind)
     select id, $2, $2, 'surface_pipe' from projects where client_id = $1 returning id`,
    [clientId, slug],
  )
  return point?.id ?? 0
}
