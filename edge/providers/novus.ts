// Novus loggers, whose cloud is TagoIO: one token for each device, one request for each variable.
//
// The official name of the token's header is Device-Token (TagoIO's OpenAPI document); what has been in use for years is
// a bare `authorization`. Both are sent.

import { z } from 'zod'
import type { Api } from './api.ts'
import {
  eachKey,
  failed,
  type Given,
  IsoInstant,
  type Outcome,
  type Provider,
  SAMPLES_MAX,
  type Sample,
  toGiven,
  toOutcome,
  type Window,
} from './provider.ts'

/** Where TagoIO is, unless the configuration names one of its regions. */
export const NOVUS_URL = 'https://api.tago.io'

const Answer = z.object({ status: z.literal(true), result: z.array(z.unknown()) })
const Element = z.object({ variable: z.string(), time: IsoInstant, value: z.unknown() })

/** Opens a device. */
export function openNovus(
  { api }: { api: Api },
  { token, timeoutMs }: { token: string; timeoutMs: number },
): Provider {
  const ask = async (
    variable: string,
    query: Record<string, string>,
    signal: AbortSignal,
    window?: Window,
  ): Promise<Outcome> => {
    const path = `/data/?${new URLSearchParams({ variable, ...query })}`
    const headers = { 'Device-Token': token, authorization: token }
    const reply = await api.ask({ method: 'GET', path, headers, timeoutMs, secrets: [token] }, signal)
    if (reply.kind === 'empty') return { kind: 'no_data' }
    if (reply.kind !== 'answered') return reply
    const answer = Answer.safeParse(reply.document)
    if (!answer.success) return failed('novus: its answer says no status true with a result')
    return toOutcome(answer.data.result, element => toSample(variable, element), window)
  }
  return {
    latest: (keys, signal) => eachKey(keys, key => ask(key, { query: 'last_item' }, signal)),
    history: (keys, window, signal) =>
      eachKey(keys, key => {
        const query = {
          start_date: new Date(window.from).toISOString(),
          end_date: new Date(window.to).toISOString(),
          qty: String(SAMPLES_MAX),
        }
        return ask(key, query, signal, window)
      }),
  }
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
