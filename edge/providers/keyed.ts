// A device whose provider gives one key for each request: asked for one after the other.

import type { Api, ApiRequest } from './api.ts'
import {
  type Failure,
  failed,
  type Outcome,
  type Provider,
  type Sample,
  toOutcome,
  type Window,
} from './provider.ts'

/** What such providers differ in. */
export interface KeyedDevice extends Pick<ApiRequest, 'timeoutMs' | 'secrets'> {
  name: string
  /** The request for one key, with what is asked of it. */
  request(key: string, query: Readonly<Record<string, string>>): Pick<ApiRequest, 'path' | 'headers'>
  /** What asks for the newest sample of a key, and for those of a window. */
  latest: Readonly<Record<string, string>>
  history(window: Window): Readonly<Record<string, string>>
  /** The samples of an answer, none of them read yet; `undefined` when it is not as `form` says. */
  elementsOf(document: unknown): readonly unknown[] | undefined
  form: string
  toSample(key: string, element: unknown): Sample | undefined
}

/** Opens a device. */
export function openKeyed({ api }: { api: Api }, device: KeyedDevice): Provider {
  const { name, timeoutMs, secrets, form, request, elementsOf, toSample } = device
  const ask = async (
    key: string,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
    window?: Window,
  ): Promise<Outcome> => {
    const reply = await api.ask({ method: 'GET', ...request(key, query), timeoutMs, secrets }, signal)
    if (reply.kind === 'empty') return { kind: 'no_data' }
    if (reply.kind !== 'answered') return reply
    const elements = elementsOf(reply.document)
    if (elements === undefined) return failed(`${name}: its answer ${form}`)
    return toOutcome(elements, element => toSample(key, element), window)
  }
  return {
    latest: (keys, signal) => eachKey(keys, key => ask(key, device.latest, signal)),
    history: (keys, window, signal) => eachKey(keys, key => ask(key, device.history(window), signal, window)),
  }
}

/** Who is away for one key is not asked for the next. */
async function eachKey(
  keys: readonly string[],
  ask: (key: string) => Promise<Outcome>,
): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>()
  let away: Failure | undefined
  for (const key of keys) {
    const outcome: Outcome = away ?? (await ask(key))
    if ('isAway' in outcome && outcome.isAway) away = outcome
    outcomes.set(key, outcome)
  }
  return outcomes
}
