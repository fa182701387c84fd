// What is measured on site: buses and devices at providers, each a part of its own.
//
// Promises:
//   S1. Another configuration changes the parts that it changes. A bus whose devices and settings are the same goes on
//       polling, without a gap and with all that it has learned.
//   S2. A part is stopped, and what it held is let go, before its successor starts.

import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../protocol/runtime/clock.ts'
import type { Log } from '../protocol/runtime/log.ts'
import { type Closable, openScope, type Scope } from '../protocol/runtime/scope.ts'
import type { RunnableConfig } from './config.ts'
import { type Bus, openBus } from './modbus/bus.ts'
import { pollDevice, toPolledDevice } from './modbus/poll.ts'
import { type Line, lineName, openLine, type PollerDeps, type Source } from './poller.ts'
import { openProviders, providerLine } from './providers/lines.ts'
import type { Marks } from './providers/marks.ts'
import type { TimeQualityProbe } from './time-quality.ts'

/** What is measured on site. */
export interface Site extends Closable {
  readonly lines: readonly Line[]
  readonly buses: readonly Bus[]
  readonly devices: RunnableConfig['devices']
  /** The bus that was opened with these very settings, if one was. */
  busLike(settings: RunnableConfig['buses'][number]): Bus | undefined
  /** Measures what this says from now on. Returns the names of the parts that were opened anew. */
  apply(config: Wanted): Promise<string[]>
  /** Rejects when a part fails. */
  readonly failed: Promise<never>
}

type Wanted = Pick<RunnableConfig, 'buses' | 'devices' | 'providers'>

interface SiteDeps {
  poller: PollerDeps
  time: Pick<TimeQualityProbe, 'stamp'>
  marks: Marks
  clock: Clock
  log: Log
  random: () => number
}

/** What a part is to be: two that are written alike are the same. */
interface Plan {
  name: string
  text: string
  open: () => { bus?: Bus; lines: Line[] }
}

interface Part {
  text: string
  bus: Bus | undefined
  lines: readonly Line[]
  scope: Scope
}

/** Opens a site where nothing is measured yet. */
export function openSite(deps: SiteDeps, signal: AbortSignal): Site {
  const parts = new Map<string, Part>()
  const provide = openProviders(deps.poller)
  const { promise: failed, reject: fail } = Promise.withResolvers<never>()
  failed.catch(() => {})
  let config: Wanted = { buses: [], devices: [], providers: [] }

  const stop = async (name: string): Promise<void> => {
    const part = parts.get(name)
    if (part === undefined) return
    parts.delete(name)
    await part.scope[Symbol.asyncDispose]()
    for (const { sources } of part.lines) for (const { id } of sources) deps.poller.health.delete(id)
  }
  const start = ({ name, text, open }: Plan): void => {
    const { bus, lines } = open()
    const scope = openScope(signal)
    if (bus !== undefined) scope.use(bus)
    for (const line of lines) scope.run(line.run)
    scope.finished().catch(fail)
    parts.set(name, { text, bus, lines, scope })
  }

  return {
    get lines() {
      return [...parts.values()].flatMap(({ lines }) => lines)
    },
    get buses() {
      return [...parts.values()].flatMap(({ bus }) => (bus === undefined ? [] : [bus]))
    },
    get devices() {
      return config.devices
    },
    busLike: settings =>
      config.buses.some(one => isDeepStrictEqual(one, settings))
        ? parts.get(`bus ${settings.id}`)?.bus
        : undefined,
    failed,
    async apply(wanted) {
      const plans = [
        ...wanted.buses.map(bus => busPlan(deps, bus, wanted.devices)),
        ...wanted.providers.map((one): Plan => {
          const open = () => ({ lines: [providerLine(deps.poller, deps.time, deps.marks, one, provide)] })
          return { name: `provider ${one.id}`, text: JSON.stringify(one), open }
        }),
      ]
      const texts = new Map(plans.map(({ name, text }) => [name, text]))
      const ended = [...parts].filter(([name, { text }]) => texts.get(name) !== text)
      await Promise.all(ended.map(([name]) => stop(name)))
      config = wanted
      const anew = plans.filter(({ name }) => !parts.has(name))
      for (const plan of anew) start(plan)
      return anew.map(({ name }) => name)
    },
    close: async () => {
      await Promise.all([...parts.keys()].map(stop))
    },
  }
}

function busPlan(
  { poller, time, clock, log, random }: SiteDeps,
  config: RunnableConfig['buses'][number],
  all: RunnableConfig['devices'],
): Plan {
  const devices = all.filter(device => device.bus === config.id)
  const open = () => {
    const onOutcome = () => poller.pulse?.beat(lineName(config.id))
    const bus = openBus({ clock, log, random, onOutcome }, config)
    const sources = devices.map((device): Source => {
      const polled = toPolledDevice(device, device.signals, device.reads, bus.timing)
      return {
        ...{ id: device.id, provider: undefined, everyMs: device.every, delayMs: device.delay },
        collect: signal => {
          const stamped = time.stamp()
          return pollDevice({ bus, clock: stamped.clock }, polled, stamped.quality, signal)
        },
      }
    })
    return { bus, lines: sources.length === 0 ? [] : [openLine(poller, { id: config.id, sources })] }
  }
  return { name: `bus ${config.id}`, text: JSON.stringify([config, devices]), open }
}
