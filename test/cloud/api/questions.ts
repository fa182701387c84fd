// Right questions: for every route of the document an address and a body that ask for what a client of the scene has.
//
// A new route with a parameter or a body that is not known here fails the tests that go through all routes.

import assert from 'node:assert/strict'
import { toClaimCode } from '../../../protocol/claim-code.ts'
import { accessBody } from './access-questions.ts'
import { configurationOf } from './configuration-text.ts'
import { NOW } from './content.ts'
import type { OperationObject } from './schema.ts'

/**
 * What a route answers when it has done what was asked, where that is not 200. The dead letters here are no batches, and
 * tokens have neither sessions nor passwords.
 */
export const ANSWERED: Record<string, number> = {
  'DELETE /api/v1/me/sessions/{session}': 404,
  'PUT /api/v1/me/password': 422,
  'GET /api/v1/me/security': 422,
  'POST /api/v1/me/second-factor': 422,
  'POST /api/v1/me/second-factor/confirm': 422,
  'POST /api/v1/me/second-factor/remove': 422,
  'POST /api/v1/me/second-factor/recovery-codes': 422,
  'POST /api/v1/me/passkeys/options': 422,
  'POST /api/v1/me/passkeys': 422,
  'DELETE /api/v1/me/passkeys/{passkey}': 404,
  'GET /api/v1/me/keys': 422,
  'POST /api/v1/me/keys': 422,
  'DELETE /api/v1/me/keys/{key}': 404,
  'POST /api/v1/users': 201,
  'POST /api/v1/users/{user}/link': 201,
  'POST /api/v1/api-keys': 201,
  'DELETE /api/v1/api-keys/{key}': 204,
  'POST /api/v1/gateways/{gateway}/commands': 201,
  'POST /api/v1/dead-letters/{letter}/replay': 422,
  'POST /api/v1/compliance/slots/{slot}/decisions': 422,
  'POST /api/v1/fleet/project-claims': 201,
  'POST /api/v1/points/{point}/processing': 201,
  'POST /api/v1/points/{point}/meter-events': 201,
  'POST /api/v1/recomputations': 201,
  // The preview shows what would not be done any more.
  'POST /api/v1/recomputations/{preview}/execute': 409,
  'POST /api/v1/imports': 202,
  // Nobody has read the file yet, and nothing of it is stored.
  'POST /api/v1/imports/{import}/confirm': 409,
  'POST /api/v1/imports/{import}/undo': 409,
  'PUT /api/v1/compliance/works/{work}/obligations': 428,
  'POST /api/v1/compliance/sensor-faults': 201,
  'POST /api/v1/alert-rules': 201,
  'PUT /api/v1/alert-rules/{rule}': 428,
  'DELETE /api/v1/alert-rules/{rule}': 428,
  'POST /api/v1/compliance/sensor-faults/{fault}/end': 422,
  'POST /api/v1/clients': 201,
  'POST /api/v1/projects': 201,
  'POST /api/v1/points': 201,
  'POST /api/v1/points/{point}/contacts': 201,
  'POST /api/v1/points/{point}/documents': 201,
  'POST /api/v1/gateways': 201,
  'POST /api/v1/gateways/{gateway}/token': 201,
  ...Object.fromEntries(
    [
      ...['clients/{client}', 'projects/{project}', 'points/{point}', 'points/{point}/contacts/{contact}'],
      ...['points/{point}/documents/{document}', 'points/{point}/variables/{variable}'],
      'gateways/{gateway}/settings',
    ].map(path => [`PATCH /api/v1/${path}`, 428]),
  ),
  'DELETE /api/v1/clients/{client}': 428,
  'DELETE /api/v1/projects/{project}': 428,
  'DELETE /api/v1/points/{point}': 428,
  'DELETE /api/v1/points/{point}/contacts/{contact}': 428,
  'DELETE /api/v1/gateways/{gateway}': 428,
  'POST /api/v1/webhooks': 201,
  'DELETE /api/v1/webhooks/{webhook}': 428,
  'POST /api/v1/webhooks/{webhook}/messages/{message}/replay': 202,
  'POST /api/v1/alert-channels': 201,
  'PUT /api/v1/alert-channels/{channel}': 428,
  'DELETE /api/v1/alert-channels/{channel}': 428,
  'POST /api/v1/alert-channels/{channel}/test': 202,
  'POST /api/v1/maintenance': 201,
  // A token is told of nothing.
  'PUT /api/v1/me/notifications': 422,
  'POST /api/v1/me/notifications/test': 422,
  'PUT /api/v1/incidents/{incident}/assignee': 428,
  'PUT /api/v1/incidents/{incident}/snooze': 428,
  'POST /api/v1/incidents/{incident}/escalate': 428,
  'PUT /api/v1/gateways/{gateway}/configuration': 428,
  'POST /api/v1/gateways/{gateway}/configuration/roll-back': 428,
  // It has told nothing of its file.
  'POST /api/v1/gateways/{gateway}/configuration/adopt': 409,
  'POST /api/v1/gateways/{gateway}/trials': 201,
  'POST /api/v1/wells': 428,
  // Their parts are nowhere, and so they are not rolled out.
  'POST /api/v1/releases': 201,
  'PUT /api/v1/releases/parts/{part}/chunks/{place}': 404,
  'POST /api/v1/rollouts': 404,
  'GET /api/v1/rollouts/{rollout}': 404,
  'POST /api/v1/rollouts/{rollout}/halt': 404,
}

/** The manifest of a release for one machine. */
function manifestOf(version: string): string {
  const sha256 = '1'.repeat(64)
  const sizes = { bytes: 1, unpackedBytes: 1, chunks: [sha256] }
  const parts = ['runtime', 'program'].map(name => ({ name, sha256, ...sizes }))
  const machines = [{ architecture: 'arm64', parts }]
  return JSON.stringify({ v: 1, version, buffer: { reads: [2], writes: 2 }, machines })
}

const FAULT = {
  ...{
    quantity: 'level',
    from: new Date(NOW).toISOString(),
    until: new Date(NOW + 86_400_000).toISOString(),
  },
  reason: 'cable cortado',
}

/** A code whose check is right. */
const CODE = toClaimCode(new Uint8Array(15))

/** In the form of a request, and none. */
const REQUEST = '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n'

const ALERT_RULE = { name: 'silencio', condition: { kind: 'no_data', for: '1h' } }

const TRIED = { from: '2026-01-15T00:00:00Z', to: '2026-01-16T00:00:00Z' }

const workOf = (client: string): string => (client === 'campo' ? 'OB-0602-1' : 'OB-0602-2')

const obligationOf = (client: string) => ({
  ...{ point: `${client}.los-aromos.pozo-7`, reason: 'Res. Ex. 123' },
  obligation: {
    ...{ from: '2026-01-01T00:00:00Z', standard: 'medio', channel: 'rest' },
    ...{ workCode: workOf(client), informant: '12345678-5' },
  },
})

/** What is sent to routes that take it more than once. The first slot is sent: there is nothing to approve. */
const BODIES: Record<string, object> = {
  'POST /api/v1/recomputations': {
    ...{ point: 'otra.los-aromos.pozo-7', from: '2026-01-15T11:00:00Z', to: '2026-01-15T13:00:00Z' },
  },
  'POST /api/v1/recomputations/{preview}/execute': { why: 'sonda recalibrada' },
  'POST /api/v1/compliance/slots/{slot}/decisions': { action: 'approve', reason: 'verificado' },
  'POST /api/v1/compliance/slots/decisions': {
    ...{ slots: [1, 4], action: 'approve', reason: 'verificado', dryRun: true },
  },
  'POST /api/v1/compliance/sma/reports/{report}/decisions': { decision: 'close', reason: 'visto' },
  'POST /api/v1/imports/{import}/settings': { zone: 'UTC' },
  'POST /api/v1/imports/{import}/confirm': { accept: ['zone'] },
  'POST /api/v1/compliance/sensor-faults/{fault}/end': { reason: 'cable cambiado' },
  'PUT /api/v1/alert-channels/{channel}': {
    name: 'guardia',
    settings: { kind: 'webhook', url: 'https://hooks.example/x' },
  },
  'POST /api/v1/alert-channels/{channel}/test': {},
  'PUT /api/v1/me/notifications': {},
  'POST /api/v1/incidents/acknowledge': { incidents: [2] },
  'PUT /api/v1/incidents/{incident}/assignee': { email: null },
  'PUT /api/v1/incidents/{incident}/snooze': { until: null },
  'POST /api/v1/incidents/{incident}/comments': { text: 'voy en camino' },
}

const wellOf = (name: string, client: string) => ({
  ...{ gateway: `gw-${client}`, document: configurationOf(client), device: 'meter', note: name },
  point: { id: 'pozo-99', name: 'Pozo 99' },
})

function configurationBody(route: string, name: string, client: string): object {
  if (route.endsWith('/device')) return { device: { id: name.replace('_', '-') } }
  if (route.endsWith('/roll-back')) return { version: 1, note: name }
  if (route.endsWith('/adopt')) return { hash: 'a'.repeat(64), note: name }
  const document = configurationOf(client)
  return route.endsWith('/check') ? { document } : { document, note: name }
}

/** What is sent to a route that takes a body, so that it is right, and each time something else by `name`. */
export function initOf(route: string, name: string, client = 'campo'): RequestInit {
  if (route === 'POST /api/v1/imports') {
    const body = `at,flow\n2026-01-01T00:00:00Z,${name.length}.5\n`
    return { headers: { 'content-type': 'text/csv' }, body }
  }
  if (route === 'POST /api/v1/points/{point}/documents') {
    return { headers: { 'content-type': 'text/plain' }, body: `lo que ${name} dejó escrito` }
  }
  if (route.endsWith('/chunks/{place}')) {
    return { headers: { 'content-type': 'application/octet-stream' }, body: name }
  }
  const asked = bodyOf(route, name, client)
  const headers = { 'content-type': 'application/json' }
  return asked === undefined ? {} : { headers, body: JSON.stringify(asked) }
}

function bodyOf(route: string, name: string, client: string): object | undefined {
  if (route === 'PUT /api/v1/me/password') return { current: name, password: 'una-clave-larga' }
  if (route === 'POST /api/v1/session') return { email: 'nadie@campo.cl', password: 'no-es-esta-clave' }
  const ofAccess = accessBody(route, name, client)
  if (ofAccess !== undefined) return ofAccess
  if (route.startsWith('PATCH ')) return {}
  if (!/^(POST|PUT) /.test(route) || route.endsWith('/token')) return undefined
  const made = entityOf(route, name.replace('_', '-'), client)
  if (made !== undefined) return made
  if (route === 'POST /api/v1/compliance/sending')
    return { what: 'work', workCode: 'OB-0602-1', sending: true, reason: name }
  if (route.includes('/obligations')) return obligationOf(client)
  if (route === 'POST /api/v1/webhooks')
    return { client, url: 'https://hooks.example/y', events: ['incidents'] }
  if (route === 'POST /api/v1/alert-channels')
    return {
      client,
      name: `guardia de ${client}`,
      settings: { kind: 'webhook', url: 'https://hooks.example/x' },
    }
  if (route === 'POST /api/v1/maintenance') return { client, ...TRIED, reason: 'cambio de bomba' }
  if (route === 'POST /api/v1/alert-rules') return { client, rule: ALERT_RULE }
  if (route === 'POST /api/v1/alert-rules/backtest')
    return { ...TRIED, point: `${client}.los-aromos.pozo-7`, rule: ALERT_RULE }
  if (route === 'PUT /api/v1/alert-rules/{rule}') return ALERT_RULE
  if (route === 'POST /api/v1/compliance/sensor-faults')
    return { ...FAULT, point: `${client}.los-aromos.pozo-7` }
  if (route === 'POST /api/v1/enrolment') return { code: CODE, request: REQUEST }
  if (route === 'POST /api/v1/enrolment/renewal') return { request: REQUEST }
  if (route === 'POST /api/v1/fleet/sites') {
    const row = { line: 2, client, project: 'los-aromos', point: `${client}-9`, gateway: `gw-${client}` }
    return { rows: [row] }
  }
  if (route === 'POST /api/v1/fleet/claims') return { gateways: [`gw-${client}`] }
  if (route === 'POST /api/v1/fleet/project-claims') return { client, project: 'los-aromos', uses: 2 }
  if (route === 'POST /api/v1/fleet/labels') return { labels: [{ gateway: `gw-${client}`, code: CODE }] }
  if (route.endsWith('/revocation') || route.endsWith('/halt')) return { reason: name }
  if (route === 'POST /api/v1/releases')
    return { manifest: manifestOf(`1.0.0-${name.replace('_', '.')}.${client}`) }
  if (route === 'POST /api/v1/rollouts') return { version: '9.9.9' }
  if (BODIES[route] !== undefined) return BODIES[route]
  if (route.includes('/points/')) return ruleOrEvent(route, name)
  if (route.endsWith('/trials')) return { document: configurationOf(client), device: 'meter' }
  if (route === 'POST /api/v1/wells') return wellOf(name, client)
  if (route.includes('/configuration')) return configurationBody(route, name, client)
  const command = { kind: 'read', device: 'meter', table: 'holding', address: 0, count: 2 }
  return { id: `${name.replace('_', '-')}-1`, command }
}

/** Something new for each name. */
function entityOf(route: string, name: string, client: string): object | undefined {
  const slug = `${client}-${name}`
  const project = `${client}.los-aromos`
  switch (route) {
    case 'POST /api/v1/clients':
      return { client: slug, name: slug }
    case 'POST /api/v1/projects':
      return { client, project: slug, name }
    case 'POST /api/v1/points':
      return { project, point: slug, name }
    case 'POST /api/v1/points/{point}/contacts':
      return { name }
    case 'POST /api/v1/gateways':
      return { project, gateway: slug }
    default:
      return undefined
  }
}

/** Another instant for each name. */
function ruleOrEvent(route: string, name: string): object {
  const at = new Date(
    NOW - 1_000 * [...name].reduce((sum, letter) => sum + letter.charCodeAt(0), 0),
  ).toISOString()
  if (route.endsWith('/processing')) return { rule: 'level_to_water_table', from: at, sensorDepthM: 80 }
  return { at, kind: 'reset', afterCount: 3 }
}

/** The parameters of a query. */
export const queryOf = ({ parameters = [] }: OperationObject) => parameters.filter(one => one.in === 'query')

/**
 * Addresses of a route that ask for what a client has: plainly, and with each filter by name. A parameter that is not
 * known here fails the test that meets it.
 */
export function pathsOf(template: string, operation: OperationObject, client: string): string[] {
  const values: Record<string, string> = {
    ...{
      point: `${client}.los-aromos.pozo-7`,
      project: `${client}.los-aromos`,
      gateway: `gw-${client}`,
      client,
      nonce: 'a-number-drawn-once-00',
      variable: 'flow',
      import: client === 'campo' ? '1' : '3',
      command: 'w-1',
      session: 's-1',
      user: `u-${client}`,
      passkey: 'cGFzc2tleQ',
      // Eight keys are made with the scene.
      key: client === 'campo' ? '9' : '10',
      letter: client === 'campo' ? '1' : '3',
      contact: client === 'campo' ? '1' : '3',
      document: client === 'campo' ? '1' : '3',
      name: 'archivo.txt',
      incident: client === 'campo' ? '1' : '2',
      webhook: client === 'campo' ? '1' : '3',
      message: client === 'campo' ? '1' : '3',
      channel: client === 'campo' ? '1' : '2',
      maintenance: client === 'campo' ? '1' : '2',
      preview: client === 'campo' ? '1' : '2',
      slot: client === 'campo' ? '1' : '4',
      report: client === 'campo' ? '1' : '3',
      event: client === 'campo' ? '1' : '3',
      work: workOf(client),
      month: '2026-01',
      version: '1',
      profile: 'siemens-mag-6000',
      resource: client === 'campo' ? 'Things(1)' : 'Things(3)',
      link: 'properties',
      more: '$value',
      // The second of each client is ended.
      rule: client === 'campo' ? '1' : '3',
      fault: client === 'campo' ? '2' : '4',
      part: '0'.repeat(64),
      place: '0',
      rollout: '1',
    },
  }
  const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? assert.fail(name))
  const query = queryOf(operation)
  const needed = query
    .filter(({ required }) => required === true)
    .map(({ name }) => `${name}=${values[name] ?? assert.fail(name)}`)
  const filters = query.filter(
    ({ name, required }) => required !== true && (name === 'client' || name === 'point'),
  )
  const plain = `${path}?${needed.join('&')}`
  return [plain, ...filters.map(({ name }) => `${plain}&${name}=${values[name]}`)]
}
