// What the LAN is told besides readings: how the gateway is, and where each series comes from.

import type { ClockState } from '../protocol/batch.ts'
import type { LanState, SeriesMeta } from '../protocol/raw.ts'
import type { Clock } from '../protocol/runtime/clock.ts'
import { VARIABLES, type Variable } from '../protocol/variables.ts'
import type { LanBroker } from './broker.ts'
import type { RunnableConfig } from './config.ts'

const LOOK_EVERY_MS = 5_000

/** A series with what there is to know about it. */
export interface SeriesFacts {
  point: string
  variable: Variable
  meta: SeriesMeta
}

/** The series of a configuration. */
export function seriesFacts({ gateway, devices, providers }: RunnableConfig): SeriesFacts[] {
  return [...devices, ...providers].flatMap(source => {
    const kind = 'provider' in source ? source.provider : 'modbus'
    return source.signals.map(({ point = source.point, variable }) => {
      const { unit } = VARIABLES[variable]
      return {
        point,
        variable,
        meta: { v: 1, gateway, variable, unit, source: source.id, kind, everyMs: source.every },
      }
    })
  })
}

interface Facts {
  gateway: string
  version: string
  clockState: () => ClockState
  connected: () => boolean
  hindrance: () => string | undefined
}

/** Tells the LAN how the gateway is, again and again until the signal aborts. */
export async function runLanState(
  { clock, lan }: { clock: Clock; lan: Pick<LanBroker, 'tell'> },
  { gateway, version, clockState, connected, hindrance }: Facts,
  signal: AbortSignal,
): Promise<void> {
  const since = clock.now()
  while (!signal.aborted) {
    const reason = hindrance()
    const state: LanState = {
      ...{ v: 1, gateway, version, since, clock: clockState().quality },
      cloud: connected() ? 'connected' : 'not connected',
      ...(reason === undefined ? {} : { hindrance: reason }),
    }
    lan.tell(state)
    await clock.sleep(LOOK_EVERY_MS, signal)
  }
}
