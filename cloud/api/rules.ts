// Who may do what: one table, roles × routes. A route that is not in it is refused, to everybody.

import type { ApiScope, Role } from '../store/accounts.ts'
import { PAGES } from '../web/pages.ts'

/** `public`: anybody. Otherwise: one of these roles, and a token needs this scope. */
export type Rule = 'public' | RoleRule

/** One of these roles, and a token needs this scope. */
export interface RoleRule {
  roles: readonly Role[]
  scope: ApiScope
}

const ADMINISTRATORS: readonly Role[] = ['administrator']
const OPERATORS: readonly Role[] = ['administrator', 'operator']
/** Who answers for what is declared. */
const DECIDERS: readonly Role[] = [...OPERATORS, 'client_manager']
const READERS: readonly Role[] = [...OPERATORS, 'client_manager', 'client_reader', 'regulator_reader']

/** Who may listen to live data: asked again while they listen. */
export const LIVE_RULE: RoleRule = { roles: READERS, scope: 'read' }

/** By method and path as in the API's document. */
export const RULES: Readonly<Record<string, Rule>> = {
  'GET /openapi.json': 'public',
  // The pages of the web application hold nothing: what they show they ask the routes below for.
  ...Object.fromEntries(PAGES.map(page => [`GET ${page}`, 'public' as const])),
  'GET /assets/{file}': 'public',
  'GET /favicon.svg': 'public',
  'GET /docs': 'public',
  'GET /docs/{file}': 'public',
  'GET /api/v1/session': 'public',
  'POST /api/v1/session': 'public',
  'DELETE /api/v1/session': 'public',
  'GET /api/v1': 'public',
  // A gateway that enrols is nobody yet: its code is what counts, and for a renewal its key.
  'POST /api/v1/enrolment': 'public',
  'POST /api/v1/enrolment/renewal': 'public',
  'GET /api/v1/enrolment/time': 'public',
  'POST /api/v1/fleet/claims': { roles: OPERATORS, scope: 'write' },
  'POST /api/v1/fleet/project-claims': { roles: OPERATORS, scope: 'write' },
  'POST /api/v1/fleet/labels': { roles: OPERATORS, scope: 'write' },
  'POST /api/v1/fleet/sites': { roles: OPERATORS, scope: 'write' },
  'GET /api/v1/fleet/events': { roles: OPERATORS, scope: 'read' },
  'GET /api/v1/gateways/{gateway}/enrolment': { roles: OPERATORS, scope: 'read' },
  'POST /api/v1/gateways/{gateway}/revocation': { roles: OPERATORS, scope: 'write' },
  'GET /api/v1/me': { roles: READERS, scope: 'read' },
  'GET /api/v1/me/sessions': { roles: READERS, scope: 'read' },
  'DELETE /api/v1/me/sessions/{session}': { roles: READERS, scope: 'write' },
  'PUT /api/v1/me/password': { roles: READERS, scope: 'write' },
  'GET /api/v1/overview': { roles: READERS, scope: 'read' },
  'GET /api/v1/live': LIVE_RULE,
  'GET /api/v1/points': { roles: READERS, scope: 'read' },
  'GET /api/v1/points/{point}': { roles: READERS, scope: 'read' },
  'GET /api/v1/points/{point}/latest': { roles: READERS, scope: 'read' },
  'GET /api/v1/points/{point}/readings': { roles: READERS, scope: 'read' },
  'GET /api/v1/points/{point}/revisions': { roles: READERS, scope: 'read' },
  'GET /api/v1/points/{point}/balances': { roles: READERS, scope: 'read' },
  'GET /api/v1/points/{point}/use': { roles: READERS, scope: 'read' },
  'GET /api/v1/points/{point}/baseline': { roles: READERS, scope: 'read' },
  'GET /api/v1/points/{point}/anomalies': { roles: READERS, scope: 'read' },
  'GET /api/v1/points/{point}/projection': { roles: READERS, scope: 'read' },
  'GET /api/v1/points/{point}/specific-capacity': { roles: READERS, scope: 'read' },
  'GET /api/v1/projects/{project}/balances': { roles: READERS, scope: 'read' },
  'GET /api/v1/points/{point}/series': { roles: READERS, scope: 'read' },
  'GET /api/v1/points/{point}/consumption': { roles: READERS, scope: 'read' },
  'GET /api/v1/points/{point}/export': { roles: READERS, scope: 'read' },
  'GET /api/v1/points/{point}/slot-hours': { roles: READERS, scope: 'read' },
  'GET /api/v1/points/{point}/processing': { roles: READERS, scope: 'read' },
  'POST /api/v1/points/{point}/processing': { roles: OPERATORS, scope: 'write' },
  'GET /api/v1/points/{point}/processing/changes': { roles: READERS, scope: 'read' },
  'GET /api/v1/points/{point}/meter-events': { roles: READERS, scope: 'read' },
  'POST /api/v1/points/{point}/meter-events': { roles: OPERATORS, scope: 'write' },
  'POST /api/v1/points/{point}/meter-events/{event}/withdraw': { roles: OPERATORS, scope: 'write' },
  'GET /api/v1/points/{point}/counter-events': { roles: READERS, scope: 'read' },
  'GET /api/v1/compliance/slots': { roles: READERS, scope: 'read' },
  'GET /api/v1/compliance/slots/export': { roles: READERS, scope: 'read' },
  'GET /api/v1/compliance/slots/{slot}': { roles: READERS, scope: 'read' },
  'GET /api/v1/compliance/sensor-faults': { roles: READERS, scope: 'read' },
  'POST /api/v1/compliance/sensor-faults': { roles: DECIDERS, scope: 'write' },
  'POST /api/v1/compliance/sensor-faults/{fault}/end': { roles: DECIDERS, scope: 'write' },
  'GET /api/v1/compliance/sma': { roles: READERS, scope: 'read' },
  'GET /api/v1/compliance/sma/reports': { roles: READERS, scope: 'read' },
  'POST /api/v1/compliance/sma/reports/{report}/decisions': { roles: DECIDERS, scope: 'write' },
  'GET /api/v1/compliance/works': { roles: READERS, scope: 'read' },
  'GET /api/v1/compliance/works/{work}': { roles: READERS, scope: 'read' },
  'POST /api/v1/compliance/works/{work}/obligations/preview': { roles: OPERATORS, scope: 'write' },
  'PUT /api/v1/compliance/works/{work}/obligations': { roles: OPERATORS, scope: 'write' },
  'POST /api/v1/compliance/slots/decisions': { roles: DECIDERS, scope: 'write' },
  'POST /api/v1/compliance/slots/{slot}/decisions': { roles: DECIDERS, scope: 'write' },
  'GET /api/v1/compliance/reconciliation': { roles: READERS, scope: 'read' },
  'GET /api/v1/compliance/packs/{work}/{month}': { roles: READERS, scope: 'read' },
  'GET /api/v1/compliance/sending': { roles: OPERATORS, scope: 'read' },
  'POST /api/v1/compliance/sending': { roles: OPERATORS, scope: 'write' },
  'GET /api/v1/gateways': { roles: [...OPERATORS, 'client_manager', 'client_reader'], scope: 'read' },
  'GET /api/v1/gateways/{gateway}': {
    roles: [...OPERATORS, 'client_manager', 'client_reader'],
    scope: 'read',
  },
  'GET /api/v1/gateways/{gateway}/commands': { roles: OPERATORS, scope: 'read' },
  'POST /api/v1/gateways/{gateway}/commands': { roles: OPERATORS, scope: 'write' },
  'GET /api/v1/gateways/{gateway}/commands/{command}': { roles: OPERATORS, scope: 'read' },
  'GET /api/v1/clients': { roles: READERS, scope: 'read' },
  'POST /api/v1/clients': { roles: ADMINISTRATORS, scope: 'write' },
  'GET /api/v1/clients/{client}': { roles: [...OPERATORS, 'client_manager', 'client_reader'], scope: 'read' },
  'PATCH /api/v1/clients/{client}': { roles: OPERATORS, scope: 'write' },
  'DELETE /api/v1/clients/{client}': { roles: ADMINISTRATORS, scope: 'write' },
  'GET /api/v1/projects': { roles: READERS, scope: 'read' },
  'POST /api/v1/projects': { roles: OPERATORS, scope: 'write' },
  'GET /api/v1/projects/{project}': { roles: READERS, scope: 'read' },
  'PATCH /api/v1/projects/{project}': { roles: OPERATORS, scope: 'write' },
  'DELETE /api/v1/projects/{project}': { roles: OPERATORS, scope: 'write' },
  'POST /api/v1/points': { roles: OPERATORS, scope: 'write' },
  'PATCH /api/v1/points/{point}': { roles: OPERATORS, scope: 'write' },
  'DELETE /api/v1/points/{point}': { roles: OPERATORS, scope: 'write' },
  'GET /api/v1/variables': { roles: READERS, scope: 'read' },
  'GET /api/v1/points/{point}/variables': { roles: READERS, scope: 'read' },
  'GET /api/v1/points/{point}/variables/{variable}': { roles: READERS, scope: 'read' },
  'PATCH /api/v1/points/{point}/variables/{variable}': { roles: DECIDERS, scope: 'write' },
  'GET /api/v1/points/{point}/contacts': {
    roles: [...OPERATORS, 'client_manager', 'client_reader'],
    scope: 'read',
  },
  'POST /api/v1/points/{point}/contacts': { roles: DECIDERS, scope: 'write' },
  'GET /api/v1/points/{point}/contacts/{contact}': {
    roles: [...OPERATORS, 'client_manager', 'client_reader'],
    scope: 'read',
  },
  'PATCH /api/v1/points/{point}/contacts/{contact}': { roles: DECIDERS, scope: 'write' },
  'DELETE /api/v1/points/{point}/contacts/{contact}': { roles: DECIDERS, scope: 'write' },
  'GET /api/v1/points/{point}/documents': {
    roles: [...OPERATORS, 'client_manager', 'client_reader'],
    scope: 'read',
  },
  'POST /api/v1/points/{point}/documents': { roles: DECIDERS, scope: 'write' },
  'GET /api/v1/points/{point}/documents/{document}': {
    roles: [...OPERATORS, 'client_manager', 'client_reader'],
    scope: 'read',
  },
  'GET /api/v1/points/{point}/documents/{document}/content': {
    roles: [...OPERATORS, 'client_manager', 'client_reader'],
    scope: 'read',
  },
  'PATCH /api/v1/points/{point}/documents/{document}': { roles: DECIDERS, scope: 'write' },
  'POST /api/v1/gateways': { roles: OPERATORS, scope: 'write' },
  'GET /api/v1/gateways/{gateway}/settings': {
    roles: [...OPERATORS, 'client_manager', 'client_reader'],
    scope: 'read',
  },
  'PATCH /api/v1/gateways/{gateway}/settings': { roles: OPERATORS, scope: 'write' },
  'POST /api/v1/gateways/{gateway}/token': { roles: OPERATORS, scope: 'write' },
  'DELETE /api/v1/gateways/{gateway}': { roles: OPERATORS, scope: 'write' },
  'GET /api/v1/devices': { roles: [...OPERATORS, 'client_manager', 'client_reader'], scope: 'read' },
  'GET /api/v1/audit': { roles: DECIDERS, scope: 'read' },
  'GET /api/v1/gateways/{gateway}/configuration': { roles: OPERATORS, scope: 'read' },
  'PUT /api/v1/gateways/{gateway}/configuration': { roles: OPERATORS, scope: 'write' },
  'POST /api/v1/gateways/{gateway}/configuration/check': { roles: OPERATORS, scope: 'read' },
  'GET /api/v1/gateways/{gateway}/configuration/versions': { roles: OPERATORS, scope: 'read' },
  'GET /api/v1/gateways/{gateway}/configuration/versions/{version}': { roles: OPERATORS, scope: 'read' },
  'GET /api/v1/gateways/{gateway}/configuration/versions/{version}/diff': { roles: OPERATORS, scope: 'read' },
  'POST /api/v1/gateways/{gateway}/configuration/roll-back': { roles: OPERATORS, scope: 'write' },
  'POST /api/v1/gateways/{gateway}/configuration/adopt': { roles: OPERATORS, scope: 'write' },
  'GET /api/v1/gateways/{gateway}/configuration/reports': { roles: OPERATORS, scope: 'read' },
  'GET /api/v1/profiles': { roles: OPERATORS, scope: 'read' },
  'GET /api/v1/profiles/{profile}': { roles: OPERATORS, scope: 'read' },
  'GET /api/v1/ledger': { roles: [...OPERATORS, 'client_manager', 'client_reader'], scope: 'read' },
  'GET /api/v1/incidents': { roles: [...OPERATORS, 'client_manager', 'client_reader'], scope: 'read' },
  'POST /api/v1/incidents/acknowledge': { roles: DECIDERS, scope: 'write' },
  'GET /api/v1/incidents/{incident}': {
    roles: [...OPERATORS, 'client_manager', 'client_reader'],
    scope: 'read',
  },
  'GET /api/v1/incidents/{incident}/events': {
    roles: [...OPERATORS, 'client_manager', 'client_reader'],
    scope: 'read',
  },
  'GET /api/v1/incidents/{incident}/deliveries': { roles: DECIDERS, scope: 'read' },
  'GET /api/v1/incidents/{incident}/people': { roles: DECIDERS, scope: 'read' },
  'POST /api/v1/incidents/{incident}/acknowledge': { roles: DECIDERS, scope: 'write' },
  'PUT /api/v1/incidents/{incident}/assignee': { roles: DECIDERS, scope: 'write' },
  'PUT /api/v1/incidents/{incident}/snooze': { roles: DECIDERS, scope: 'write' },
  'POST /api/v1/incidents/{incident}/escalate': { roles: DECIDERS, scope: 'write' },
  'POST /api/v1/incidents/{incident}/comments': { roles: DECIDERS, scope: 'write' },
  'GET /api/v1/alert-rules': { roles: [...OPERATORS, 'client_manager', 'client_reader'], scope: 'read' },
  'POST /api/v1/alert-rules': { roles: DECIDERS, scope: 'write' },
  'POST /api/v1/alert-rules/backtest': {
    roles: [...OPERATORS, 'client_manager', 'client_reader'],
    scope: 'read',
  },
  'GET /api/v1/alert-rules/{rule}': {
    roles: [...OPERATORS, 'client_manager', 'client_reader'],
    scope: 'read',
  },
  'PUT /api/v1/alert-rules/{rule}': { roles: DECIDERS, scope: 'write' },
  'DELETE /api/v1/alert-rules/{rule}': { roles: DECIDERS, scope: 'write' },
  'GET /api/v1/imports': { roles: OPERATORS, scope: 'read' },
  'POST /api/v1/imports': { roles: OPERATORS, scope: 'write' },
  'GET /api/v1/imports/{import}': { roles: OPERATORS, scope: 'read' },
  'POST /api/v1/imports/{import}/settings': { roles: OPERATORS, scope: 'write' },
  'POST /api/v1/imports/{import}/confirm': { roles: OPERATORS, scope: 'write' },
  'POST /api/v1/imports/{import}/undo': { roles: OPERATORS, scope: 'write' },
  'POST /api/v1/imports/{import}/discard': { roles: OPERATORS, scope: 'write' },
  'GET /api/v1/recomputations': { roles: [...OPERATORS, 'client_manager'], scope: 'read' },
  'POST /api/v1/recomputations': { roles: OPERATORS, scope: 'write' },
  'POST /api/v1/recomputations/{preview}/execute': { roles: OPERATORS, scope: 'write' },
  'GET /api/v1/dead-letters': { roles: OPERATORS, scope: 'read' },
  'GET /api/v1/dead-letters/{letter}': { roles: OPERATORS, scope: 'read' },
  'POST /api/v1/dead-letters/{letter}/replay': { roles: OPERATORS, scope: 'write' },
}

/** What the other services let only operators do: collect now, send now, process again. */
export const OPERATOR_RULE: RoleRule = { roles: OPERATORS, scope: 'write' }

/** What the other services show to who may read it in the API. */
export const READER_RULE: RoleRule = { roles: READERS, scope: 'read' }

/** Who may receive raw data from the collector's broker. */
export const SUBSCRIBER_RULE: RoleRule = { roles: READERS, scope: 'subscribe' }
