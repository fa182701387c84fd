// Nettra devices, whose cloud is thethings.io: the token of a thing is in the path, one request for each resource.
//
// Whether a thing's history can be asked for is not known: the vendor's SDK documents limit, startDate and endDate, and
// SmartHydro never used them. So what an answer holds besides its newest value counts as history too, and a history that is
// refused is given up after a while.

import { z } from 'zod'
import type { Api } from './api.ts'
import {
  eachKey,
  failed,
  IsoInstant,
  type Outcome,
  type Provider,
  SAMPLES_MAX,
  type Sample,
  toGiven,
  toOutcome,
  type Window,
} from './provider.ts'

/** Where thethings.io is. */
export const NETTRA_URL = 'https://api.thethings.io/v2'

const Answer = z.array(z.unknown())
const Element = z.object({ key: z.string().optional(), datetime: IsoInstant, value: z.unknown() })

/** Opens a thing. */
export function openNettra(
  { api }: { api: Api },
  { thing, timeoutMs }: { thing: string; timeoutMs: number },
): Provider {
  const ask = async (
    resource: string,
    query: string,
    signal: AbortSignal,
    window?: Window,
  ): Promise<Outcome> => {
    const path = `/things/${encodeURIComponent(thing)}/resources/${encodeURIComponent(resource)}${query}`
    const reply = await api.ask({ method: 'GET', path, timeoutMs, secrets: [thing] }, signal)
    if (reply.kind === 'empty') return { kind: 'no_data' }
    if (reply.kind !== 'answered') return reply
    const answer = Answer.safeParse(reply.document)
    if (!answer.success) return failed('nettra: its answer is no array')
    return toOutcome(answer.data, element => toSample(resource, element), window)
  }
  return {
    latest: (keys, signal) => eachKey(keys, key => ask(key, '', signal)),
    history: (keys, window, signal) =>
      eachKey(keys, key => {
        const dates = { startDate: toDate(window.from), endDate: toDate(window.to + 999) }
        const query = new URLSearchParams({ limit: String(SAMPLES_MAX), ...dates })
        return ask(key, `?${query}`, signal, window)
      }),
  }
}

function toSample(resource: string, element: unknown): Sample | undefined {
  const read = Element.safeParse(element)
  if (!read.success) return undefined
  const { key = resource, datetime, value } = read.data
  return key === resource ? { at: datetime, given: toGiven(value) } : undefined
}

/** YYYYMMDDHHmmss, UTC. */
function toDate(time: number): string {
  return new Date(time).toISOString().replace(/\D/g, '').slice(0, 14)
}
