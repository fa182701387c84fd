// A line for each device at a provider: one that is slow, or away, delays neither a bus nor another device.
//
// What devices of one provider share is opened once: its API, which knows when it wants to be left alone, and the account.

import type { RunnableProvider } from '../config.ts'
import { type Line, openLine, type PollerDeps } from '../poller.ts'
import type { TimeQualityProbe } from '../time-quality.ts'
import { type Api, openApi } from './api.ts'
import { hostOf, jsonKey, openJson } from './json.ts'
import type { Marks } from './marks.ts'
import { NETTRA_URL, openNettra } from './nettra.ts'
import { NOVUS_URL, openNovus } from './novus.ts'
import { pollRemote, type RemoteSignal } from './poll.ts'
import type { Provider } from './provider.ts'
import { openTwin, openTwinAccount, TWIN_URL, type TwinAccount } from './twin.ts'

/** Opens the line of a device. */
export function providerLine(
  poller: PollerDeps,
  time: Pick<TimeQualityProbe, 'stamp'>,
  marks: Marks,
  config: RunnableProvider,
  open: (config: RunnableProvider) => Provider,
): Line {
  const { log } = poller
  const { id, point, every: everyMs, delay: delayMs } = config
  const signals = keyedSignals(config)
  const provider = open(config)
  const collect = (signal: AbortSignal) => {
    const { clock, quality } = time.stamp()
    return pollRemote({ provider, marks, clock, log }, { id, point, everyMs, signals }, quality, signal)
  }
  return openLine(poller, { id, sources: [{ id, provider: config.provider, everyMs, delayMs, collect }] })
}

/** How many requests one poll of a device is, when nothing goes wrong and nothing is missing. */
export function requestsOf(config: RunnableProvider): number {
  // Twin and a JSON API give all keys of a device at once; the others are asked for one after the other.
  const isOne = config.provider === 'twin' || config.provider === 'json'
  return isOne ? 1 : new Set(config.signals.map(({ key }) => key)).size
}

/** The signals of a device with the keys that its provider is asked for. */
export function keyedSignals(config: RunnableProvider): RemoteSignal[] {
  if (config.provider !== 'json') return config.signals
  return config.signals.map(signal => ({ ...signal, key: jsonKey(signal) }))
}

/** Where each provider is, unless the configuration says. To add a provider: its file, and a line here and below. */
const URLS = { twin: TWIN_URL, nettra: NETTRA_URL, novus: NOVUS_URL }

/** Opens devices. What those of one provider share is opened once. */
export function openProviders({ clock }: Pick<PollerDeps, 'clock'>): (config: RunnableProvider) => Provider {
  const apis = new Map<string, Api>()
  const accounts = new Map<string, TwinAccount>()
  const shared = <T>(all: Map<string, T>, name: readonly string[], open: () => T): T => {
    const key = JSON.stringify(name)
    const known = all.get(key) ?? open()
    all.set(key, known)
    return known
  }
  return config => {
    const apiAt = (at: { name: string; baseUrl: string }) =>
      shared(apis, [at.name, at.baseUrl], () => openApi({ clock }, at))
    if (config.provider === 'json') {
      const { latest, history = latest } = config
      return openJson({ latest: apiAt(hostOf(latest)), history: apiAt(hostOf(history)) }, config)
    }
    const { provider: name, baseUrl = URLS[name], timeout: timeoutMs } = config
    const api = apiAt({ name, baseUrl })
    switch (config.provider) {
      case 'twin': {
        const { username, password, device } = config
        const account = shared(accounts, [baseUrl, username, password], () =>
          openTwinAccount({ api, clock }, { username, password, timeoutMs }),
        )
        return openTwin({ api, account }, { device, timeoutMs })
      }
      case 'nettra':
        return openNettra({ api }, { thing: config.thing, timeoutMs })
      case 'novus':
        return openNovus({ api }, { token: config.token, timeoutMs })
    }
  }
}
