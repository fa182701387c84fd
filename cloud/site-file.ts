// What a site.yaml says: its form, what it says twice, and of what it speaks.

import { z } from 'zod'
import { Name, Secret } from '../protocol/config-fields.ts'
import type { Draft, Sound } from '../protocol/draft.ts'
import { type PointPath, pointKey, Slug } from '../protocol/ids.ts'
import { type Place, pathText } from '../protocol/mistakes.ts'
import { InformantSettings, ObligationSettings } from './compliance/obligation.ts'
import { Rut } from './compliance/rut.ts'
import { SmaProcessSettings, SmaUser } from './compliance/sma/settings.ts'
import { METER_EVENT_SHAPE } from './processor/meter-events.ts'
import { namesVariable, type Rule } from './processor/rules/parameters.ts'
import { ruleSchema } from './processor/rules/rule-settings.ts'

const Instant = z.iso.datetime({ offset: true }).transform(text => Date.parse(text))
const Depth = z.number().positive().max(2000).nullable().default(null)
const Diameter = z.number().positive().max(200).nullable().default(null)

/** `client.project.point`. */
const PointName = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9-]{0,62}(\.[a-z0-9][a-z0-9-]{0,62}){2}$/,
    'must be a point such as campo.los-aromos.pozo-7',
  )
  .transform(text => {
    const [client = '', project = '', point = ''] = text.split('.')
    return { client, project, point } satisfies PointPath
  })

const Point = z.strictObject({
  client: Slug,
  project: Slug,
  id: Slug,
  name: Name,
  kind: z.enum(['groundwater', 'surface_pipe', 'surface_channel']),
  latitude: z.number().min(-90).max(90).nullable().default(null),
  longitude: z.number().min(-180).max(180).nullable().default(null),
  wellDepthM: Depth,
  pumpDepthM: Depth,
  sensorDepthM: Depth,
  dischargeDiameterIn: Diameter,
  meterDiameterIn: Diameter,
})

const Gateway = z.strictObject({
  client: Slug,
  project: Slug,
  id: Slug,
  token: Secret.optional(),
  /** It is enrolled with a claim code, so no token is drawn for it. */
  enrol: z.boolean().default(false),
})

const MeterEvent = z.strictObject({ point: PointName, at: Instant, ...METER_EVENT_SHAPE })

const Informant = InformantSettings.extend({ client: Slug, password: Secret })

const Obligation = ObligationSettings.safeExtend({ point: PointName })

const listOf = <Item extends z.ZodType>(item: Item) => z.array(item).max(10_000).default([])

/** A site.yaml. */
export const Site = z.strictObject({
  clients: listOf(z.strictObject({ id: Slug, name: Name, rut: Rut.nullable().default(null) })),
  projects: listOf(z.strictObject({ client: Slug, id: Slug, name: Name })),
  points: listOf(Point),
  gateways: listOf(Gateway),
  calibrations: listOf(ruleSchema({ point: PointName, from: Instant })),
  meterEvents: listOf(MeterEvent),
  informants: listOf(Informant),
  obligations: listOf(Obligation),
  smaHolders: listOf(z.strictObject({ client: Slug, user: SmaUser, password: Secret })),
  smaProcesses: listOf(SmaProcessSettings.extend({ client: Slug })),
})

/** What a site.yaml describes. */
export type Site = z.output<typeof Site>

/** A list of a site.yaml. */
export type SiteList = keyof Site

/** An entry of a list: what could be read of it, and the whole when nothing is wrong with it. */
export interface Entry<List extends SiteList> {
  place: PropertyKey[]
  sound: NonNullable<NonNullable<NonNullable<Draft<Site>['sound']>[List]>[number]>
  whole: Site[List][number] | undefined
}

/** The entries of a list, as far as they could be read. */
export function entriesOf<List extends SiteList>({ sound, isWrong }: Draft<Site>, list: List): Entry<List>[] {
  return (sound?.[list] ?? []).flatMap((one, index) => {
    if (one === undefined) return []
    const whole = isWrong(list, index) ? undefined : (one as Site[List][number])
    return [{ place: [list, index], sound: one as Entry<List>['sound'], whole }]
  })
}

/** What names an entry of each list; `undefined` where that cannot be read. */
const NAMES: { [List in SiteList]: (entry: Entry<List>['sound']) => string | undefined } = {
  clients: ({ id }) => id,
  projects: ({ client, id }) => joined(client, id),
  points: ({ client, project, id }) => joined(client, project, id),
  gateways: ({ id }) => id,
  calibrations: ({ point, from, ...rule }) =>
    joined(pointNamed(point)?.key, ruleNamed(rule), instantText(from)),
  meterEvents: ({ point, at }) => joined(pointNamed(point)?.key, instantText(at)),
  informants: ({ client, rut }) => joined(client, rut),
  obligations: ({ workCode, from }) => joined(workCode, instantText(from)),
  smaHolders: ({ client, user }) => joined(client, user),
  smaProcesses: ({ uf, process, from }) => joined(uf, process, instantText(from)),
}

/** `checks.level`: a rule that names its variable is another one for each. */
const ruleNamed = (rule: { rule?: Rule | undefined; variable?: string | undefined }): string | undefined =>
  rule.rule !== undefined && namesVariable(rule.rule) ? joined(rule.rule, rule.variable) : rule.rule

const joined = (...parts: (string | undefined)[]): string | undefined =>
  parts.every(part => part !== undefined) ? parts.join('.') : undefined

const instantText = (at: number | undefined) => (at === undefined ? undefined : new Date(at).toISOString())

const namesOf = <List extends SiteList>(draft: Draft<Site>, list: List): (string | undefined)[] =>
  entriesOf(draft, list).map(({ sound }) => NAMES[list](sound))

/** Whether the file speaks of something of that name, or may: an entry whose name cannot be read may be any. */
export function maySpeakOf(draft: Draft<Site>, list: SiteList, name: string): boolean {
  const written = draft.sound?.[list]
  if (written === undefined) return true
  const names = namesOf(draft, list)
  return names.length < written.length || names.includes(name) || names.includes(undefined)
}

/** What is said twice. */
export function saidTwice(draft: Draft<Site>): Place[] {
  return (Object.keys(NAMES) as SiteList[]).flatMap(list => {
    const seen = new Map<string, string>()
    return entriesOf(draft, list).flatMap(({ place, sound }) => {
      const name = (NAMES[list] as (entry: typeof sound) => string | undefined)(sound)
      const before = name === undefined ? undefined : seen.get(name)
      if (name !== undefined && before === undefined) seen.set(name, pathText(place))
      return before === undefined ? [] : [{ path: place, message: `${name} is already said by ${before}` }]
    })
  })
}

/** `campo.los-aromos.pozo-7`, as far as all of it could be read. */
export function pointNamed(
  point: Sound<PointPath> | undefined,
): { key: string; name: PointPath } | undefined {
  const { client, project, point: id } = point ?? {}
  if (client === undefined || project === undefined || id === undefined) return undefined
  const name = { client, project, point: id }
  return { key: pointKey(name), name }
}
