// The way to the cloud in the gateway's configuration.

import { z } from 'zod'
import { ByteRate, Duration } from './config-fields.ts'

/** The way to the cloud. */
export const Uplink = z.strictObject({
  url: z
    .url({
      protocol: /^(mqtts?|nats|tls)$/,
      error: 'must be a URL that begins with mqtt://, mqtts://, nats:// or tls://',
    })
    .refine(
      url => !/^\w+:\/\/[^/]*@/.test(url),
      'must not name a user: that is the gateway, with the token in uplink.credentials',
    ),
  /** A folder with `token`; `ca.pem` where the cloud's certificate needs it, `cert.pem` and `key.pem` where it wants ours. */
  credentials: z.string().min(1),
  /** A batch is sent when it has so many readings … */
  minReadings: z.int().min(1).max(500).default(50),
  /** … or when its oldest reading has waited so long. */
  maxDelay: Duration.default(60_000),
  /** An ack that takes longer means that the link is dead. */
  ackTimeout: Duration.default(15_000),
  /** So does a cloud that says nothing for so long when there is nothing to answer; it is asked before. */
  silence: Duration.refine(ms => ms >= 3_000 && ms <= 3_600_000, 'must be from 3s to 1h').default(18_000),
  /** Batches on their way at the same time, in each lane. */
  window: z.int().min(1).max(64).default(8),
  /** The most of the link that a backlog may take; as much as it carries when absent. */
  backlogRate: ByteRate.optional(),
})
