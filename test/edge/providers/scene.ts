// A device at a provider that listens on a socket, polled through the lines of a gateway, on a clock that the test moves.

import type { TestContext } from 'node:test'
import type { RunnableProvider } from '../../../edge/config.ts'
import { GATEWAY_METRICS } from '../../../edge/health.ts'
import type { PollerDeps, SourceHealth } from '../../../edge/poller.ts'
import { openProviders, providerLine } from '../../../edge/providers/lines.ts'
import { type Marks, openMarks } from '../../../edge/providers/marks.ts'
import { ProviderSignal } from '../../../protocol/gateway-config.ts'
import { JsonSignal } from '../../../protocol/json-provider-config.ts'
import type { Measurement, TimeQuality } from '../../../protocol/reading.ts'
import type { Clock } from '../../../protocol/runtime/clock.ts'
import { openLog } from '../../../protocol/runtime/log.ts'
import { openMetrics } from '../../../protocol/runtime/metrics.ts'
import { type FakeClock, openFakeClock } from '../../doubles/clock.ts'
import { openJsonApi } from '../../doubles/providers/json.ts'
import { openNettra } from '../../doubles/providers/nettra.ts'
import { openNovus } from '../../doubles/providers/novus.ts'
import type { Samples, SamplesOptions } from '../../doubles/providers/samples.ts'
import type { SeenRequest, Service } from '../../doubles/providers/service.ts'
import { openTwin } from '../../doubles/providers/twin.ts'
import { until } from '../../doubles/until.ts'
import { atEnd, temporaryFolder } from '../buffer/folder.ts'

/** 2026-01-15T12:00:00Z. */
export const NOON = Date.parse('2026-01-15T12:00:00Z')
export const MINUTE = 60_000
/** Unlike any pause. */
export const TIMEOUT = 14_999

/** The providers there are. */
export const KINDS = ['twin', 'nettra', 'novus', 'json'] as const
export type Kind = (typeof KINDS)[number]

/** What nobody may see. That of a device is no friend of URLs. */
export const SECRETS = { device: 'secret device/ñ?#', username: 'campo', password: 'secret-password' }

/** By kind, the keys of the pulses and of the flow. */
export const KEYS = {
  twin: ['5001', '5003'],
  nettra: ['volumenAcum', 'caudal'],
  novus: ['3grecdi1va', '3grecuc1v'],
  json: ['pulses', 'flow'],
} as const satisfies Record<Kind, readonly [string, string]>

/** A token that a header can carry. */
const tokenOf = (kind: Kind): string => (kind === 'novus' ? 'secret-device-token' : SECRETS.device)

/** What one poll brought. */
export interface Polled {
  measurements: Measurement[]
  /** How many with a value were stored. */
  count: number
}

/** Everything a test needs. */
export interface Scene {
  clock: FakeClock
  service: Service & { baseUrl: string; samples: Samples; oddities: Record<string, unknown> }
  /** The device's name at its provider. */
  device: string
  config: RunnableProvider
  health: () => SourceHealth
  marks: Marks
  folder: string
  /** The log so far, every level. */
  logText: () => string
  /** Polls once; pauses pass by themselves, and so do deadlines while nobody answers. */
  poll(options?: { isHanging?: boolean; signal?: AbortSignal }): Promise<Polled>
  /** How long the pauses of the last poll were. */
  pauses: number[]
  /** Refuses to store while set. */
  refuse: { with: Error | undefined }
  time: { quality: TimeQuality }
  /** Runs `work`, letting pauses pass. */
  drive<T>(work: Promise<T>, options?: { isHanging?: boolean }): Promise<T>
  /** Another device of the same provider and account, with the same shared state. */
  pollOther(): Promise<Polled>
}

/** Values that grow by one pulse a minute, and a flow. */
export function minuteValues(kind: Kind): NonNullable<SamplesOptions['values']> {
  const [pulses, flow] = KEYS[kind]
  return (_, key, at) => (key === pulses ? at / MINUTE : key === flow ? 12.47 : undefined)
}

/** Opens a scene. It is gone when the test is over. */
export async function openScene(
  context: TestContext,
  kind: Kind,
  options: SamplesOptions & {
    every?: number
    start?: number
    folder?: string
    signals?: Record<string, unknown>[]
    double?: Record<string, unknown>
    token?: string
  } = {},
): Promise<Scene> {
  const { every = 5 * MINUTE, start = NOON + 10_000, double = {}, signals, token, ...rest } = options
  const clock = openFakeClock(start)
  const samples: SamplesOptions = { values: minuteValues(kind), ...rest, ...double }
  const service = await openDouble(kind, clock, samples)
  atEnd(context, () => service.close())
  const folder = options.folder ?? (await temporaryFolder(context))
  const pauses: number[] = []
  const watched: Clock = {
    ...clock,
    sleep: (ms, signal) => {
      if (ms !== TIMEOUT) pauses.push(ms)
      return clock.sleep(ms, signal)
    },
  }
  const lines: string[] = []
  const log = openLog({ clock, write: line => lines.push(line) }, { level: 'debug' })
  const marks = await openMarks({ clock, log }, { folder, devices: ['pozo-8', 'pozo-9'] })
  const stored: Measurement[] = []
  const health = new Map<string, SourceHealth>()
  const refuse: Scene['refuse'] = { with: undefined }
  const time: Scene['time'] = { quality: 'synced' }
  const deps: PollerDeps = {
    ...{ clock: watched, log, metrics: openMetrics(GATEWAY_METRICS), health },
    store: async group => {
      if (refuse.with !== undefined) throw refuse.with
      stored.push(...group)
    },
  }
  const probe = { stamp: () => ({ clock: watched, quality: time.quality }) }
  const config = configOf(kind, { id: 'pozo-8', baseUrl: service.baseUrl, every, signals, token })
  const open = openProviders(deps)
  const other = configOf(kind, { id: 'pozo-9', baseUrl: service.baseUrl, every, signals, token })
  const opened = [config, other].map(one => providerLine(deps, probe, marks, one, open))

  const drive: Scene['drive'] = async (work, { isHanging = false } = {}) => {
    let isDone = false
    work.then(
      () => (isDone = true),
      () => (isDone = true),
    )
    let [passed, seen] = [pauses.length, service.requests.length]
    for (;;) {
      const isStuck = () => isHanging && service.requests.length > seen && clock.sleepers() > 0
      await until('it ends, pauses or waits', () => isDone || pauses.length > passed || isStuck())
      if (isDone) return work
      if (pauses.length > passed) {
        await clock.advance(pauses[passed] ?? 0)
        passed += 1
      } else {
        seen += 1
        await clock.advance(TIMEOUT)
      }
    }
  }
  const pollLine = async (
    index: 0 | 1,
    { isHanging = false, signal = new AbortController().signal } = {},
  ) => {
    pauses.length = 0
    stored.length = 0
    const line = opened[index]
    const source = line?.sources[0]
    if (line === undefined || source === undefined) throw new Error('No line was opened')
    const count = await drive(line.poll(source, signal), { isHanging })
    return { measurements: [...stored], count }
  }
  return {
    ...{ clock, service, config, device: tokenOf(kind), marks, folder, pauses, refuse, time, drive },
    health: () => health.get('pozo-8') ?? { ok: 0, failed: 0, missed: 0 },
    logText: () => lines.join('\n'),
    poll: options => pollLine(0, options),
    pollOther: () => pollLine(1),
  }
}

async function openDouble(kind: Kind, clock: Clock, samples: SamplesOptions): Promise<Scene['service']> {
  switch (kind) {
    case 'twin':
      return await openTwin({ clock }, { ...samples, users: { [SECRETS.username]: SECRETS.password } })
    case 'nettra':
      return await openNettra({ clock }, { ...samples, things: [tokenOf(kind)] })
    case 'novus':
      return await openNovus({ clock }, { ...samples, tokens: [tokenOf(kind)] })
    case 'json': {
      const isAllowed = ({ headers }: SeenRequest) => headers.authorization === `Bearer ${SECRETS.password}`
      const api = { devices: [tokenOf(kind)], keys: KEYS.json, isAllowed }
      return await openJsonApi({ clock }, { ...samples, ...api })
    }
  }
}

function configOf(
  kind: Kind,
  {
    id,
    baseUrl,
    every,
    signals,
    token = tokenOf(kind),
  }: {
    id: string
    baseUrl: string
    every: number
    signals: Record<string, unknown>[] | undefined
    token: string | undefined
  },
): RunnableProvider {
  const [pulses, flow] = KEYS[kind]
  const defined = signals ?? [
    { variable: 'pulses', key: pulses },
    { variable: 'flow', key: flow },
  ]
  if (kind === 'json') return jsonConfigOf({ id, every, token, baseUrl }, defined)
  const common = {
    ...{ id, point: id, every, delay: 0, timeout: TIMEOUT, baseUrl },
    signals: defined.map(signal => ProviderSignal.parse(signal)),
  }
  switch (kind) {
    case 'twin': {
      const { username, password } = SECRETS
      return { ...common, provider: 'twin', device: token, username, password }
    }
    case 'nettra':
      return { ...common, provider: 'nettra', thing: token }
    case 'novus':
      return { ...common, provider: 'novus', token }
  }
}

function jsonConfigOf(
  { id, every, token: device, baseUrl }: { id: string; every: number; token: string; baseUrl: string },
  signals: readonly Record<string, unknown>[],
): RunnableProvider {
  const url = `${baseUrl}/devices/{device}`
  return {
    ...{ id, point: id, every, delay: 0, timeout: TIMEOUT, provider: 'json', device },
    ...{ headers: {}, expect: {}, samples: '', decimalComma: false },
    auth: { kind: 'bearer', token: SECRETS.password },
    latest: { url: `${url}/latest`, method: 'GET' },
    history: { url: `${url}/samples?from={from}&to={to}&limit=1000`, method: 'GET' },
    time: { at: '/time', format: 'iso' },
    signals: signals.map(({ key, ...signal }) => JsonSignal.parse({ ...signal, value: `/${key}` })),
  }
}

/** What of a measurement tests compare. */
export function shown({ variable, at, value, quality, timeQuality }: Measurement): unknown[] {
  return [variable, at, value, quality, timeQuality]
}
