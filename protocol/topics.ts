// Topics: who says what to whom. A NATS subject is the same with "." for "/".

import { SLUG } from './ids.ts'
import { isVariable, type Variable } from './variables.ts'

/** The subject of a topic. A topic's `+` stands for one level, as a subject's `*` does. */
export const toSubject = (topic: string): string => topic.replaceAll('+', '*').replaceAll('/', '.')

/** The topic of a subject. Identifiers have no dots. */
export const toTopic = (subject: string): string => subject.replaceAll('.', '/')

/** The two ways up: live data never waits behind a backlog. */
export const LANES = ['live', 'backlog'] as const

/** A way up. */
export type Lane = (typeof LANES)[number]

/** gateway → cloud: a batch. */
export const upTopic = (gateway: string, lane: Lane): string => `gw/v1/${gateway}/up/${lane}`

/** cloud → gateway: what is committed. */
export const ackTopic = (gateway: string): string => `gw/v1/${gateway}/down/ack`

/** gateway → all, retained, last will. */
export const stateTopic = (gateway: string): string => `gw/v1/${gateway}/state`

/** gateway → cloud. */
export const healthTopic = (gateway: string): string => `gw/v1/${gateway}/health`

/** cloud → gateway, retained: the configuration it should have. */
export const desiredTopic = (gateway: string): string => `gw/v1/${gateway}/desired`

/** gateway → cloud, retained: the configuration it has, or why not. */
export const reportedTopic = (gateway: string): string => `gw/v1/${gateway}/reported`

/** cloud → gateway: do this. `id` may be `+` to subscribe. */
export const commandTopic = (gateway: string, id: string): string => `gw/v1/${gateway}/cmd/${id}`

/** gateway → cloud: what came of it. */
export const commandResultTopic = (gateway: string, id: string): string => `gw/v1/${gateway}/cmd/${id}/result`

/** The first level of every Sparkplug topic. */
export const SPARKPLUG = 'spBv1.0'

/** Where one series is published for subscribers. */
export interface RawPath {
  client: string
  project: string
  point: string
  variable: Variable
}

/** The gateway's LAN broker and the cloud → subscribers: one reading as JSON, the last one retained. */
export const rawTopic = ({ client, project, point, variable }: RawPath): string =>
  `raw/v1/${client}/${project}/${point}/${variable}`

/** On a gateway's LAN, retained: where a series comes from. */
export const seriesMetaTopic = ({ client, project, point, variable }: RawPath): string =>
  `$meta/v1/${client}/${project}/${point}/${variable}`

/** On a gateway's LAN, retained: how the gateway is. */
export const lanStateTopic = (at: { client: string; project: string; gateway: string }): string =>
  `$state/v1/${at.client}/${at.project}/${at.gateway}`

/** On a gateway's LAN, where Sparkplug B is on: Sparkplug 3.0, section 4. */
export const sparkplugTopic = (at: {
  groupId: string
  type: string
  nodeId: string
  deviceId?: string | undefined
}): string =>
  [SPARKPLUG, at.groupId, at.type, at.nodeId, at.deviceId].filter(level => level !== undefined).join('/')

/** On a gateway's LAN, where a Sparkplug host application says that it is there. */
export const sparkplugStateTopic = (hostId: string): string => `${SPARKPLUG}/STATE/${hostId}`

/** What a topic that a gateway may publish to says; `undefined` for every other topic. */
export type GatewayTopic =
  | { kind: 'up'; gateway: string; lane: Lane }
  | { kind: 'state' | 'health' | 'reported'; gateway: string }
  | { kind: 'result'; gateway: string; id: string }

/** Reads a topic that a gateway publishes to. */
export function parseGatewayTopic(topic: string): GatewayTopic | undefined {
  const [root, version, gateway, kind, detail, last, ...rest] = topic.split('/')
  if (root !== 'gw' || version !== 'v1' || gateway === undefined || !SLUG.test(gateway) || rest.length > 0) {
    return undefined
  }
  if (kind === 'up' && (detail === 'live' || detail === 'backlog') && last === undefined) {
    return { kind, gateway, lane: detail }
  }
  if (kind === 'cmd' && detail !== undefined && SLUG.test(detail) && last === 'result') {
    return { kind: 'result', gateway, id: detail }
  }
  if ((kind === 'state' || kind === 'health' || kind === 'reported') && detail === undefined) {
    return { kind, gateway }
  }
  return undefined
}

/** Reads the topic of a series; `undefined` for every other topic. */
export function parseRawTopic(topic: string): RawPath | undefined {
  const [root, version, client, project, point, variable, ...rest] = topic.split('/')
  if (root !== 'raw' || version !== 'v1' || rest.length > 0) return undefined
  if (client === undefined || project === undefined || point === undefined || variable === undefined)
    return undefined
  if (!SLUG.test(client) || !SLUG.test(project) || !SLUG.test(point) || !isVariable(variable))
    return undefined
  return { client, project, point, variable }
}
