// A message to somebody, as the API shows it.

import { z } from '@hono/zod-openapi'
import type { DeliveryRow } from '../store/deliveries.ts'
import { InstantText, toInstantText } from './fields.ts'

const Try = z
  .strictObject({
    at: InstantText,
    outcome: z.enum(['accepted', 'refused', 'unanswered']),
    answer: z.string().openapi({ description: 'what the provider said', example: '250 2.0.0 Ok' }),
  })
  .openapi('DeliveryTry')

/** A message to somebody. */
export const Delivery = z
  .strictObject({
    id: z.int(),
    incidentId: z.int().nullable().openapi({ description: 'null: a test' }),
    channel: z.enum(['email', 'webhook', 'http']),
    channelName: z.string().nullable().openapi({ description: 'null: mail' }),
    recipient: z.string().openapi({ description: 'where the channel finds them' }),
    step: z.int().openapi({ description: '0: when it began; above: that step of escalation' }),
    state: z.enum(['pending', 'notified', 'failed']).openapi({
      description:
        '`notified`: the provider has said that it took the message; `failed`: it never will, or was asked too often',
    }),
    attempts: z.int(),
    createdAt: InstantText,
    dueAt: InstantText.openapi({ description: 'while it is pending: when it is tried next' }),
    stateAt: InstantText,
    answer: z
      .string()
      .nullable()
      .openapi({ description: 'what the provider said last', example: '250 2.0.0 Ok' }),
    tries: z.array(Try).openapi({ description: 'each try, oldest first' }),
  })
  .openapi('Delivery')

/** A list of them. */
export const DeliveryList = z.strictObject({ items: z.array(Delivery) }).openapi('DeliveryList')

/** A message as the API shows it. */
export function toDelivery({
  createdAt,
  dueAt,
  stateAt,
  tries,
  ...row
}: DeliveryRow): z.infer<typeof Delivery> {
  return {
    ...row,
    ...{ createdAt: toInstantText(createdAt), dueAt: toInstantText(dueAt), stateAt: toInstantText(stateAt) },
    tries: tries.map(({ at, ...one }) => ({ at: toInstantText(at), ...one })),
  }
}
