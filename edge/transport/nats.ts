// The way to the cloud over NATS. Subjects are the topics with "." for "/".
//
// What MQTT has and NATS has not: nothing is retained, and nobody speaks for a gateway that died. The cloud tells a lost
// gateway by its health, which stops coming.

import { type NatsOptions, openNatsSession } from '../../protocol/nats.ts'
import type { Clock } from '../../protocol/runtime/clock.ts'
import { toSubject, toTopic } from '../../protocol/topics.ts'
import type { Transport } from './transport.ts'

/** Opens a way to the cloud over NATS. */
export function openNatsTransport({ clock }: { clock: Clock }, options: NatsOptions): Transport {
  return {
    async connect({ subscribe, onMessage, ...timing }, signal) {
      const wanted = {
        subjects: subscribe.map(toSubject),
        onMessage: (subject: string, payload: Uint8Array) => onMessage({ topic: toTopic(subject), payload }),
        timeoutMs: timing.timeoutMs,
        silenceMs: timing.silenceMs,
      }
      const session = await openNatsSession({ clock }, options, wanted, signal)
      return {
        gone: session.gone,
        async publish(topic, payload, within) {
          session.publish(toSubject(topic), payload)
          await session.flush(within.timeoutMs)
        },
        close: session.close,
      }
    },
  }
}
