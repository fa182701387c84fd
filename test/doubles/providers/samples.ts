// What a provider holds of its devices: a sample at each whole interval, as a function says, and what a test puts there.

import type { Clock } from '../../../protocol/runtime/clock.ts'
import { type WellSettings, type WellState, wellAt } from '../well.ts'

/** What a device's key had at an instant; `undefined` where it had nothing. The same instant always gives the same. */
export type Values = (device: string, key: string, at: number) => unknown

/** What is held at one instant. */
export interface HeldSample {
  at: number
  value: unknown
}

/** Everything that is held. */
export interface Samples {
  latest(device: string, key: string): HeldSample | undefined
  /** What lies within a window, both ends included, oldest first. */
  within(device: string, key: string, from: number, to: number): HeldSample[]
  /** Adds a sample, also one that no device would have. */
  put(device: string, key: string, at: number, value: unknown): void
  /** From this instant on nothing new comes in by itself. */
  silence(from: number): void
}

/** What samples are made of. */
export interface SamplesOptions {
  values?: Values
  /** How often devices publish. */
  everyMs?: number
  /** How long history is kept. */
  keptMs?: number
  /** Before this instant there was nothing. */
  since?: number
}

/** Opens what a provider holds. */
export function openSamples(
  { clock }: { clock: Clock },
  { values = () => undefined, everyMs = 60_000, keptMs = 30 * 86_400_000, since = 0 }: SamplesOptions,
): Samples {
  const put = new Map<string, HeldSample[]>()
  let until = Number.POSITIVE_INFINITY

  const within: Samples['within'] = (device, key, from, to) => {
    const first = Math.max(from, since, clock.now() - keptMs)
    const last = Math.min(to, until, clock.now())
    const found: HeldSample[] = []
    for (let at = Math.ceil(first / everyMs) * everyMs; at <= last; at += everyMs) {
      const value = values(device, key, at)
      if (value !== undefined) found.push({ at, value })
    }
    const added = (put.get(`${device}/${key}`) ?? []).filter(({ at }) => at >= from && at <= to)
    return [...found, ...added].sort((one, other) => one.at - other.at)
  }
  return {
    within,
    latest(device, key) {
      const added = (put.get(`${device}/${key}`) ?? []).reduce<HeldSample | undefined>(
        (newest, one) => (newest === undefined || one.at > newest.at ? one : newest),
        undefined,
      )
      const now = Math.min(clock.now(), until)
      for (const backMs of [everyMs, keptMs]) {
        const made = within(device, key, now - backMs, now).findLast(({ at }) => at <= now)
        if (made === undefined) continue
        return added !== undefined && added.at > made.at ? added : made
      }
      return added
    },
    put(device, key, at, value) {
      put.set(`${device}/${key}`, [...(put.get(`${device}/${key}`) ?? []), { at, value }])
    },
    silence(from) {
      until = from
    },
  }
}

/** Values of wells, by the name of their device; `keys` says under which key each is given. */
export function wellValues(
  wells: Readonly<Record<string, WellSettings>>,
  keys: Readonly<Record<string, keyof WellState>>,
): Values {
  return (device, key, at) => {
    const well = Object.hasOwn(wells, device) ? wells[device] : undefined
    const quantity = Object.hasOwn(keys, key) ? keys[key] : undefined
    return well === undefined || quantity === undefined ? undefined : wellAt(at, well)[quantity]
  }
}
