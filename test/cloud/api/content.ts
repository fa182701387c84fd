// One of everything that the API shows, for each of the two clients of the scene.

import { AlertRule } from '../../../cloud/alerts/rule.ts'
import { createToken } from '../../../cloud/api/users.ts'
import type { Submission } from '../../../cloud/compliance/dga/client.ts'
import { openSecrets } from '../../../cloud/compliance/secrets.ts'
import type { SlotChange } from '../../../cloud/compliance/slots.ts'
import { afterSubmission } from '../../../cloud/compliance/slots.ts'
import { upsertSmaHolder, upsertSmaProcess } from '../../../cloud/compliance/sma/provisioning.ts'
import { SmaProcessSettings } from '../../../cloud/compliance/sma/settings.ts'
import { wantConfiguration } from '../../../cloud/fleet/configurations.ts'
import { uploadImport } from '../../../cloud/imports/desk.ts'
import { findPoint } from '../../../cloud/point-name.ts'
import { enterMeterEvent } from '../../../cloud/processor/meter-events.ts'
import { clientIdOf } from '../../../cloud/store/accounts.ts'
import { insertChannel } from '../../../cloud/store/alert-channels.ts'
import { insertPause } from '../../../cloud/store/alert-pauses.ts'
import { insertAlertRule } from '../../../cloud/store/alert-rules.ts'
import { insertAnomaly } from '../../../cloud/store/analyses.ts'
import { finishAttempt, takeSlot } from '../../../cloud/store/compliance-sending.ts'
import { createSlots, selectOwing, takeChecks, writeChecks } from '../../../cloud/store/compliance-slots.ts'
import { saveReported } from '../../../cloud/store/configurations.ts'
import type { Database } from '../../../cloud/store/database.ts'
import { ensureDerivedSeries, replaceCounterEvents } from '../../../cloud/store/derived.ts'
import { insertFleetEvent } from '../../../cloud/store/fleet.ts'
import {
  insertCommands,
  saveCommandResult,
  saveGatewayStatus,
  setAside,
} from '../../../cloud/store/gateways.ts'
import { saveLedgerDays } from '../../../cloud/store/ledger.ts'
import { CONTACT_COLUMNS, insertDocument } from '../../../cloud/store/point-records.ts'
import { selectGateway, selectPointsNamed } from '../../../cloud/store/queries.ts'
import { insertPreview, recordRecomputation } from '../../../cloud/store/recomputations.ts'
import { insertRow } from '../../../cloud/store/rows.ts'
import { insertRule } from '../../../cloud/store/rules.ts'
import { endFault, insertFault } from '../../../cloud/store/sensor-faults.ts'
import { smaKey } from '../../../cloud/store/sma.ts'
import { turnSending } from '../../../cloud/store/switches.ts'
import { insertInvited, replaceGrants } from '../../../cloud/store/users.ts'
import { insertWebhook, saveWebhookSecret } from '../../../cloud/store/webhooks.ts'
import type { CommandResult } from '../../../protocol/command.ts'
import { documentHash } from '../../../protocol/configuration.ts'
import type { GatewayHealth, GatewayState } from '../../../protocol/status.ts'
import { VARIABLES } from '../../../protocol/variables.ts'
import { configurationOf } from './configuration-text.ts'
import { type ApiScene, makeUser } from './scene.ts'

/** When it is, in the scene. */
export const NOW = Date.parse('2026-01-15T12:00:00Z')

/** What only `otra` has: its name is in its keys, its texts and its receipts. */
export const OF_OTRA = /otra|987\.25/

/** Readings, a revision, what the gateway said and was asked, its ledger, an incident, a dead letter, and slots: one sent, one refused, one not looked at yet. */
export async function fill(api: ApiScene): Promise<void> {
  for (const client of ['campo', 'otra']) {
    const point = `${client}.los-aromos.pozo-7`
    const flow = client === 'campo' ? 12.5 : 987.25
    await api.store(point, 'flow', NOW - 10_000, [flow, null, flow])
    await api.store(point, 'flow', NOW - 10_000, [flow + 0.25])
    await api.store(point, 'flow', NOW - 8_000, [flow + 0.5])
    const gateway = await selectGateway(api.db, null, `gw-${client}`)
    const gatewayId = gateway?.id ?? 0
    await saveGatewayStatus(api.db, gatewayId, 'state', stateOf('ready', `1.2.3-${client}`))
    await saveGatewayStatus(api.db, gatewayId, 'health', healthOf(client))
    await configure(api, gatewayId, client)
    const commands = [commandOf(gatewayId, 'w-1', client), commandOf(gatewayId, 'w-2', client)]
    await insertCommands(api.db, commands, { now: NOW })
    await saveCommandResult(api.db, gatewayId, 'w-1', resultOf('w-1'))
    for (const kind of ['claimed', 'enrolled']) {
      await insertFleetEvent(api.db, { kind, gateway: `gw-${client}`, by: `ana@${client}.cl` }, NOW)
    }
    await saveLedgerDays(api.db, gatewayId, {
      ...{ epoch: 7, next: 3, unanswered: [], underWay: [] },
      days: [
        { day: '2026-01-14', first: 1, lost: 0 },
        { day: '2026-01-15', first: 2, lost: 0 },
      ],
    })
    await api.db.query(
      `with made as (
         insert into incidents (kind, subject, gateway_id, point_id, opened_at, last_seen_at, details)
         select 'ledger_difference', $2, $1, (select p.id from points p join gateways g on g.project_id = p.project_id where g.id = $1 and p.slug = 'pozo-7'),
           to_timestamp($3::float8 / 1000), to_timestamp($3::float8 / 1000), $4::jsonb returning id
       ) insert into incident_events (incident_id, at, by, kind, details)
         select id, now(), $2, 'commented', jsonb_build_object('text', $2::text) from made`,
      [gatewayId, `gw-${client}`, NOW, JSON.stringify({ gateway: `gw-${client}`, difference: 2 })],
    )
    await makeUser(api.db, `ana@${client}.cl`, 'client_manager', client)
    await api.db.query(
      `insert into deliveries (incident_id, channel, recipient, person, created_at, due_at, state_at)
       select max(id), 'email', $1, $1, now(), now(), now() from incidents`,
      [`ana@${client}.cl`],
    )
    await recompute(api, client)
    for (const number of [1, 2]) {
      await setAside(api.db, {
        ...{ gatewayId, topic: `smarthydro/${client}/up`, bytes: new Uint8Array(number) },
        reason: `Not a batch of ${client}`,
      })
    }
  }
  await makePeople(api)
  await findAnomalies(api)
  await makeAlertRules(api)
  for (const sending of [false, true]) {
    const turn = { sending, reason: 'inspection of otra', by: 'ana@otra.cl', at: NOW }
    await turnSending(api.db, { what: 'work', workCode: 'OB-0602-2' }, turn)
  }
  await makeRules(api)
  await makeReports(api)
  await uploadFiles(api)
  await keepRecords(api)
  for (const client of ['campo', 'otra']) await breakSensors(api, `${client}.los-aromos.pozo-7`)
  await makeSlots(api)
  await answer(api, receiptOf)
  await answer(api, () => ({ kind: 'refused', reason: 'Caudal no permitido' }))
}

/** Two versions of what a gateway should run with, and two reports of it: the second one is that it refused it. */
async function configure({ db, clock, deps }: ApiScene, id: number, client: string): Promise<void> {
  const gateway = `gw-${client}`
  for (const note of ['primera', 'segunda']) {
    const wanted = { document: configurationOf(client), by: `ana@${client}.cl`, note }
    await wantConfiguration({ db, signer: deps.authority }, { id, gateway }, wanted, {
      ...{ now: clock.now(), seen: () => true },
    })
  }
  const said = { v: 1 as const, version: 1, hash: documentHash(configurationOf(client)), appliedAt: NOW }
  const refused = {
    ...{ version: 2, hash: said.hash, at: NOW, kind: 'mistaken' as const, reason: `It is not for ${client}` },
    mistakes: [{ path: 'devices[0].bus', line: 6, message: 'no bus has the id "x"' }],
  }
  await db.transaction(tx => saveReported(tx, id, said, 'mqtt'))
  await db.transaction(tx => saveReported(tx, id, { ...said, refused }, 'mqtt'))
}

/** Rules and meter events of each client's well, and what its counter did. */
async function makeRules({ db, clock }: ApiScene): Promise<void> {
  for (const client of ['campo', 'otra']) {
    const [point] = await selectPointsNamed(db, null, { client, project: 'los-aromos', point: 'pozo-7' })
    const pointId = point?.id ?? 0
    const createdBy = `ana@${client}.cl`
    const params = { litresPerPulse: 100, baseM3: 0, maxM3PerHour: 500, modulus: 1_000_000 }
    const rule = { pointId, rule: 'pulses_to_volume' as const, variable: null, params, createdBy }
    await insertRule(db, { ...rule, validFrom: NOW - 86_400_000 })
    for (const at of [NOW - 7_200_000, NOW - 3_600_000]) {
      const event = { pointId, at, kind: 'replacement' as const, beforeCount: 9000, afterCount: 0 }
      await enterMeterEvent({ tx: db, clock }, { ...event, note: `Nuevo medidor de ${client}`, createdBy })
    }
    const [series] = await ensureDerivedSeries(db, [{ pointId, variable: VARIABLES.volume.code }]).then(
      found => [...found.values()],
    )
    const count = { count: 12, baselineCount: 9000, amountM3: 1.2 }
    await replaceCounterEvents(db, series ?? 0, { from: 0, to: NOW }, [
      { at: NOW - 7_200_000, kind: 'reset', ...count },
      { at: NOW - 7_200_000, kind: 'gap', ...count },
    ])
  }
}

/** Two processes of each client that are reported to SMA, the first with two reports that wait for a person. */
async function makeReports({ db, clock }: ApiScene): Promise<void> {
  const secrets = openSecrets(new Uint8Array(32).fill(5))
  for (const client of ['campo', 'otra']) {
    const clientId = (await clientIdOf(db, client)) ?? 0
    const user = `sma-${client}`
    await upsertSmaHolder({ sql: db, secrets }, { clientId, user, password: 'una-clave-de-la-sma' })
    for (const process of ['1', '2']) {
      const settings = SmaProcessSettings.parse({
        ...{ user, uf: client, process, from: '2026-01-01T00:00:00Z' },
        devices: [{ device: '890', point: `${client}.los-aromos.pozo-7` }],
      })
      await db.transaction(tx => upsertSmaProcess({ tx, clock }, { clientId, settings }))
    }
    await db.query(
      `insert into sma_reports (key, terms_id, at, state, state_at, reason)
       select t.key, t.id, to_timestamp($2::float8 / 1000) - n * interval '5 minutes', 'review', now(), $3
       from sma_terms t, generate_series(0, 1) n where t.key = $1`,
      [smaKey(client, '1'), NOW, `visto en ${client}`],
    )
  }
}

/** Two of each client's well. */
async function findAnomalies({ db }: ApiScene): Promise<void> {
  for (const client of ['campo', 'otra']) {
    const [point] = await selectPointsNamed(db, null, { client, project: 'los-aromos', point: 'pozo-7' })
    const evidence = { nightM3h: 2.5, usualM3h: 0.5, boundM3h: 1, nights: 56 }
    for (const day of ['2026-01-05', '2026-01-12']) {
      const days = { firstDay: day, lastDay: day, days: 1, worstDay: day }
      const anomaly = { kind: 'night_flow', ...days, state: 'closed', score: 4, evidence } as const
      await insertAnomaly(db, point?.id ?? 0, anomaly, NOW)
    }
  }
}

/** Two of each client's well. */
async function uploadFiles({ db, clock }: ApiScene): Promise<void> {
  for (const client of ['campo', 'otra']) {
    for (const value of [1, 2]) {
      const bytes = new TextEncoder().encode(`at,total\n2026-01-01T00:00:00Z,${value}\n`)
      const asker = { db, clock, clientIds: null, by: `ana@${client}.cl` }
      const file = { point: `${client}.los-aromos.pozo-7`, name: 'historia.csv', bytes, settings: {} }
      await uploadImport(asker, file)
    }
  }
}

/** Two contacts and two documents of each client's well. */
async function keepRecords({ db }: ApiScene): Promise<void> {
  for (const client of ['campo', 'otra']) {
    const { id: pointId } = await findPoint(db, null, `${client}.los-aromos.pozo-7`)
    for (const name of ['Ana', 'Luis']) {
      await insertRow(db, 'contacts', CONTACT_COLUMNS, { pointId, name, email: `${name}@${client}.cl` })
      const bytes = new TextEncoder().encode(`de ${name}, ${client}`)
      const kept = {
        name: `${name}.txt`,
        title: name,
        kind: 'other',
        mediaType: 'text/plain',
        note: null,
      } as const
      const by = { uploadedBy: `ana@${client}.cl`, uploadedAt: NOW }
      await insertDocument(db, { pointId, ...kept, ...by, bytes, digest: bytes.slice(0, 8) })
    }
  }
}

/** Two of each client, one of them for all its points. */
async function makeAlertRules({ db }: ApiScene): Promise<void> {
  for (const client of ['campo', 'otra']) {
    const clientId = (await clientIdOf(db, client)) ?? 0
    const { id } = await findPoint(db, null, `${client}.los-aromos.pozo-7`)
    for (const pointId of [id, null]) {
      const rule = AlertRule.parse({
        name: `silencio de ${client}`,
        condition: { kind: 'no_data', for: '1h' },
      })
      await insertAlertRule(db, { clientId, pointId, rule, by: `ana@${client}.cl`, now: NOW })
    }
    const act = { by: `ana@${client}.cl`, now: NOW }
    const settings = { kind: 'webhook' as const, url: `https://hooks.example/${client}` }
    await insertChannel(db, { clientId, name: `guardia de ${client}`, settings, ...act })
    for (const path of ['uno', 'dos'])
      await makeWebhook(db, { clientId, url: `https://${client}.example/${path}`, ...act })
    const time = { from: NOW, to: NOW + 3_600_000, reason: `cambio de bomba en ${client}` }
    await insertPause(db, { clientId, pointId: id, ...time, ...act })
  }
}

/** One that has two messages, the first of the client's first. */
async function makeWebhook(
  db: Database,
  asked: { clientId: number; url: string; by: string; now: number },
): Promise<void> {
  const id = (await insertWebhook(db, { ...asked, events: ['slots'] })) ?? 0
  const { by, now } = asked
  await saveWebhookSecret(db, id, { keyId: 'none', bytes: new Uint8Array(9), formerUntil: null, by, now })
  if (!asked.url.endsWith('uno')) return
  for (const n of [1, 2]) {
    const told = JSON.stringify({ n, answered: asked.url })
    await db.query(
      `insert into webhook_messages (webhook_id, type, data, answer) values ($1, 'slots.sent', $2::jsonb, $3)`,
      [id, told, asked.url],
    )
  }
}

/** A preview that shows nothing, and an execution that was refused for it. */
async function recompute({ db }: ApiScene, client: string): Promise<void> {
  const { id: pointId } = await findPoint(db, null, `${client}.los-aromos.pozo-7`)
  const stretch = { pointId, from: NOW - 3_600_000, to: NOW, askedBy: `ana@${client}.cl`, askedAt: NOW }
  const nothing = { through: null, fingerprint: 'of nothing', outcome: {} }
  const previewId = await insertPreview(db, { ...stretch, ...nothing })
  const why = `sonda de ${client}`
  await recordRecomputation(db, { ...stretch, previewId, why }, { refused: 'It would do something else' })
}

const receiptOf = (workCode: string): Submission => ({
  kind: 'accepted',
  receipt: workCode.endsWith('-1') ? 'receipt-of-campo' : 'receipt-of-otra',
})

/** What a gateway says of its state. */
export const stateOf = (state: GatewayState['state'], version = '1.2.3'): GatewayState => ({
  ...{ v: 1, state, version, since: NOW - 3_600_000 },
})

const commandOf = (gatewayId: number, id: string, client: string) => ({
  ...{ gatewayId, id },
  document: {
    ...{ v: 1, id, by: `ana@${client}.cl`, expiresAt: NOW + 600_000, kind: 'write', device: 'bomba' },
    ...{ name: 'nivel-de-partida', value: 12.5, unit: 'm' },
  },
})

const resultOf = (id: string): CommandResult => ({
  ...{ v: 1, id, status: 'done', at: NOW },
  written: {
    ...{ device: 'bomba', name: 'nivel-de-partida', unit: 'm' },
    ...{ asked: 12.5, before: 10, found: 12.5, acknowledged: true },
  },
})

const healthOf = (client: string): GatewayHealth => ({
  ...{ v: 1, at: NOW, version: `1.2.3-${client}`, startedAt: NOW - 3_600_000 },
  buffer: {
    ...{ epoch: 7, readings: 3, bytes: 400, maxBytes: 1_000_000, appended: 900 },
    ...{ evicted: 0, damaged: 0, oldestAt: NOW - 3_000 },
  },
  readings: { polled: 900, acked: 897, rejected: 0 },
  clock: { quality: 'synced', errorMs: 12 },
  memoryBytes: 50_000_000,
  buses: [{ id: `bus-${client}`, load: 0.25 }],
  devices: [
    {
      ...{ id: 'caudalimetro', provider: 'twin', ok: 900, failed: 1 },
      ...{ lastOkAt: NOW - 1_000, lastFailure: 'no answer' },
    },
    { id: 'nivel', ok: 0, failed: 0 },
  ],
})

/** Two sensors of a point that were declared faulty a week ago; the second is mended. */
async function breakSensors({ db }: ApiScene, name: string): Promise<void> {
  const { id: pointId } = await findPoint(db, null, name)
  const week = { from: NOW - 7 * 86_400_000, until: NOW - 6 * 86_400_000 }
  for (const quantity of ['flow', 'level'] as const) {
    const fault = { pointId, quantity, ...week, reason: `cable de ${name}`, by: 'ana', now: NOW }
    const { id } = await db.transaction(tx => insertFault(tx, fault))
    const end = { until: week.until, reason: 'cable cambiado', by: 'ana', now: NOW }
    if (quantity === 'level') await db.transaction(tx => endFault(tx, { id, pointId, ...week }, end))
  }
}

/** Three slots of each work, two of them ready. */
async function makeSlots({ db }: ApiScene): Promise<void> {
  for (const owing of await selectOwing(db, NOW + 10, 0, 10)) {
    await createSlots(db, owing, { dueAts: [NOW - 7.2e6, NOW - 3.6e6, NOW], through: NOW + 1, now: NOW })
  }
  const slots = await db.query<{ id: number; workCode: string; dueAt: number }>(
    `select id, work_code as "workCode", due_at as "dueAt" from slots where due_at < to_timestamp($1::float8 / 1000)`,
    [NOW],
  )
  const checked = slots.map(({ id, workCode, dueAt }) => {
    const value = workCode.endsWith('-1') ? 14.2504 : 987.25
    const chosen = { seriesId: 1, readAt: dueAt - 2_000, ageMs: 2_000, value }
    return {
      ...{ id, state: 'ready' as const, reason: null, findings: [], nextCheckAt: null, nextAttemptAt: dueAt },
      chosen: { flow: { ...chosen, variable: 'flow' as const, text: value.toFixed(2) } },
      declaration: {
        ...{ kind: 'groundwater' as const, workCode, measuredAt: dueAt },
        ...{ flow: value.toFixed(2), total: '139806', level: '' },
      },
    }
  })
  await takeChecks(db, { now: NOW - 1, againAt: NOW, limit: 100 })
  await writeChecks(db, { now: NOW, againAt: NOW }, checked)
}

/** DGA answers the newest slot of each work that waits. */
async function answer({ db }: ApiScene, saying: (workCode: string) => Submission): Promise<void> {
  const rules = { now: NOW, leaseUntil: NOW + 60_000, freshAfter: 0, spacedBefore: NOW }
  const never = (): SlotChange => {
    throw new Error('Settled before')
  }
  const slots = []
  for (const _ of ['campo', 'otra']) {
    const taking = await takeSlot(db, { ...rules, closed: [] }, never)
    if (taking.kind !== 'taken') throw new Error(`Expected a slot, got ${taking.kind}`)
    slots.push(taking.slot)
  }
  for (const slot of slots) {
    const submission = saying(slot.workCode)
    const wire = { request: '{}', status: 200, answer: '{}' }
    await finishAttempt(db, slot, { submission, wire, change: afterSubmission(submission, NOW), now: NOW })
  }
}

/** Somebody, and a key, of each client. */
async function makePeople({ db }: ApiScene): Promise<void> {
  for (const client of ['campo', 'otra']) {
    await insertInvited(db, {
      id: `u-${client}`,
      email: `ana@${client}.example.cl`,
      name: `Ana de ${client}`,
    })
    await replaceGrants(db, `u-${client}`, [{ role: 'client_reader', client }])
    await createToken(db, {
      name: `planilla de ${client}`,
      role: 'client_reader',
      client,
      scopes: ['read'],
      createdBy: 'test',
    })
  }
}
