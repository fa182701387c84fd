// What a nats-server must know: the users of its configuration, each with its own topics and nothing else.

import {
  ackTopic,
  commandResultTopic,
  commandTopic,
  desiredTopic,
  healthTopic,
  LANES,
  reportedTopic,
  stateTopic,
  toSubject,
  upTopic,
} from '../protocol/topics.ts'
import { natsUserOf } from './fleet/nats-user.ts'
import { COMMITTED_SUBJECT, stateSubject } from './nats-subjects.ts'

/** What nats-server delivers to a client of its MQTT port passes through here. */
const MQTT_DELIVERY = '$MQTT.sub.>'

/** The cloud's own user: no gateway can have its name. */
export const NATS_COLLECTOR = { user: '_collector', variable: 'SMARTHYDRO__COLLECTOR' } as const

/** What the collector asks of JetStream, and nothing else. */
const JETSTREAM = [
  '$JS.API.INFO',
  ...['INFO', 'CREATE', 'UPDATE'].map(verb => `$JS.API.STREAM.${verb}.*`),
  '$JS.API.CONSUMER.NAMES.*',
  ...['DURABLE.CREATE', 'DELETE', 'MSG.NEXT'].map(verb => `$JS.API.CONSUMER.${verb}.*.*`),
  '$JS.ACK.>',
]

/** Somebody who hears readings: the name of an API token, and the client whose readings it may read. */
export interface NatsReader {
  name: string
  /** Absent: all clients. */
  client?: string
}

/** How users are written. */
export interface NatsUsersOptions {
  /** Gateways and readers come by the MQTT port of nats-server. */
  mqtt: boolean
}

/**
 * The `authorization` block for the collector, these gateways and these readers. Passwords are variables of nats-server,
 * which it takes from its environment: the cloud itself knows tokens by their hash only.
 */
export function natsUsers(
  gateways: readonly string[],
  readers: readonly NatsReader[],
  { mqtt }: NatsUsersOptions,
): string {
  const delivery = mqtt ? [MQTT_DELIVERY] : []
  const users = [
    userText(NATS_COLLECTOR.user, NATS_COLLECTOR.variable, collectorRights()),
    ...gateways.map(gateway => userText(gateway, tokenVariable(gateway), gatewayRights(gateway, delivery))),
    ...nameReaders(readers).map(({ user, client }) =>
      userText(user, tokenVariable(user), {
        publish: [],
        // A filter of MQTT that ends with # is also for the level above.
        subscribe: [
          ...(client === undefined ? ['raw.v1', 'raw.v1.>'] : [`raw.v1.${client}`, `raw.v1.${client}.>`]),
          ...delivery,
        ],
      }),
    ),
  ]
  return blockOf(users)
}

/**
 * The `authorization` block where nats-server takes names from certificates (`verify_and_map`): the collector's, and those of
 * gateways that are enrolled. A key is a user, so a gateway that was revoked, or has another key, is none any more. Nobody may sign in
 * by password there: nats-server 2.9 knows one or the other.
 */
export function natsCertificateUsers(
  gateways: readonly { gateway: string; enrolledKey: Uint8Array | null }[],
  { mqtt }: NatsUsersOptions,
): string {
  const delivery = mqtt ? [MQTT_DELIVERY] : []
  return blockOf([
    userText(NATS_COLLECTOR.user, undefined, collectorRights()),
    ...gateways.flatMap(({ gateway, enrolledKey }) =>
      enrolledKey === null
        ? []
        : [userText(natsUserOf(gateway, enrolledKey), undefined, gatewayRights(gateway, delivery))],
    ),
  ])
}

const blockOf = (users: readonly string[]): string =>
  `authorization {\n  users = [\n${users.join('')}  ]\n}\n`

interface Rights {
  publish: string[]
  subscribe: string[]
}

function collectorRights(): Rights {
  const toGateways = [ackTopic('+'), desiredTopic('+'), commandTopic('+', '+')].map(toSubject)
  return {
    publish: [...toGateways, 'raw.v1.>', COMMITTED_SUBJECT, stateSubject('+'), ...JETSTREAM],
    subscribe: ['_INBOX.>', 'raw.v1.>', COMMITTED_SUBJECT, stateSubject('+')],
  }
}

const gatewayRights = (gateway: string, delivery: readonly string[]): Rights => ({
  publish: heardFrom(gateway).map(toSubject),
  subscribe: [
    ...[ackTopic(gateway), desiredTopic(gateway), commandTopic(gateway, '+')].map(toSubject),
    ...delivery,
  ],
})

/** The name under which nats-server looks for the password of a gateway or a reader. */
export const tokenVariable = (user: string): string => `SMARTHYDRO_${user.toUpperCase().replaceAll('-', '_')}`

/** The user of a reader, whose token may have any name: no gateway can have it. */
function nameReaders(readers: readonly NatsReader[]): (NatsReader & { user: string })[] {
  const taken = new Set<string>()
  return readers.map(reader => {
    const plain = reader.name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
    const base = `_reader-${plain.replaceAll(/^-|-$/g, '') || 'nameless'}`
    let user = base
    for (let again = 2; taken.has(user); again += 1) user = `${base}-${again}`
    taken.add(user)
    return { ...reader, user }
  })
}

const heardFrom = (gateway: string): string[] => [
  ...LANES.map(lane => upTopic(gateway, lane)),
  ...[stateTopic(gateway), healthTopic(gateway), reportedTopic(gateway), commandResultTopic(gateway, '+')],
]

/** `password`: the variable that holds it; absent: the certificate is what counts. */
function userText(user: string, password: string | undefined, { publish, subscribe }: Rights): string {
  const list = (subjects: string[]) => `[${subjects.map(subject => JSON.stringify(subject)).join(', ')}]`
  // An empty list would allow everything.
  const said = publish.length === 0 ? '{ deny: ">" }' : list(publish)
  return [
    `    {\n      user: ${JSON.stringify(user)}\n${password === undefined ? '' : `      password: $${password}\n`}`,
    `      permissions: {\n        publish: ${said}\n        subscribe: ${list(subscribe)}\n      }\n    }\n`,
  ].join('')
}
