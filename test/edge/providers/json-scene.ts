// A device behind a JSON API that listens on a socket, asked directly.

import type { TestContext } from 'node:test'
import { type Api, type ApiRequest, openApi } from '../../../edge/providers/api.ts'
import { hostOf, type JsonConfig, jsonKey, openJson } from '../../../edge/providers/json.ts'
import type { Outcome } from '../../../edge/providers/provider.ts'
import { JsonSignal } from '../../../protocol/json-provider-config.ts'
import { openFakeClock } from '../../doubles/clock.ts'
import { type JsonApiOptions, openJsonApi } from '../../doubles/providers/json.ts'
import { atEnd } from '../buffer/folder.ts'

/** 2026-01-15T12:00:00Z. */
export const NOON = Date.parse('2026-01-15T12:00:00Z')
export const MINUTE = 60_000
/** No friend of URLs, and none of JSON. */
export const DEVICE = 'a device/ñ?#&{x}"'
const never = new AbortController().signal

/** What a test wants otherwise. */
export interface Wanted {
  double?: JsonApiOptions
  config?: Partial<JsonConfig> | ((baseUrl: string) => Partial<JsonConfig>)
  signals?: Record<string, unknown>[]
}

/** A device whose flow is 12.47 and whose total is the minute, at each whole minute until noon. */
export async function openJsonScene(context: TestContext, { double, config, signals }: Wanted) {
  const clock = openFakeClock(NOON + 10_000)
  const api = await openJsonApi(
    { clock },
    {
      ...{ devices: [DEVICE], keys: ['flow', 'total'], since: NOON - 100 * MINUTE },
      values: (_, key, at) => (key === 'flow' ? 12.47 : at / MINUTE),
      ...double,
    },
  )
  atEnd(context, () => api.close())
  const defined = (
    signals ?? [
      { variable: 'flow', value: '/flow' },
      { variable: 'total', value: '/total' },
    ]
  ).map(signal => JsonSignal.parse(signal))
  const base: JsonConfig = {
    ...{ id: 'pozo-9', point: 'pozo-9', every: 5 * MINUTE, delay: 0, timeout: 5_000, provider: 'json' },
    ...{ device: DEVICE, headers: {}, expect: {}, samples: '', decimalComma: false },
    auth: { kind: 'none' },
    latest: { url: `${api.baseUrl}/devices/{device}/latest`, method: 'GET' },
    history: {
      url: `${api.baseUrl}/devices/{device}/samples?from={from}&to={to}`,
      method: 'GET',
    },
    time: { at: '/time', format: 'iso' },
    signals: defined,
  }
  const whole: JsonConfig = { ...base, ...(typeof config === 'function' ? config(api.baseUrl) : config) }
  const { latest, history = latest } = whole
  const asked: ApiRequest[] = []
  const open = (request: { url: string }): Api => {
    const { ask } = openApi({ clock }, hostOf(request))
    return {
      ask(one, signal) {
        asked.push(one)
        return ask(one, signal)
      },
    }
  }
  const provider = openJson({ latest: open(latest), history: open(history) }, whole)
  const keys = defined.map(jsonKey)
  return {
    api,
    clock,
    /** What the device asked of its APIs. */
    asked,
    latest: async () => inOrder(keys, await provider.latest(keys, never)),
    history: async (from: number, to: number) =>
      inOrder(keys, await provider.history(keys, { from, to }, never)),
  }
}

const inOrder = (keys: readonly string[], outcomes: ReadonlyMap<string, Outcome>): Outcome[] =>
  keys.map(key => outcomes.get(key) as Outcome)

/** Each outcome as its samples, or as what it is. */
export const shown = (outcomes: readonly Outcome[]): unknown[] =>
  outcomes.map(outcome =>
    outcome.kind === 'ok'
      ? outcome.samples.map(({ at, given }) => [at, given.kind === 'number' ? given.raw : given.kind])
      : outcome.kind,
  )

/** What the newest answer comes to. */
export const NEWEST = [[[NOON, 12.47]], [[NOON, NOON / MINUTE]]]
