// What a Sparkplug host application may say: that it is there, and that it has missed a birth.

import { sparkplugStateTopic } from '../../protocol/topics.ts'

/** Enough for any command and any state; more is refused. */
const SAID_BYTES_MAX = 4_096

/** Something that a client wants to publish. */
export interface Said {
  topic: string
  payload: Uint8Array | string
  retain: boolean
}

/** Whether the host application `hostId` may say this: its own state, and commands that nobody gets later. */
export function hostMaySay(
  hostId: string,
  { topic, payload, retain }: Said,
  { commandTopic }: { commandTopic: string },
): boolean {
  if (payload.length > SAID_BYTES_MAX) return false
  return topic === sparkplugStateTopic(hostId) || (topic === commandTopic && !retain)
}
