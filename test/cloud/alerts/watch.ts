// A site that is watched: its readings, its rules, its incidents, and the clock by which it is looked at.

import assert from 'node:assert/strict'
import { watchAlerts } from '../../../cloud/alerts/round.ts'
import { AlertRule } from '../../../cloud/alerts/rule.ts'
import { ANALYTICS_METRICS } from '../../../cloud/analytics/service.ts'
import {
  deleteAlertRule,
  insertAlertRule,
  lockAlertRule,
  updateAlertRule,
} from '../../../cloud/store/alert-rules.ts'
import type { Database } from '../../../cloud/store/database.ts'
import { saveGatewayStatus } from '../../../cloud/store/gateways.ts'
import { type IncidentRow, selectIncidents } from '../../../cloud/store/incident-rows.ts'
import { silentLog } from '../../../protocol/runtime/log.ts'
import { openMetrics } from '../../../protocol/runtime/metrics.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { openSite, processAll, type Site } from '../processor/site.ts'

/** A Friday evening. */
export const FRIDAY = Date.parse('2026-01-16T22:00:00Z')

/** An incident with details to look into. */
export type Seen = IncidentRow & { details: ReturnType<typeof JSON.parse> }

/** Opens a site of its own, watched from FRIDAY on. */
export async function openWatch(db: Database) {
  const site: Site = await openSite(db)
  const clock = openFakeClock(FRIDAY)
  await site.pointId()
  const [client] = await db.query<{ id: number }>('select client_id as id from projects where id = $1', [
    site.projectId,
  ])
  const clientId = client?.id ?? 0
  const deps = { db, clock, log: silentLog, metrics: openMetrics(ANALYTICS_METRICS) }
  const by = 'ana@campo.cl'
  const locked = async (id: number) => {
    const row = await lockAlertRule(db, null, id)
    assert.ok(row)
    return row
  }
  const [gateway] = await db.query<{ slug: string }>('select slug from gateways where id = $1', [
    site.gatewayId,
  ])
  return {
    site,
    clock,
    deps,
    clientId,
    gateway: gateway?.slug,
    watch: () => watchAlerts(deps),
    async make(condition: object, more: object = {}): Promise<number> {
      const rule = AlertRule.parse({ name: 'regla', condition, ...more })
      return (await insertAlertRule(db, { clientId, pointId: null, rule, by, now: clock.now() })) ?? 0
    },
    async change(id: number, condition: object) {
      const rule = AlertRule.parse({ name: 'regla', condition })
      await updateAlertRule(db, await locked(id), { rule, by, now: clock.now() })
    },
    async remove(id: number) {
      await deleteAlertRule(db, await locked(id), { by, now: clock.now() })
    },
    async measure(value: number | null) {
      await site.commit([[clock.now(), 'flow', value]])
      await processAll(db)
    },
    setState: (state: string) =>
      saveGatewayStatus(db, site.gatewayId, 'state', { v: 1, state, version: '1', since: FRIDAY }),
    async incidents(): Promise<Seen[]> {
      const rows = await selectIncidents(db, [clientId], { beforeId: Number.MAX_SAFE_INTEGER, limit: 100 })
      return rows as Seen[]
    },
  }
}
