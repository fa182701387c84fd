// A way to the cloud: messages out, messages in, and nothing else.
//
// A transport only carries. It keeps no message, retries nothing and never reconnects: the uplink owns the back-off,
// and the buffer is the only queue. That a message was taken over (MQTT's PUBACK) says nothing of its being stored.

import type { Closable } from '../../protocol/runtime/scope.ts'

/** A message that came from the cloud. */
export interface Incoming {
  topic: string
  payload: Uint8Array
}

/** One session with the cloud, from connecting to its end. */
export interface Link extends Closable {
  /**
   * Hands a message over. Resolves when the other side has taken it; throws Unavailable when the link died first or
   * `timeoutMs` passed, and then it may or may not have arrived.
   */
  publish(topic: string, payload: Uint8Array, options: { retain: boolean; timeoutMs: number }): Promise<void>
  /**
   * Resolves with the reason when the link is gone, for whatever cause; that the other side has fallen silent is noticed
   * within `silenceMs`, also when there is nothing to say to it. Never rejects.
   */
  readonly gone: Promise<string>
}

/** What a session is opened with. */
export interface LinkOptions {
  /** What the other side tells everybody when this link dies without a goodbye, where the protocol has such a thing. */
  will: { topic: string; payload: Uint8Array }
  /** Topics to receive; `+` stands for one level. */
  subscribe: readonly string[]
  /** Called for every message, in order. Must not throw. */
  onMessage: (message: Incoming) => void
  timeoutMs: number
  /** A link on which nothing came for so long is gone. */
  silenceMs: number
}

/** A way to the cloud. Implementations differ only in the protocol they speak. */
export interface Transport {
  /** Connects, and resolves when the subscriptions are in force. Throws Unavailable when it did not work in time. */
  connect(options: LinkOptions, signal: AbortSignal): Promise<Link>
}
