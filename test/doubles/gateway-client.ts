// A gateway as the collector meets it, down to the message: it sends what a test says and keeps what comes back.

import assert from 'node:assert/strict'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { type Ack, Answer, type Batch, type SeriesTable, type UnreadableAck } from '../../protocol/batch.ts'
import { encodeBatch } from '../../protocol/codec.ts'
import type { Reading } from '../../protocol/reading.ts'
import { ackTopic, commandTopic, type Lane, upTopic } from '../../protocol/topics.ts'
import { until } from './until.ts'

/** A connection to a broker that does not come back by itself. */
export interface TestClient {
  /** What came, in order. */
  messages: { topic: string; payload: Buffer; retain: boolean }[]
  /** Resolves with the PUBACK; rejects when the connection ends first. */
  publish(topic: string, payload: string | Uint8Array, options?: { retain?: boolean }): Promise<void>
  /** Returns the granted QoS, 128 for a refusal; of several in one packet, all of them. */
  subscribe(topic: string): Promise<number | undefined>
  subscribe(topics: string[]): Promise<number[]>
  unsubscribe(topic: string): Promise<void>
  isConnected(): boolean
  /** Ends without a goodbye, as a lost link does. */
  cut(): void
  close(): Promise<void>
}

/** Connects and waits for the CONNACK. Rejects when it is refused. */
export async function connectClient(port: number, options: IClientOptions): Promise<TestClient> {
  const client = mqtt.connect(`mqtt://127.0.0.1:${port}`, {
    ...{ protocolVersion: 4, reconnectPeriod: 0, connectTimeout: 10_000, queueQoSZero: false },
    ...options,
  })
  client.setMaxListeners(0)
  const messages: TestClient['messages'] = []
  client.on('message', (topic, payload, { retain }) => messages.push({ topic, payload, retain }))
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve())
    client.once('error', reject)
    client.once('close', () => reject(new Error('Connection closed')))
  })
  client.on('error', () => {})
  return {
    messages,
    publish: (topic, payload, { retain = false } = {}) => published(client, topic, payload, retain),
    subscribe: ((topics: string | string[]) => subscribed(client, topics)) as TestClient['subscribe'],
    unsubscribe: async topic => void (await client.unsubscribeAsync(topic)),
    isConnected: () => client.connected,
    cut: () => void client.stream.destroy(),
    close: () => client.endAsync(true),
  }
}

async function subscribed(
  client: MqttClient,
  topics: string | string[],
): Promise<number | number[] | undefined> {
  const granted = await new Promise<number[]>(resolve => {
    client.subscribe(topics, { qos: 1 }, (_, grants, packet) => {
      const codes = (packet?.granted ?? []).map(Number).filter(code => !Number.isNaN(code))
      resolve(codes.length > 0 ? codes : (grants ?? []).map(({ qos }) => qos))
    })
  })
  return Array.isArray(topics) ? granted : granted[0]
}

function published(
  client: MqttClient,
  topic: string,
  payload: string | Uint8Array,
  retain: boolean,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const lost = () => reject(new Error('Connection closed'))
    client.once('close', lost)
    client.publish(topic, Buffer.from(payload), { qos: 1, retain }, error => {
      client.off('close', lost)
      if (error) reject(error)
      else resolve()
    })
  })
}

/** A gateway that is connected. */
export interface GatewayClient extends TestClient {
  slug: string
  acks: Ack[]
  /** Answers to messages of which the collector could read nothing. */
  unreadable: UnreadableAck[]
  /** Sends a batch; resolves with the PUBACK. */
  send(batch: Batch, options?: { lane?: Lane; withTable?: boolean }): Promise<void>
  /** The first ack of exactly these numbers that has come or comes. */
  ackOf(batch: Pick<Batch, 'epoch' | 'first' | 'last'>): Promise<Ack>
}

/** Connects as a gateway, and waits until it hears its acks and commands. */
export async function connectGateway(
  port: number,
  { slug, token, will }: { slug: string; token: string; will?: IClientOptions['will'] },
): Promise<GatewayClient> {
  const client = await connectClient(port, {
    ...{ clientId: slug, username: slug, password: token },
    ...(will === undefined ? {} : { will }),
  })
  assert.equal(await client.subscribe(ackTopic(slug)), 1)
  assert.equal(await client.subscribe(commandTopic(slug, '+')), 1)
  const answers = () =>
    client.messages
      .filter(({ topic }) => topic === ackTopic(slug))
      .map(({ payload }) => Answer.parse(JSON.parse(payload.toString())))
  const acks = () => answers().filter(answer => answer.status !== 'unreadable')
  return {
    ...client,
    slug,
    get acks() {
      return acks()
    },
    get unreadable() {
      return answers().filter(answer => answer.status === 'unreadable')
    },
    send: (batch, { lane = 'live', withTable = true } = {}) =>
      client.publish(upTopic(slug, lane), encodeBatch(batch, { withTable })),
    async ackOf({ epoch, first, last }) {
      const find = () =>
        acks().find(ack => ack.epoch === epoch && ack.first === first && ack.through === last)
      await until(`the ack of ${epoch}/${first}-${last}`, () => find() !== undefined)
      return find() as Ack
    },
  }
}

/** Readings as a batch of the table's gateway, in the order given. */
export function batchOf(table: SeriesTable, epoch: number, readings: readonly Reading[]): Batch {
  const [first, last] = [readings[0]?.seq, readings.at(-1)?.seq]
  assert.ok(first !== undefined && last !== undefined)
  return { table, epoch, first, last, configVersion: 0, clock: { quality: 'synced' }, readings, missing: [] }
}
