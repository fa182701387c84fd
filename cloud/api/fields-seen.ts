// Who sees which field of an answer, where not everybody does who may ask for it: one table, roles × fields of the document.
//
// What somebody may not see is null, or three dots where a text must be. Fields that hold people's names or addresses, or reasons that
// are ours, must stand here: test/cloud/api/fields-seen.test.ts finds them in the document by their names.

import type { MiddlewareHandler } from 'hono'
import type { Role } from '../store/accounts.ts'
import type { Principal } from './access.ts'
import type { ApiEnv } from './router.ts'
import type { Rule } from './rules.ts'

/** Who answers for a client's things: they see who of their people did what. */
const DECIDERS: readonly Role[] = ['administrator', 'operator', 'client_manager']

/** Everybody but the regulator, who sees what is declared, and nothing of the business. */
const NOT_REGULATOR: readonly Role[] = [...DECIDERS, 'client_reader']

/** By schema and field of the document. */
export const FIELDS: Readonly<Record<string, Readonly<Record<string, readonly Role[]>>>> = {
  AlertChannel: { changedBy: DECIDERS },
  AlertRule: { changedBy: DECIDERS },
  AlertRuleChange: { by: DECIDERS },
  Client: { phone: NOT_REGULATOR, email: NOT_REGULATOR, address: NOT_REGULATOR, note: NOT_REGULATOR },
  Incident: { acknowledgedBy: DECIDERS, assignedTo: DECIDERS },
  IncidentEvent: { by: DECIDERS },
  ListedClient: { phone: NOT_REGULATOR, email: NOT_REGULATOR, address: NOT_REGULATOR, note: NOT_REGULATOR },
  ListedProject: { note: NOT_REGULATOR },
  Maintenance: { createdBy: DECIDERS, endedBy: DECIDERS },
  MeterEvent: { by: DECIDERS, withdrawnBy: DECIDERS, note: NOT_REGULATOR },
  ObligationChange: { by: DECIDERS, reason: NOT_REGULATOR },
  Point: { note: NOT_REGULATOR },
  PointDocument: { by: DECIDERS },
  ProcessingChange: { by: DECIDERS },
  ProcessingRule: { by: DECIDERS },
  Project: { note: NOT_REGULATOR },
  SensorFault: { declaredBy: DECIDERS, endedBy: DECIDERS },
  Slot: { reason: NOT_REGULATOR, heldBecause: NOT_REGULATOR },
  SlotDecision: { by: DECIDERS, reason: NOT_REGULATOR },
  SlotPerson: { by: DECIDERS, reason: NOT_REGULATOR },
  SmaReport: { reason: NOT_REGULATOR },
  Work: { reason: DECIDERS },
}

const DOTS = '•••'
const DEPTH_MAX = 12

interface Schema {
  $ref?: string
  type?: string | string[]
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
  items?: Schema
  properties?: Record<string, Schema>
}

/** As much of the document as is read here. */
export interface AnsweringDocument {
  paths?: Record<string, unknown>
  components?: { schemas?: Record<string, unknown> }
}

/** A field at a place of an answer; `*` in the path: every element. */
interface Place {
  path: readonly string[]
  roles: readonly Role[]
}

/** Shows of each answer what the roles of who asks may see. Goes behind what says who that is. */
export function showFields({
  routeOf,
  rules,
  documented,
}: {
  routeOf: (context: Parameters<MiddlewareHandler<ApiEnv>>[0]) => string | undefined
  rules: Readonly<Record<string, Rule>>
  documented: () => AnsweringDocument
}): MiddlewareHandler<ApiEnv> {
  const placesByRoute = new Map<string, Place[]>()
  return async (context, next) => {
    await next()
    const principal = context.get('principal') as Principal | undefined
    const route = routeOf(context)
    if (principal === undefined || route === undefined || !context.res.ok) return
    const rule = rules[route]
    if (rule === undefined || rule === 'public') return
    if (!/^application\/json/.test(context.res.headers.get('content-type') ?? '')) return
    const roles = principal.grants.map(({ role }) => role).filter(role => rule.roles.includes(role))
    let places = placesByRoute.get(route)
    if (places === undefined) {
      places = placesOf(documented(), route)
      placesByRoute.set(route, places)
    }
    const hidden = places.filter(place => !place.roles.some(role => roles.includes(role)))
    if (hidden.length === 0) return
    const document: unknown = await context.res.json()
    for (const { path } of hidden) hide(document, path)
    context.res = new Response(JSON.stringify(document), context.res)
  }
}

/** Where in the answers of a route the fields of the table are. */
export function placesOf(document: AnsweringDocument, route: string): Place[] {
  const [method = '', template = ''] = route.split(' ')
  const operations = document.paths?.[template] as Record<string, unknown> | undefined
  const operation = operations?.[method.toLowerCase()] as
    | { responses?: Record<string, { content?: Record<string, { schema: Schema }> }> }
    | undefined
  const places: Place[] = []
  const walk = (schema: Schema | undefined, path: readonly string[]): void => {
    if (schema === undefined || path.length > DEPTH_MAX) return
    const name = schema.$ref?.split('/').at(-1)
    if (name !== undefined) {
      for (const [field, roles] of Object.entries(FIELDS[name] ?? {})) {
        places.push({ path: [...path, field], roles })
      }
      walk(document.components?.schemas?.[name] as Schema | undefined, path)
      return
    }
    for (const one of [schema.anyOf, schema.oneOf, schema.allOf].flat()) walk(one, path)
    walk(schema.items, [...path, '*'])
    for (const [field, one] of Object.entries(schema.properties ?? {})) walk(one, [...path, field])
  }
  for (const [status, response] of Object.entries(operation?.responses ?? {})) {
    if (status.startsWith('2')) walk(response.content?.['application/json']?.schema, [])
  }
  return places
}

/** Whether a field may be null, as the document has it. */
const NULLABLE: ReadonlySet<string> = new Set([
  ...[
    'acknowledgedBy',
    'assignedTo',
    'endedBy',
    'withdrawnBy',
    'note',
    'phone',
    'email',
    'address',
    'heldBecause',
  ],
])

function hide(value: unknown, [step, ...rest]: readonly string[]): void {
  if (step === undefined || typeof value !== 'object' || value === null) return
  if (step === '*') {
    if (Array.isArray(value)) for (const one of value) hide(one, rest)
    return
  }
  const held = value as Record<string, unknown>
  if (rest.length > 0) {
    hide(held[step], rest)
    return
  }
  if (held[step] === null || held[step] === undefined) return
  held[step] = NULLABLE.has(step) ? null : DOTS
}
