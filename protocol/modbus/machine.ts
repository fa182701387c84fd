// What is known of instruments without being beside them: profiles, what a request can fetch, what registers can hold.
//
// A gateway and the cloud look at a configuration with the same eyes: what the cloud lets pass, the gateway refuses only
// for what is on site.

import type { GatewayDraft, Machine, ModbusSignal } from '../gateway-config.ts'
import { didYouMean, type Place } from '../mistakes.ts'
import type { Writable } from '../writable-config.ts'
import { boundMistakes } from './encode.ts'
import { profileNames, profileSignals } from './profile.ts'
import { planMistakes, type Reads } from './spans.ts'

/** What a configuration is checked with, wherever it is. */
export const MODBUS_MACHINE: Machine = {
  profileSignals,
  check: draft => [...deviceMistakes(draft), ...rangeMistakes(draft)],
}

/** A profile that is not there, and signals that no request can fetch. */
function deviceMistakes({ sound, isWrong }: GatewayDraft): Place[] {
  return (sound?.devices ?? []).flatMap((device, index): Place[] => {
    const place = ['devices', index]
    const { profile, reads, signals = profile === undefined ? [] : profileSignals(profile) } = device ?? {}
    if (signals === undefined) {
      const message = `no profile is named "${profile}"${didYouMean(profile ?? '', profileNames())}`
      return [{ path: [...place, 'profile'], message }]
    }
    if (reads === undefined || isWrong(...place, 'reads')) return []
    const whole = [...signals.keys()].filter(at => !isWrong(...place, 'signals', at))
    return planMistakes(
      whole.map(at => signals[at] as ModbusSignal),
      reads as Reads,
    ).map(({ signal, message }) => ({ path: [...place, 'signals', whole[signal] ?? 0], message }))
  })
}

/** Bounds of what may be written that could not be written themselves. */
function rangeMistakes({ sound, isWrong }: GatewayDraft): Place[] {
  return (sound?.devices ?? []).flatMap((device, index) =>
    (device?.writable ?? []).flatMap((one, at) => {
      const place = ['devices', index, 'writable', at]
      if (one === undefined || isWrong(...place)) return []
      return boundMistakes(one as Writable).map(({ path, message }) => ({
        path: [...place, ...path],
        message,
      }))
    }),
  )
}
