// A gateway on our own transports, down to the message: what it says, and what comes back.

import type { Transport } from '../../../edge/transport/transport.ts'
import { Ack, type Batch } from '../../../protocol/batch.ts'
import { encodeBatch } from '../../../protocol/codec.ts'
import { ackTopic, commandTopic, stateTopic, upTopic } from '../../../protocol/topics.ts'
import { until } from '../../doubles/until.ts'
import { T } from './site.ts'

/** A gateway, down to the message, by whatever transport. */
export async function connectOver(transport: Transport, slug: string, more: readonly string[] = []) {
  const messages: { topic: string; text: string }[] = []
  const link = await transport.connect(
    {
      will: { topic: stateTopic(slug), payload: Buffer.from(stateText('lost')) },
      subscribe: [ackTopic(slug), commandTopic(slug, '+'), ...more],
      onMessage: ({ topic, payload }) => messages.push({ topic, text: Buffer.from(payload).toString() }),
      ...{ timeoutMs: 10_000, silenceMs: 20_000 },
    },
    new AbortController().signal,
  )
  const acks = () =>
    messages.filter(({ topic }) => topic === ackTopic(slug)).map(({ text }) => Ack.parse(JSON.parse(text)))
  return {
    ...{ messages, acks, gone: link.gone, close: () => link.close() },
    say: (topic: string, payload: string | Uint8Array) =>
      link.publish(topic, Buffer.from(payload), { retain: false, timeoutMs: 10_000 }),
    send: (batch: Batch, withTable = true) =>
      link.publish(upTopic(slug, 'live'), encodeBatch(batch, { withTable }), {
        retain: false,
        timeoutMs: 10_000,
      }),
    acked: (count: number) => until(`${count} acks came`, () => acks().length >= count),
  }
}

/** A state as JSON. */
export const stateText = (state: string) => JSON.stringify({ v: 1, state, version: '1.0.0', since: T })
