// What a nats-server must know of gateways: the users of its configuration, each with its own topics and nothing else.

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

/** What nats-server delivers to a client of its MQTT port passes through here. */
const MQTT_DELIVERY = '$MQTT.sub.>'

/** The collector's own user: no gateway can have its name. */
export const NATS_COLLECTOR = { user: '_collector', variable: 'SMARTHYDRO__COLLECTOR' } as const

/** How users are written. */
export interface NatsUsersOptions {
  /** Gateways come by the MQTT port of nats-server. */
  mqtt: boolean
}

/**
 * The `authorization` block for the collector and these gateways. Passwords are variables of nats-server, which it takes
 * from its environment: the cloud itself knows tokens by their hash only.
 */
export function natsUsers(gateways: readonly string[], { mqtt }: NatsUsersOptions): string {
  const users = [
    userText(NATS_COLLECTOR.user, NATS_COLLECTOR.variable, {
      publish: [ackTopic('+'), desiredTopic('+'), commandTopic('+', '+')],
      subscribe: heardFrom('+'),
    }),
    ...gateways.map(gateway =>
      userText(gateway, tokenVariable(gateway), {
        publish: heardFrom(gateway),
        subscribe: [
          ...[ackTopic(gateway), desiredTopic(gateway), commandTopic(gateway, '+')],
          ...(mqtt ? [MQTT_DELIVERY] : []),
        ],
      }),
    ),
  ]
  return `authorization {\n  users = [\n${users.join('')}  ]\n}\n`
}

/** The name under which nats-server looks for a gateway's token. */
export const tokenVariable = (gateway: string): string =>
  `SMARTHYDRO_${gateway.toUpperCase().replaceAll('-', '_')}`

const heardFrom = (gateway: string): string[] => [
  ...LANES.map(lane => upTopic(gateway, lane)),
  ...[stateTopic(gateway), healthTopic(gateway), reportedTopic(gateway), commandResultTopic(gateway, '+')],
]

function userText(
  user: string,
  password: string,
  { publish, subscribe }: { publish: string[]; subscribe: string[] },
): string {
  const list = (topics: string[]) => `[${topics.map(topic => JSON.stringify(toSubject(topic))).join(', ')}]`
  return [
    `    {\n      user: ${JSON.stringify(user)}\n      password: $${password}\n`,
    `      permissions: {\n        publish: ${list(publish)}\n        subscribe: ${list(subscribe)}\n      }\n    }\n`,
  ].join('')
}
