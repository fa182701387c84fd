// Brings what the cloud wants into force in a running gateway, and watches it for a while.
//
// One after the other: while one configuration is being applied, the next one waits.

import { PROBATION_MS } from '../protocol/configuration.ts'
import type { Clock } from '../protocol/runtime/clock.ts'
import { ConfigError, reasonOf } from '../protocol/runtime/errors.ts'
import type { Log } from '../protocol/runtime/log.ts'
import type { Metrics } from '../protocol/runtime/metrics.ts'
import type { RunnableConfig } from './config.ts'
import type { Configuration } from './configuration.ts'
import { baselineOf, openProbation, type Probation, type Vitals } from './probation.ts'
import type { Incoming } from './transport/transport.ts'

const LOOK_EVERY_MS = 5_000
/** What has passed of a probation is put on disk so often. */
const NOTE_EVERY_MS = 30_000

/** What bringing configurations into force needs of the gateway. */
export interface ConfiguredDeps {
  clock: Clock
  log: Log
  metrics: Metrics
  configuration: Configuration
  vitals: () => Vitals
  /** Throws ConfigError when it cannot be applied; what was before is then to be applied again. */
  apply: (config: RunnableConfig) => Promise<void>
  /** Says which configuration is in force. */
  report: () => Promise<void>
}

/** Configurations on their way into force. */
export interface Configured {
  /** What the cloud wants has come. Returns the report to publish. */
  onDesired(message: Incoming): Promise<string | undefined>
  /** Watches what is on probation, until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
}

/** Opens it. */
export function openConfigured(deps: ConfiguredDeps): Configured {
  const { clock, log, metrics, configuration, vitals, apply, report } = deps
  let turn: Promise<unknown> = Promise.resolve()
  let watched: { version: number; probation: Probation; notedAt: number } | undefined
  const rejectedAt: { at: number; rejected: number }[] = []

  const inTurn = <Value>(work: () => Promise<Value>): Promise<Value> => {
    const mine = turn.then(work)
    turn = mine.catch(() => {})
    return mine
  }
  const count = (outcome: string) => metrics.count('gateway_configurations_total', { outcome })
  const takeBack = async (version: number, reason: string): Promise<void> => {
    log.error('configuration taken back', { version, reason })
    count('taken-back')
    watched = undefined
    await apply(await configuration.takeBack(reason))
  }

  const take = async (payload: Uint8Array): Promise<string | undefined> => {
    const baseline = baselineOf(vitals(), rejectedAt[0]?.rejected ?? 0)
    const taken = await configuration.take(payload, baseline)
    count(taken.kind)
    if (taken.kind === 'unreadable') {
      log.warn('configuration ignored: it is none', { reason: taken.reason })
      return undefined
    }
    if (taken.kind === 'refused') {
      const { kind, version, reason } = taken.refused
      log.warn('configuration refused', { kind, version, reason })
      return JSON.stringify(configuration.reported(taken.refused))
    }
    if (taken.kind === 'taken') {
      const version = configuration.version()
      try {
        watched = undefined
        await apply(taken.config)
        log.info('configuration applied', { version })
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error
        await takeBack(version, reasonOf(error))
      }
    }
    return JSON.stringify(configuration.reported())
  }

  const look = async (): Promise<void> => {
    const now = clock.monotonic()
    const seen = vitals()
    while (rejectedAt[0] !== undefined && now - rejectedAt[0].at > PROBATION_MS) rejectedAt.shift()
    rejectedAt.push({ at: now, rejected: seen.rejected })
    const trial = configuration.probation()
    if (trial === undefined) return
    const version = configuration.version()
    if (watched?.version !== version) {
      watched = { version, probation: openProbation(trial.baseline, seen, now), notedAt: now }
    }
    const worse = watched.probation.look(seen, now)
    if (worse !== undefined) {
      await takeBack(version, worse)
      return report()
    }
    const passedMs = now - watched.notedAt
    if (passedMs < NOTE_EVERY_MS && passedMs < trial.leftMs) return
    watched.notedAt = now
    await configuration.watched(passedMs)
    if (configuration.probation() !== undefined) return
    watched = undefined
    log.info('configuration stands', { version })
    count('stands')
    await report()
  }

  return {
    onDesired: ({ payload }) => inTurn(() => take(payload)),
    async run(signal) {
      for (;;) {
        await inTurn(look)
        await clock.sleep(LOOK_EVERY_MS, signal)
      }
    },
  }
}
