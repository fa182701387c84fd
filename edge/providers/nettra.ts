// Nettra devices, whose cloud is thethings.io: the token of a thing is in the path, one request for each resource.
//
// Whether a thing's history can be asked for is not known: the vendor's SDK documents limit, startDate and endDate, and
// SmartHydro never used them. So what an answer holds besides its newest value counts as history too, and a history that is
// refused is given up after a while.

import { z } from 'zod'
import type { Api } from './api.ts'
import { openKeyed } from './keyed.ts'
import { IsoInstant, type Provider, SAMPLES_MAX, type Sample, toGiven } from './provider.ts'

/** Where thethings.io is. */
export const NETTRA_URL = 'https://api.thethings.io/v2'

const Answer = z.array(z.unknown())
const Element = z.object({ key: z.string().optional(), datetime: IsoInstant, value: z.unknown() })

/** Opens a thing. */
export function openNettra(
  { api }: { api: Api },
  { thing, timeoutMs }: { thing: string; timeoutMs: number },
): Provider {
  const resources = `/things/${encodeURIComponent(thing)}/resources`
  return openKeyed(
    { api },
    {
      ...{ name: 'nettra', timeoutMs, secrets: [thing], form: 'is no array', toSample },
      request: (resource, query) => {
        const path = `${resources}/${encodeURIComponent(resource)}`
        return { path: Object.keys(query).length === 0 ? path : `${path}?${new URLSearchParams(query)}` }
      },
      latest: {},
      history: ({ from, to }) => ({
        limit: String(SAMPLES_MAX),
        startDate: toDate(from),
        endDate: toDate(to + 999),
      }),
      elementsOf: document => Answer.safeParse(document).data,
    },
  )
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
