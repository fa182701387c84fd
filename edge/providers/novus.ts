// Novus loggers, whose cloud is TagoIO: one token for each device, one request for each variable.
//
// The official name of the token's header is Device-Token (TagoIO's OpenAPI document); what has been in use for years is
// a bare `authorization`. Both are sent.

import { z } from 'zod'
import type { Api } from './api.ts'
import { openKeyed } from './keyed.ts'
import { type Given, IsoInstant, type Provider, SAMPLES_MAX, type Sample, toGiven } from './provider.ts'

/** Where TagoIO is, unless the configuration names one of its regions. */
export const NOVUS_URL = 'https://api.tago.io'

const Answer = z.object({ status: z.literal(true), result: z.array(z.unknown()) })
const Element = z.object({ variable: z.string(), time: IsoInstant, value: z.unknown() })

/** Opens a device. */
export function openNovus(
  { api }: { api: Api },
  { token, timeoutMs }: { token: string; timeoutMs: number },
): Provider {
  return openKeyed(
    { api },
    {
      ...{ name: 'novus', timeoutMs, secrets: [token], form: 'says no status true with a result', toSample },
      request: (variable, query) => ({
        path: `/data/?${new URLSearchParams({ variable, ...query })}`,
        headers: { 'Device-Token': token, authorization: token },
      }),
      latest: { query: 'last_item' },
      history: ({ from, to }) => ({
        start_date: new Date(from).toISOString(),
        end_date: new Date(to).toISOString(),
        qty: String(SAMPLES_MAX),
      }),
      elementsOf: document => Answer.safeParse(document).data?.result,
    },
  )
}

function toSample(variable: string, element: unknown): Sample | undefined {
  const read = Element.safeParse(element)
  if (!read.success || read.data.variable !== variable) return undefined
  return { at: read.data.time, given: withoutCodes(toGiven(read.data.value)) }
}

/** What is below zero is a status code of the logger, −1, −2, −5 …, or −3200 for a sensor that fails; never a measurement. */
function withoutCodes(given: Given): Given {
  if (given.kind !== 'number' || given.raw >= 0) return given
  return { kind: 'sensor_code', text: String(given.raw) }
}
