// What the cloud says to gateways goes by the way on which each was heard last.

import type { Broker } from './broker.ts'
import type { NatsGate } from './nats-gate.ts'

/** The ways by which gateways come. */
export type Way = 'mqtt' | 'nats'

/** Says something to gateways. */
export interface Post {
  /** A gateway was heard. */
  note(gateway: string, way: Way): void
  /** Says something to a gateway that asked to hear `filter`. False when nobody hears it. */
  tell(gateway: string, message: { topic: string; filter?: string; payload: string }): boolean
  /** Names of the gateways that can be told something now. Throws Unavailable. */
  connectedGateways(): Promise<string[]>
}

/** Opens a post; without NATS everything goes over MQTT. */
export function openPost({ broker, nats }: { broker: Broker; nats: NatsGate | undefined }): Post {
  const ways = new Map<string, Way>()
  return {
    note: (gateway, way) => void ways.set(gateway, way),
    tell: (gateway, message) =>
      nats !== undefined && ways.get(gateway) === 'nats' ? nats.tell(message) : broker.tell(gateway, message),
    async connectedGateways() {
      const overNats = (await nats?.connectedGateways()) ?? []
      const overMqtt = broker.connectedGateways()
      for (const gateway of overNats) if (!overMqtt.includes(gateway)) ways.set(gateway, 'nats')
      return [...new Set([...overMqtt, ...overNats])]
    },
  }
}
