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
  const toGateways = [ackTopic('+'), desiredTopic('+'), commandTopic('+', '+')].map(toSubject)
  const users = [
    userText(NATS_COLLECTOR.user, NATS_COLLECTOR.variable, {
      publish: [...toGateways, 'raw.v1.>', COMMITTED_SUBJECT, stateSubject('+'), ...JETSTREAM],
      subscribe: ['_INBOX.>', 'raw.v1.>', COMMITTED_SUBJECT, stateSubject('+')],
    }),
    ...gateways.map(gateway =>
      userText(gateway, tokenVariable(gateway), {
        publish: heardFrom(gateway).map(toSubject),
        subscribe: [
          ...[ackTopic(gateway), desiredTopic(gateway), commandTopic(gateway, '+')].map(toSubject),
          ...delivery,
        ],
      }),
    ),
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
  return `authorization {\n  users = [\n${users.join('')}  ]\n}\n`
}

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

function userText(
  user: string,
  password: string,
  { publish, subscribe }: { publish: string[]; subscribe: string[] },
): string {
  const list = (subjects: string[]) => `[${subjects.map(subject => JSON.stringify(subject)).join(', ')}]`
  // An empty list would allow everything.
  const said = publish.length === 0 ? '{ deny: ">" }' : list(publish)
  return [
    `    {\n      user: ${JSON.stringify(user)}\n      password: $${password}\n`,
    `      permissions: {\n        publish: ${said}\n        subscribe: ${list(subscribe)}\n      }\n    }\n`,
  ].join('')
}
